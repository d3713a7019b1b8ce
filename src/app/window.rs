//! Everything that the window keeps. `opening` makes it, `frame` runs it, `input` takes what the user does to it, and
//! `perform` carries out what input and events ask for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, mpsc::Receiver},
    time::Instant,
};

use eframe::egui::{Id, TextureHandle};

#[cfg(target_os = "linux")]
use super::desktop::drops;
use super::{
    about::Notices,
    desktop::{desk::Desk, instance::Listener, paste::PasteKeys, system::Desktop, tray::TrayContent},
    frame_times::FrameTimes,
    model::{action::Action, state::State},
    views::DropRects,
    widgets::Textures,
    words::Words,
};
use crate::{
    engine::{Engine, Events, Registry, WaitOrder},
    settings::{Settings, WindowSize},
};

/// The application, as it is between two frames.
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Window {
    pub(super) state: State,
    /// The settings in force. Those of `state` may be one change ahead.
    pub(super) in_force: Settings,
    pub(super) words: Words,
    /// The address of the list of releases, if there is one.
    pub(super) releases: Option<String>,
    /// The notices of what others made, while they are shown.
    pub(super) notices: Option<Notices>,
    /// The program's icon.
    pub(super) icon: TextureHandle,
    /// The thumbnails that are in sight.
    pub(super) textures: Textures,
    pub(super) engine: Engine,
    pub(super) events: Events,
    pub(super) desk: Desk,
    /// Where the engine registers receives, so that they can be resumed after an interruption.
    pub(super) unfinished: Registry,
    /// Where on the screen the last frame drew the cards that take a drop.
    pub(super) rects: DropRects,
    pub(super) actions: Vec<Action>,
    /// The window's title as it was last set.
    pub(super) title: String,
    pub(super) had_focus: bool,
    pub(super) paste_keys: PasteKeys,
    /// Files that were dropped on a system that doesn't say where, and the time until which the pointer may still
    /// show it.
    pub(super) late_drop: Option<(Vec<PathBuf>, Instant)>,
    pub(super) is_awake: bool,
    pub(super) may_close: bool,
    /// The last text of the clipboard that was offered or copied, so that the window doesn't offer it again.
    pub(super) last_offered: Option<String>,
    /// The text that the user has copied last, if it is of use without this window. `run` reads it at the end.
    pub(super) last_copied: Arc<Mutex<Option<String>>>,
    /// Whether a dialog was open in the last frame.
    pub(super) had_dialog: bool,
    /// The control that had the keyboard before a dialog opened.
    pub(super) keyboard_before: Option<Id>,
    pub(super) frames: FrameTimes,
    /// Listens for later starts of the program; `None` where there is no place to meet.
    pub(super) listener: Option<Listener>,
    #[cfg(target_os = "linux")]
    pub(super) drops: Option<drops::FileDrops>,
    /// Where the answers of the desktop arrive.
    pub(super) desktop: Option<Receiver<Desktop>>,
    pub(super) wants_less_motion: bool,
    pub(super) size: Option<WindowSize>,
    /// When the relay in use was checked last.
    pub(super) checked_at: Instant,
    /// For whose calls the engine waits.
    pub(super) waits_for: WaitOrder,
    /// When it was found out last where people can be reached.
    pub(super) sought_at: Option<Instant>,
    /// Whether the list of people has been read.
    pub(super) has_read_people: bool,
    /// Whether the program goes on without its window.
    pub(super) background: Background,
    /// What the icon in the tray says; `None` while there is none.
    pub(super) shown_in_tray: Option<TrayContent>,
    /// Whether the window may be taken out of sight while the tray has its icon.
    pub(super) can_hide: bool,
}

/// Where the window is while the program goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Background {
    /// On the screen.
    #[default]
    Here,
    /// Still there, until it is known whether the tray takes an icon.
    Asked,
    /// Put away, out of sight or minimised. The user may have brought it back by the desktop's own means.
    Gone,
}
