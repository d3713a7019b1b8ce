//! A relay that the user has added, of Caiman's own kind or of croc's.

use std::fmt;

use serde::{Serialize, Serializer};
use toml::Table;

use super::fields::Fields;
use crate::net::{access::AccessPassword, client::RelayAddress};

/// A relay that the user has added.
#[derive(Clone, PartialEq, Serialize)]
pub struct SavedRelay {
    /// The relay's address.
    #[serde(serialize_with = "as_text")]
    pub address: RelayAddress,
    /// The relay's access password, if it has one.
    #[serde(serialize_with = "as_password")]
    pub password: Option<AccessPassword>,
    /// The user's name for the relay.
    pub name: Option<String>,
    #[serde(flatten)]
    other: Table,
}

impl SavedRelay {
    /// A relay without a password or a name.
    pub fn new(address: RelayAddress) -> Self {
        Self { address, password: None, name: None, other: Table::new() }
    }

    /// The relay at this address with what else the fields say.
    pub(super) fn read_at(address: RelayAddress, mut fields: Fields<'_>) -> Self {
        let (password, name) = (fields.text("password").map(AccessPassword::from), fields.text("name"));
        Self { address, password, name, other: fields.rest() }
    }
}

impl fmt::Debug for SavedRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedRelay")
            .field("address", &self.address)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

pub(super) fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
pub(super) fn as_password<S: Serializer>(
    password: &Option<AccessPassword>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    password.as_ref().map(AccessPassword::as_str).serialize(serializer)
}
