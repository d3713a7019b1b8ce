//! One frame of the window: it takes what has happened, which it does even while nothing is painted, then draws, then
//! carries out what the user did. Nothing here waits.

use std::time::{Duration, Instant};

use eframe::egui::{self, Context, ViewportCommand};

use super::{
    about::Notices,
    desktop::{desk::Job, instance::Listener, taskbar::TaskbarProgress},
    model::action::Dialog,
    views::{self, View},
    window::Window,
};
#[cfg(target_os = "linux")]
use super::{desktop::drops::DropNews, explain, model::tone::Tone};
use crate::engine::Event;

/// The time that one frame may spend on events; the rest is left to the next frame. Short enough that a flood of
/// events never makes the window stutter.
const EVENT_BUDGET: Duration = Duration::from_millis(3);
/// How often a frame is drawn at least while bytes move or a connection is being looked for. Speed and time left
/// change with the clock alone, and twice a second is as fast as anyone reads them.
const TICK: Duration = Duration::from_millis(500);

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_events(ctx);
        self.take_outside(ctx);
        self.expire(ctx);
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
        self.pass_keyboard(&ctx);
        let mut view = View {
            words: &self.words,
            now: Instant::now(),
            icon: self.icon.id(),
            textures: &mut self.textures,
            releases: self.releases.as_deref(),
            actions: &mut self.actions,
        };
        self.rects = views::page::page_ui(ui, &mut self.state, &mut view);
        // When egui discards this pass and lays it out again, nothing has scrolled yet.
        self.state.field.wants_sight &= ctx.will_discard();
        match self.state.dialog {
            Some(Dialog::Settings) => views::settings::settings_ui(&ctx, &mut self.state, &mut view),
            Some(Dialog::History) => views::history::history_ui(&ctx, &self.state, &mut view),
            Some(Dialog::ClearHistory) => views::history::clear_ui(&ctx, &self.state, &mut view),
            Some(Dialog::Text) => views::text::text_ui(&ctx, &mut self.state, &mut view),
            Some(Dialog::Licences) => {
                let notices = self.notices.get_or_insert_with(Notices::unpack);
                views::licences::licences_ui(&ctx, notices, &mut view);
            }
            Some(Dialog::Person) => views::people::person_ui(&ctx, &mut self.state, &mut view),
            Some(Dialog::ForgetPerson) => views::people::forget_ui(&ctx, &self.state, &mut view),
            Some(Dialog::Discard) => views::unfinished::discard_ui(&ctx, &self.state, &mut view),
            Some(Dialog::Quit) => views::quit::quit_ui(&ctx, &mut self.state, &mut view),
            None => {}
        }
        // When egui discards this pass and lays it out again, nothing has got the keyboard yet.
        self.state.dialog_opens &= ctx.will_discard();
        if self.state.dialog != Some(Dialog::Discard) {
            self.state.unfinished.asked = None;
        }
        self.textures.end_frame();
        if self.state.dialog != Some(Dialog::Licences) {
            self.notices = None;
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
        for news in drops.feed(ctx, input) {
            match news {
                DropNews::Trouble(trouble) => {
                    self.state.tell(Tone::Warning, explain::dropped(&self.words, &trouble));
                }
                DropNews::Portal(key) => self.desk.ask(Job::Retrieve(key)),
            }
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.remember_running();
    }
}

impl Window {
    /// Takes what the engine and the desk have done since the last frame.
    fn take_events(&mut self, ctx: &Context) {
        let start = Instant::now();
        let mut has_news = false;
        while let Some(event) = self.events.try_next() {
            has_news = true;
            let report = match &event {
                Event::Stopped(report) => Some(report.clone()),
                _ => None,
            };
            for effect in self.state.apply(event, start) {
                self.effect(ctx, effect);
            }
            if let Some(report) = report {
                self.tell_engine_ended(ctx, &report);
            }
            if start.elapsed() > EVENT_BUDGET {
                ctx.request_repaint();
                break;
            }
        }
        while let Some(outcome) = self.desk.next() {
            self.outcome(ctx, outcome);
        }
        if has_news {
            self.keep_sends();
        }
        if self.state.tick(start) {
            // What the header says about the relay in use may be out of date.
            self.check_relay();
        }
    }

    /// Takes what comes from outside: later starts of the program, and the desktop's own settings.
    fn take_outside(&mut self, ctx: &Context) {
        while let Some(arrival) = self.listener.as_ref().and_then(Listener::next) {
            self.arrived(ctx, arrival);
            self.come_back(ctx);
        }
        // The desktop answers twice, perhaps within one frame, and the first answer doesn't know the colours yet.
        if let Some(desktop) = self.desktop.as_ref().and_then(|desktop| desktop.try_iter().last()) {
            let theme = if desktop.is_dark == Some(true) { egui::Theme::Dark } else { egui::Theme::Light };
            ctx.options_mut(|options| options.fallback_theme = theme);
            self.wants_less_motion = desktop.wants_less_motion;
            self.apply_appearance(ctx);
        }
    }

    /// Keeps the title and the wish to stay awake in step with the transfers.
    fn keep_up_appearances(&mut self, ctx: &Context) {
        let now = Instant::now();
        let is_paused = self.state.is_paused();
        let progress = self.state.fraction().map(|fraction| TaskbarProgress { fraction, is_paused });
        let done = progress.map(|progress| format!("{} %", (progress.fraction * 100.0).floor()));
        let paused = is_paused.then(|| self.words.say("paused-here"));
        let parts: Vec<String> = [done, paused].into_iter().flatten().collect();
        let title = match parts.join(" · ") {
            nothing if nothing.is_empty() => views::header::NAME.to_owned(),
            state => format!("{state} – {}", views::header::NAME),
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
            self.desk.ask(Job::Taskbar(progress));
        }
        let wants_awake = self.state.settings.keep_awake && self.state.wants_awake(now);
        if wants_awake != self.is_awake {
            let why = || self.words.say("awake-why");
            self.desk.ask(if wants_awake { Job::StayAwake(why()) } else { Job::MaySleep });
            self.is_awake = wants_awake;
        }
        self.keep_tray();
        self.recheck_relay(ctx);
        self.seek_people(ctx);
        if self.state.has_clock(now) {
            ctx.request_repaint_after(TICK);
        }
    }
}
