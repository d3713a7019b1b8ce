//! The settings as the user edits them: as text, which may be half typed. What is valid goes into the settings at
//! once. What isn't is marked where it stands, and leaves the settings as they were.

use std::num::NonZeroU16;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    engine::{IrohRelay, PeerName, Ports, ProxyChoice},
    net::client::RelayAddress,
    settings::{CrocSettings, SavedRelay, Settings},
    units::Rate,
};

/// A page of the settings dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::app) enum Page {
    #[default]
    General,
    Internet,
    Relays,
    Croc,
    Host,
    Advanced,
}

/// A relay of the list, as it is being edited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::app) struct RelayDraft {
    pub(in crate::app) name: String,
    pub(in crate::app) address: String,
    pub(in crate::app) password: String,
}

impl RelayDraft {
    fn of(relay: &SavedRelay) -> Self {
        let password = relay.password.as_ref();
        Self {
            name: relay.name.clone().unwrap_or_default(),
            address: relay.address.to_string(),
            password: password.map_or_else(String::new, |password| password.as_str().to_owned()),
        }
    }

    /// Takes apart the text with which a relay is passed on, if the field of the address holds one.
    pub(in crate::app) fn take_passed_on(&mut self) {
        let Some((address, password)) = read_passed_on(&self.address) else { return };
        (self.address, self.password) = (address.to_string(), password);
    }

    /// The address, if it is a valid one, alone or with its password.
    pub(in crate::app) fn parsed(&self) -> Option<RelayAddress> {
        read_passed_on(&self.address).map(|(address, _)| address).or_else(|| self.address.trim().parse().ok())
    }

    /// The address of a croc relay, if it is a valid one.
    pub(in crate::app) fn parsed_croc(&self) -> Option<RelayAddress> {
        CrocSettings::address(&self.address)
    }
}

/// Puts the relays of a list into the settings, those with a valid address.
fn apply_relays(
    drafts: &[RelayDraft],
    address: impl Fn(&RelayDraft) -> Option<RelayAddress>,
    relays: &mut Vec<SavedRelay>,
) {
    let old = std::mem::take(relays);
    relays.extend(drafts.iter().filter_map(|draft| {
        let address = address(draft)?;
        // Fields that a newer version wrote for this relay are kept.
        let known = old.iter().find(|relay| relay.address == address).cloned();
        let mut relay = known.unwrap_or_else(|| SavedRelay::new(address));
        relay.name = filled(&draft.name);
        relay.password = (!draft.password.is_empty()).then(|| draft.password.as_str().into());
        Some(relay)
    }));
}

/// The content of the settings dialog.
#[derive(Debug, Default)]
pub(in crate::app) struct SettingsForm {
    pub(in crate::app) page: Page,
    pub(in crate::app) relays: Vec<RelayDraft>,
    /// The relay that is open for editing.
    pub(in crate::app) editing: Option<usize>,
    /// A relay has just been added, so its first field takes the keyboard.
    pub(in crate::app) wants_focus: bool,
    /// The licences have just been closed, so their button takes the keyboard.
    pub(in crate::app) is_back_from_licences: bool,
    /// Where the relay stands that has just been moved; the keyboard follows it.
    pub(in crate::app) raised: Option<usize>,
    /// What this computer is called; empty for what the system calls it.
    pub(in crate::app) name: String,
    /// The addresses of the user's iroh relays, as they are being edited.
    pub(in crate::app) iroh: Vec<String>,
    /// The user's croc relays, as they are being edited.
    pub(in crate::app) croc: Vec<RelayDraft>,
    /// The proxy, or `off`; empty for what the environment names.
    pub(in crate::app) proxy: String,
    pub(in crate::app) host_port: String,
    pub(in crate::app) data_ports: String,
    pub(in crate::app) host_password: String,
    /// The speed limit with its unit; empty for none.
    pub(in crate::app) rate: String,
    /// The port for direct connections; empty for any.
    pub(in crate::app) direct_port: String,
    pub(in crate::app) shows_passwords: bool,
    /// The scale that the slider shows. It takes effect when the slider is let go.
    pub(in crate::app) scale: f32,
}

impl SettingsForm {
    /// A form that shows `settings`.
    pub(in crate::app) fn new(settings: &Settings) -> Self {
        let mut form = Self::default();
        form.fill(settings);
        form
    }

    /// Shows `settings`, and forgets what was half typed.
    pub(in crate::app) fn fill(&mut self, settings: &Settings) {
        self.relays = settings.relays.iter().map(RelayDraft::of).collect();
        self.croc = settings.croc.relays.iter().map(RelayDraft::of).collect();
        self.editing = None;
        self.name = settings.name.as_ref().map_or_else(String::new, |name| name.as_str().to_owned());
        self.iroh = settings.iroh_relays.iter().map(ToString::to_string).collect();
        self.proxy = settings.proxy.to_string();
        self.host_port = settings.host.port.to_string();
        self.data_ports = settings.host.data_ports.to_string();
        let host_password = settings.host.password.as_ref();
        self.host_password = host_password.map_or_else(String::new, |password| password.as_str().to_owned());
        self.scale = settings.scale;
        let rate = settings.bytes_per_sec.and_then(Rate::from_bytes_per_sec);
        self.rate = rate.map(|rate| rate.to_string()).unwrap_or_default();
        self.direct_port = settings.direct_port.map(|port| port.to_string()).unwrap_or_default();
    }

    /// Puts everything that is valid into `settings`.
    pub(in crate::app) fn apply_to(&self, settings: &mut Settings) {
        apply_relays(&self.relays, RelayDraft::parsed, &mut settings.relays);
        apply_relays(&self.croc, RelayDraft::parsed_croc, &mut settings.croc.relays);
        settings.iroh_relays =
            self.iroh.iter().filter_map(|address| address.parse::<IrohRelay>().ok()).collect();
        if let Some(name) = self.parsed_name() {
            settings.name = name;
        }
        if let Some(proxy) = self.parsed_proxy() {
            settings.proxy = proxy;
        }
        if let Some(port) = self.parsed_port() {
            settings.host.port = port;
        }
        if let Some(ports) = self.parsed_data_ports() {
            settings.host.data_ports = ports;
        }
        settings.host.password = (!self.host_password.is_empty()).then(|| self.host_password.as_str().into());
        if let Some(rate) = self.parsed_rate() {
            settings.bytes_per_sec = rate;
        }
        if let Some(port) = self.parsed_direct_port() {
            settings.direct_port = port;
        }
    }

    /// What this computer is to be called, if that is valid; `Some(None)` is what the system calls it.
    #[allow(clippy::option_option)]
    pub(in crate::app) fn parsed_name(&self) -> Option<Option<PeerName>> {
        match self.name.trim() {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    /// What is wanted of proxies, if it is valid.
    pub(in crate::app) fn parsed_proxy(&self) -> Option<ProxyChoice> {
        match self.proxy.trim() {
            "" => Some(ProxyChoice::Environment),
            text => text.parse().ok(),
        }
    }

    /// Whether the proxy's field holds what is hidden while passwords are.
    pub(in crate::app) fn has_proxy_login(&self) -> bool {
        self.proxy.contains('@')
    }

    /// The port of the hosted relay, if it is valid.
    pub(in crate::app) fn parsed_port(&self) -> Option<u16> {
        self.host_port.trim().parse().ok()
    }

    /// The data ports of the hosted relay, if they are valid.
    pub(in crate::app) fn parsed_data_ports(&self) -> Option<Ports> {
        self.data_ports.trim().parse().ok()
    }

    /// The speed limit in bytes a second, if it is valid; `Some(None)` means no limit.
    #[allow(clippy::option_option)]
    pub(in crate::app) fn parsed_rate(&self) -> Option<Option<u64>> {
        let text = self.rate.trim();
        if text.is_empty() {
            return Some(None);
        }
        text.parse().ok().map(|rate: Rate| Some(rate.bytes_per_sec().get()))
    }

    /// The port for direct connections, if it is valid; `Some(None)`, which an empty field and 0 mean, lets the
    /// system choose.
    #[allow(clippy::option_option)]
    pub(in crate::app) fn parsed_direct_port(&self) -> Option<Option<NonZeroU16>> {
        match self.direct_port.trim() {
            "" => Some(None),
            text => text.parse().ok().map(NonZeroU16::new),
        }
    }

    /// Adds an iroh relay without an address.
    pub(in crate::app) fn add_iroh(&mut self) {
        self.iroh.push(String::new());
        self.wants_focus = true;
    }

    /// Removes an iroh relay.
    pub(in crate::app) fn remove_iroh(&mut self, index: usize) {
        if index < self.iroh.len() {
            self.iroh.remove(index);
        }
    }

    /// Adds a croc relay without an address.
    pub(in crate::app) fn add_croc(&mut self) {
        self.croc.push(RelayDraft::default());
        self.wants_focus = true;
    }

    /// Removes a croc relay.
    pub(in crate::app) fn remove_croc(&mut self, index: usize) {
        if index < self.croc.len() {
            self.croc.remove(index);
        }
    }

    /// Adds an empty relay and opens it for editing.
    pub(in crate::app) fn add_relay(&mut self) {
        self.relays.push(RelayDraft::default());
        self.editing = Some(self.relays.len() - 1);
        self.wants_focus = true;
    }

    /// The relay in use: the first one with a valid address.
    pub(in crate::app) fn in_use(&self) -> Option<usize> {
        self.relays.iter().position(|draft| draft.parsed().is_some())
    }

    /// Removes a relay.
    pub(in crate::app) fn remove_relay(&mut self, index: usize) {
        if index < self.relays.len() {
            self.relays.remove(index);
            self.editing = None;
        }
    }

    /// Moves a relay up by one. The first valid one is in use.
    pub(in crate::app) fn raise_relay(&mut self, index: usize) {
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

/// The beginning of a text with which a relay is passed on.
const RELAY_SCHEME: &str = "caiman-relay:";

/// The text with which a relay is passed on, address and password in one. The address field of another Caiman
/// understands it.
pub(in crate::app) fn passed_on(address: &RelayAddress, password: &str) -> String {
    let password = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
    let mark = if password.is_empty() { "" } else { "#" };
    format!("{RELAY_SCHEME}{address}{mark}{password}")
}

/// The relay and the password that such a text names.
fn read_passed_on(text: &str) -> Option<(RelayAddress, String)> {
    let rest = text.trim().strip_prefix(RELAY_SCHEME)?;
    let (address, password) = rest.split_once('#').unwrap_or((rest, ""));
    let password = percent_decode_str(password).decode_utf8().ok()?;
    Some((address.parse().ok()?, password.into_owned()))
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
        relay.password = Some(" pass word ".into());
        settings.relays = vec![relay];
        settings.name = Some("Ann's laptop".parse().unwrap());
        let mut croc = SavedRelay::new("relay.example.org:9009".parse().unwrap());
        croc.password = Some("word".into());
        settings.croc.relays = vec![croc];
        settings.iroh_relays = vec!["https://relay.example.org".parse().unwrap()];
        settings.proxy = "socks5://ada:p%40ss@proxy.example:1080".parse().unwrap();
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
        form.proxy = "https://".to_owned();
        form.name = "x".repeat(41);
        form.add_relay();
        form.add_croc();
        form.iroh = vec![String::new(), "https://".to_owned()];
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
    fn a_relay_that_is_passed_on_arrives_with_its_password() {
        for (address, password) in
            [("192.0.2.7:28101", "a b#%ü"), ("relay.example.org:27001", ""), ("[2001:db8::1]:5", "#")]
        {
            let text = passed_on(&address.parse().unwrap(), password);
            let mut draft = RelayDraft { address: format!(" {text}\n"), ..RelayDraft::default() };
            draft.take_passed_on();
            assert_eq!((draft.address.as_str(), draft.password.as_str()), (address, password), "{text}");
        }
        for text in
            ["relay.example.org", "caiman-relay:", "caiman-relay:#x", "caiman-relay:relay.example.org#%ff"]
        {
            let mut draft = RelayDraft { address: text.to_owned(), ..RelayDraft::default() };
            draft.take_passed_on();
            assert_eq!(draft.address, text);
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
