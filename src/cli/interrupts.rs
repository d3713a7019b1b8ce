//! Signals that ask this program to end: SIGINT, SIGTERM and SIGHUP, or on Windows Ctrl-C, Ctrl-Break and the closing of the
//! console.

use std::io;

/// Hears signals from its creation on, so that none is lost between two waits.
pub(super) struct Interrupts {
    heard: usize,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// The terminal is closed; `None` if that is to change nothing, or once anything has asked this program to end: when a
    /// terminal closes, the system and the shell may both send this signal, and that is no second wish to end at once.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    ctrl_c: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    ctrl_break: tokio::signal::windows::CtrlBreak,
    #[cfg(windows)]
    ctrl_close: tokio::signal::windows::CtrlClose,
}

impl Interrupts {
    #[cfg(unix)]
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hangup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { heard: 0, interrupt, terminate, hangup })
    }

    #[cfg(windows)]
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self { heard: 0, ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, ctrl_close: ctrl_close()? })
    }

    /// Waits for the next signal. Safe to drop and call again.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let hung_up = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = hung_up => {}
            }
            self.hangup = None;
        }
        #[cfg(windows)]
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.ctrl_close.recv() => {}
        }
        self.heard += 1;
    }

    /// How many signals have come, as far as they were waited for.
    pub(super) fn heard(&self) -> usize {
        self.heard
    }
}

/// Whether this program was started so that it outlives its terminal, as `nohup` does it.
#[cfg(target_os = "linux")]
fn hangups_are_ignored() -> bool {
    // The first bit stands for the signal 1, which is SIGHUP.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// Whether this program may have been started so that it outlives its terminal. Without unsafe code these systems don't say
/// whether a signal is ignored, but `nohup` leads the messages away from the terminal.
#[cfg(all(unix, not(target_os = "linux")))]
fn hangups_are_ignored() -> bool {
    use std::io::IsTerminal;
    !io::stderr().is_terminal()
}
