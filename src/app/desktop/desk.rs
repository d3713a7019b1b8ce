//! Everything slow that the window needs done: files written, the clipboard read, an offer sorted, a folder opened. One
//! thread takes it in order, so that no frame waits. Dropping [`Desk`] finishes what was asked and joins the thread.

use std::{
    any::Any,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{
    dialogs::{self, Picked, Question},
    panics::{PanicReport, caught},
};
use crate::{
    app::model::tree::Tree,
    engine::{Registry, TaskId, Unfinished},
    history::History,
    protocol::manifest::Manifest,
    settings::Settings,
    store::{SaveError, Store},
};

/// Where the window keeps its files.
pub(in crate::app) struct Stores {
    pub(in crate::app) settings: Store,
    pub(in crate::app) history: Store,
    pub(in crate::app) unfinished: Registry,
}

impl Stores {
    /// Those of the person who runs the program.
    pub(in crate::app) fn of_user() -> Self {
        let unfinished = Registry::at(Store::unfinished_folder());
        Self { settings: Store::of_settings(), history: Store::of_history(), unfinished }
    }
}

/// Jobs that may wait. A person can't ask faster than they are done; past this, they are dropped.
const JOBS: usize = 64;

/// Why the clipboard is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum ClipboardUse {
    /// The person wants to send what is there.
    Paste,
    /// A code may be there that the person is about to type.
    Look,
}

/// What was picked is for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum PickPurpose {
    /// Send it.
    Send,
    /// Add it to a waiting send.
    Add(TaskId),
    /// Save an offer there.
    SaveOffer(TaskId),
    /// Save everything there from now on.
    SaveAlways,
}

/// Something slow.
pub(in crate::app) enum Job {
    SaveSettings(Box<Settings>),
    SaveHistory(History),
    Clipboard(ClipboardUse),
    BuildTree(TaskId, Arc<Manifest>),
    /// Read what interrupted transfers left, and look whether what is said to be kept in these folders is there.
    ListUnfinished {
        kept: Vec<PathBuf>,
    },
    /// Remove what an interrupted transfer left.
    Discard {
        id: String,
        name: String,
    },
    Open(PathBuf),
    Reveal(PathBuf),
    /// Keep the machine awake; the desktop shows why.
    StayAwake(String),
    /// It may sleep again.
    MaySleep,
    /// Tell the person, who is looking elsewhere.
    Notify {
        title: String,
        body: String,
    },
    /// Nobody needs this any more, and letting go of it takes a while.
    Drop(Box<dyn Any + Send>),
    /// Files were dropped; where the pointer is on the screen says on what.
    Dropped(Vec<PathBuf>),
    /// Panics with this message.
    #[cfg(test)]
    Break(String),
}

impl Job {
    /// What there is to mend if this breaks off.
    fn broken(&self) -> BrokenJob {
        match self {
            Self::BuildTree(id, _) => BrokenJob::Tree(*id),
            Self::Discard { .. } => BrokenJob::Discard,
            _ => BrokenJob::Other,
        }
    }
}

/// What a job that broke off with a panic was about, as far as the window has something to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum BrokenJob {
    /// The tree of this transfer's offer is not built.
    Tree(TaskId),
    /// What an interrupted transfer left may still be there, in part.
    Discard,
    /// There is nothing to mend.
    Other,
}

/// What came of it.
pub(in crate::app) enum DeskOutcome {
    NotSaved(SaveError),
    Clipboard {
        purpose: ClipboardUse,
        files: Vec<PathBuf>,
        text: Option<String>,
    },
    Tree(TaskId, Tree),
    /// What interrupted transfers left, and what of the kept is gone.
    Unfinished {
        list: Vec<Unfinished>,
        gone: Vec<PathBuf>,
    },
    /// What an interrupted transfer left was removed; `false` if nothing of it is there that no transfer uses.
    Discarded {
        name: String,
        discarded: std::io::Result<bool>,
    },
    /// A file or folder couldn't be opened.
    NotOpened {
        path: PathBuf,
        is_there: bool,
    },
    Picked(PickPurpose, Picked),
    /// A job broke off with a panic, and nothing else came of it. The desk goes on with the next one.
    Broke {
        job: BrokenJob,
        report: PanicReport,
    },
    /// A notification was clicked.
    #[cfg(all(unix, not(target_os = "macos")))]
    Called,
    /// Files were dropped, with the pointer at this place of the screen, in pixels, where the system tells it.
    Dropped {
        paths: Vec<PathBuf>,
        at: Option<(f32, f32)>,
    },
}

/// The thread's handle.
pub(in crate::app) struct Desk {
    jobs: Option<SyncSender<Job>>,
    outcomes: Receiver<DeskOutcome>,
    outbox: Outbox,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Outbox {
    outcomes: Sender<DeskOutcome>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    fn send(&self, outcome: DeskOutcome) {
        // The window may have closed meanwhile.
        let _ = self.outcomes.send(outcome);
        (self.wake)();
    }
}

impl Desk {
    /// Starts the thread, which keeps files in `stores`; `wake` is called after each outcome.
    pub(in crate::app) fn start(
        stores: Stores,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(JOBS);
        let (sender, outcomes) = channel();
        let outbox = Outbox { outcomes: sender, wake: Arc::new(wake) };
        let worker = Worker { stores, outbox: outbox.clone(), awake: None };
        let thread = thread::Builder::new().name("desk".to_owned()).spawn(move || worker.run(&inbox))?;
        Ok(Self { jobs: Some(jobs), outcomes, outbox, thread: Some(thread) })
    }

    /// Hands in a job; never waits.
    pub(in crate::app) fn ask(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // Full only if the disk hangs; what is lost then is asked for again by hand.
            let _ = jobs.try_send(job);
        }
    }

    /// Asks the person for files or a folder.
    pub(in crate::app) fn pick(
        &self,
        question: Question,
        title: String,
        start: Option<PathBuf>,
        purpose: PickPurpose,
    ) {
        let outbox = self.outbox.clone();
        let asked = dialogs::ask(question, title, start, move |picked| {
            outbox.send(match picked {
                Ok(picked) => DeskOutcome::Picked(purpose, picked),
                Err(report) => DeskOutcome::Broke { job: BrokenJob::Other, report },
            });
        });
        if asked.is_err() {
            self.outbox.send(DeskOutcome::Picked(purpose, Picked::NoDialog));
        }
    }

    /// The next outcome, if there is one.
    pub(in crate::app) fn next(&self) -> Option<DeskOutcome> {
        self.outcomes.try_recv().ok()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported by its own thread already.
            let _ = thread.join();
        }
    }
}

struct Worker {
    stores: Stores,
    outbox: Outbox,
    awake: Option<keepawake::KeepAwake>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Job>) {
        while let Ok(job) = inbox.recv() {
            let broken = job.broken();
            // The stores only name files, and the wish to stay awake is replaced as a whole: both can be used after a panic.
            if let Err(report) = caught(|| self.work(job)) {
                self.outbox.send(DeskOutcome::Broke { job: broken, report });
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::SaveSettings(settings) => self.saved(settings.save(&self.stores.settings)),
            Job::SaveHistory(history) => self.saved(history.save(&self.stores.history)),
            Job::Clipboard(purpose) => {
                let (files, text) = read_clipboard();
                self.outbox.send(DeskOutcome::Clipboard { purpose, files, text });
            }
            Job::BuildTree(id, manifest) => self.outbox.send(DeskOutcome::Tree(id, Tree::new(manifest))),
            Job::ListUnfinished { kept } => {
                let list = self.stores.unfinished.list();
                let is_gone = |path: &PathBuf| path.try_exists().is_ok_and(|exists| !exists);
                let gone = kept.into_iter().filter(is_gone).collect();
                self.outbox.send(DeskOutcome::Unfinished { list, gone });
            }
            Job::Discard { id, name } => {
                let discarded = self.stores.unfinished.discard(&id);
                self.outbox.send(DeskOutcome::Discarded { name, discarded });
            }
            Job::Open(path) => self.opened(opener::open(&path), path),
            Job::Reveal(path) => {
                self.opened(opener::reveal(&path).or_else(|_| opener::open(folder_of(&path))), path);
            }
            Job::StayAwake(why) => {
                let wish = |sleep| {
                    let mut builder = keepawake::Builder::default();
                    builder.idle(true).sleep(sleep).reason(&why).app_name("Caiman").create()
                };
                // Not everybody may put off a sleep that somebody asks for. Where the system knows no such wish at all, it
                // sleeps when it likes.
                self.awake = wish(true).or_else(|_| wish(false)).ok();
            }
            Job::MaySleep => self.awake = None,
            Job::Notify { title, body } => self.notify(&title, &body),
            Job::Drop(what) => drop(what),
            #[cfg(test)]
            Job::Break(message) => panic!("{message}"),
            Job::Dropped(paths) => {
                let at = pointer_on_screen();
                self.outbox.send(DeskOutcome::Dropped { paths, at });
            }
        }
    }

    fn saved(&self, saved: Result<(), SaveError>) {
        if let Err(error) = saved {
            self.outbox.send(DeskOutcome::NotSaved(error));
        }
    }

    fn opened(&self, opened: Result<(), opener::OpenError>, path: PathBuf) {
        if let Err(error) = opened {
            tracing::info!(%error, "a file could not be opened");
            let is_there = path.symlink_metadata().is_ok();
            self.outbox.send(DeskOutcome::NotOpened { path, is_there });
        }
    }

    fn notify(&self, title: &str, body: &str) {
        let mut notification = notify_rust::Notification::new();
        notification.appname("Caiman").summary(title).body(body).icon("caiman");
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            notification.action("default", "Caiman");
            // Without a notification service there is nobody to tell.
            if let Ok(shown) = notification.show() {
                let outbox = self.outbox.clone();
                let wait = move || {
                    shown.wait_for_action(|action| {
                        if action != "__closed" {
                            outbox.send(DeskOutcome::Called);
                        }
                    });
                };
                // It ends with the notification; nobody waits for it.
                let _ = thread::Builder::new().name("notification".to_owned()).spawn(wait);
            }
        }
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        {
            let _ = notification.show();
        }
    }
}

fn folder_of(path: &std::path::Path) -> &std::path::Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(path) }
}

#[cfg(not(test))]
fn read_clipboard() -> (Vec<PathBuf>, Option<String>) {
    let Ok(mut clipboard) = arboard::Clipboard::new() else { return (Vec::new(), None) };
    let files = clipboard.get().file_list().unwrap_or_default();
    let text = clipboard.get().text().ok();
    (files, text)
}

/// Tests say what is on the clipboard; what whoever runs them has there is none of their business.
#[cfg(test)]
fn read_clipboard() -> (Vec<PathBuf>, Option<String>) {
    (Vec::new(), None)
}

/// Where the pointer is on the screen, in pixels. X11 says nothing of it while files are held over a window, so it is
/// asked when they have been dropped.
#[cfg(target_os = "linux")]
fn pointer_on_screen() -> Option<(f32, f32)> {
    use x11rb::{connection::Connection, protocol::xproto::ConnectionExt};
    let (connection, screen) = x11rb::connect(None).ok()?;
    let root = connection.setup().roots.get(screen)?.root;
    let pointer = connection.query_pointer(root).ok()?.reply().ok()?;
    Some((f32::from(pointer.root_x), f32::from(pointer.root_y)))
}

#[cfg(not(target_os = "linux"))]
fn pointer_on_screen() -> Option<(f32, f32)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::made_up::manifest;

    #[test]
    fn what_breaks_off_is_known_where_something_has_to_be_mended() {
        let id = TaskId::made_up(7);
        assert_eq!(Job::BuildTree(id, manifest(&[("a.txt", 1)])).broken(), BrokenJob::Tree(id));
        let discard = Job::Discard { id: "1".to_owned(), name: "a.txt".to_owned() };
        assert_eq!(discard.broken(), BrokenJob::Discard);
        assert_eq!(Job::Clipboard(ClipboardUse::Paste).broken(), BrokenJob::Other);
    }
}
