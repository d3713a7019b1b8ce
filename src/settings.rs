//! What the user has chosen, kept in `settings.toml`. Used by the window, which changes it, and by the headless commands,
//! which only look up relays.
//!
//! Every value is read separately: one that can't be used is replaced by its default and reported, and affects no other.
//! Keys that this version doesn't know are written back as they were, so that an older program keeps the settings of a newer
//! one.

mod croc;
mod fields;
mod saved_relay;

use std::{
    fmt, fs, io,
    num::NonZeroU16,
    path::{Path, PathBuf},
};

use directories::UserDirs;
use serde::{Deserialize, Serialize};
use toml::Table;
#[cfg(feature = "croc")]
use zeroize::Zeroizing;

use crate::{
    code::{MAX_DRAWN_WORDS, MIN_PARTS},
    net::{
        access::AccessPassword,
        client::{RelayAddress, RelayChoice},
        internet::{Internet, IrohRelay},
        proxy::{Proxies, ProxyChoice},
    },
    platform::host_name::host_name,
    protocol::{name::PeerName, relay::MAX_LANES},
    relay::{Ports, RelayConfig},
    store::{self, BadEntry, Expected, Problem, SaveError, Store},
    transfer::{
        path_mode::{ListenOptions, PathMode},
        send::MAX_RECEIVERS,
    },
};
#[cfg(feature = "croc")]
use crate::{
    croc::code::{CrocCode, FoundCode},
    transfer::croc::{CrocRelay, CrocSearch, CrocSend},
};
pub use croc::CrocSettings;
use fields::{Fields, typed};
pub use saved_relay::SavedRelay;
use saved_relay::{as_password, as_text};

/// The name of the file in its folder.
pub const FILE_NAME: &str = "settings.toml";
/// The smallest scale of the window; text is hard to read below it.
pub const MIN_SCALE: f32 = 0.75;
/// The largest scale of the window; above it the window no longer fits on common screens.
pub const MAX_SCALE: f32 = 2.0;
/// How many points wide and high a window may be; any other size is a mistake in the file.
const WINDOW_POINTS: std::ops::RangeInclusive<u32> = 100..=20_000;
const HEADER: &str = "\
# Caiman's settings. A key that is missing has its usual value.
# The window writes this file anew whenever a setting changes; comments are not kept.
# It may hold passwords: don't pass it on.

";

/// All settings. Values that come from a file are within their bounds.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// The user's relays in the order of preference: the first that can be reached is used unless another is named.
    #[serde(rename = "relay", skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<SavedRelay>,
    /// Whether transfers may go over the internet without a relay of the user's.
    pub internet: bool,
    /// The iroh relays for that; empty for the public ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub iroh_relays: Vec<IrohRelay>,
    /// Whether the user has been told who runs the public iroh relays, and what these see.
    pub internet_told: bool,
    /// Whether the window has gone through its first steps with the user.
    pub first_steps_done: bool,
    /// How transfers with users of croc are done.
    pub croc: CrocSettings,
    /// The relay that the window can run.
    pub host: HostRelay,
    /// The proxy through which relays are reached.
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_environment")]
    pub proxy: ProxyChoice,
    /// What this computer is called; `None` is what the system calls it.
    pub name: Option<PeerName>,
    /// Whether the other side of a transfer is told the name.
    pub tell_name: bool,
    /// Where received files go; `None` is the system's folder for downloads. A folder whose path is not Unicode is kept only
    /// until the program ends.
    #[serde(skip_serializing_if = "store::is_left_out")]
    pub save_folder: Option<PathBuf>,
    /// Which ways to the other side may be used.
    pub path_mode: PathMode,
    /// The port for direct connections; `None` lets the system choose one.
    pub direct_port: Option<NonZeroU16>,
    /// Whether to ask the router to let direct connections in.
    pub map_port: bool,
    /// The most connections of one transfer, 1 to [`MAX_LANES`].
    pub lanes: u16,
    /// The most bytes to send per second, at least 1; `None` is no limit.
    pub bytes_per_sec: Option<u64>,
    /// How many words a drawn code has, [`MIN_PARTS`] to [`MAX_DRAWN_WORDS`].
    pub code_words: u8,
    /// How many receivers one code serves.
    pub receivers: u16,
    /// Whether the window is light or dark.
    pub appearance: Appearance,
    /// The scale of everything in the window, [`MIN_SCALE`] to [`MAX_SCALE`].
    pub scale: f32,
    /// The tag of a language, such as `de`; `None` is the system's language.
    pub language: Option<String>,
    /// Whether to tell the desktop what happens while the window is in the background.
    pub notifications: bool,
    /// Whether the computer stays awake while bytes move.
    pub keep_awake: bool,
    /// What closing the window means while codes wait, a relay runs or bytes move.
    pub closing: Closing,
    /// The window system to use on Linux.
    pub window_system: WindowSystem,
    /// Whether to avoid motion in the window.
    pub reduce_motion: ReduceMotion,
    /// The window's size when it was last closed.
    pub window: Option<WindowSize>,
    /// Keys that this version doesn't know.
    #[serde(flatten)]
    other: Table,
}

/// The relay that the window can run.
#[derive(Clone, PartialEq, Serialize)]
pub struct HostRelay {
    /// The control port; 0 lets the system choose.
    pub port: u16,
    /// The ports for data.
    #[serde(serialize_with = "as_text")]
    pub data_ports: Ports,
    /// The password that everyone who uses the relay must know.
    #[serde(serialize_with = "as_password")]
    pub password: Option<AccessPassword>,
    /// Whether the relay starts together with the window.
    pub start_with_window: bool,
    #[serde(flatten)]
    other: Table,
}

/// Whether the window is light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// As the system is set.
    #[default]
    System,
    /// Dark text on a light background.
    Light,
    /// Light text on a dark background.
    Dark,
}

/// What closing the window means while that would end something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// The user is asked.
    #[default]
    Ask,
    /// The program goes on without its window.
    KeepRunning,
    /// The program ends. While bytes move, the user is asked all the same.
    Quit,
}

/// The window system to use on Linux; other systems have only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowSystem {
    /// The one that the session runs.
    #[default]
    Automatic,
    /// X11, even in a Wayland session.
    X11,
}

/// Whether to avoid motion in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReduceMotion {
    /// As the system is set.
    #[default]
    Automatic,
    /// Nothing moves that need not.
    On,
    /// Things move, whatever the system asks for.
    Off,
}

/// The size of a window in points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowSize {
    /// The width in points.
    pub width: u32,
    /// The height in points.
    pub height: u32,
}

/// The result of reading the settings.
#[derive(Debug)]
pub struct LoadedSettings {
    /// The user's settings as far as they could be read, and defaults otherwise.
    pub settings: Settings,
    /// What could not be read. Tell the user.
    pub problem: Option<Problem>,
}

impl Settings {
    /// Reads the settings for a caller that will save them again: a file in which nothing can be understood is moved aside.
    pub fn load(store: &Store) -> LoadedSettings {
        let mut loaded = Self::look(store);
        if let Some(problem) = &mut loaded.problem {
            store.set_aside(FILE_NAME, problem);
        }
        loaded
    }

    /// Reads the settings and changes no file.
    pub fn look(store: &Store) -> LoadedSettings {
        match store.read(FILE_NAME) {
            Ok(table) => {
                let (settings, bad) = Self::from_table(table);
                LoadedSettings { settings, problem: store.judge(FILE_NAME, bad) }
            }
            Err(problem) => LoadedSettings { settings: Self::default(), problem: Some(problem) },
        }
    }

    /// Replaces the file. An existing file that can't be read as a whole is kept aside first, and one that the system doesn't
    /// allow to be read is not replaced.
    pub fn save(&self, store: &Store) -> Result<(), SaveError> {
        store.write(FILE_NAME, &self.to_text(), Self::look(store).problem)
    }

    /// The settings in a file, and the entries that can't be used.
    pub(crate) fn from_table(table: Table) -> (Self, Vec<BadEntry>) {
        let mut bad = Vec::new();
        let settings = Self::read(Fields::of(table, &mut bad));
        (settings, bad)
    }

    /// The text of the file.
    pub(crate) fn to_text(&self) -> String {
        let body = toml::to_string_pretty(self).expect("settings are keys with text, numbers and tables");
        format!("{HEADER}{body}")
    }

    /// The relay to use unless another is named.
    pub fn default_relay(&self) -> Option<&SavedRelay> {
        self.relays.first()
    }

    /// The password of the relay at this address, if it is one of the user's relays.
    pub fn password_for(&self, address: &RelayAddress) -> Option<&AccessPassword> {
        let found = self.relays.iter().find(|relay| relay.address.is_same(address));
        found?.password.as_ref()
    }

    /// The relay at this address with its password, if it is one of the user's, and through the proxy that it takes.
    pub fn reach(&self, address: RelayAddress) -> RelayChoice {
        let proxy = Proxies::new(&self.proxy).for_relay(&address);
        let password = self.password_for(&address).cloned();
        RelayChoice { password, proxy, ..RelayChoice::new(address) }
    }

    /// The user's relays, in the order of preference.
    pub fn relay_choices(&self) -> Vec<RelayChoice> {
        self.relays.iter().map(|relay| self.reach(relay.address.clone())).collect()
    }

    /// What the other side of a transfer is told that this computer is called; `None` for nothing.
    pub fn told_name(&self) -> Option<PeerName> {
        self.own_name().filter(|_| self.tell_name)
    }

    /// What this computer is called; `None` if neither the user nor the system has given it a name.
    pub fn own_name(&self) -> Option<PeerName> {
        self.name.clone().or_else(host_name)
    }

    /// What transfers may use of the internet.
    pub fn internet(&self) -> Option<Internet> {
        let is_on = self.internet && Internet::IS_BUILT_IN;
        is_on.then(|| Internet { relays: self.iroh_relays.clone(), proxy: self.proxy.clone() })
    }

    /// How the other side may reach this machine directly.
    pub fn listen(&self) -> ListenOptions {
        ListenOptions { port: self.direct_port, asks_gateway: self.map_port }
    }

    /// Where received files go: the chosen folder, or the system's folder for downloads, or `Downloads` in the home folder if
    /// there is one, or a folder `Caiman` there, which is made. Never the home folder itself, where programs look for what the user has set, and only without any
    /// home folder the one in which the program was started, which may be the mounted image of the program.
    pub fn save_folder(&self) -> PathBuf {
        let usual = || {
            let folders = UserDirs::new()?;
            Some(usual_folder(folders.home_dir(), folders.download_dir()))
        };
        self.save_folder.clone().or_else(usual).unwrap_or_else(|| PathBuf::from("."))
    }

    fn read(mut fields: Fields<'_>) -> Self {
        let usual = Self::default();
        let words = MIN_PARTS as u8..=MAX_DRAWN_WORDS as u8;
        Self {
            relays: fields.each("relay", |mut fields| {
                let address = fields.required_as("address", Expected::Address, |text| text.parse().ok())?;
                Some(SavedRelay::read_at(address, fields))
            }),
            internet: fields.switch("internet").unwrap_or(usual.internet),
            iroh_relays: fields.take("iroh_relays", Expected::IrohRelays, typed).unwrap_or_default(),
            internet_told: fields.switch("internet_told").unwrap_or(usual.internet_told),
            first_steps_done: fields.switch("first_steps_done").unwrap_or(usual.first_steps_done),
            croc: fields.inner("croc").map_or(usual.croc, CrocSettings::read),
            host: fields.inner("host").map_or(usual.host, HostRelay::read),
            proxy: fields.parsed("proxy", Expected::Proxy).unwrap_or_default(),
            name: fields.parsed("name", Expected::ComputerName),
            tell_name: fields.switch("tell_name").unwrap_or(usual.tell_name),
            save_folder: fields.text("save_folder").map(PathBuf::from),
            lanes: fields.number("lanes", 1..=MAX_LANES).unwrap_or(usual.lanes),
            path_mode: fields
                .take("path_mode", Expected::OneOf(&["automatic", "local-only", "relay-only"]), typed)
                .unwrap_or_default(),
            // 0 means that there is no such port, like a missing key.
            direct_port: fields.number("direct_port", 0..=u16::MAX).and_then(NonZeroU16::new),
            map_port: fields.switch("map_port").unwrap_or(usual.map_port),
            bytes_per_sec: fields.number("bytes_per_sec", 1..=i64::MAX as u64),
            code_words: fields.number("code_words", words).unwrap_or(usual.code_words),
            receivers: fields.number("receivers", 1..=MAX_RECEIVERS).unwrap_or(usual.receivers),
            appearance: fields
                .take("appearance", Expected::OneOf(&["system", "light", "dark"]), typed)
                .unwrap_or_default(),
            scale: fields.number("scale", MIN_SCALE..=MAX_SCALE).unwrap_or(usual.scale),
            language: fields.text("language"),
            notifications: fields.switch("notifications").unwrap_or(usual.notifications),
            keep_awake: fields.switch("keep_awake").unwrap_or(usual.keep_awake),
            closing: fields
                .take("closing", Expected::OneOf(&["ask", "keep-running", "quit"]), typed)
                .unwrap_or_default(),
            window_system: fields
                .take("window_system", Expected::OneOf(&["automatic", "x11"]), typed)
                .unwrap_or_default(),
            reduce_motion: fields
                .take("reduce_motion", Expected::OneOf(&["automatic", "on", "off"]), typed)
                .unwrap_or_default(),
            window: fields.inner("window").and_then(WindowSize::read),
            other: fields.rest(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            relays: Vec::new(),
            internet: true,
            iroh_relays: Vec::new(),
            internet_told: false,
            first_steps_done: false,
            croc: CrocSettings::default(),
            host: HostRelay::default(),
            proxy: ProxyChoice::default(),
            name: None,
            tell_name: true,
            save_folder: None,
            lanes: MAX_LANES,
            path_mode: PathMode::default(),
            direct_port: None,
            map_port: false,
            bytes_per_sec: None,
            code_words: MIN_PARTS as u8,
            receivers: 1,
            appearance: Appearance::default(),
            scale: 1.0,
            language: None,
            notifications: true,
            keep_awake: true,
            closing: Closing::default(),
            window_system: WindowSystem::default(),
            reduce_motion: ReduceMotion::default(),
            window: None,
            other: Table::new(),
        }
    }
}

impl HostRelay {
    fn read(mut fields: Fields<'_>) -> Self {
        let usual = Self::default();
        Self {
            port: fields.number("port", 0..=u16::MAX).unwrap_or(usual.port),
            data_ports: fields.parsed("data_ports", Expected::Ports).unwrap_or(usual.data_ports),
            password: fields.text("password").map(AccessPassword::from),
            start_with_window: fields.switch("start_with_window").unwrap_or(usual.start_with_window),
            other: fields.rest(),
        }
    }
}

impl Default for HostRelay {
    fn default() -> Self {
        let RelayConfig { port, data_ports, .. } = RelayConfig::default();
        Self {
            port,
            data_ports: Ports(data_ports),
            password: None,
            start_with_window: false,
            other: Table::new(),
        }
    }
}

impl fmt::Debug for HostRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostRelay")
            .field("port", &self.port)
            .field("data_ports", &self.data_ports)
            .field("start_with_window", &self.start_with_window)
            .finish_non_exhaustive()
    }
}

impl WindowSize {
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let (width, height) = (fields.number("width", WINDOW_POINTS), fields.number("height", WINDOW_POINTS));
        Some(Self { width: width?, height: height? })
    }
}

#[cfg(feature = "croc")]
impl Settings {
    /// Where the other side may be under a code of croc: at `relay`, or else at the user's croc relays, or at the public ones.
    pub fn croc_search(&self, code: CrocCode, relay: Option<CrocRelay>) -> CrocSearch {
        let allows_v10 = self.croc.version_10;
        let own = || self.croc.relays.iter().map(|saved| self.croc_relay(saved.address.clone(), None));
        let relays: Vec<CrocRelay> = relay.map_or_else(|| own().collect(), |relay| vec![relay]);
        if relays.is_empty() {
            return CrocSearch::at_public(code, allows_v10, |address| self.croc_relay(address, None).relay);
        }
        CrocSearch::at(code, &relays, allows_v10)
    }

    /// How a receiver that has croc is waited for under this code: at `relay`, or else at the user's croc relays, or at the public ones.
    pub fn croc_send(&self, code: CrocCode, relay: Option<CrocRelay>) -> CrocSend {
        let named = relay.clone().or_else(|| {
            let saved = self.croc.relays.first()?;
            Some(self.croc_relay(saved.address.clone(), None))
        });
        let needs_password = named.as_ref().is_some_and(CrocRelay::has_own_password);
        let relay_to_name = named.map(|relay| relay.relay.address);
        CrocSend { search: self.croc_search(code, relay), relay: relay_to_name, needs_password }
    }

    /// Where the sender of a code may be that was typed or pasted. `None` if the relay in it is no address.
    pub fn croc_search_for(&self, found: FoundCode) -> Option<CrocSearch> {
        let FoundCode { code, relay, relay_password, .. } = found;
        let relay = match relay {
            Some(relay) => Some(self.croc_relay(CrocSettings::address(&relay)?, relay_password)),
            None => None,
        };
        Some(self.croc_search(code, relay))
    }

    /// The croc relay at this address, with this password, or else with the one that is kept for it. A password is shown to no relay but
    /// the one for which it was given.
    pub fn croc_relay(&self, address: RelayAddress, password: Option<Zeroizing<String>>) -> CrocRelay {
        let saved = self.croc.relays.iter().find(|relay| relay.address.is_same(&address));
        let kept = saved.and_then(|relay| Some(Zeroizing::new(relay.password.as_ref()?.as_str().to_owned())));
        let proxy = Proxies::new(&self.proxy).for_relay(&address);
        let relay = RelayChoice { proxy, ..RelayChoice::new(address) };
        CrocRelay { relay, password: password.or(kept) }
    }
}

/// The folder for received files of a user who has chosen none. If it can't be made, the next offer says so.
fn usual_folder(home: &Path, downloads: Option<&Path>) -> PathBuf {
    // Without a list of the user's folders, as on a small desktop, the system names none although there usually is one.
    let common = home.join("Downloads");
    if let Some(downloads) = downloads.into_iter().chain([common.as_path()]).find(|folder| folder.is_dir()) {
        return downloads.to_owned();
    }
    let folder = home.join("Caiman");
    if let Err(error) = fs::create_dir(&folder)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        tracing::warn!(%error, "the folder for received files can't be made");
    }
    folder
}

/// Whether a key for this choice can be left out.
fn is_environment(proxy: &ProxyChoice) -> bool {
    *proxy == ProxyChoice::Environment
}

#[cfg(test)]
mod tests;
