//! The start of the window: what it reads, what it reports about that, and what it sets going.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eframe::egui::Context;

#[cfg(target_os = "linux")]
use super::desktop::drops;
use super::{
    about,
    desktop::{
        desk::{Desk, Job, Stores},
        instance::Listener,
        paste::PasteKeys,
        system, tray,
    },
    explain,
    frame_times::FrameTimes,
    model::{
        action::{Action, Recipient},
        state::State,
        tone::Tone,
    },
    theme,
    widgets::Textures,
    window::{Background, Window},
    words::Words,
};
use crate::{
    engine::{Engine, WaitOrder},
    history::History,
    settings::LoadedSettings,
};

/// The shortest time between two frames that news of the engine or the desk causes. Everything that comes in between
/// is in the next frame.
const PICTURE_PAUSE: Duration = Duration::from_millis(100);

impl Window {
    /// Reads the history from `stores`, where the history and the settings are kept from then on, and starts the
    /// engine and the desk.
    pub(super) fn open(ctx: &Context, loaded: LoadedSettings, stores: Stores) -> std::io::Result<Self> {
        let words = Words::of(loaded.settings.language.as_deref());
        let past = History::load(&stores.history);
        let wake = |ctx: &Context| {
            let ctx = ctx.clone();
            move || ctx.request_repaint_after(PICTURE_PAUSE)
        };
        let (engine, events) = Engine::start(wake(ctx))?;
        let unfinished = stores.unfinished.clone();
        let desk = Desk::start(stores, wake(ctx))?;
        theme::install(ctx);
        let save_folder = loaded.settings.save_folder();
        let mut state = State::new(loaded.settings, save_folder, past.history);
        if let Some(problem) = loaded.problem {
            let args = [("detail", explain::problem(&words, &problem).into())];
            state.tell(Tone::Warning, words.tell("settings-problem", &args));
        }
        if let Some(problem) = past.problem {
            let args = [("detail", explain::problem(&words, &problem).into())];
            state.tell(Tone::Warning, words.tell("history-problem", &args));
        }
        for entry in &past.interrupted {
            // The history keeps no text, so a text can't be sent again.
            let again = (!entry.paths.is_empty())
                .then(|| (words.say("send-again"), Action::Send(entry.paths.clone(), Recipient::ByCode)));
            state.tell_with(Tone::Warning, explain::interrupted(&words, entry), again);
        }
        let mut window = Self {
            in_force: state.settings.clone(),
            state,
            words,
            releases: about::releases(),
            notices: None,
            icon: theme::icon(ctx),
            textures: Textures::default(),
            engine,
            events,
            desk,
            unfinished,
            rects: Vec::new(),
            actions: Vec::new(),
            title: String::new(),
            had_focus: false,
            paste_keys: PasteKeys::default(),
            late_drop: None,
            is_awake: false,
            may_close: false,
            last_offered: None,
            last_copied: Arc::default(),
            had_dialog: false,
            keyboard_before: None,
            frames: FrameTimes::default(),
            listener: None,
            #[cfg(target_os = "linux")]
            drops: None,
            desktop: None,
            wants_less_motion: false,
            size: None,
            checked_at: Instant::now(),
            waits_for: WaitOrder::default(),
            sought_at: None,
            has_read_people: false,
            background: Background::Here,
            shown_in_tray: None,
            can_hide: true,
        };
        window.apply_appearance(ctx);
        if !past.interrupted.is_empty() {
            window.desk.ask(Job::SaveHistory(window.state.history.clone()));
        }
        if window.state.settings.host.start_with_window {
            window.start_relay();
        }
        window.check_relay();
        window.list_unfinished();
        window.desk.ask(Job::LookAtPeople);
        Ok(window)
    }

    /// Starts listening for later starts of the program, for the desktop's settings, and for files dragged over the
    /// window where the toolkit doesn't hear of them.
    pub(super) fn listen(&mut self, context: &eframe::CreationContext<'_>, listener: Option<Listener>) {
        let wake = || {
            let ctx = context.egui_ctx.clone();
            move || ctx.request_repaint()
        };
        if let Some(listener) = &listener {
            listener.wake_with(wake());
        }
        self.listener = listener;
        self.desktop = Some(system::ask(wake()));
        #[cfg(target_os = "linux")]
        {
            self.drops = drops::FileDrops::new(context, wake());
        }
        self.can_hide = tray::can_hide(context);
    }
}
