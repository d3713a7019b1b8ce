//! What the window holds. Its parts of the work stand elsewhere: `opening` makes it, `frame` runs it, `input` takes what the
//! person does with it, `perform` carries out what that and the engine's events ask for.

use std::{path::PathBuf, sync::mpsc::Receiver, time::Instant};

use eframe::egui::{Id, TextureHandle};

#[cfg(target_os = "linux")]
use super::desktop::wayland;
use super::{
    desktop::{desk::Desk, instance::Listener, paste::PasteKeys, system::Desktop},
    frame_times::FrameTimes,
    model::{action::Action, state::State},
    views::CardRects,
    words::Words,
};
use crate::{
    engine::{Engine, Events, Registry},
    settings::{Settings, WindowSize},
};

/// Everything that the window holds between two frames.
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Window {
    pub(super) state: State,
    /// The settings that hold; the state's may be a change ahead of them.
    pub(super) in_force: Settings,
    pub(super) words: Words,
    /// The program's icon.
    pub(super) icon: TextureHandle,
    pub(super) engine: Engine,
    pub(super) events: Events,
    pub(super) desk: Desk,
    /// Where receives are written down, in case they are interrupted.
    pub(super) unfinished: Registry,
    /// Where the cards were drawn last on which something can be dropped.
    pub(super) rects: CardRects,
    pub(super) actions: Vec<Action>,
    /// What the window's title says now.
    pub(super) title: String,
    pub(super) had_focus: bool,
    pub(super) paste_keys: PasteKeys,
    /// Files that were dropped where the system doesn't tell, and until when the pointer may still show the place.
    pub(super) late_drop: Option<(Vec<PathBuf>, Instant)>,
    pub(super) is_awake: bool,
    pub(super) may_close: bool,
    /// The last text of the clipboard that was offered, so that it is offered once.
    pub(super) last_offered: Option<String>,
    /// What had the keyboard before a question about an interrupted transfer was asked.
    pub(super) keyboard_before: Option<Id>,
    pub(super) frames: FrameTimes,
    /// Hears of later starts of the program.
    pub(super) listener: Option<Listener>,
    #[cfg(target_os = "linux")]
    pub(super) drops: Option<wayland::FileDrops>,
    /// What the desktop says of itself, once it has.
    pub(super) desktop: Option<Receiver<Desktop>>,
    pub(super) wants_less_motion: bool,
    pub(super) size: Option<WindowSize>,
}
