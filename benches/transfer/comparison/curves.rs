//! The measured times behind the picture for README.md: every program with one file of several sizes, and with several numbers of
//! small files. They are in `benches/curves`, from where the picture can be drawn again without measuring. `loss.csv` is made by
//! hand, because a link that loses packets can't be emulated without root.

use std::{fs, io, path::PathBuf};

use super::{
    measure, page, plot,
    series::{Point, Series},
    settings::{Settings, Task},
};

/// What has to be known about the times of a program.
const REMARKS: [(&str, &str); 2] = [
    ("croc, relay", "croc without compression"),
    ("sendme, direct", "sendme without its hashing, which comes first"),
];

/// Measures both curves.
pub(crate) fn measure_all(settings: &Settings) {
    curve(settings, "size.csv", &settings.sizes_mib[1], Task::Large);
    curve(settings, "files.csv", &settings.counts[1], Task::Small);
}

fn curve(settings: &Settings, file: &str, amounts: &[u64], task: impl Fn(u64) -> Task) {
    let mut points = Vec::new();
    for amount in amounts {
        let measured = measure(settings, task(*amount), plot::has_line_for);
        points.extend(measured.rows.iter().map(|row| {
            let (least, most) = row.range();
            let program = row.name.clone();
            Point { x: *amount as f64, program, seconds: row.seconds(), least, most }
        }));
    }
    let mut note = format!("one machine, {}, {}", settings.describe(), page::today());
    for (program, remark) in REMARKS {
        if points.iter().any(|point| point.program == program) {
            note = format!("{note}; {remark}");
        }
    }
    let series = Series { note, points };
    println!("\n\n{series}");
    if settings.is_to_write {
        page::replace(&path(file), &series.to_string());
    }
}

/// Draws the picture from the files, if it is to be written.
pub(crate) fn draw(settings: &Settings) {
    if settings.is_to_write {
        let read = |file: &str| match fs::read_to_string(path(file)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => panic!("{file} can't be read: {error}"),
        };
        page::replace(&page::path("assets/pictures/speed.svg"), &plot::draw(&plot::panels(read)));
    } else {
        println!("With BENCH_WRITE=1 the picture would be drawn from benches/curves now.");
    }
}

fn path(file: &str) -> PathBuf {
    page::path("benches/curves").join(file)
}
