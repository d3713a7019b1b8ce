//! `caimanw.exe`: opens Caiman's window without a terminal beside it.
//!
//! `caiman.exe` is a console program, so that a terminal waits for the headless commands and they can ask questions. Explorer
//! opens a terminal for every console program. This program has none: it starts the `caiman` beside it with its own arguments
//! and ends. Shortcuts and menus name this program. On other systems it does the same, so it can be tested.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::{
    env, io,
    process::{Command, ExitCode, Stdio},
};

fn main() -> ExitCode {
    // The user couldn't read why: there is no terminal, and the program that can show a window is missing.
    if start().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn start() -> io::Result<()> {
    let program = env::current_exe()?.with_file_name("caiman").with_extension(env::consts::EXE_EXTENSION);
    let mut command = Command::new(program);
    // A stream that is not a terminal tells the window that its errors would not be read there.
    command.args(env::args_os().skip(1)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    command.spawn().map(drop)
}
