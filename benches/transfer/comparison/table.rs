//! The results as a table in Markdown.

use std::fmt;

use super::Run;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

/// One contestant's runs.
pub(crate) struct Row {
    pub(crate) name: String,
    runs: Vec<Run>,
}

impl Row {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// The median of a value over all runs that have it.
    pub(crate) fn median(&self, value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.median(|run| Some(run.seconds)).unwrap_or(f64::NAN)
    }

    /// The least and the most seconds.
    pub(crate) fn range(&self) -> (f64, f64) {
        let all = || self.runs.iter().map(|run| run.seconds);
        (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max))
    }

    /// The processor time that the process with this part took, as a median, in seconds.
    pub(crate) fn processor(&self, part: &str) -> Option<f64> {
        self.median(|run| run.usage(part).map(|usage| usage.seconds))
    }

    /// The most resident memory that a process took in any run, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.runs.iter().map(Run::peak_bytes).max().unwrap_or_default()
    }
}

/// The results of all contestants. The others are compared with the first.
pub(crate) struct Table<'a> {
    pub(crate) rows: &'a [Row],
    /// How many bytes each contestant moved.
    pub(crate) bytes: u64,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.bytes as f64 / GIB;
        let first = self.rows.first().map_or(f64::NAN, Row::seconds);
        writeln!(
            f,
            "| | seconds (least to most) | of that moving | MiB/s | time, first = 1 | speed, first = 1 | CPU s/GiB: sender, relay, receiver | peak MiB: the same |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for row in self.rows {
            let seconds = row.seconds();
            let (least, most) = row.range();
            let moving =
                row.median(|run| run.moving).map_or("–".to_owned(), |moving| format!("{moving:.2}"));
            let of_each = |value: &dyn Fn(&super::process::Usage) -> f64, decimals: usize| {
                let parts = ["sender", "relay", "receiver"].map(|part| {
                    let usage = |run: &Run| run.usage(part).map(value);
                    row.median(usage).map_or("–".to_owned(), |value| format!("{value:.decimals$}"))
                });
                parts.join(", ")
            };
            writeln!(
                f,
                "| {} | {seconds:.2} ({least:.2} to {most:.2}) | {moving} | {:.0} | {:.2} | {:.2} | {} | {} |",
                row.name,
                self.bytes as f64 / MIB / seconds,
                seconds / first,
                first / seconds,
                of_each(&|usage| usage.seconds / gib, 2),
                of_each(&|usage| usage.peak_bytes as f64 / MIB, 0),
            )?;
        }
        Ok(())
    }
}
