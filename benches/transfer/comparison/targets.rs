//! The targets that this program measures, each with its bound, and their rows in the table of RESULTS.md. Pure: text in, text out.
//! Rows that are measured by other means stand in that table alone.

use std::fmt;

use super::numbers::number;

/// The lines of RESULTS.md between which the table of targets stands.
pub(crate) const BEGIN: &str =
    "<!-- The rows of this table are written by `BENCH_WRITE=1 cargo bench --bench transfer`. -->";
pub(crate) const END: &str = "<!-- The end of the table of targets. -->";
/// The lines above the rows.
pub(crate) const HEAD: &str = "| what | target | last measured | on | met |\n| --- | --- | --- | --- | --- |";

/// What is to be reached.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    /// The first cell of its row.
    pub(crate) what: &'static str,
    bound: Bound,
    /// What follows the number, with a space before it if there is one.
    unit: &'static str,
}

#[derive(Debug, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

pub(crate) const LARGE: Target = at_least("1 GiB through a relay, speed against plain copies", 0.6, " ×");
pub(crate) const LARGE_WORMHOLE: Target = at_least("the same against wormhole-rs", 4.0, " ×");
pub(crate) const LARGE_CROC: Target = at_least("the same against croc without compression", 5.0, " ×");
pub(crate) const LARGE_CROC_AS_IT_IS: Target =
    at_least("the same against croc as it is by itself", 5.0, " ×");
pub(crate) const LARGE_SENDME: Target = at_least("the same against sendme, both directly", 4.0, " ×");
pub(crate) const LARGE_PROCESSOR: Target =
    at_most("processor time per GiB, sender + relay + receiver", 2.6, " s");
pub(crate) const SMALL: Target = at_most("10,000 files of 0.1-8 KB, time against `tar` over TCP", 2.0, " ×");
pub(crate) const SMALL_MANY: Target = at_most("100,000 of them, the same", 2.0, " ×");
pub(crate) const CODE: Target =
    at_most("code on the screen after 100,000 files were given, headless", 100.0, " ms");
pub(crate) const MEMORY: Target = at_most("peak memory, headless, one file of any size", 64.0, " MiB");
pub(crate) const MEMORY_MANY: Target = at_most("peak memory, headless, 100,000 files", 128.0, " MiB");
pub(crate) const IDLE_ROOM: Target = at_most("relay, an idle room", 16.0, " KiB");
pub(crate) const EVEN: Target =
    at_least("relay, 100 transfers at once, the slowest against the mean", 0.8, " ×");
pub(crate) const TALKING_ROOMS: Target =
    at_least("relay on one core, rooms of which no message is lost", 10_000.0, "");

/// All of them, in the order of the table.
pub(crate) const ALL: [&Target; 14] = [
    &LARGE,
    &LARGE_WORMHOLE,
    &LARGE_CROC,
    &LARGE_CROC_AS_IT_IS,
    &LARGE_SENDME,
    &LARGE_PROCESSOR,
    &SMALL,
    &SMALL_MANY,
    &CODE,
    &MEMORY,
    &MEMORY_MANY,
    &IDLE_ROOM,
    &EVEN,
    &TALKING_ROOMS,
];

const fn at_least(what: &'static str, bound: f64, unit: &'static str) -> Target {
    Target { what, bound: Bound::AtLeast(bound), unit }
}

const fn at_most(what: &'static str, bound: f64, unit: &'static str) -> Target {
    Target { what, bound: Bound::AtMost(bound), unit }
}

/// What a run has measured of a target.
pub(crate) struct Figure {
    target: &'static Target,
    value: f64,
    text: String,
}

/// All figures of a run, one for each target.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Target {
    fn is_met_by(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(bound) => ('≥', bound),
            Bound::AtMost(bound) => ('≤', bound),
        };
        write!(f, "{sign} {}{}", number(bound), self.unit)
    }
}

impl Figures {
    /// Notes a figure, and what its cell says. Of two figures of one target, the worse one counts.
    pub(crate) fn add(&mut self, target: &'static Target, value: f64, text: String) {
        let figure = Figure { target, value, text };
        match self.0.iter_mut().find(|known| known.target == target) {
            None => self.0.push(figure),
            Some(known) => {
                let is_worse = match target.bound {
                    Bound::AtLeast(_) => value < known.value,
                    Bound::AtMost(_) => value > known.value,
                };
                if is_worse {
                    *known = figure;
                }
            }
        }
        self.0.sort_by_key(|figure| ALL.iter().position(|target| *target == figure.target));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A table with a row for each figure.
    pub(crate) fn table(&self, date: &str) -> String {
        let rows: Vec<String> = self.0.iter().map(|figure| figure.row(date)).collect();
        format!("{HEAD}\n{}\n", rows.join("\n"))
    }

    /// The text of RESULTS.md with these figures in their rows. All other rows stay as they are; a target without a row gets one at
    /// the end. `None` if the text has no table between the two lines.
    pub(crate) fn put_into(&self, page: &str, date: &str) -> Option<String> {
        let begin = page.find(BEGIN)? + BEGIN.len();
        let end = begin + page[begin..].find(END)?;
        let mut lines: Vec<String> = page[begin..end].trim().lines().map(str::to_owned).collect();
        for figure in &self.0 {
            let row = figure.row(date);
            match lines.iter().position(|line| first_cell(line) == Some(figure.target.what)) {
                Some(line) => lines[line] = row,
                None => lines.push(row),
            }
        }
        Some(format!("{}\n\n{}\n\n{}", &page[..begin], lines.join("\n"), &page[end..]))
    }
}

impl Figure {
    fn row(&self, date: &str) -> String {
        let target = self.target;
        let met = if target.is_met_by(self.value) { "yes" } else { "no" };
        format!("| {} | {target} | {} | {date} | {met} |", target.what, self.text)
    }
}

fn first_cell(line: &str) -> Option<&str> {
    Some(line.strip_prefix("| ")?.split_once(" | ")?.0)
}
