//! Takes files dropped on the window, on Linux. winit 0.30 takes none under Wayland. Under X11 it loses a whole drop if
//! one item is not a file that can be reached, or if the list is long, says nothing of it, and doesn't know where the
//! pointer is. So a listener with a thread of its own hears of drags, and reports them to egui as winit does on other
//! systems.
//!
//! If anything is missing, X11 has winit's drops, and Wayland none; the window still has its buttons.
//! `CAIMAN_NO_OWN_DROPS=1` turns this off. Once winit does all of it itself, this module goes.

mod event;
mod foreign;
mod list;
mod load;
pub(super) mod uri_list;
mod wayland;
mod x11;

use std::{
    env,
    marker::PhantomData,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread::JoinHandle,
};

use eframe::{CreationContext, egui};
use raw_window_handle::{HasWindowHandle, RawWindowHandle};
use rustix::event::{EventfdFlags, eventfd};

use event::{DragEvent, DragReporter};
use load::Load;
use uri_list::UriList;

/// The environment variable that turns this off.
const OFF_VARIABLE: &str = "CAIMAN_NO_OWN_DROPS";
/// How many events may wait for the window. A full queue loses only moves, of which the last one counts.
const QUEUE: usize = 64;
/// How many hovering files egui is told about, because it copies them in every frame. [`FileDrops::hovering`] counts
/// all of them.
const MAX_SHOWN: usize = 1000;

/// What there is to say or do about a drop, besides the files that egui hears of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) enum DropNews {
    /// The user has to be told this.
    Trouble(DropTrouble),
    /// The desktop portal has the files under this key.
    Portal(String),
}

/// What the user has to be told about a drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) enum DropTrouble {
    /// This many of the dropped things are not files of this computer but, for example, web pages. The first of them
    /// are named; the others were taken.
    NotFiles {
        /// How many.
        count: usize,
        /// The addresses of the first few.
        named: Vec<String>,
    },
    /// The toolkit takes nothing of a drop because of these.
    Lost {
        /// How many.
        count: usize,
        /// The addresses of the first few.
        named: Vec<String>,
    },
    /// A picture without a file was dropped.
    Picture,
    /// The program that the files come from didn't say which they are.
    Unreadable,
}

/// Listens for drags until it is dropped. It stays on the window's thread.
#[derive(Debug)]
pub(in crate::app) struct FileDrops {
    events: Receiver<DragEvent>,
    hover: Option<Hover>,
    /// Whether positions are pixels of the screen, not the compositor's logical ones.
    is_in_pixels: bool,
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
    /// [`foreign::backend`] relies on this staying on its thread.
    _not_send: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Hover {
    count: usize,
    shown: Vec<egui::HoveredFile>,
}

impl FileDrops {
    /// Listens for drags over the window that is being created; `None` if that isn't possible. `wake` is called on
    /// another thread whenever [`feed`](Self::feed) has something to report.
    pub(in crate::app) fn new(
        window: &CreationContext<'_>,
        wake: impl Fn() + Send + 'static,
    ) -> Option<Self> {
        if env::var_os(OFF_VARIABLE).is_some_and(|value| !value.is_empty() && value != "0") {
            return None;
        }
        let handle = window.window_handle().ok()?.as_raw();
        let (sender, events) = mpsc::sync_channel(QUEUE);
        let reporter = DragReporter::new(sender, Box::new(wake));
        let start = |stop: OwnedFd| match handle {
            RawWindowHandle::Wayland(handle) => {
                let backend = foreign::backend(window).ok_or(std::io::ErrorKind::NotConnected)?;
                wayland::start(backend, handle.surface.as_ptr() as usize, stop, reporter)
            }
            RawWindowHandle::Xlib(handle) => x11::start(handle.window as u32, stop, reporter),
            RawWindowHandle::Xcb(handle) => x11::start(handle.window.get(), stop, reporter),
            _ => Err(std::io::ErrorKind::Unsupported.into()),
        };
        let started = eventfd(0, EventfdFlags::CLOEXEC).map_err(Into::into).and_then(|stop| {
            let thread = start(stop.try_clone()?)?;
            Ok::<_, std::io::Error>((stop, thread))
        });
        match started {
            Ok((stop, thread)) => Some(Self {
                events,
                hover: None,
                is_in_pixels: !matches!(handle, RawWindowHandle::Wayland(_)),
                stop,
                thread: Some(thread),
                _not_send: PhantomData,
            }),
            Err(error) => {
                tracing::warn!(%error, "nothing listens for files that are dragged over the window");
                None
            }
        }
    }

    /// How many files hover over the window; `None` if there are none, or if it isn't known yet.
    pub(in crate::app) fn hovering(&self) -> Option<usize> {
        self.hover.as_ref().map(|hover| hover.count).filter(|count| *count > 0)
    }

    /// Adds what has happened to the input of the next frame, as winit does on other systems, and the pointer's
    /// position, which winit can't know. For [`eframe::App::raw_input_hook`].
    pub(in crate::app) fn feed(
        &mut self,
        context: &egui::Context,
        input: &mut egui::RawInput,
    ) -> Vec<DropNews> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            // After a panic the thread can't report any more that the drag has left.
            self.hover = None;
        }
        let scale = if self.is_in_pixels { context.pixels_per_point() } else { context.zoom_factor() };
        feed(&mut self.hover, self.events.try_iter(), scale, input)
    }
}

impl Drop for FileDrops {
    fn drop(&mut self) {
        // Nothing takes events any more, so the thread can't be stuck on a full queue.
        self.events = mpsc::sync_channel(1).1;
        let rung = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        debug_assert!(rung.is_ok(), "a counter at zero takes a one");
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that hears of drags panicked");
        }
    }
}

fn feed(
    hover: &mut Option<Hover>,
    events: impl Iterator<Item = DragEvent>,
    scale: f32,
    input: &mut egui::RawInput,
) -> Vec<DropNews> {
    let point = |(x, y): (f64, f64)| egui::pos2(x as f32 / scale, y as f32 / scale);
    let mut news = Vec::new();
    let had_hover = hover.is_some();
    for event in events {
        match event {
            DragEvent::Hover { paths, position } => {
                *hover = Some(Hover::new(paths));
                input.events.push(egui::Event::PointerMoved(point(position)));
            }
            DragEvent::Moved { position } => input.events.push(egui::Event::PointerMoved(point(position))),
            DragEvent::Left => {
                *hover = None;
                input.events.push(egui::Event::PointerGone);
            }
            DragEvent::Dropped { load, position } => {
                *hover = None;
                input.events.push(egui::Event::PointerMoved(point(position)));
                match load {
                    Load::Uris(list) => {
                        let files = list.paths.into_iter().map(|path| Arc::new(DroppedPath(path)) as _);
                        input.dropped_files.extend(files);
                        if list.others > 0 {
                            let trouble = DropTrouble::NotFiles { count: list.others, named: list.named };
                            news.push(DropNews::Trouble(trouble));
                        }
                    }
                    Load::Portal(key) => news.push(DropNews::Portal(key)),
                    Load::Picture => news.push(DropNews::Trouble(DropTrouble::Picture)),
                }
            }
            DragEvent::Unreadable => news.push(DropNews::Trouble(DropTrouble::Unreadable)),
            DragEvent::Lost(UriList { paths, others: count, named }) => {
                let trouble = if paths.is_empty() {
                    DropTrouble::NotFiles { count, named }
                } else {
                    DropTrouble::Lost { count, named }
                };
                news.push(DropNews::Trouble(trouble));
            }
        }
    }
    // winit reports no hovering files while this listener does, and egui may ask twice with the same input.
    if let Some(hover) = hover {
        input.hovered_files.clone_from(&hover.shown);
    } else if had_hover {
        input.hovered_files.clear();
    }
    news
}

impl Hover {
    fn new(paths: Vec<PathBuf>) -> Self {
        let count = paths.len();
        let file = |path| egui::HoveredFile { path, ..Default::default() };
        let shown = if paths.is_empty() {
            // Something hovers, and what it is will be known in a moment.
            vec![file(None)]
        } else {
            paths.into_iter().take(MAX_SHOWN).map(|path| file(Some(path))).collect()
        };
        Self { count, shown }
    }
}

#[derive(Debug)]
struct DroppedPath(PathBuf);

impl egui::DroppedFile for DroppedPath {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(count: usize) -> Vec<PathBuf> {
        (0..count).map(|number| format!("/{number}").into()).collect()
    }

    fn fed(hover: &mut Option<Hover>, events: &[DragEvent]) -> (egui::RawInput, Vec<DropNews>) {
        let mut input = egui::RawInput::default();
        let news = feed(hover, events.iter().cloned(), 2.0, &mut input);
        (input, news)
    }

    #[test]
    fn files_hover_from_frame_to_frame_until_they_are_dropped() {
        let mut hover = None;
        let coming = DragEvent::Hover { paths: vec![], position: (10.0, 20.0) };
        let (input, _) = fed(&mut hover, &[coming]);
        assert_eq!(input.hovered_files, [egui::HoveredFile::default()]);
        assert_eq!(input.events, [egui::Event::PointerMoved(egui::pos2(5.0, 10.0))]);
        let known = DragEvent::Hover { paths: paths(2), position: (10.0, 20.0) };
        let (input, _) = fed(&mut hover, &[known, DragEvent::Moved { position: (0.0, 2.0) }]);
        assert_eq!(input.hovered_files[1].path, Some("/1".into()));
        assert_eq!(input.events[1], egui::Event::PointerMoved(egui::pos2(0.0, 1.0)));
        assert_eq!(fed(&mut hover, &[]).0.hovered_files.len(), 2);
        let list = UriList { paths: paths(2), ..UriList::default() };
        let dropped = DragEvent::Dropped { load: Load::Uris(list), position: (4.0, 4.0) };
        let (input, news) = fed(&mut hover, &[dropped]);
        assert!(input.hovered_files.is_empty());
        let dropped: Vec<_> = input.dropped_files.iter().map(|file| file.path().to_owned()).collect();
        assert_eq!((dropped, news), (paths(2), Vec::new()));
        assert!(fed(&mut hover, &[]).0.dropped_files.is_empty());
    }

    #[test]
    fn files_that_go_away_leave_nothing_and_trouble_is_told() {
        let mut hover = None;
        let known = DragEvent::Hover { paths: paths(1), position: (0.0, 0.0) };
        let (input, news) = fed(&mut hover, &[known.clone(), DragEvent::Left]);
        assert!(input.hovered_files.is_empty() && input.dropped_files.is_empty() && news.is_empty());
        assert_eq!(input.events.last(), Some(&egui::Event::PointerGone));
        let (_, news) = fed(&mut hover, &[known, DragEvent::Left, DragEvent::Unreadable]);
        assert_eq!(news, [DropNews::Trouble(DropTrouble::Unreadable)]);
        let drop = |load| fed(&mut None, &[DragEvent::Dropped { load, position: (0.0, 0.0) }]).1;
        let list = UriList::read(b"file:///a\nhttps://example.org/\nsftp://nas/d\n");
        let named = ["https://example.org/", "sftp://nas/d"].map(str::to_owned).to_vec();
        assert_eq!(drop(Load::Uris(list)), [DropNews::Trouble(DropTrouble::NotFiles { count: 2, named })]);
        let losing = |paths| UriList { paths, others: 1, named: vec!["trash:///a".to_owned()] };
        let named = vec!["trash:///a".to_owned()];
        assert_eq!(
            fed(&mut None, &[DragEvent::Lost(losing(paths(1))), DragEvent::Lost(losing(paths(0)))]).1,
            [
                DropNews::Trouble(DropTrouble::Lost { count: 1, named: named.clone() }),
                DropNews::Trouble(DropTrouble::NotFiles { count: 1, named })
            ]
        );
        assert_eq!(drop(Load::Picture), [DropNews::Trouble(DropTrouble::Picture)]);
        assert_eq!(drop(Load::Portal("1".to_owned())), [DropNews::Portal("1".to_owned())]);
    }

    #[test]
    fn a_frame_copies_a_bounded_number_of_hovering_files() {
        let mut hover = None;
        let (input, _) = fed(&mut hover, &[DragEvent::Hover { paths: paths(5000), position: (0.0, 0.0) }]);
        assert_eq!(input.hovered_files.len(), MAX_SHOWN);
        assert_eq!(hover.unwrap().count, 5000);
    }

    #[test]
    fn nothing_seems_to_hover_once_the_listening_thread_is_gone() {
        let thread = std::thread::spawn(|| ());
        while !thread.is_finished() {
            std::thread::yield_now();
        }
        let mut drops = FileDrops {
            events: mpsc::sync_channel(1).1,
            hover: Some(Hover::new(paths(2))),
            is_in_pixels: false,
            stop: eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
            thread: Some(thread),
            _not_send: PhantomData,
        };
        let mut input = egui::RawInput::default();
        assert_eq!(drops.feed(&egui::Context::default(), &mut input), []);
        assert!(input.hovered_files.is_empty() && drops.hovering().is_none());
    }
}
