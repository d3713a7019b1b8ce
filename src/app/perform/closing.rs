//! What closing the window means, and how the program goes on without its window: with an icon in the desktop's tray, or as
//! a minimised window where there is none.

use std::time::{Duration, Instant};

use eframe::egui::{Context, ViewportCommand};

use crate::{
    app::{
        desktop::tray::TrayContent,
        explain,
        model::{
            action::{Action, Dialog},
            card::StartedWith,
            tone::Tone,
        },
        views::header::NAME,
        window::{Background, Window},
    },
    engine::{Command, TaskId},
    settings::Closing,
};

impl Window {
    /// Takes the wish to close the window: nothing holds it if nothing would be lost.
    pub(in crate::app) fn closes(&mut self, ctx: &Context) {
        let at_stake = self.state.at_stake();
        if self.may_close || !at_stake.is_any() {
            return;
        }
        match self.state.settings.closing {
            Closing::Quit if !at_stake.is_busy() => {}
            Closing::KeepRunning => {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                self.go_to_background();
            }
            Closing::Ask | Closing::Quit => {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                self.state.dialog = Some(Dialog::Quit);
            }
        }
    }

    pub(super) fn quit(&mut self, ctx: &Context) {
        self.remember_closing(Closing::Quit);
        self.may_close = true;
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }

    pub(super) fn keep_running(&mut self) {
        self.remember_closing(Closing::KeepRunning);
        self.state.dialog = None;
        self.go_to_background();
    }

    fn remember_closing(&mut self, closing: Closing) {
        if std::mem::take(&mut self.state.remembers_closing) {
            self.state.settings.closing = closing;
            self.in_force.closing = closing;
            self.save_settings();
        }
    }

    /// Asks for an icon in the tray. The answer decides where the window goes.
    fn go_to_background(&mut self) {
        self.background = Background::Asked;
        let content = self.tray_content();
        self.desk.show_in_tray(Some(content.clone()));
        self.shown_in_tray = Some(content);
    }

    /// Puts the window away: out of sight if the tray has its icon, else to the other minimised windows.
    pub(super) fn put_away(&mut self, ctx: &Context, has_icon: bool) {
        let before = std::mem::replace(&mut self.background, Background::Gone);
        match before {
            // The user has called it back meanwhile.
            Background::Here => self.background = Background::Here,
            Background::Asked if has_icon && self.can_hide => {
                ctx.send_viewport_cmd(ViewportCommand::Visible(false));
            }
            Background::Asked => ctx.send_viewport_cmd(ViewportCommand::Minimized(true)),
            Background::Gone if has_icon => {}
            // The tray is gone, and nothing else would lead back to a window out of sight.
            Background::Gone => {
                ctx.send_viewport_cmd(ViewportCommand::Visible(true));
                ctx.send_viewport_cmd(ViewportCommand::Minimized(true));
            }
        }
    }

    /// Brings the window to the front, from wherever it is.
    pub(in crate::app) fn come_back(&mut self, ctx: &Context) {
        if std::mem::take(&mut self.background) != Background::Here {
            self.shown_in_tray = None;
            self.desk.show_in_tray(None);
            ctx.send_viewport_cmd(ViewportCommand::Visible(true));
        }
        ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
        ctx.send_viewport_cmd(ViewportCommand::Focus);
    }

    /// Keeps the menu of the icon in step with what waits.
    pub(in crate::app) fn keep_tray(&mut self) {
        if self.shown_in_tray.is_none() {
            return;
        }
        let content = self.tray_content();
        if self.shown_in_tray.as_ref() != Some(&content) {
            self.desk.show_in_tray(Some(content.clone()));
            self.shown_in_tray = Some(content);
        }
    }

    fn tray_content(&self) -> TrayContent {
        TrayContent {
            title: NAME.to_owned(),
            lines: explain::at_stake(&self.words, self.state.at_stake()),
            open: self.words.say("tray-open"),
            quit: self.words.say("tray-quit"),
        }
    }

    /// Has a send that waits end after this time.
    pub(super) fn expire_after(&mut self, id: TaskId, after: Option<Duration>) {
        self.change(id, |card| card.expires = after.map(|after| (after, Instant::now() + after)));
    }

    /// Ends the sends that have waited as long as their users want.
    pub(in crate::app) fn expire(&mut self, ctx: &Context) {
        let (over, next) = self.state.expiring(Instant::now());
        for id in over {
            let Some(card) = self.state.card(id) else { continue };
            card.is_cancelling = true;
            let (name, again) = (explain::name(&self.words, card), card.started_with.clone());
            let recipient = card.recipient();
            if self.command(Command::Cancel(id)) {
                let text = self.words.tell("expired", &[("name", name.into())]);
                let again = match again {
                    StartedWith::Paths(paths) => {
                        Some((self.words.say("send-again"), Action::Send(paths, recipient)))
                    }
                    _ => None,
                };
                self.state.tell_with(Tone::Plain, text, again);
            }
        }
        if let Some(next) = next {
            ctx.request_repaint_after(next);
        }
    }
}
