//! Measured times of several programs against one quantity, as the files in `benches/curves` hold them. Pure.
//!
//! A file begins with a line that says how it was measured, `# …`, which the picture repeats, and a line with the columns' names.
//! Each further line has the quantity, the program, and the median, least and most seconds of all rounds.

use std::{fmt, str::FromStr};

pub(crate) const COLUMNS: &str = "x;program;seconds;least;most";

/// What one file holds.
#[derive(Debug, PartialEq)]
pub(crate) struct Series {
    /// How it was measured.
    pub(crate) note: String,
    pub(crate) points: Vec<Point>,
}

/// One program's time for one value of the quantity.
#[derive(Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) program: String,
    pub(crate) seconds: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}\n{COLUMNS}", self.note)?;
        for Point { x, program, seconds, least, most } in &self.points {
            writeln!(f, "{x};{program};{seconds:.4};{least:.4};{most:.4}")?;
        }
        Ok(())
    }
}

impl FromStr for Series {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let note = lines
            .next()
            .and_then(|line| line.strip_prefix("# "))
            .ok_or("no line says how it was measured")?;
        if lines.next() != Some(COLUMNS) {
            return Err(format!("the second line isn't {COLUMNS}"));
        }
        let points = lines.map(|line| point(line).ok_or_else(|| format!("{line} is no measurement")));
        Ok(Self { note: note.to_owned(), points: points.collect::<Result<_, _>>()? })
    }
}

fn point(line: &str) -> Option<Point> {
    let mut cells = line.split(';');
    let x = number(cells.next()?)?;
    let program = cells.next()?.to_owned();
    let [seconds, least, most] = [cells.next()?, cells.next()?, cells.next()?].map(number);
    let point = Point { x, program, seconds: seconds?, least: least?, most: most? };
    let is_in_order = point.least > 0.0 && point.least <= point.seconds && point.seconds <= point.most;
    (is_in_order && cells.next().is_none()).then_some(point)
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}
