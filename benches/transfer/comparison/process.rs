//! Processes that are measured: what each used until its end, and what it prints meanwhile.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use wait4::Wait4;

/// How long a wait may take before it counts as a hang and ends the benchmark. Much longer than anything here takes.
const GUARD: Duration = Duration::from_mins(5);

/// What a process used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time in user space and in the kernel, in seconds.
    pub(crate) seconds: f64,
    /// The most resident memory, in bytes.
    pub(crate) peak_bytes: u64,
}

/// A running process, which is killed if it is dropped before its end.
pub(crate) struct Running {
    name: &'static str,
    /// `None` once the process has been waited for.
    child: Option<Child>,
    lines: Receiver<(Instant, String)>,
    heard: Vec<(Instant, String)>,
}

impl Running {
    /// Starts `command` and reads what it prints, on both outputs.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        Self::start_into(name, command, Stdio::piped())
    }

    /// Starts `command` with its standard output going elsewhere.
    pub(crate) fn start_into(name: &'static str, command: &mut Command, output: Stdio) -> Self {
        let mut child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap_or_else(|error| {
            panic!("{name} can't be started: {error}");
        });
        let (heard, lines) = mpsc::channel();
        let mut outputs: Vec<Box<dyn Read + Send>> = vec![Box::new(child.stderr.take().unwrap())];
        if let Some(output) = child.stdout.take() {
            outputs.push(Box::new(output));
        }
        for output in outputs {
            let heard = heard.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = heard.send((Instant::now(), line));
                }
            });
        }
        Self { name, child: Some(child), lines, heard: Vec::new() }
    }

    /// Waits for a line in which `find` finds something.
    pub(crate) fn says<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + GUARD;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{} never said {what}, but {:?}", self.name, self.heard);
            };
            let found = find(&line.1);
            self.heard.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Waits for the end, which must be a success. Returns what the process used and everything that it printed.
    pub(crate) fn end(mut self) -> (Usage, Vec<(Instant, String)>) {
        let (status, usage) = self.wait();
        while let Ok(line) = self.lines.recv_timeout(GUARD) {
            self.heard.push(line);
        }
        assert!(status.success(), "{} failed and said {:?}", self.name, self.heard);
        (usage, std::mem::take(&mut self.heard))
    }

    /// The system's number for the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) fn stop(self) -> Usage {
        self.end_by(Signal::TERM)
    }

    /// Ends the process as Control-C in a terminal does, and waits until it has ended.
    pub(crate) fn interrupt(self) -> Usage {
        self.end_by(Signal::INT)
    }

    fn end_by(self, signal: Signal) -> Usage {
        let id = Pid::from_child(self.child.as_ref().unwrap());
        kill_process(id, signal).unwrap();
        self.end().0
    }

    /// Kills the process.
    pub(crate) fn kill(mut self) -> Usage {
        self.child.as_mut().unwrap().kill().unwrap();
        self.wait().1
    }

    fn wait(&mut self) -> (ExitStatus, Usage) {
        let ended = self.child.take().unwrap().wait4().unwrap();
        let seconds = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
        (ended.status, Usage { seconds, peak_bytes: ended.rusage.maxrss })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
