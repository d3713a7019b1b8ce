//! The two standard streams of the headless commands. All that they write passes here, because a program such as `head` may stop
//! reading at any time, and a terminal may be closed: the macros of the standard library would then end the program by a panic.
//! A message that can't be written is dropped, and the exit code tells how it all ended.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a message for the user to standard error, as a line.
pub(super) fn line(text: impl Display) {
    // All of it at once, so that lines of several threads don't mix.
    let _ = write_all(io::stderr().lock(), format!("{text}\n").as_bytes());
}

/// Writes a question to standard error. The user answers on the same line.
pub(super) fn prompt(text: impl Display) {
    let _ = write_all(io::stderr().lock(), text.to_string().as_bytes());
}

/// Writes data to standard output.
///
/// # Errors
///
/// What the system says. It is for the caller to know whether that matters.
pub(super) fn data(bytes: &[u8]) -> io::Result<()> {
    write_all(io::stdout().lock(), bytes)
}

fn write_all(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
