//! Runs the contestants of each task in turns and prints the results.

mod caiman;
mod croc;
mod growth;
mod load;
mod others;
mod plain;
mod process;
mod sendme;
mod settings;
mod site;
mod table;
mod tar;

use std::io::{self, Write};

use settings::{Settings, Task};
use site::Site;
use table::{Row, Table};

/// How one transfer went.
#[derive(Default)]
pub(crate) struct Run {
    /// The seconds from the receiver's start until both sides have ended.
    pub(crate) seconds: f64,
    /// The seconds of that in which bytes moved and were checked, if the contestant reports them.
    pub(crate) moving: Option<f64>,
    /// What each process used, by its part in the transfer.
    pub(crate) processes: Vec<(&'static str, process::Usage)>,
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
    for task in settings.tasks() {
        compare(&settings, task);
    }
    if settings.is_about_growth {
        growth::sizes(&settings);
        growth::counts(&settings);
        growth::rooms(&settings);
    }
    if settings.is_about_load {
        load::transfers(&settings);
        load::messages(&settings);
    }
}

fn compare(settings: &Settings, task: Task) {
    let site = Site::new(settings, task);
    let (contestants, absent) = contestants(settings, task);
    let mut rows: Vec<Row> = contestants.iter().map(|contestant| Row::new(&contestant.name)).collect();
    print!("\n{}: ", task.describe(settings));
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
    println!("\n\n{}", Table { rows: &rows, bytes: site.bytes });
    for name in absent {
        println!("- {name}: absent");
    }
}

/// The contestants of a task, of which the first is the one that the others are compared with; and the names of those that
/// would take part if they were installed.
fn contestants(settings: &Settings, task: Task) -> (Vec<Contestant>, Vec<&'static str>) {
    let mut present = match task {
        Task::Large => plain::contestants(),
        Task::Small => tar::contestants(),
    };
    present.extend(caiman::contestants(settings));
    let (others, absent) = others::contestants(task);
    present.extend(others);
    (present, absent)
}
