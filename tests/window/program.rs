//! `caiman` with its window and a folder of its own, and what its user does with it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use toml::{Table, Value};

use crate::{
    bus::Bus,
    client::{Key, RETURN, TAB},
    clipboard,
    display::Display,
    picture::Picture,
    support::process::{Ended, Running, caiman},
    until, within, xdnd,
};

/// A window counts as still if its picture hasn't changed for this long: longer than between two frames of an animation, and
/// shorter than between two blinks of the text cursor.
const STILL: Duration = Duration::from_millis(200);
/// How long a key may go unanswered before it is pressed again. Most answers come within a few frames.
const PATIENCE: Duration = Duration::from_millis(500);

/// A running window, which is killed when this is dropped.
pub struct Program<'d> {
    display: &'d Display,
    home: TempDir,
    /// The address of the session's bus; without it there is none.
    bus: Option<String>,
    running: Running,
    window: u32,
}

impl<'d> Program<'d> {
    /// Opens the window of a user whose settings have one relay.
    pub fn start(display: &'d Display, server: &str) -> Self {
        Self::with_settings(display, &format!("[[relay]]\naddress = \"{server}\"\n"), None)
    }

    /// Opens the window of a user whose settings have no relay.
    pub fn start_without_relay(display: &'d Display) -> Self {
        Self::with_settings(display, "", None)
    }

    /// Opens the window of a user whose settings have one relay, and whose session has this bus.
    pub fn start_on(display: &'d Display, bus: &Bus, server: &str) -> Self {
        Self::with_settings(
            display,
            &format!("[[relay]]\naddress = \"{server}\"\n"),
            Some(bus.address.clone()),
        )
    }

    /// Opens the window of a user whose settings have one relay and limit sends to 2 MB/s, and whose session has this bus.
    pub fn start_slowly_on(display: &'d Display, bus: &Bus, server: &str) -> Self {
        let settings = format!("bytes_per_sec = 2000000\n[[relay]]\naddress = \"{server}\"\n");
        Self::with_settings(display, &settings, Some(bus.address.clone()))
    }

    fn with_settings(display: &'d Display, settings: &str, bus: Option<String>) -> Self {
        let home = tempfile::tempdir().unwrap();
        for name in ["config", "data", "received", "run"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        fs::set_permissions(home.path().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        let settings = format!(
            "appearance = \"light\"\nlanguage = \"en\"\npath_mode = \"relay-only\"\ninternet = false\nfirst_steps_done = true\nsave_folder = \"{}\"\n{settings}",
            home.path().join("received").display()
        );
        fs::write(home.path().join("config/settings.toml"), settings).unwrap();
        let (running, window) = open(display, command(display, home.path(), bus.as_deref()));
        Self { display, home, bus, running, window }
    }

    /// Kills the program without a warning and starts it again.
    pub fn kill_and_start_again(&mut self) {
        self.running.kill();
        let command = command(self.display, self.home.path(), self.bus.as_deref());
        (self.running, self.window) = open(self.display, command);
    }

    /// Starts the program once more as the same user, while the window is open.
    pub fn second_start(&self, args: &[impl AsRef<OsStr>]) -> Running {
        let mut command = command(self.display, self.home.path(), self.bus.as_deref());
        command.args(args);
        Running::start(command)
    }

    pub fn id(&self) -> u32 {
        self.running.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.running.is_running()
    }

    /// Waits until the program has ended.
    pub fn ended(mut self) -> Ended {
        self.running.wait()
    }

    pub fn title(&self) -> String {
        self.display.client.title(self.window)
    }

    pub fn picture(&self) -> Picture {
        self.display.client.picture_of(self.window)
    }

    /// Waits until nothing moves in the window.
    pub fn settled(&self) -> Picture {
        until("a window in which nothing moves", || {
            let before = self.picture();
            thread::sleep(STILL);
            (self.picture() == before).then_some(before)
        })
    }

    /// Waits until nothing moves in the window and it no longer looks as it did `before`.
    pub fn looks_other_than(&self, before: &Picture) -> Picture {
        until("another look of the window", || Some(self.settled()).filter(|now| now != before))
    }

    /// Does something that changes what the window shows, and waits for the change.
    fn and_wait(&self, act: impl FnOnce()) {
        let before = self.settled();
        act();
        self.looks_other_than(&before);
    }

    /// Puts the window in front and gives it the keyboard.
    pub fn activate(&self) {
        let client = &self.display.client;
        client.activate(self.window);
        until("the keyboard", || client.has_keyboard(self.window).then_some(()));
        self.settled();
    }

    /// Asks the window to close, as the button in its title bar does.
    pub fn close(&self) {
        self.display.client.close(self.window);
    }

    /// Drags files from another program over the middle of the window and drops them.
    pub fn drop_files(&self, paths: &[PathBuf]) {
        self.drop_files_at((0.5, 0.5), paths);
    }

    /// Drags files from another program over the window and drops them at `place`, in fractions of its width and height.
    pub fn drop_files_at(&self, place: (f32, f32), paths: &[PathBuf]) {
        let list = xdnd::uri_list(paths);
        let source = xdnd::Source {
            forms: &[(xdnd::FILES, list.as_bytes())],
            knows_proxies: true,
            is_in_pieces: false,
        };
        self.take_from(&source, place);
    }

    /// Drags something from another program over the window and drops it at `place`.
    pub fn take_from(&self, source: &xdnd::Source<'_>, place: (f32, f32)) {
        source.drop_on(self.display, self.window, place);
    }

    /// Clicks at `place`, in fractions of the window's width and height.
    pub fn click(&self, place: (f32, f32)) {
        let client = &self.display.client;
        client.click(client.point_in(self.window, place));
    }

    pub fn press(&self, key: Key) {
        self.display.client.press(key);
    }

    pub fn control(&self, character: char) {
        self.display.client.control(character);
    }

    /// Reads the code of the newest send from the invitation that is copied.
    pub fn code(&self) -> String {
        let invitation = self.invitation();
        let mut words = invitation.split_whitespace();
        let code = words.find(|word| word.split('-').count() > 3 && !word.contains(':'));
        code.expect("the invitation has the code").to_owned()
    }

    /// Copies the invitation to the newest send. The button for that has the keyboard.
    pub fn invitation(&self) -> String {
        let before = clipboard::text(self.display);
        until("an invitation on the clipboard", || {
            // The key does nothing until there is a code.
            self.press(RETURN);
            within(PATIENCE, || clipboard::text(self.display).filter(|text| before.as_ref() != Some(text)))
        })
    }

    /// Types a code into its field, the last word by its first three letters, and begins to receive.
    pub fn type_code(&self, code: &str) {
        const LETTERS: usize = 3;
        let client = &self.display.client;
        self.and_wait(|| client.control('r'));
        let left = code.rsplit('-').next().unwrap().len().saturating_sub(LETTERS);
        self.and_wait(|| client.type_text(&code[..code.len() - left]));
        if left > 0 {
            self.and_wait(|| client.press(TAB));
        }
        // What is selected and copied in the field is the code as the field has it.
        client.control('a');
        client.control('c');
        until("the code in its field", || (clipboard::text(self.display)? == code).then_some(()));
        client.press(RETURN);
    }

    /// Accepts what is offered. The button that does so has the keyboard.
    pub fn accept(&self) {
        until("an accepted offer", || {
            // The key does nothing until there is an offer, and nothing after it was accepted.
            self.press(RETURN);
            within(PATIENCE, || self.outcome())
        });
    }

    /// The outcome of the newest transfer, as the program's history has it.
    pub fn outcome(&self) -> Option<String> {
        // There is no file before the first transfer.
        let text = fs::read_to_string(self.home.path().join("data/history.toml")).ok()?;
        let history: Table = text.parse().unwrap();
        let newest = history.get("transfer")?.as_array()?.first()?;
        newest.get("outcome").and_then(Value::as_str).map(str::to_owned)
    }

    /// Waits until the newest transfer has ended well.
    pub fn done(&self) {
        let outcome =
            until("the end of a transfer", || self.outcome().filter(|outcome| outcome != "running"));
        assert_eq!(outcome, "done");
    }

    /// The folder into which files are received.
    pub fn received(&self) -> PathBuf {
        self.home.path().join("received")
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.display.keep_picture();
            eprintln!("the window said:\n{}", self.running.said());
        }
    }
}

/// A command that sees nothing of this machine's environment but the display.
fn command(display: &Display, home: &Path, bus: Option<&str>) -> Command {
    let mut command = caiman(&[] as &[&str]);
    command.env_clear();
    command.envs(["PATH", "RUST_BACKTRACE"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let no_bus = format!("unix:path={}", home.join("no-bus").display());
    command
        .env("DISPLAY", &display.name)
        .env("LANG", "C.UTF-8")
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env("DBUS_SESSION_BUS_ADDRESS", bus.unwrap_or(&no_bus))
        .env("DBUS_SYSTEM_BUS_ADDRESS", &no_bus)
        .env("CAIMAN_INSTANCE", "test")
        .env("CAIMAN_CONFIG_DIR", home.join("config"))
        .env("CAIMAN_DATA_DIR", home.join("data"));
    command
}

/// Starts the program, and waits until its window is there, painted, and has the keyboard.
fn open(display: &Display, command: Command) -> (Running, u32) {
    let mut running = Running::start(command);
    let client = &display.client;
    let window = until("a window", || {
        assert!(running.is_running(), "the program ended: {}", running.said());
        client.window_of(running.id()).filter(|window| client.takes_drops(*window))
    });
    until("a picture in the window", || client.picture_of(window).is_painted().then_some(()));
    until("the keyboard", || client.has_keyboard(window).then_some(()));
    (running, window)
}
