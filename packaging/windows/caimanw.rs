//! `caimanw.exe`: opens Caiman's window without a terminal beside it.
//!
//! `caiman.exe` is a console program, so that a terminal waits for the headless commands and can ask and answer. Explorer
//! gives every console program a terminal. This one has none, starts the `caiman` that stands beside it with its own
//! arguments, and ends; shortcuts and menus name this one. Where there is no Explorer it does the same, so it can be tested.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::{
    env, io,
    process::{Command, ExitCode, Stdio},
};

fn main() -> ExitCode {
    // Nobody would read why not: there is no terminal, and what can show a window is what is missing.
    if start().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn start() -> io::Result<()> {
    let program = env::current_exe()?.with_file_name("caiman").with_extension(env::consts::EXE_EXTENSION);
    let mut command = Command::new(program);
    // A stream that is no terminal tells the window that nobody reads its errors there.
    command.args(env::args_os().skip(1)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    command.spawn().map(drop)
}
