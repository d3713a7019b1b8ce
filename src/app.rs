//! The window: what a person sees, on top of the engine's commands and events.
//!
//! [`Window`] owns the state, the engine and the desk. Each frame it first takes what has happened (`logic`, which runs even
//! while nothing is painted), then draws (`views`, which read the state and return `Action`s), then carries out the
//! actions. Nothing on this thread waits: transfers run in the engine, everything slow of the window's own on the desk.

mod action;
mod arrival;
mod card;
mod code_field;
mod desk;
mod dialogs;
mod explain;
mod instance;
mod launch;
mod meter;
mod paste;
mod perform;
mod settings_form;
mod state;
mod system;
#[cfg(test)]
mod tests;
mod theme;
mod tree;
mod unfinished;
mod uri;
mod views;
#[cfg(target_os = "linux")]
mod wayland;
mod widgets;
mod words;

use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use eframe::egui::{self, Context, Key, KeyboardShortcut, Modifiers, ViewportCommand};

use crate::{
    engine::{Command, Engine, Events, Registry, TaskId},
    history::History,
    settings::{Appearance, LoadedSettings, ReduceMotion, Settings, WindowSize, WindowSystem},
    store::Store,
};
use action::Action;
use arrival::Arrival;
pub use arrival::ArrivalError;
use desk::{Desk, Job, Stores, Why};
pub use instance::InstanceError;
use instance::{Claim, Listener};
use launch::Look;
pub use launch::StartError;
use paste::PasteKeys;
use state::{Dialog, Effect, State};
use system::Desktop;
use views::{View, page::CardRects};
use widgets::Tone;
use words::Words;

/// How long one frame may spend on events; what is left comes in the next.
const EVENT_BUDGET: Duration = Duration::from_millis(3);
/// Progress is shown at most so often: what comes between is in the next picture.
const PICTURE_PAUSE: Duration = Duration::from_millis(100);
/// While bytes move, or a connection is looked for, speed and time are shown anew at least so often.
const TICK: Duration = Duration::from_millis(500);

/// Why the window was not opened.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program was started with something that it can't use.
    #[error(transparent)]
    Arguments(#[from] ArrivalError),
    /// Another window runs and can't be reached.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// There is no screen, or nothing to draw on it with.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Opens the window, with the files or the code that stand in `args`, and runs it until it is closed. Where a window of
/// this person's runs already, that one gets them.
pub fn run(args: Vec<OsString>) -> Result<(), RunError> {
    let folder = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let arrival = Arrival::from_args(&folder, args).map_err(|error| tell(error.into()))?;
    let listener = match instance::claim(&arrival) {
        Ok(Claim::First(listener)) => Some(listener),
        Ok(Claim::HandedOver) => return Ok(()),
        Err(error @ InstanceError::NoPlace(_)) => {
            tracing::warn!("{error}");
            None
        }
        Err(error) => return Err(tell(error.into())),
    };
    let stores = Stores::of_person();
    let loaded = Settings::load(&stores.settings);
    let size = loaded.settings.window.map(|size| (size.width as f32, size.height as f32));
    let look = Look {
        title: views::header::NAME.to_owned(),
        size,
        force_x11: loaded.settings.window_system == WindowSystem::X11,
        icon: eframe::icon_data::from_png_bytes(ICON).ok(),
    };
    let mut brought = Some((loaded, stores, listener));
    let arrival = &arrival;
    launch::launch(&look, |context| {
        let (loaded, stores, listener) = brought.take().expect("a window is created once");
        let mut window = Window::new(&context.egui_ctx, loaded, stores)?;
        window.listen(context, listener);
        window.arrived(&context.egui_ctx, arrival.clone());
        Ok(Box::new(window))
    })
    .map_err(|error| tell(error.into()))
}

/// Shows why there is no window to whoever started the program from a menu.
fn tell(error: RunError) -> RunError {
    let settings = Settings::look(&Store::of_settings()).settings;
    let words = Words::of(settings.language.as_deref());
    launch::notify(&words.say("start-no-window"), &explain::start(&words, &error));
    error
}

const ICON: &[u8] = include_bytes!("../assets/icon/caiman-256.png");

/// The window's application; see the module.
#[allow(clippy::struct_excessive_bools)]
pub struct Window {
    state: State,
    /// The settings that hold; the state's may be a change ahead of them.
    in_force: Settings,
    words: Words,
    engine: Engine,
    events: Events,
    desk: Desk,
    /// Where receives are written down, in case they are interrupted.
    unfinished: Registry,
    /// Where the cards were drawn last on which something can be dropped.
    rects: CardRects,
    actions: Vec<Action>,
    /// What the window's title says now.
    title: String,
    had_focus: bool,
    paste_keys: PasteKeys,
    /// Files that were dropped where the system doesn't tell, and until when the pointer may still show the place.
    late_drop: Option<(Vec<PathBuf>, Instant)>,
    is_awake: bool,
    may_close: bool,
    /// The last text of the clipboard that was offered, so that it is offered once.
    last_offered: Option<String>,
    frames: FrameTimes,
    /// Hears of later starts of the program.
    listener: Option<Listener>,
    #[cfg(target_os = "linux")]
    drops: Option<wayland::FileDrops>,
    /// What the desktop says of itself, once it has.
    desktop: Option<Receiver<Desktop>>,
    wants_less_motion: bool,
    size: Option<WindowSize>,
}

impl Window {
    /// Reads the history from `stores`, where it and the settings are kept from then on, and starts the engine.
    fn new(ctx: &Context, loaded: LoadedSettings, stores: Stores) -> std::io::Result<Self> {
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
        let mut state = State::new(loaded.settings, past.history, theme::icon(ctx));
        if let Some(problem) = loaded.problem {
            let args = [("detail", explain::problem(&words, &problem).into())];
            state.tell(Tone::Warning, words.tell("settings-problem", &args));
        }
        if let Some(problem) = past.problem {
            let args = [("detail", explain::problem(&words, &problem).into())];
            state.tell(Tone::Warning, words.tell("history-problem", &args));
        }
        for entry in &past.interrupted {
            let args = [("name", entry.what.as_str().into()), ("folder", perform::folder_text(entry).into())];
            let key = perform::interrupted_key(entry);
            // Of a text nothing is kept that could be sent again.
            let again = (!entry.paths.is_empty())
                .then(|| (words.say("send-again"), Action::Send(entry.paths.clone())));
            state.tell_with(Tone::Warning, words.tell(key, &args), again);
        }
        let mut window = Self {
            in_force: state.settings.clone(),
            state,
            words,
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
            frames: FrameTimes::default(),
            listener: None,
            #[cfg(target_os = "linux")]
            drops: None,
            desktop: None,
            wants_less_motion: false,
            size: None,
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
        Ok(window)
    }

    /// Hears of later starts, of what the person has set for the desktop, and of files that are dragged over the window
    /// where the toolkit doesn't.
    fn listen(&mut self, context: &eframe::CreationContext<'_>, listener: Option<Listener>) {
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
            self.drops = wayland::FileDrops::new(context, wake());
        }
    }

    /// What came with a start of the program: files are sent, a code waits in its field for a word from the person.
    fn arrived(&mut self, ctx: &Context, arrival: Arrival) {
        let (paths, invite) = arrival.into_parts();
        self.arrive(paths, None);
        if let Some(invite) = invite {
            self.perform(ctx, Action::FillCode(invite.to_string()));
        }
    }

    /// What other programs tell: later starts, and the desktop's own settings.
    fn take_outside(&mut self, ctx: &Context) {
        while let Some(arrival) = self.listener.as_ref().and_then(Listener::next) {
            self.arrived(ctx, arrival);
            ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(ViewportCommand::Focus);
        }
        // It tells twice, perhaps before one frame, and the first time without the colours.
        if let Some(desktop) = self.desktop.as_ref().and_then(|desktop| desktop.try_iter().last()) {
            let theme = if desktop.is_dark == Some(true) { egui::Theme::Dark } else { egui::Theme::Light };
            ctx.options_mut(|options| options.fallback_theme = theme);
            self.wants_less_motion = desktop.wants_less_motion;
            self.apply_appearance(ctx);
        }
    }

    /// Appearance, scale and motion, as the settings say.
    fn apply_appearance(&mut self, ctx: &Context) {
        ctx.set_theme(match self.state.settings.appearance {
            Appearance::System => egui::ThemePreference::System,
            Appearance::Light => egui::ThemePreference::Light,
            Appearance::Dark => egui::ThemePreference::Dark,
        });
        ctx.set_zoom_factor(self.state.settings.scale);
        let is_calm = match self.state.settings.reduce_motion {
            ReduceMotion::Automatic => self.wants_less_motion,
            ReduceMotion::On => true,
            ReduceMotion::Off => false,
        };
        theme::set_motion(ctx, !is_calm);
    }

    /// Takes what has happened since the last frame.
    fn take_events(&mut self, ctx: &Context) {
        let start = Instant::now();
        while let Some(event) = self.events.try_next() {
            for effect in self.state.apply(event, start) {
                self.effect(ctx, effect);
            }
            if start.elapsed() > EVENT_BUDGET {
                ctx.request_repaint();
                break;
            }
        }
        while let Some(outcome) = self.desk.next() {
            self.outcome(ctx, outcome);
        }
        if self.state.tick(start) {
            // What the page says of the relay in use may be old.
            self.check_relay();
        }
    }

    fn effect(&mut self, ctx: &Context, effect: Effect) {
        match effect {
            Effect::BuildTree(id, manifest) => self.desk.ask(Job::BuildTree(id, manifest)),
            Effect::TellAsked(id) => {
                self.tell_elsewhere(ctx, id, "offered");
                // What an offer is held against is in use for a moment, and may have been missed by the last look.
                self.list_unfinished();
            }
            Effect::TellEnded(id) => {
                let is_whole =
                    self.state.card(id).and_then(|card| card.end.as_ref()).is_some_and(state::is_whole);
                self.tell_elsewhere(ctx, id, if is_whole { "notify-done" } else { "notify-trouble" });
            }
            Effect::Begin(id) => {
                self.begin_history(id);
                self.look_for_unfinished(id);
            }
            Effect::Finish(id) => {
                self.finish_history(id);
                self.look_for_unfinished(id);
            }
            Effect::Follow(from, way) => {
                let (code, relay) = *way;
                self.follow(from, code, relay);
            }
            Effect::Drop(sheet) => self.desk.ask(Job::Drop(sheet)),
        }
    }

    /// Files that come with a start of the program, a drop, a paste or a dialog.
    fn arrive(&mut self, paths: Vec<PathBuf>, onto: Option<TaskId>) {
        if paths.is_empty() {
            return;
        }
        let card = self.state.cards.iter().find(|card| Some(card.id) == onto);
        match card {
            Some(card) if self.state.takes_additions(card) => {
                self.command(Command::Add(card.id, paths));
            }
            Some(card) if card.takes_more() => self.send_after(card.id, paths),
            _ => self.send_paths(paths),
        }
    }

    /// Drops, pastes, shortcuts and the close button.
    fn take_input(&mut self, ctx: &Context) {
        let paste_keys = &mut self.paste_keys;
        let (dropped, hovering, pastes, closes, has_focus) = ctx.input(|input| {
            let dropped: Vec<PathBuf> =
                input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect();
            let hovering: Vec<PathBuf> =
                input.raw.hovered_files.iter().filter_map(|file| file.path.clone()).collect();
            let pastes = paste_keys.take(&input.raw.events);
            (dropped, hovering, pastes, input.viewport().close_requested(), input.focused)
        });
        self.state.hover_count = ctx.input(|input| input.raw.hovered_files.len());
        #[cfg(target_os = "linux")]
        if let Some(count) = self.drops.as_ref().and_then(wayland::FileDrops::hovering) {
            self.state.hover_count = count;
        }
        self.state.hovering = hovering;
        if !dropped.is_empty() {
            let pointer = ctx.input(|input| input.pointer.latest_pos());
            let onto = pointer.and_then(|at| self.card_at(at));
            match onto {
                None if !self.rects.is_empty() => self.desk.ask(Job::Dropped(dropped)),
                onto => self.arrive(dropped, onto),
            }
        }
        self.place_late_drop(ctx);
        let types = ctx.text_edit_focused();
        if pastes && !types {
            self.desk.ask(Job::Clipboard(Why::Paste));
        }
        if has_focus && !self.had_focus {
            self.desk.ask(Job::Clipboard(Why::Look));
        }
        self.had_focus = has_focus;
        if closes && self.state.is_under_way() && !self.may_close {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.dialog = Some(Dialog::Quit);
        }
        self.take_shortcuts(ctx);
    }

    /// Gives up on a place that nobody tells: then it is another send.
    fn place_late_drop(&mut self, ctx: &Context) {
        let Some((_, until)) = &self.late_drop else { return };
        let pointer = ctx.input(|input| input.pointer.latest_pos());
        let left = until.saturating_duration_since(Instant::now());
        if pointer.is_none() && !left.is_zero() {
            return ctx.request_repaint_after(left);
        }
        if let Some((paths, _)) = self.late_drop.take() {
            self.arrive(paths, pointer.and_then(|at| self.card_at(at)));
        }
    }

    fn take_shortcuts(&mut self, ctx: &Context) {
        if self.state.dialog.is_some() {
            return;
        }
        let shortcuts = [
            // The longer one first: the toolkit takes the shorter one with Shift held as well.
            (KeyboardShortcut::new(Modifiers::COMMAND | Modifiers::SHIFT, Key::O), Action::PickFolder),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::O), Action::PickFiles),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::Comma), Action::Show(Some(Dialog::Settings))),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::H), Action::Show(Some(Dialog::History))),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::R), Action::FocusCode),
        ];
        for (shortcut, action) in shortcuts {
            if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
                self.actions.push(action);
            }
        }
    }

    /// The size to open with next time.
    fn note_size(&mut self, ctx: &Context) {
        let zoom = ctx.zoom_factor();
        let (is_large, size) = ctx.input(|input| {
            let viewport = input.viewport();
            let is_large = viewport.maximized == Some(true) || viewport.fullscreen == Some(true);
            (is_large, viewport.inner_rect.map(|rect| rect.size() * zoom))
        });
        if let Some(size) = size.filter(|_| !is_large) {
            let (width, height) = (size.x.round() as u32, size.y.round() as u32);
            self.size = Some(WindowSize { width, height });
        }
    }

    fn card_at(&self, at: egui::Pos2) -> Option<TaskId> {
        self.rects.iter().find(|(_, rect)| rect.contains(at)).map(|(id, _)| *id)
    }

    /// The title tells how far things are; the machine stays awake while bytes move.
    fn keep_up_appearances(&mut self, ctx: &Context) {
        let now = Instant::now();
        let done = self.state.fraction().map(|fraction| format!("{} %", (fraction * 100.0).floor()));
        let paused = self.state.is_paused().then(|| self.words.say("paused-here"));
        let parts: Vec<String> = [done, paused].into_iter().flatten().collect();
        let title = match parts.join(" · ") {
            nothing if nothing.is_empty() => views::header::NAME.to_owned(),
            state => format!("{state} – {}", views::header::NAME),
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        let wants_awake = self.state.settings.keep_awake && self.state.wants_awake(now);
        if wants_awake != self.is_awake {
            let why = || self.words.say("awake-why");
            self.desk.ask(if wants_awake { Job::StayAwake(why()) } else { Job::MaySleep });
            self.is_awake = wants_awake;
        }
        if self.state.has_clock(now) {
            ctx.request_repaint_after(TICK);
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_events(ctx);
        self.take_outside(ctx);
        self.keep_up_appearances(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let started = Instant::now();
        ctx.accesskit_node_builder(egui::accesskit_root_id(), |window| {
            window.set_label(views::header::NAME);
        });
        self.take_input(&ctx);
        self.note_size(&ctx);
        self.give_keyboard_back(&ctx);
        let mut view = View { words: &self.words, now: Instant::now(), actions: &mut self.actions };
        self.rects = views::page::page_ui(ui, &mut self.state, &mut view);
        // A pass that is laid out again moves nothing.
        self.state.field.wants_sight &= ctx.will_discard();
        match self.state.dialog {
            Some(Dialog::Settings) => views::settings::settings_ui(&ctx, &mut self.state, &mut view),
            Some(Dialog::History) => views::history::history_ui(&ctx, &self.state, &mut view),
            Some(Dialog::Discard) => views::unfinished::discard_ui(&ctx, &self.state, &mut view),
            Some(Dialog::Quit) => views::quit::quit_ui(&ctx, &self.state, &mut view),
            None => {}
        }
        for action in std::mem::take(&mut self.actions) {
            self.perform(&ctx, action);
            ctx.request_repaint();
        }
        self.frames.note(started.elapsed().as_secs_f32(), frame.info().cpu_usage);
    }

    #[cfg(target_os = "linux")]
    fn raw_input_hook(&mut self, ctx: &Context, input: &mut egui::RawInput) {
        let Some(drops) = &mut self.drops else { return };
        if let Some(trouble) = drops.feed(ctx, input) {
            let text = match trouble {
                wayland::DropTrouble::NotFiles(count) => {
                    self.words.tell("drop-not-files", &[("count", count.into())])
                }
                wayland::DropTrouble::Unreadable => self.words.say("drop-unreadable"),
            };
            self.state.tell(Tone::Warning, text);
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.remember_running();
    }
}

/// How long frames take, for whoever asks with `CAIMAN_LOG=caiman::app=debug`: laying the page out, and all of it with
/// the painting, which without a graphics card is this processor's work too.
#[derive(Default)]
struct FrameTimes {
    count: u32,
    layout: f32,
    longest_layout: f32,
    whole: f32,
    longest_whole: f32,
}

impl FrameTimes {
    const BATCH: u32 = 100;

    fn note(&mut self, layout: f32, whole: Option<f32>) {
        self.count += 1;
        self.layout += layout;
        self.longest_layout = self.longest_layout.max(layout);
        let whole = whole.unwrap_or_default();
        self.whole += whole;
        self.longest_whole = self.longest_whole.max(whole);
        if self.count == Self::BATCH {
            let mean_ms = |seconds: f32| seconds * 1e3 / Self::BATCH as f32;
            let (layout_ms, whole_ms) = (mean_ms(self.layout), mean_ms(self.whole));
            tracing::debug!(
                layout_ms,
                longest_layout_ms = self.longest_layout * 1e3,
                whole_ms,
                longest_whole_ms = self.longest_whole * 1e3,
                "{} frames",
                Self::BATCH
            );
            *self = Self::default();
        }
    }
}
