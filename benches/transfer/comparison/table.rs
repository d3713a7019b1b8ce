//! The results as a table in Markdown.

use std::fmt;

use super::Run;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

/// One contestant's runs.
pub(crate) struct Row {
    name: String,
    runs: Vec<Run>,
}

impl Row {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, run: Run) {
        self.runs.push(run);
    }

    fn median(&self, value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn seconds(&self) -> f64 {
        self.median(|run| Some(run.seconds)).unwrap_or(f64::NAN)
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
            let all = || row.runs.iter().map(|run| run.seconds);
            let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
            let moving =
                row.median(|run| run.moving).map_or("–".to_owned(), |moving| format!("{moving:.2}"));
            let of_each = |value: &dyn Fn(&super::process::Usage) -> f64, decimals: usize| {
                let parts = ["sender", "relay", "receiver"].map(|part| {
                    let usage = |run: &Run| {
                        run.processes.iter().find(|(name, _)| *name == part).map(|(_, u)| value(u))
                    };
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
