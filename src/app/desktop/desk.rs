//! Everything slow that the window needs done: writing files, reading the clipboard, sorting an offer into a tree,
//! opening a folder. One thread does it in order, so that no frame waits. Dropping [`Desk`] waits until everything
//! that was asked for is done.

use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{
    clipboard::{self, OnClipboard},
    dialogs::{self, Picked, Question},
    launch::APP_ID,
    login,
    relocate::{Movers, Relocated, relocate},
    taskbar::{TaskbarEntry, TaskbarProgress},
    tray::{TrayContent, TrayDeed, TrayIcon},
};
use crate::{
    app::model::tree::Tree,
    engine::{Offer, PairId, Registry, TaskId, Unfinished},
    history::History,
    panics::{PanicReport, catch},
    people::{People, PeopleError},
    platform::programs::is_program,
    protocol::manifest::Manifest,
    settings::Settings,
    store::{Problem, SaveError, Store},
};

/// Where the window keeps its files.
pub(in crate::app) struct Stores {
    pub(in crate::app) settings: Store,
    pub(in crate::app) history: Store,
    pub(in crate::app) unfinished: Registry,
}

impl Stores {
    /// The stores of the user who runs the program.
    pub(in crate::app) fn of_user() -> Self {
        let unfinished = Registry::at(Store::unfinished_folder());
        Self { settings: Store::of_settings(), history: Store::of_history(), unfinished }
    }
}

/// How many jobs may wait. Users can't ask for things faster than they are done; more wait only if the disk hangs,
/// and then they are dropped.
const JOBS: usize = 64;

/// What the clipboard is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum ClipboardUse {
    /// The user wants to send what is on it.
    Paste,
    /// It may hold a code that the user is about to type.
    Look,
}

/// What a file or folder is picked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum PickPurpose {
    /// To send it.
    Send,
    /// To add it to this waiting send.
    Add(TaskId),
    /// To save this offer in it.
    SaveOffer(TaskId),
    /// To save everything in it from now on.
    SaveAlways,
    /// To send it to this person.
    SendTo(PairId),
    /// To receive in it what this person sends, without asking.
    Trust(PairId),
    /// To move what has arrived of this transfer into it.
    Relocate(TaskId),
}

/// A change to the list of people.
pub(in crate::app) type PeopleChange = Box<dyn FnOnce(&mut People) -> Result<(), PeopleError> + Send>;

/// Something that takes a while.
pub(in crate::app) enum Job {
    SaveSettings(Box<Settings>),
    SaveHistory(History),
    Clipboard(ClipboardUse),
    BuildTree(TaskId, Arc<Manifest>),
    /// Digest this offer, by which it is recognised.
    Recognise(TaskId, Arc<Offer>),
    /// Read the list of people.
    LookAtPeople,
    /// Change the list of people, and read it.
    ChangePeople(PeopleChange),
    /// List what interrupted transfers left, and check which of the folders `kept` still exist.
    ListUnfinished {
        kept: Vec<PathBuf>,
    },
    /// Delete what an interrupted transfer left.
    Discard {
        id: String,
        name: String,
    },
    /// Move what this transfer has brought into this folder.
    Relocate {
        id: TaskId,
        paths: Vec<PathBuf>,
        folder: PathBuf,
    },
    /// Stop that, if it is still being copied.
    StopRelocating(TaskId),
    Open(PathBuf),
    Reveal(PathBuf),
    /// Ask the desktop portal for the dropped files that it has under this key.
    #[cfg(target_os = "linux")]
    Retrieve(String),
    /// Keep the computer awake; the desktop shows this reason.
    StayAwake(String),
    /// Let the computer sleep again.
    MaySleep,
    /// Show a notification.
    Notify {
        title: String,
        body: String,
    },
    /// Put an icon into the tray, or let the one there say something else; `None` takes it out.
    #[cfg(target_os = "linux")]
    Tray(Option<TrayContent>),
    /// Show in the taskbar how far the transfers have come; `None` for no bar.
    Taskbar(Option<TaskbarProgress>),
    /// Find out whether the program starts with the user's session.
    LookAtLogin,
    /// Have it do so, or no longer.
    StartAtLogin(bool),
    /// Drop this, which takes a while.
    Drop(Box<dyn Any + Send>),
    /// Find out where on the screen the pointer is, after these files were dropped.
    Dropped(Vec<PathBuf>),
    /// Panic with this message.
    #[cfg(test)]
    Break(String),
}

impl Job {
    /// What the window has to mend if this job breaks off.
    fn broken(&self) -> BrokenJob {
        match self {
            Self::BuildTree(id, _) | Self::Recognise(id, _) => BrokenJob::Tree(*id),
            Self::Discard { .. } => BrokenJob::Discard,
            _ => BrokenJob::Other,
        }
    }
}

/// What the window has to mend after a job that broke off with a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum BrokenJob {
    /// The tree of this transfer's offer is not built.
    Tree(TaskId),
    /// What an interrupted transfer left may still be there, at least in part.
    Discard,
    /// What this transfer has brought may be in two places.
    Relocation(TaskId),
    /// Nothing.
    Other,
}

/// What came of a job.
pub(in crate::app) enum DeskOutcome {
    NotSaved(SaveError),
    Clipboard {
        purpose: ClipboardUse,
        files: Vec<PathBuf>,
        text: Option<String>,
    },
    Tree(TaskId, Tree),
    /// The digest of an offer.
    Recognised(TaskId, [u8; 32]),
    /// The people, what of their list can't be used, and what came of the change that was asked for.
    People {
        people: People,
        problem: Option<Problem>,
        changed: Result<(), PeopleError>,
    },
    /// The interrupted transfers, and the folders of those asked about that no longer exist.
    Unfinished {
        list: Vec<Unfinished>,
        gone: Vec<PathBuf>,
    },
    /// What an interrupted transfer left was deleted; `false` if it is gone already or in use by a transfer.
    Discarded {
        name: String,
        discarded: std::io::Result<bool>,
    },
    /// What a transfer has brought is being copied to this folder on another disk: how many bytes of how many have been.
    Relocating {
        id: TaskId,
        folder: PathBuf,
        done: u64,
        total: u64,
    },
    /// What a transfer has brought was moved into this folder, or part of it.
    Relocated {
        id: TaskId,
        folder: PathBuf,
        relocated: Relocated,
    },
    /// This is, or may be, a program, so it was shown in its folder and not opened.
    OnlyShown(PathBuf),
    /// A file or folder could not be opened.
    NotOpened {
        path: PathBuf,
        is_there: bool,
    },
    Picked(PickPurpose, Picked),
    /// The dropped files that the desktop portal had; none if it doesn't say.
    #[cfg(target_os = "linux")]
    Retrieved(Vec<PathBuf>),
    /// A job broke off with a panic, and nothing else came of it. The desk goes on with the next job.
    Broke {
        job: BrokenJob,
        report: PanicReport,
    },
    /// Whether the tray has an icon of this program now.
    Tray(bool),
    /// The user has done something with that icon.
    TrayDeed(TrayDeed),
    /// Whether the program starts with the user's session; `None` where that can't be set.
    StartsAtLogin(Option<bool>),
    /// Whether it does so could not be changed.
    NotAtLogin(std::io::Error),
    /// A notification was clicked.
    #[cfg(all(unix, not(target_os = "macos")))]
    Called,
    /// Files were dropped while the pointer was at this place of the screen, in pixels, if the system says where it
    /// is.
    Dropped {
        paths: Vec<PathBuf>,
        at: Option<(f32, f32)>,
    },
}

/// The desk's thread, seen from the window. Dropping it waits for the jobs that were asked for.
pub(in crate::app) struct Desk {
    jobs: Option<SyncSender<Job>>,
    outcomes: Receiver<DeskOutcome>,
    outbox: OutcomeSender,
    thread: Option<JoinHandle<()>>,
    /// The icon in the tray, where it belongs to the thread of the window.
    #[cfg(not(target_os = "linux"))]
    tray: Option<TrayIcon>,
}

#[derive(Clone)]
struct OutcomeSender {
    outcomes: Sender<DeskOutcome>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl OutcomeSender {
    fn send(&self, outcome: DeskOutcome) {
        // The window may already be closed.
        let _ = self.outcomes.send(outcome);
        (self.wake)();
    }
}

impl Desk {
    /// Starts the thread, which keeps the window's files in `stores`. `wake` is called after each outcome.
    pub(in crate::app) fn start(
        stores: Stores,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(JOBS);
        let (sender, outcomes) = channel();
        let outbox = OutcomeSender { outcomes: sender, wake: Arc::new(wake) };
        let worker = Worker {
            stores,
            outbox: outbox.clone(),
            awake: None,
            pictures: None,
            movers: Movers::default(),
            #[cfg(target_os = "linux")]
            tray: None,
            taskbar: None,
        };
        let thread = thread::Builder::new().name("desk".to_owned()).spawn(move || worker.run(&inbox))?;
        Ok(Self {
            jobs: Some(jobs),
            outcomes,
            outbox,
            thread: Some(thread),
            #[cfg(not(target_os = "linux"))]
            tray: None,
        })
    }

    /// Asks for a job. Never waits.
    pub(in crate::app) fn ask(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The queue is full only if the disk hangs. The user then asks again for what was dropped.
            let _ = jobs.try_send(job);
        }
    }

    /// Shows a dialog that asks the user for files or a folder.
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

    /// Puts an icon into the tray, or lets the one there say something else; `None` takes it out.
    pub(in crate::app) fn show_in_tray(&mut self, content: Option<TrayContent>) {
        #[cfg(target_os = "linux")]
        self.ask(Job::Tray(content));
        #[cfg(not(target_os = "linux"))]
        change_tray(&mut self.tray, content, &self.outbox);
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
            // The thread catches the panics of its jobs, so there is nothing to report here.
            let _ = thread.join();
        }
    }
}

struct Worker {
    stores: Stores,
    outbox: OutcomeSender,
    awake: Option<keepawake::KeepAwake>,
    /// Where pictures from the clipboard are kept until the window closes.
    pictures: Option<tempfile::TempDir>,
    /// What is being moved into other folders.
    movers: Movers,
    /// The icon in the tray, where other programs may keep every call for it waiting.
    #[cfg(target_os = "linux")]
    tray: Option<TrayIcon>,
    taskbar: Option<TaskbarEntry>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Job>) {
        while let Ok(job) = inbox.recv() {
            let broken = job.broken();
            // After a panic both the stores, which only name files, and the wish to stay awake, which is replaced as
            // a whole, are still good.
            if let Err(report) = catch(|| self.work(job)) {
                self.outbox.send(DeskOutcome::Broke { job: broken, report });
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::SaveSettings(settings) => self.saved(settings.save(&self.stores.settings)),
            Job::SaveHistory(history) => self.saved(history.save(&self.stores.history)),
            Job::Clipboard(purpose) => {
                let OnClipboard { mut files, text } = clipboard::read();
                if purpose == ClipboardUse::Paste && files.is_empty() && text.is_none() {
                    files.extend(clipboard::picture().and_then(|png| self.keep_picture(&png).ok()));
                }
                self.outbox.send(DeskOutcome::Clipboard { purpose, files, text });
            }
            Job::BuildTree(id, manifest) => self.outbox.send(DeskOutcome::Tree(id, Tree::new(manifest))),
            Job::Recognise(id, offer) => {
                self.outbox.send(DeskOutcome::Recognised(id, offer.manifest.digest()));
            }
            Job::LookAtPeople => self.look_at_people(Ok(())),
            Job::ChangePeople(change) => {
                let changed = People::change(&self.stores.history, change);
                self.look_at_people(changed);
            }
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
            Job::Relocate { id, paths, folder } => self.relocate(id, paths, folder),
            Job::StopRelocating(id) => self.movers.stop(id),
            Job::Open(path) => self.open(path),
            Job::Reveal(path) => self.opened(self.reveal(&path), path),
            #[cfg(target_os = "linux")]
            Job::Retrieve(key) => {
                let paths = super::portal::retrieve(&key).unwrap_or_else(|error| {
                    tracing::warn!(%error, "the portal doesn't hand over what was dropped");
                    Vec::new()
                });
                self.outbox.send(DeskOutcome::Retrieved(paths));
            }
            Job::StayAwake(why) => {
                let wish = |sleep| {
                    let mut builder = keepawake::Builder::default();
                    builder.idle(true).sleep(sleep).reason(&why).app_name("Caiman").create()
                };
                // Some systems don't let every user put off a sleep that was asked for; then only idle sleep is put
                // off. A system that knows neither wish sleeps when it likes.
                self.awake = wish(true).or_else(|_| wish(false)).ok();
            }
            Job::MaySleep => self.awake = None,
            Job::Notify { title, body } => self.notify(&title, &body),
            #[cfg(target_os = "linux")]
            Job::Tray(content) => change_tray(&mut self.tray, content, &self.outbox),
            Job::Taskbar(progress) => self.show_in_taskbar(progress),
            Job::LookAtLogin => self.outbox.send(DeskOutcome::StartsAtLogin(login::is_on())),
            Job::StartAtLogin(is_on) => {
                if let Err(error) = login::set(is_on) {
                    self.outbox.send(DeskOutcome::NotAtLogin(error));
                }
                self.outbox.send(DeskOutcome::StartsAtLogin(login::is_on()));
            }
            Job::Drop(what) => drop(what),
            #[cfg(test)]
            Job::Break(message) => panic!("{message}"),
            Job::Dropped(paths) => {
                let at = pointer_on_screen();
                self.outbox.send(DeskOutcome::Dropped { paths, at });
            }
        }
    }

    /// Moves what a transfer has brought, on a thread of its own.
    fn relocate(&mut self, id: TaskId, paths: Vec<PathBuf>, folder: PathBuf) {
        let (outbox, into, unmoved) = (self.outbox.clone(), folder.clone(), paths.clone());
        let started = self.movers.start(id, move |is_stopped| {
            let tell = |done, total| {
                outbox.send(DeskOutcome::Relocating { id, folder: folder.clone(), done, total });
            };
            outbox.send(match catch(|| relocate(&paths, &folder, is_stopped, tell)) {
                Ok(relocated) => DeskOutcome::Relocated { id, folder, relocated },
                Err(report) => DeskOutcome::Broke { job: BrokenJob::Relocation(id), report },
            });
        });
        if let Err(error) = started {
            let relocated = Relocated { places: unmoved, problem: Some(error) };
            self.outbox.send(DeskOutcome::Relocated { id, folder: into, relocated });
        }
    }

    fn look_at_people(&self, changed: Result<(), PeopleError>) {
        let (people, problem) = People::look(&self.stores.history);
        self.outbox.send(DeskOutcome::People { people, problem, changed });
    }

    /// Keeps a picture as a file, under a name that says where it is from.
    fn keep_picture(&mut self, png: &[u8]) -> std::io::Result<PathBuf> {
        let folder = match &self.pictures {
            Some(folder) => folder,
            None => self.pictures.insert(tempfile::Builder::new().prefix("caiman-").tempdir()?),
        };
        let taken = jiff::Timestamp::now()
            .to_zoned_datetime(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H.%M.%S")
            .to_string();
        for number in 1.. {
            let name = if number == 1 { taken.clone() } else { format!("{taken} ({number})") };
            let path = folder.path().join(format!("{name}.png"));
            match std::fs::File::create_new(&path) {
                Ok(mut file) => {
                    std::io::Write::write_all(&mut file, png)?;
                    return Ok(path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("no folder has every number")
    }

    fn show_in_taskbar(&mut self, progress: Option<TaskbarProgress>) {
        // Tests must not show anything to the person who runs them.
        if cfg!(test) {
            return;
        }
        if self.taskbar.is_none() && progress.is_some() {
            self.taskbar = TaskbarEntry::find().ok();
        }
        let shown = self.taskbar.as_ref().map(|entry| entry.show(progress));
        if let Some(Err(error)) = shown {
            tracing::debug!(%error, "the taskbar can't be told of progress");
            self.taskbar = None;
        }
    }

    fn saved(&self, saved: Result<(), SaveError>) {
        if let Err(error) = saved {
            self.outbox.send(DeskOutcome::NotSaved(error));
        }
    }

    /// Opens a file or a folder, but starts nothing that another computer may have sent.
    fn open(&self, path: PathBuf) {
        if path.symlink_metadata().is_ok() && is_program(&path) {
            let shown = self.reveal(&path);
            if shown.is_ok() {
                self.outbox.send(DeskOutcome::OnlyShown(path));
            } else {
                self.opened(shown, path);
            }
        } else {
            #[cfg(target_os = "linux")]
            let opened = super::viewer::open(&path, self.fails_later(&path));
            #[cfg(not(target_os = "linux"))]
            let opened = opener::open(&path);
            self.opened(opened, path);
        }
    }

    /// Shows a file or a folder in the folder that it is in.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::unused_self, reason = "only Linux tells a failure later")
    )]
    fn reveal(&self, path: &Path) -> Result<(), opener::OpenError> {
        #[cfg(target_os = "linux")]
        return super::viewer::reveal(path, folder_of(path), self.fails_later(path));
        #[cfg(not(target_os = "linux"))]
        opener::reveal(path).or_else(|_| opener::open(folder_of(path)))
    }

    /// Tells that a file could not be opened, when that turns out later.
    #[cfg(target_os = "linux")]
    fn fails_later(&self, path: &Path) -> impl FnOnce() + Send + 'static {
        let (outbox, path) = (self.outbox.clone(), path.to_owned());
        move || {
            let is_there = path.symlink_metadata().is_ok();
            outbox.send(DeskOutcome::NotOpened { path, is_there });
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
        notification.appname("Caiman").summary(title).body(body).icon(APP_ID);
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            notification.action("default", "Caiman");
            // There may be no notification service.
            if let Ok(shown) = notification.show() {
                let outbox = self.outbox.clone();
                let wait = move || {
                    shown.wait_for_action(|action| {
                        if action != "__closed" {
                            outbox.send(DeskOutcome::Called);
                        }
                    });
                };
                // The thread ends with the notification, and nothing waits for it.
                let _ = thread::Builder::new().name("notification".to_owned()).spawn(wait);
            }
        }
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        {
            let _ = notification.show();
        }
    }
}

/// Changes the icon in the tray, or takes it out, and tells the window whether it is there.
fn change_tray(tray: &mut Option<TrayIcon>, content: Option<TrayContent>, outbox: &OutcomeSender) {
    let Some(content) = content else {
        *tray = None;
        return;
    };
    // Tests must not show an icon to the person who runs them.
    if !cfg!(test) && !tray.as_mut().is_some_and(|icon| icon.update(content.clone())) {
        let did = outbox.clone();
        *tray = TrayIcon::show(content, move |deed| did.send(DeskOutcome::TrayDeed(deed)));
    }
    outbox.send(DeskOutcome::Tray(tray.is_some()));
}

/// The folder that can be opened to show what is at `path`.
fn folder_of(path: &Path) -> &Path {
    if path.is_dir() && !is_program(path) { path } else { path.parent().unwrap_or(path) }
}

/// Where the pointer is on the screen, in pixels. X11 doesn't tell while files are dragged over a window, so it is
/// asked once they have been dropped.
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
    fn pictures_get_names_of_their_own_and_go_with_the_window() {
        let outbox = OutcomeSender { outcomes: channel().0, wake: Arc::new(|| {}) };
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let stores = Stores { settings: store.clone(), history: store, unfinished: Registry::at(None) };
        let mut worker = Worker {
            movers: Movers::default(),
            stores,
            outbox,
            awake: None,
            pictures: None,
            #[cfg(target_os = "linux")]
            tray: None,
            taskbar: None,
        };
        let kept = [b"one", b"two"].map(|png| worker.keep_picture(png).unwrap());
        assert_ne!(kept[0], kept[1]);
        assert_eq!(std::fs::read(&kept[1]).unwrap(), b"two");
        drop(worker);
        assert!(!kept[0].exists() && !kept[1].exists());
    }

    #[test]
    fn what_breaks_off_is_known_where_something_has_to_be_mended() {
        let id = TaskId::made_up(7);
        assert_eq!(Job::BuildTree(id, manifest(&[("a.txt", 1)])).broken(), BrokenJob::Tree(id));
        let discard = Job::Discard { id: "1".to_owned(), name: "a.txt".to_owned() };
        assert_eq!(discard.broken(), BrokenJob::Discard);
        assert_eq!(Job::Clipboard(ClipboardUse::Paste).broken(), BrokenJob::Other);
    }
}
