//! The window: what a person sees, on top of the engine's commands and events.
//!
//! [`Window`] owns the state, the engine and the desk. Each frame it first takes what has happened (`logic`, which runs even
//! while nothing is painted), then draws (`views`, which read the state and return `Action`s), then carries out the
//! actions. Nothing on this thread waits: transfers run in the engine, everything slow of the window's own on the desk.

mod action;
mod card;
mod code_field;
mod desk;
mod dialogs;
mod explain;
mod meter;
mod perform;
mod settings_form;
mod state;
mod theme;
mod tree;
mod views;
mod widgets;
mod words;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use eframe::egui::{self, Context, Key, KeyboardShortcut, Modifiers, ViewportCommand};

use crate::{
    engine::{Command, Engine, Events, TaskId},
    history::History,
    settings::{Appearance, Settings},
    store::Store,
};
use action::Action;
use desk::{Desk, Job, Why};
use state::{Dialog, Effect, State};
use views::{View, page::CardRects};
use widgets::Tone;
use words::Words;

/// How long one frame may spend on events; what is left comes in the next.
const EVENT_BUDGET: Duration = Duration::from_millis(3);
/// Progress is shown at most so often: what comes between is in the next picture.
const PICTURE_PAUSE: Duration = Duration::from_millis(50);
/// While bytes move, speed and time are shown anew at least so often.
const TICK: Duration = Duration::from_millis(500);

/// Opens the window and runs it until it is closed.
pub fn run() -> eframe::Result {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_app_id("caiman")
            .with_title("Caiman")
            .with_inner_size([1040.0, 720.0])
            .with_min_inner_size([480.0, 420.0]),
        renderer: eframe::Renderer::Glow,
        ..Default::default()
    };
    eframe::run_native("caiman", options, Box::new(|cc| Ok(Box::new(Window::new(&cc.egui_ctx)?))))
}

/// The window's application; see the module.
pub struct Window {
    state: State,
    words: Words,
    engine: Engine,
    events: Events,
    desk: Desk,
    /// Where the cards of waiting sends were drawn last.
    rects: CardRects,
    actions: Vec<Action>,
    /// What the window's title says now.
    title: String,
    had_focus: bool,
    is_awake: bool,
    may_close: bool,
    /// The last text of the clipboard that was offered, so that it is offered once.
    last_offered: Option<String>,
    frames: FrameTimes,
}

impl Window {
    /// Reads settings and history, and starts the engine.
    pub fn new(ctx: &Context) -> std::io::Result<Self> {
        let loaded = Settings::load(&Store::of_settings());
        let words = Words::of(loaded.settings.language.as_deref());
        let past = History::load(&Store::of_history());
        let wake = |ctx: &Context| {
            let ctx = ctx.clone();
            move || ctx.request_repaint_after(PICTURE_PAUSE)
        };
        let (engine, events) = Engine::start(wake(ctx))?;
        let desk = Desk::start(wake(ctx))?;
        theme::install(ctx);
        let mut state = State::new(loaded.settings, past.history, theme::icon(ctx));
        if let Some(problem) = loaded.problem {
            let args = [("detail", problem.to_string().into())];
            state.tell(Tone::Warning, words.tell("settings-problem", &args));
        }
        if let Some(problem) = past.problem {
            let args = [("detail", problem.to_string().into())];
            state.tell(Tone::Warning, words.tell("history-problem", &args));
        }
        for entry in &past.interrupted {
            let args = [("name", entry.what.as_str().into()), ("folder", perform::folder_text(entry).into())];
            let key = perform::interrupted_key(entry);
            state.tell(Tone::Warning, words.tell(key, &args));
        }
        let mut window = Self {
            state,
            words,
            engine,
            events,
            desk,
            rects: Vec::new(),
            actions: Vec::new(),
            title: String::new(),
            had_focus: false,
            is_awake: false,
            may_close: false,
            last_offered: None,
            frames: FrameTimes::default(),
        };
        window.apply_appearance(ctx);
        if !past.interrupted.is_empty() {
            window.desk.ask(Job::SaveHistory(window.state.history.clone()));
        }
        if window.state.settings.host.start_with_window {
            window.start_relay();
        }
        window.check_relay();
        Ok(window)
    }

    /// Appearance, scale and motion, as the settings say.
    fn apply_appearance(&mut self, ctx: &Context) {
        ctx.set_theme(match self.state.settings.appearance {
            Appearance::System => egui::ThemePreference::System,
            Appearance::Light => egui::ThemePreference::Light,
            Appearance::Dark => egui::ThemePreference::Dark,
        });
        ctx.set_zoom_factor(self.state.settings.scale);
        theme::set_motion(ctx, self.state.settings.reduce_motion != crate::settings::ReduceMotion::On);
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
        self.state.tick(start);
    }

    fn effect(&mut self, ctx: &Context, effect: Effect) {
        match effect {
            Effect::BuildTree(id, manifest) => self.desk.ask(Job::BuildTree(id, manifest)),
            Effect::TellAsked(id) => self.tell_elsewhere(ctx, id, "notify-asked"),
            Effect::TellEnded(id) => {
                let is_whole =
                    self.state.card(id).and_then(|card| card.end.as_ref()).is_some_and(state::is_whole);
                self.tell_elsewhere(ctx, id, if is_whole { "notify-done" } else { "notify-trouble" });
            }
            Effect::Begin(id) => self.begin_history(id),
            Effect::Finish(id) => self.finish_history(id),
        }
    }

    /// Files that come with a start of the program, a drop, a paste or a dialog.
    fn arrive(&mut self, paths: Vec<PathBuf>, onto: Option<TaskId>) {
        if paths.is_empty() {
            return;
        }
        match onto {
            Some(id) if self.state.card(id).is_some_and(|card| card.is_waiting() && !card.is_text()) => {
                self.command(Command::Add(id, paths));
            }
            _ => self.send_paths(paths),
        }
    }

    /// Drops, pastes, shortcuts and the close button.
    fn take_input(&mut self, ctx: &Context) {
        let (dropped, hovering, pastes, closes, has_focus, key_paste) = ctx.input(|input| {
            let dropped: Vec<PathBuf> =
                input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect();
            let hovering: Vec<PathBuf> =
                input.raw.hovered_files.iter().filter_map(|file| file.path.clone()).collect();
            let pastes = input.raw.events.iter().any(|event| matches!(event, egui::Event::Paste(_)));
            // A clipboard that holds files only makes no paste event.
            let key_paste = input.key_released(Key::V) && input.modifiers.command;
            (dropped, hovering, pastes, input.viewport().close_requested(), input.focused, key_paste)
        });
        self.state.hovering = hovering;
        if !dropped.is_empty() {
            let pointer = ctx.input(|input| input.pointer.latest_pos());
            let onto = pointer.and_then(|at| self.card_at(at));
            match onto {
                None if !self.rects.is_empty() => self.desk.ask(Job::Dropped(dropped)),
                onto => self.arrive(dropped, onto),
            }
        }
        let types = ctx.text_edit_focused();
        if (pastes || key_paste) && !types {
            self.desk.ask(Job::Clipboard(Why::Paste));
        }
        if has_focus && !self.had_focus {
            self.desk.ask(Job::Clipboard(Why::Look));
        }
        self.had_focus = has_focus;
        if closes && self.state.is_moving() && !self.may_close {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.dialog = Some(Dialog::Quit);
        }
        self.take_shortcuts(ctx);
    }

    fn take_shortcuts(&mut self, ctx: &Context) {
        if self.state.dialog.is_some() {
            return;
        }
        let shortcuts = [
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::O), Action::PickFiles),
            (KeyboardShortcut::new(Modifiers::COMMAND | Modifiers::SHIFT, Key::O), Action::PickFolder),
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

    fn card_at(&self, at: egui::Pos2) -> Option<TaskId> {
        self.rects.iter().find(|(_, rect)| rect.contains(at)).map(|(id, _)| *id)
    }

    /// The title tells how far things are; the machine stays awake while bytes move.
    fn keep_up_appearances(&mut self, ctx: &Context) {
        let title = match self.state.fraction() {
            Some(fraction) => format!("{} % – {}", (fraction * 100.0).floor(), views::header::NAME),
            None => views::header::NAME.to_owned(),
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        let is_moving = self.state.is_moving();
        let wants_awake = is_moving && self.state.settings.keep_awake;
        if wants_awake != self.is_awake {
            self.desk.ask(Job::Awake(wants_awake));
            self.is_awake = wants_awake;
        }
        if is_moving {
            ctx.request_repaint_after(TICK);
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_events(ctx);
        self.keep_up_appearances(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.frames.note(frame.info().cpu_usage);
        self.take_input(&ctx);
        let mut view = View { words: &self.words, now: Instant::now(), actions: &mut self.actions };
        self.rects = views::page::page_ui(ui, &mut self.state, &mut view);
        match self.state.dialog {
            Some(Dialog::Settings) => views::settings::settings_ui(&ctx, &mut self.state, &mut view),
            Some(Dialog::History) => views::history::history_ui(&ctx, &self.state, &mut view),
            Some(Dialog::Quit) => views::quit::quit_ui(&ctx, &mut view),
            None => {}
        }
        for action in std::mem::take(&mut self.actions) {
            self.perform(&ctx, action);
            ctx.request_repaint();
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.remember_running();
    }
}

/// How long frames take, for whoever asks with `CAIMAN_LOG=caiman::app=debug`.
#[derive(Default)]
struct FrameTimes {
    count: u32,
    sum: f32,
    longest: f32,
}

impl FrameTimes {
    const BATCH: u32 = 100;

    fn note(&mut self, seconds: Option<f32>) {
        let Some(seconds) = seconds else { return };
        self.count += 1;
        self.sum += seconds;
        self.longest = self.longest.max(seconds);
        if self.count == Self::BATCH {
            let (mean_ms, longest_ms) = (self.sum * 1e3 / Self::BATCH as f32, self.longest * 1e3);
            tracing::debug!(mean_ms, longest_ms, "{} frames", Self::BATCH);
            *self = Self::default();
        }
    }
}
