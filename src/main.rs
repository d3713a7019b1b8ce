//! The `caiman` program: hands its arguments to the headless commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    caiman::cli::main()
}
