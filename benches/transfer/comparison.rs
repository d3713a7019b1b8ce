//! Runs the contestants of each task in turns and prints the results.

mod caiman;
mod croc;
mod curves;
mod figures;
mod growth;
mod load;
mod numbers;
mod others;
mod page;
mod plain;
mod plot;
mod process;
mod sendme;
mod series;
mod settings;
mod site;
mod table;
mod tar;
mod targets;

use std::io::{self, Write};

use settings::{Settings, Task};
use site::Site;
use table::{Row, Table};
use targets::Figures;

/// How one transfer went.
#[derive(Default)]
pub(crate) struct Run {
    /// The seconds from the receiver's start until both sides have ended.
    pub(crate) seconds: f64,
    /// The seconds of that in which bytes moved and were checked, if the contestant reports them.
    pub(crate) moving: Option<f64>,
    /// The seconds from the sender's start to its code, if that is what a contestant shows.
    pub(crate) code_after: Option<f64>,
    /// What each process used, by its part in the transfer.
    pub(crate) processes: Vec<(&'static str, process::Usage)>,
}

impl Run {
    /// What the process with this part used.
    pub(crate) fn usage(&self, part: &str) -> Option<&process::Usage> {
        self.processes.iter().find(|(name, _)| *name == part).map(|(_, usage)| usage)
    }

    /// The most resident memory that one of the processes took, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.processes.iter().map(|(_, usage)| usage.peak_bytes).max().unwrap_or_default()
    }
}

/// What the contestants of a task have shown. The first is the one that the others are compared with.
pub(crate) struct Measured {
    pub(crate) task: Task,
    /// How many bytes each contestant moved.
    pub(crate) bytes: u64,
    pub(crate) rows: Vec<Row>,
}

/// A program that can do a task.
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(&Site) -> Run>,
}

pub(crate) fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    // Cargo tells the program that this is a benchmark.
    args.retain(|arg| arg != "--bench");
    if plain::serves(&args) {
        return;
    }
    let settings = Settings::read(&args);
    println!("{}", settings.describe());
    let mut figures = Figures::default();
    for task in settings.tasks() {
        let measured = measure(&settings, task, |_| true);
        println!("\n\n{}", Table { rows: &measured.rows, bytes: measured.bytes });
        for name in contestants(&settings, task).1 {
            println!("- {name}: absent");
        }
        figures::of_task(&measured, &mut figures);
    }
    if settings.has("growth") {
        growth::sizes(&settings, &mut figures);
        growth::counts(&settings, &mut figures);
        growth::rooms(&settings, &mut figures);
    }
    if settings.has("load") {
        load::transfers(&settings, &mut figures);
        load::messages(&settings, &mut figures);
    }
    if settings.has("curves") {
        curves::measure_all(&settings);
    }
    if settings.has("curves") || settings.has("plot") {
        curves::draw(&settings);
    }
    page::finish(&settings, &figures);
}

/// Has the contestants with a name that counts take turns at a task.
pub(crate) fn measure(settings: &Settings, task: Task, counts: impl Fn(&str) -> bool) -> Measured {
    let site = Site::new(settings, task);
    let (mut contestants, _) = contestants(settings, task);
    contestants.retain(|contestant| counts(&contestant.name));
    let mut rows: Vec<Row> = contestants.iter().map(|contestant| Row::new(&contestant.name)).collect();
    print!("\n{}: ", task.describe());
    // The first round warms the page cache and does not count.
    for round in 0..=settings.rounds {
        for (contestant, row) in contestants.iter().zip(&mut rows) {
            let run = (contestant.run)(&site);
            site.check_and_clear();
            if round > 0 {
                row.push(run);
            }
            print!(".");
            let _ = io::stdout().flush();
        }
    }
    Measured { task, bytes: site.bytes, rows }
}

/// The contestants of a task, of which the first is the one that the others are compared with; and the names of those that
/// would take part if they were installed.
fn contestants(settings: &Settings, task: Task) -> (Vec<Contestant>, Vec<&'static str>) {
    let mut present = match task {
        Task::Large(_) => plain::contestants(),
        Task::Small(_) => tar::contestants(),
    };
    present.extend(caiman::contestants(settings));
    let (others, absent) = others::contestants(task);
    present.extend(others);
    (present, absent)
}
