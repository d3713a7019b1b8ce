//! The parts of `benches/transfer` that measure nothing: the table of targets, the files behind the picture, the picture. A
//! benchmark has a `main` of its own and runs no tests, so they are compiled here once more.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "the benchmark calls some functions that no test calls")]

#[path = "../benches/transfer/comparison/numbers.rs"]
mod numbers;
#[path = "../benches/transfer/comparison/plot.rs"]
mod plot;
#[path = "../benches/transfer/comparison/series.rs"]
mod series;
#[path = "../benches/transfer/comparison/targets.rs"]
mod targets;

use std::{fs, path::Path};

use plot::{Frame, PLOT_HEIGHT, Panel, Spacing};
use series::{COLUMNS, Point, Series};
use targets::{BEGIN, END, Figures, HEAD, IDLE_ROOM, LARGE, MEMORY};

/// A page of results whose table has these rows.
fn page(rows: &str) -> String {
    format!("# Results\n\n{BEGIN}\n\n{HEAD}\n{rows}\n\n{END}\n\nmore\n")
}

fn repository(file: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

#[test]
fn a_measured_row_is_replaced_and_all_others_stay() {
    let other = "| after a cut of 10 s | ≤ 3 s | 0.2 s | older | yes |";
    let old = "| relay, an idle room | ≤ 16 KiB | 4.4 KiB | 2026-11-28 | yes |";
    let mut figures = Figures::default();
    figures.add(&IDLE_ROOM, 16.5, "16.5 KiB".to_owned());
    let written = figures.put_into(&page(&format!("{other}\n{old}")), "2026-12-01").unwrap();
    let new = "| relay, an idle room | ≤ 16 KiB | 16.5 KiB | 2026-12-01 | no |";
    assert_eq!(written, page(&format!("{other}\n{new}")));
    assert_eq!(figures.put_into(&written, "2026-12-01").unwrap(), written);
}

#[test]
fn a_target_without_a_row_gets_one_at_the_end() {
    let mut figures = Figures::default();
    figures.add(&LARGE, 0.6, "0.60 ×".to_owned());
    let written = figures.put_into(&page("| x | y | z | older | yes |"), "2026-12-01").unwrap();
    let new = "| 1 GiB through a relay, speed against plain copies | ≥ 0.6 × | 0.60 × | 2026-12-01 | yes |";
    assert_eq!(written, page(&format!("| x | y | z | older | yes |\n{new}")));
}

#[test]
fn a_page_without_the_table_is_left_alone() {
    assert_eq!(Figures::default().put_into("# Results\n", "2026-12-01"), None);
    assert_eq!(Figures::default().put_into(&format!("{END}\n{BEGIN}\n"), "2026-12-01"), None);
}

#[test]
fn the_worse_of_two_figures_counts() {
    let mut figures = Figures::default();
    for (memory, speed) in [(10.0, 0.7), (70.0, 0.5), (20.0, 0.9)] {
        figures.add(&MEMORY, memory, format!("{memory} MiB"));
        figures.add(&LARGE, speed, format!("{speed} ×"));
    }
    let table = figures.table("2026-12-01");
    assert!(table.contains("| 70 MiB | 2026-12-01 | no |"), "{table}");
    assert!(table.contains("| 0.5 × | 2026-12-01 | no |"), "{table}");
    assert_eq!(table.lines().count(), 4);
}

#[test]
fn the_page_has_a_row_for_each_target_with_the_same_bound() {
    let page = repository("benches/RESULTS.md").unwrap();
    assert_eq!(Figures::default().put_into(&page, "").unwrap(), page);
    for target in targets::ALL {
        let row = format!("\n| {} | {target} | ", target.what);
        assert!(page.contains(&row), "RESULTS.md has no row that begins with {row}");
    }
}

#[test]
fn measured_times_that_are_written_are_read_again() {
    let point = Point { x: 0.1, program: "a, b".to_owned(), seconds: 2.5, least: 2.25, most: 3.0 };
    let series = Series { note: "5 rounds".to_owned(), points: vec![point] };
    let text = series.to_string();
    assert_eq!(text, "# 5 rounds\nx;program;seconds;least;most\n0.1;a, b;2.5000;2.2500;3.0000\n");
    assert_eq!(text.parse(), Ok(series));
}

#[test]
fn a_line_that_is_no_measurement_is_told() {
    let lines =
        ["", "1;a;1;1", "1;a;1;1;1;1", "1;a;x;1;1", "-1;a;1;1;1", "1;a;1;2;3", "1;a;0;0;0", "1;a;inf;1;inf"];
    for line in lines {
        let text = format!("# note\n{COLUMNS}\n{line}\n");
        assert_eq!(text.parse::<Series>(), Err(format!("{line} is no measurement")));
    }
    assert!("1;a;1;1;1".parse::<Series>().is_err());
    assert!("# note\n1;a;1;1;1".parse::<Series>().is_err());
}

#[test]
fn the_picture_in_the_repository_is_drawn_from_the_files_in_it() {
    let drawn = plot::draw(&plot::panels(|file| repository(&format!("benches/curves/{file}"))));
    let is_the_same = repository("assets/pictures/speed.svg").is_some_and(|picture| picture == drawn);
    assert!(is_the_same, "`BENCH_WRITE=1 BENCH_TASKS=plot cargo bench --bench transfer` draws it anew");
}

#[test]
fn a_panel_without_its_file_is_left_out() {
    let text = format!("# five rounds\n{COLUMNS}\n1;tar over TCP;1;1;1\n");
    let picture = plot::draw(&plot::panels(|file| (file == "files.csv").then(|| text.clone())));
    assert!(picture.contains("Many small files") && !picture.contains("One file"), "{picture}");
}

#[test]
fn every_point_lies_within_its_panel() {
    let point = |x: f64, seconds: f64| {
        let program = "tar over TCP".to_owned();
        Point { x, program, seconds, least: seconds / 2.0, most: seconds * 2.0 }
    };
    for (spacing, xs) in [(Spacing::Logarithmic, [1.0, 30.0, 1000.0]), (Spacing::Even, [0.0, 0.1, 1.0])] {
        let points = vec![point(xs[1], 0.2), point(xs[0], 0.03), point(xs[2], 71.0)];
        let series = Series { note: String::new(), points };
        let panel = Panel { title: "", x_label: "", spacing, series };
        let frame = Frame::new(&panel, 100.0, 50.0, 200.0);
        let places: Vec<f64> = xs.iter().map(|x| frame.x(*x)).collect();
        assert!(100.0 < places[0] && places[0] < places[1] && places[1] < places[2] && places[2] < 300.0);
        assert!(frame.y(142.0) > 50.0 && frame.y(0.015) < 50.0 + PLOT_HEIGHT);
        assert_eq!(frame.marked_seconds(), [0.01, 0.1, 1.0, 10.0, 100.0]);
    }
}

#[test]
fn numbers_have_commas_and_no_more_decimals_than_they_need() {
    let labels =
        [(0.005, "0.005"), (0.1, "0.1"), (1.0, "1"), (999.0, "999"), (1024.0, "1,024"), (1e6, "1,000,000")];
    for (value, label) in labels {
        assert_eq!(numbers::number(value), label);
    }
}
