//! The `caiman` program. [`caiman::cli::main`] reads the arguments and runs what they ask for, the window included.

use std::process::ExitCode;

fn main() -> ExitCode {
    caiman::cli::main()
}
