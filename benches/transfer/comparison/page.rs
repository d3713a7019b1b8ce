//! What a run writes into the repository, if `BENCH_WRITE=1` asks for it, and prints otherwise.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use super::{settings::Settings, targets::Figures};

/// Prints the figures of this run and, if that is wished, puts them into the table of RESULTS.md.
pub(crate) fn finish(settings: &Settings, figures: &Figures) {
    if figures.is_empty() {
        return;
    }
    let date = today();
    println!("\nWhat this run says about the targets:\n\n{}", figures.table(&date));
    if settings.is_to_write {
        let page = path("benches/RESULTS.md");
        let text = fs::read_to_string(&page).unwrap();
        replace(&page, &figures.put_into(&text, &date).expect("RESULTS.md has the table of targets"));
    } else {
        println!("With BENCH_WRITE=1 these rows would be in benches/RESULTS.md now.");
    }
}

/// Where a file of the repository is.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Replaces a file as a whole, so that an end in the middle leaves the old one.
pub(crate) fn replace(file: &Path, text: &str) {
    let new = file.with_added_extension("new");
    let mut written = File::create(&new).unwrap();
    written.write_all(text.as_bytes()).unwrap();
    written.sync_all().unwrap();
    fs::rename(&new, file).unwrap();
    println!("{} is written.", file.display());
}

/// Today's date, as the system's `date` gives it.
pub(crate) fn today() -> String {
    let output = Command::new("date").arg("+%F").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
