//! The settings as a person edits them: text that may be half typed. What is valid goes into the settings at once; what
//! isn't is marked where it stands and leaves the settings as they were.

use std::num::NonZeroU16;

use crate::{
    engine::Ports,
    net::client::RelayAddress,
    settings::{SavedRelay, Settings},
    units::Rate,
};

/// A page of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Page {
    #[default]
    Relays,
    Host,
    Transfers,
    Window,
}

/// A relay of the list, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RelayDraft {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) password: String,
}

impl RelayDraft {
    /// The address, if it is one.
    pub(super) fn parsed(&self) -> Option<RelayAddress> {
        self.address.trim().parse().ok()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SettingsForm {
    pub(super) page: Page,
    pub(super) relays: Vec<RelayDraft>,
    /// Which relay is open for editing.
    pub(super) editing: Option<usize>,
    /// It has just been added: its first field takes the keyboard.
    pub(super) wants_focus: bool,
    /// Where the relay is that has just been moved: the keyboard goes with it.
    pub(super) raised: Option<usize>,
    pub(super) host_port: String,
    pub(super) data_ports: String,
    pub(super) host_password: String,
    /// Bytes a second with a unit, or nothing.
    pub(super) rate: String,
    /// The port for direct connections, or nothing.
    pub(super) direct_port: String,
    pub(super) shows_passwords: bool,
    /// The scale that the slider shows.
    pub(super) scale: f32,
}

impl SettingsForm {
    /// A form that shows `settings`.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut form = Self::default();
        form.fill(settings);
        form
    }

    /// Shows `settings`; what was half typed is forgotten.
    pub(super) fn fill(&mut self, settings: &Settings) {
        self.relays = settings
            .relays
            .iter()
            .map(|relay| RelayDraft {
                name: relay.name.clone().unwrap_or_default(),
                address: relay.address.to_string(),
                password: relay.password.clone().unwrap_or_default(),
            })
            .collect();
        self.editing = None;
        self.host_port = settings.host.port.to_string();
        self.data_ports = settings.host.data_ports.to_string();
        self.host_password = settings.host.password.clone().unwrap_or_default();
        self.scale = settings.scale;
        let rate = settings.bytes_per_sec.and_then(Rate::from_bytes_per_sec);
        self.rate = rate.map(|rate| rate.to_string()).unwrap_or_default();
        self.direct_port = settings.direct_port.map(|port| port.to_string()).unwrap_or_default();
    }

    /// Puts what is valid into `settings`.
    pub(super) fn apply_to(&self, settings: &mut Settings) {
        let old = std::mem::take(&mut settings.relays);
        settings.relays = self
            .relays
            .iter()
            .filter_map(|draft| {
                let address = draft.parsed()?;
                // What a newer version wrote about this relay stays.
                let known = old.iter().find(|relay| relay.address == address).cloned();
                let mut relay = known.unwrap_or_else(|| SavedRelay::new(address));
                relay.name = filled(&draft.name);
                relay.password = (!draft.password.is_empty()).then(|| draft.password.clone());
                Some(relay)
            })
            .collect();
        if let Some(port) = self.parsed_port() {
            settings.host.port = port;
        }
        if let Some(ports) = self.parsed_data_ports() {
            settings.host.data_ports = ports;
        }
        settings.host.password = (!self.host_password.is_empty()).then(|| self.host_password.clone());
        if let Some(rate) = self.parsed_rate() {
            settings.bytes_per_sec = rate;
        }
        if let Some(port) = self.parsed_direct_port() {
            settings.direct_port = port;
        }
    }

    /// The hosted relay's port, if it is one.
    pub(super) fn parsed_port(&self) -> Option<u16> {
        self.host_port.trim().parse().ok()
    }

    /// The hosted relay's data ports, if they are some.
    pub(super) fn parsed_data_ports(&self) -> Option<Ports> {
        self.data_ports.trim().parse().ok()
    }

    /// The rate, if it is one; nothing means no limit.
    #[allow(clippy::option_option)]
    pub(super) fn parsed_rate(&self) -> Option<Option<u64>> {
        let text = self.rate.trim();
        if text.is_empty() {
            return Some(None);
        }
        text.parse().ok().map(|rate: Rate| Some(rate.bytes_per_sec().get()))
    }

    /// The port for direct connections, if it is one; nothing, or 0, lets the system choose.
    #[allow(clippy::option_option)]
    pub(super) fn parsed_direct_port(&self) -> Option<Option<NonZeroU16>> {
        match self.direct_port.trim() {
            "" => Some(None),
            text => text.parse().ok().map(NonZeroU16::new),
        }
    }

    /// Adds an empty relay and opens it.
    pub(super) fn add_relay(&mut self) {
        self.relays.push(RelayDraft::default());
        self.editing = Some(self.relays.len() - 1);
        self.wants_focus = true;
    }

    /// The relay that is in use: the first one that has an address.
    pub(super) fn in_use(&self) -> Option<usize> {
        self.relays.iter().position(|draft| draft.parsed().is_some())
    }

    /// Takes a relay away.
    pub(super) fn remove_relay(&mut self, index: usize) {
        if index < self.relays.len() {
            self.relays.remove(index);
            self.editing = None;
        }
    }

    /// Moves a relay up by one; the first is the one in use.
    pub(super) fn raise_relay(&mut self, index: usize) {
        if index > 0 && index < self.relays.len() {
            self.relays.swap(index, index - 1);
            self.raised = Some(index - 1);
            self.editing = self.editing.map(|editing| match editing {
                editing if editing == index => index - 1,
                editing if editing + 1 == index => index,
                editing => editing,
            });
        }
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_comes_out_again() {
        let mut settings = Settings::default();
        let mut relay = SavedRelay::new("relay.example.org:27001".parse().unwrap());
        relay.name = Some("Office".to_owned());
        relay.password = Some(" pass word ".to_owned());
        settings.relays = vec![relay];
        settings.bytes_per_sec = Some(1_500_000);
        settings.direct_port = NonZeroU16::new(27_010);
        let mut again = Settings::default();
        SettingsForm::new(&settings).apply_to(&mut again);
        assert_eq!(settings, again);
    }

    #[test]
    fn what_is_half_typed_changes_nothing() {
        let mut settings = Settings::default();
        settings.bytes_per_sec = Some(7);
        settings.direct_port = NonZeroU16::new(7);
        let mut form = SettingsForm::new(&settings);
        form.host_port = "7000000".to_owned();
        form.data_ports = "27002-".to_owned();
        form.rate = "12 parsecs".to_owned();
        form.direct_port = "70000".to_owned();
        form.add_relay();
        let before = settings.clone();
        form.apply_to(&mut settings);
        assert_eq!(settings, before);
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, rate) in [
            ("", None),
            ("5", Some(5_000_000)),
            ("1,5 MB/s", Some(1_500_000)),
            ("64 KiB", Some(65536)),
            ("2GB/s", Some(2_000_000_000)),
        ] {
            let form = SettingsForm { rate: text.to_owned(), ..SettingsForm::default() };
            assert_eq!(form.parsed_rate(), Some(rate), "{text}");
        }
    }

    #[test]
    fn the_relay_that_is_edited_stays_open_while_it_moves() {
        let mut form = SettingsForm::default();
        form.add_relay();
        form.add_relay();
        form.raise_relay(1);
        assert_eq!(form.editing, Some(0));
        form.raise_relay(1);
        assert_eq!(form.editing, Some(1));
    }
}
