//! What the user has chosen about croc.

use serde::Serialize;
use toml::Table;
#[cfg(feature = "croc")]
use zeroize::Zeroizing;

#[cfg(feature = "croc")]
use super::Settings;
use super::{SavedRelay, fields::Fields};
#[cfg(feature = "croc")]
use crate::{
    croc::code::{CrocCode, FoundCode},
    net::{client::RelayChoice, proxy::Proxies},
    transfer::croc::{CrocRelay, CrocSearch, CrocSend},
};
use crate::{net::client::RelayAddress, store::Expected};

/// The port of a croc relay, unless its owner has set another one.
const USUAL_PORT: u16 = 9009;

/// How transfers with users of croc are done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrocSettings {
    /// Whether a send of the window has a code for croc as well.
    pub sends: bool,
    /// Whether croc 10 is spoken, which proves less than croc 11.
    pub version_10: bool,
    /// The user's croc relays; empty for the public ones.
    #[serde(rename = "relay", skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<SavedRelay>,
    #[serde(flatten)]
    other: Table,
}

impl CrocSettings {
    /// Reads the address of a croc relay; without a port it is the usual one. `None` for what is no address.
    pub fn address(text: &str) -> Option<RelayAddress> {
        RelayAddress::with_default_port(text, USUAL_PORT).ok()
    }

    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let usual = Self::default();
        Self {
            sends: fields.switch("sends").unwrap_or(usual.sends),
            version_10: fields.switch("version_10").unwrap_or(usual.version_10),
            relays: fields.each("relay", |mut fields| {
                let address = fields.required_as("address", Expected::Address, Self::address)?;
                Some(SavedRelay::read_at(address, fields))
            }),
            other: fields.rest(),
        }
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

impl Default for CrocSettings {
    fn default() -> Self {
        Self { sends: false, version_10: true, relays: Vec::new(), other: Table::new() }
    }
}
