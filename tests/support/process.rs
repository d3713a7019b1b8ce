//! The real program in processes of its own: started, read, signalled, and never left running.

use std::{
    env,
    ffi::OsStr,
    io::{Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long a wait may take before it counts as a hang and fails. Much longer than anything here takes, even on a machine that
/// is busy with something else.
const GUARD: Duration = Duration::from_mins(2);
/// How often a process is asked whether it has ended, because the standard library has no event for that. Often enough that a
/// test loses no time.
const POLL: Duration = Duration::from_millis(5);

/// Names a program that was built without its window and is to be tested in place of the one that cargo has built for the tests.
const WITHOUT_WINDOW: &str = "CAIMAN_TEST_WITHOUT_WINDOW";

/// Whether the program under test has a window.
pub fn has_window() -> bool {
    cfg!(feature = "gui") && env::var_os(WITHOUT_WINDOW).is_none()
}

/// A command that doesn't see codes and relays in the environment.
pub fn caiman(args: &[impl AsRef<OsStr>]) -> Command {
    let other = env::var_os(WITHOUT_WINDOW);
    let mut command = Command::new(other.as_deref().unwrap_or(OsStr::new(env!("CARGO_BIN_EXE_caiman"))));
    command.args(args);
    clean(&mut command);
    command
}

/// The same command on a terminal of its own, which closes when the process that this command starts ends. Before anything else
/// it says `pid=` with the number of the process.
#[cfg(target_os = "linux")]
pub fn on_terminal(command: &Command) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--flush", "--command"]);
    script.arg(format!("echo pid=$$; exec {}", quoted.join(" "))).arg("/dev/null");
    clean(&mut script);
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script
}

/// Keeps the settings of the user who runs the tests out of a command.
pub fn clean(command: &mut Command) {
    for name in ["CAIMAN_CODE", "CAIMAN_SERVER", "CAIMAN_PASSWORD", "CAIMAN_LOG", "CAIMAN_PORT", "RUST_LOG"] {
        command.env_remove(name);
    }
    for name in
        ["CAIMAN_PROXY", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]
    {
        command.env_remove(name);
    }
    let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nobody");
    command.env("CAIMAN_CONFIG_DIR", &nowhere).env("CAIMAN_DATA_DIR", &nowhere);
    // No test uses the network of the machine that it runs on.
    command.env("CAIMAN_PATH", "relay").env("CAIMAN_INTERNET", "off");
    command.stdin(Stdio::null());
}

/// A running process, which is killed and waited for when it is dropped.
pub struct Running {
    process: Child,
    output: Pipe,
    errors: Pipe,
}

/// How a process ended and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub output: Vec<u8>,
    pub errors: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Pipe::drain(process.stdout.take().unwrap());
        let errors = Pipe::drain(process.stderr.take().unwrap());
        Self { process, output, errors }
    }

    /// Starts a process whose messages nobody reads: on standard error, or on standard output where they go there.
    pub fn start_unheard(command: &mut Command) -> Child {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((process.stdout.take(), process.stderr.take()));
        process
    }

    /// Starts a process of which one stream leads into a pipe that is full, and the other to nowhere.
    #[cfg(target_os = "linux")]
    pub fn start_unread(mut command: Command, is_output: bool) -> (Self, std::io::PipeReader) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let size = rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
        writer.write_all(&vec![b'\n'; size]).unwrap();
        if is_output {
            command.stdout(writer).stderr(Stdio::null());
        } else {
            command.stdout(Stdio::null()).stderr(writer);
        }
        let process = command.spawn().unwrap();
        let [output, errors] = [Pipe::drain(std::io::empty()), Pipe::drain(std::io::empty())];
        (Self { process, output, errors }, reader)
    }

    /// Starts a process whose standard input the test fills.
    pub fn start_asking(mut command: Command) -> (Self, ChildStdin) {
        command.stdin(Stdio::piped());
        let mut running = Self::start(command);
        let input = running.process.stdin.take().unwrap();
        (running, input)
    }

    /// Waits for a line on standard error, printed already or still to come, in which `find` finds something.
    pub fn says<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.errors.wait_for(what, find).unwrap_or_else(|| self.never_said(what))
    }

    /// Waits for a line on standard output in which `find` finds something.
    pub fn outputs<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.output.wait_for(what, find).unwrap_or_else(|| self.never_said(what))
    }

    /// Waits for an event of this name among the JSON lines on standard output.
    pub fn event(&mut self, name: &str) -> Value {
        self.event_where(name, |_| true)
    }

    /// Waits for an event of this name for which `is_it` is true.
    pub fn event_where(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let find = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            (event["event"] == name && is_it(&event)).then_some(event)
        };
        self.output.wait_for(name, find).unwrap_or_else(|| self.never_said(name))
    }

    /// Waits for the code that a sender with `--json` prints.
    pub fn code(&mut self) -> String {
        self.event("code")["code"].as_str().unwrap().to_owned()
    }

    /// Waits until bytes have been stored, as a side with `--json` reports it.
    pub fn moving(&mut self) {
        self.event_where("progress", |event| event["bytes"].as_u64().unwrap() > 0);
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ended {
        self.wait()
    }

    /// Waits for the end, which may happen only once; the process stays with its owner.
    pub fn wait(&mut self) -> Ended {
        let deadline = Instant::now() + GUARD;
        let status = loop {
            match self.process.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("never ended; said {}", self.errors.text()),
                None => thread::sleep(POLL),
            }
        };
        let (output, errors) = (self.output.rest(), self.errors.rest());
        Ended { code: status.code(), output, errors: String::from_utf8(errors).unwrap() }
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// What the process has printed on standard error so far.
    pub fn said(&self) -> String {
        self.errors.text()
    }

    /// Ends the process without letting it print anything more.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits until the process handles `SIGINT`, which would otherwise end it without a word.
    #[cfg(target_os = "linux")]
    pub fn listens_for_signals(&self) {
        let deadline = Instant::now() + GUARD;
        loop {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            if u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0 {
                return;
            }
            assert!(Instant::now() < deadline, "never listened for signals");
            thread::sleep(POLL);
        }
    }

    fn never_said(&self, what: &str) -> ! {
        let (output, errors) = (self.output.text(), self.errors.text());
        panic!("never came to {what}; said on standard output:\n{output}\non standard error:\n{errors}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ended {
    /// The JSON lines on standard output.
    pub fn events(&self) -> Vec<Value> {
        json_lines(std::str::from_utf8(&self.output).unwrap())
    }

    /// The one event of this name on standard output.
    pub fn event(&self, name: &str) -> Value {
        let found = self.events().into_iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{name} in {:?}", self.events());
        found.into_iter().next().unwrap()
    }

    /// Checks the exit code, and shows what the program printed if it is another one.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        let output = String::from_utf8_lossy(&self.output);
        assert_eq!(
            self.code,
            Some(code),
            "said on standard output:\n{output}\non standard error:\n{}",
            self.errors
        );
        self
    }
}

/// The lines, each of which must be a JSON object that names its event.
pub fn json_lines(text: &str) -> Vec<Value> {
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        assert!(value["event"].is_string(), "{line}");
        value
    };
    text.lines().map(parse).collect()
}

/// Starts a program and waits for its end.
pub fn run(command: Command) -> Ended {
    Running::start(command).end()
}

/// What a process prints, collected as it comes, so that the process never waits for the test.
struct Pipe {
    written: Arc<(Mutex<Written>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Pipe {
    fn drain(mut source: impl Read + Send + 'static) -> Self {
        let written = Arc::new((Mutex::new(Written::default()), Condvar::new()));
        let shared = Arc::clone(&written);
        let reader = thread::spawn(move || {
            let (written, changed) = &*shared;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = source.read(&mut buffer).unwrap_or(0);
                let mut written = written.lock().unwrap();
                written.bytes.extend_from_slice(&buffer[..read]);
                written.has_ended = read == 0;
                changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { written, reader: Some(reader) }
    }

    /// `None` if the process closes the pipe, or prints nothing of the kind for too long.
    fn wait_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (written, changed) = &*self.written;
        let deadline = Instant::now() + GUARD;
        let mut written = written.lock().unwrap();
        let mut looked_at = 0;
        loop {
            while let Some(end) = written.bytes[looked_at..].iter().position(|byte| *byte == b'\n') {
                let line = std::str::from_utf8(&written.bytes[looked_at..looked_at + end]).unwrap();
                if let Some(found) = find(line) {
                    return Some(found);
                }
                looked_at += end + 1;
            }
            if written.has_ended {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited too long for {what}");
            written = changed.wait_timeout(written, left).unwrap().0;
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.0.lock().unwrap().bytes).into_owned()
    }

    /// Everything that was printed; waits until the other end is closed.
    fn rest(&mut self) -> Vec<u8> {
        self.reader.take().unwrap().join().unwrap();
        std::mem::take(&mut self.written.0.lock().unwrap().bytes)
    }
}

/// A relay in a process, a folder with what is sent and a folder into which it is received.
pub struct Site {
    pub relay: Running,
    pub server: String,
    pub source: TempDir,
    pub target: TempDir,
    /// The folder in which the receiver keeps its list of interrupted transfers.
    pub data: TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self::with_relay(&["--data-ports", "none"])
    }

    /// A site whose relay uses a port that the system chooses and these further arguments.
    pub fn with_relay(args: &[&str]) -> Self {
        let fixed = ["relay", "--host", "127.0.0.1", "--port", "0"];
        let mut relay = Running::start(caiman(&[&fixed, args].concat()));
        let address: SocketAddr = relay.says("the relay's address", |line| {
            line.strip_prefix("Relay listening on ")?.split(',').next()?.parse().ok()
        });
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { relay, server: address.to_string(), source, target, data: tempfile::tempdir().unwrap() }
    }

    /// A file in the folder with what is sent.
    pub fn plant(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.source.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A path in the folder into which files are received.
    pub fn to(&self, name: &str) -> PathBuf {
        self.target.path().join(name)
    }

    /// Starts `caiman send --json --server …` with further arguments.
    pub fn send_command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = caiman(&["send", "--json", "--patience", "0", "--server", &self.server]);
        command.args(args);
        command
    }

    pub fn send(&self, args: &[impl AsRef<OsStr>]) -> Running {
        Running::start(self.send_command(args))
    }

    /// Starts `caiman receive --server … --out …` with further arguments, without an answer to any question.
    pub fn receive_command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = caiman(&["receive", "--server", &self.server, "--patience", "0", "--out"]);
        command.arg(self.target.path()).args(args).env("CAIMAN_DATA_DIR", self.data.path());
        command
    }

    pub fn receive(&self, args: &[impl AsRef<OsStr>]) -> Running {
        Running::start(self.receive_command(args))
    }

    /// Starts a transfer of `CRAWL_BLOCKS` in `large`, which crawls and has stored at least one block. Both sides print JSON.
    pub fn crawl(&self) -> (Running, Running) {
        let path = self.plant("large", super::noise(7, super::engine::CRAWL_BLOCKS * super::engine::BLOCK));
        let mut sending = self.send(&["--rate".as_ref(), "128KiB".as_ref(), path.as_os_str()]);
        let code = sending.code();
        let mut receiving = self.receive(&[&code, "--yes", "--json"]);
        receiving.moving();
        sending.moving();
        (sending, receiving)
    }

    /// Whether no file has arrived under its real name.
    pub fn has_only_staging(&self) -> bool {
        let names = super::engine::names_in(self.target.path());
        names.iter().all(|name| name.starts_with(".caiman-"))
    }
}

/// Writes all of `bytes` and closes the pipe.
pub fn feed(mut input: ChildStdin, bytes: &[u8]) {
    input.write_all(bytes).unwrap();
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
