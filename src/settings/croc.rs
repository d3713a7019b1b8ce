//! What the user has chosen about croc.

use serde::Serialize;
use toml::Table;

use super::{fields::Fields, saved_relay::SavedRelay};
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

impl Default for CrocSettings {
    fn default() -> Self {
        Self { sends: false, version_10: true, relays: Vec::new(), other: Table::new() }
    }
}
