//! Puts settings into force, checks the relays that they name, and runs the window's own relay.

use std::time::{Duration, Instant};

use eframe::egui::{self, Context};

use crate::{
    app::{
        desktop::desk::Job,
        model::{
            action::SettingsAction,
            settings_form::RelayDraft,
            state::{Host, IrohStatus, RelayStatus},
        },
        theme,
        window::Window,
        words::Words,
    },
    engine::{Command, IrohRelay, RelayConfig, TaskId},
    net::client::RelayAddress,
    settings::{Appearance, ReduceMotion},
};

/// How long the check of a relay counts while the user is at the window.
const CHECKED_FOR: Duration = Duration::from_mins(1);

impl Window {
    /// Checks the relay in use.
    pub(in crate::app) fn check_relay(&mut self) {
        if let Some(relay) = self.state.settings.default_relay() {
            let address = relay.address.clone();
            self.checked_at = Instant::now();
            self.check(address);
        }
    }

    fn check(&mut self, address: RelayAddress) {
        let id = self.engine.new_id();
        self.state.checked.insert(address.clone(), RelayStatus::Pending);
        self.ask(id, address);
    }

    fn ask(&mut self, id: TaskId, address: RelayAddress) {
        self.state.checks.insert(id, address.clone());
        let relay = self.state.settings.reach(address.clone());
        self.state.checked_with.insert(address, relay.password.clone());
        self.command(Command::Check(id, relay));
    }

    /// Checks the relay in use again once what is known about it is old. What the header shows stays until the answer is
    /// there.
    pub(in crate::app) fn recheck_relay(&mut self, ctx: &Context) {
        let Some(relay) = self.state.settings.default_relay().filter(|_| self.state.has_engine) else {
            return;
        };
        let address = relay.address.clone();
        // Nobody sees the header of a window in the background.
        if ctx.input(|input| input.viewport().focused) != Some(true) {
            return;
        }
        let age = self.checked_at.elapsed();
        if age < CHECKED_FOR {
            return ctx.request_repaint_after(CHECKED_FOR.saturating_sub(age));
        }
        self.checked_at = Instant::now();
        let is_asked = self.state.checks.values().any(|asked| *asked == address);
        if !is_asked {
            let id = self.engine.new_id();
            self.ask(id, address);
        }
        ctx.request_repaint_after(CHECKED_FOR);
    }

    fn check_iroh(&mut self, relay: IrohRelay) {
        let id = self.engine.new_id();
        let proxy = self.state.settings.proxy.clone();
        if self.command(Command::CheckIroh(id, relay.clone(), proxy)) {
            self.state.checked_iroh.insert(relay.clone(), IrohStatus::Pending);
            self.state.iroh_checks.insert(id, relay);
        }
    }

    pub(super) fn perform_settings(&mut self, ctx: &Context, action: SettingsAction) {
        self.take_settings(ctx);
        match action {
            SettingsAction::Changed => {}
            SettingsAction::Test(address) => self.check(address),
            SettingsAction::TestIroh(relay) => self.check_iroh(relay),
            SettingsAction::StartRelay => self.start_relay(),
            SettingsAction::StopRelay => {
                if let Some(host) = &mut self.state.host {
                    host.is_stopping = true;
                    let id = host.id;
                    self.command(Command::Cancel(id));
                }
            }
        }
    }

    /// Puts into force what has changed in the settings or in their form.
    pub(super) fn take_settings(&mut self, ctx: &Context) {
        self.state.form.relays.iter_mut().for_each(RelayDraft::take_passed_on);
        self.state.form.apply_to(&mut self.state.settings);
        let before = std::mem::replace(&mut self.in_force, self.state.settings.clone());
        if before == self.in_force {
            return;
        }
        if before.language != self.in_force.language {
            self.words = Words::of(self.in_force.language.as_deref());
        }
        self.apply_appearance(ctx);
        if before.relays.first() != self.in_force.relays.first() {
            self.check_relay();
        }
        if before.bytes_per_sec != self.in_force.bytes_per_sec {
            self.limit_all();
        }
        self.wait_for_people();
        self.save_settings();
    }

    /// Applies appearance, scale and motion as the settings say.
    pub(in crate::app) fn apply_appearance(&mut self, ctx: &Context) {
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

    /// Starts the window's own relay, unless it runs.
    pub(in crate::app) fn start_relay(&mut self) {
        if self.state.host.is_some() {
            return;
        }
        let host = self.state.settings.host.clone();
        let config = RelayConfig {
            port: host.port,
            data_ports: host.data_ports.0.clone(),
            password: host.password.clone(),
            ..RelayConfig::default()
        };
        let id = self.engine.new_id();
        if self.command(Command::Relay(id, Box::new(config))) {
            self.state.host_error = None;
            self.state.host =
                Some(Host { id, reachable: None, ports: Vec::new(), is_stopping: false, as_set: host });
        }
    }

    pub(super) fn save_settings(&self) {
        self.desk.ask(Job::SaveSettings(Box::new(self.state.settings.clone())));
    }
}
