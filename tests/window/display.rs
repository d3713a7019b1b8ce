//! A screen in memory, with a window manager on it.

use std::{
    cell::Cell,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{GUARD, client::Client, picture::Picture, until, within};

const SIZE: &str = "1280x1000x24";

/// A display server and a window manager, which are ended when this is dropped.
pub struct Display {
    /// The display's name for the variable `DISPLAY`.
    pub name: String,
    /// The test's own connection to the display.
    pub client: Client,
    manager: Child,
    server: Server,
    is_kept: Cell<bool>,
    /// An empty folder in which the window manager looks for its settings.
    _home: TempDir,
}

impl Display {
    pub fn start() -> Self {
        let server = Server::start();
        let name = server.name.clone();
        let client = Client::connect(&name);
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("openbox");
        command.arg("--sm-disable").env("DISPLAY", &name).env("HOME", home.path());
        for name in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
            command.env(name, home.path());
        }
        let manager = silent(&mut command)
            .stdout(Stdio::null())
            .spawn()
            .expect("these tests need openbox; see .ci/run");
        let display = Self { name, client, manager, server, is_kept: Cell::new(false), _home: home };
        until("the window manager", || display.client.has_window_manager().then_some(()));
        // The pointer is moved out of the way, because what it is over looks different.
        display.client.point_to(1279, 999);
        display
    }

    /// A picture of the whole screen.
    pub fn picture(&self) -> Picture {
        self.client.picture_of_screen()
    }

    /// Keeps a picture of a failed test's screen. Only the first call does so, because later the windows are gone.
    pub fn keep_picture(&self) {
        if self.is_kept.replace(true) {
            return;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("window-failures");
        let test = thread::current().name().unwrap_or("unnamed").replace("::", "-");
        let path = folder.join(format!("{test}.png"));
        match fs::create_dir_all(&folder).and_then(|()| self.picture().save(&path)) {
            Ok(()) => eprintln!("a picture of the screen: {}", path.display()),
            Err(error) => eprintln!("no picture of the screen: {error}"),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if thread::panicking() {
            self.keep_picture();
        }
        end(&mut self.manager);
        end(&mut self.server.process);
    }
}

/// The display server, which is ended when this is dropped: by [`Display`], or by itself if the display was never finished.
struct Server {
    process: Child,
    name: String,
}

impl Server {
    /// Starts the server. It chooses a free number and writes it into the pipe once it takes clients.
    fn start() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"]);
        let mut process =
            silent(&mut command).stdout(Stdio::piped()).spawn().expect("these tests need Xvfb; see .ci/run");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Self { process, name: format!(":{}", line.trim()) };
        assert!(line.trim().parse::<u32>().is_ok(), "the display server said {line:?}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// The command without standard input and standard error.
fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stderr(Stdio::null())
}

/// Asks a process to end, so that it can remove its socket, and waits until it has. Does nothing for one that has ended.
fn end(process: &mut Child) {
    if matches!(process.try_wait(), Ok(Some(_))) {
        return;
    }
    // The process may end by itself in between.
    let _ = kill_process(Pid::from_child(process), Signal::TERM);
    if within(GUARD, || process.try_wait().unwrap()).is_none() {
        process.kill().unwrap();
        process.wait().unwrap();
    }
}
