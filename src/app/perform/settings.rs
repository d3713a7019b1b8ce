//! Puts settings into force, checks the relays that they name, and runs the window's own relay.

use eframe::egui::{self, Context};

use crate::{
    app::{
        desktop::desk::Job,
        model::{
            action::SettingsAction,
            state::{Host, IrohStatus, RelayStatus},
        },
        theme,
        window::Window,
        words::Words,
    },
    engine::{Command, IrohRelay, RelayConfig},
    net::client::RelayAddress,
    settings::{Appearance, ReduceMotion},
};

impl Window {
    /// Checks the relay in use.
    pub(in crate::app) fn check_relay(&mut self) {
        if let Some(relay) = self.state.settings.default_relay() {
            let address = relay.address.clone();
            self.check(address);
        }
    }

    fn check(&mut self, address: RelayAddress) {
        let id = self.engine.new_id();
        self.state.checked.insert(address.clone(), RelayStatus::Pending);
        self.state.checks.insert(id, address.clone());
        let relay = self.state.settings.reach(address);
        self.command(Command::Check(id, relay));
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
