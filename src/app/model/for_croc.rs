//! The code for croc that a send has beside Caiman's own, as the window knows it.

use crate::{
    engine::{CrocCode, CrocName, CrocNews, TransferError},
    net::client::RelayAddress,
};

/// How many names that croc doesn't take are kept. Nobody reads more.
const MAX_NAMES: usize = 100;

/// How it is with the code for croc.
#[derive(Default)]
pub(in crate::app) struct ForCroc {
    /// The code, once receivers can use it.
    pub(in crate::app) code: Option<CrocCode>,
    /// The relay that the receiver has to name; `None` for croc's public ones.
    pub(in crate::app) relay: Option<RelayAddress>,
    /// Whether the receiver has to name that relay's password as well.
    pub(in crate::app) needs_password: bool,
    /// The first of the names that croc doesn't take as they are.
    pub(in crate::app) names: Vec<CrocName>,
    /// How many such names there are.
    pub(in crate::app) name_count: usize,
    /// A relay that can't be used for now, and why.
    pub(in crate::app) away: Option<(RelayAddress, TransferError)>,
    /// How many wrong codes may still be tried; `None` before the first one.
    pub(in crate::app) tries_left: Option<u8>,
    /// There are more files than a croc can be told of, so there is no code.
    pub(in crate::app) is_too_long: bool,
    /// A receiver came that has croc 10, which is turned off.
    pub(in crate::app) is_version_off: bool,
}

impl ForCroc {
    /// Takes news of it.
    pub(super) fn hear(&mut self, news: CrocNews) {
        match news {
            CrocNews::Code { code, relay, needs_password } => {
                (self.code, self.relay, self.needs_password) = (Some(code), relay, needs_password);
            }
            CrocNews::Names(names) => {
                self.name_count += names.len();
                let room = MAX_NAMES.saturating_sub(self.names.len());
                self.names.extend(names.into_iter().take(room));
            }
            CrocNews::NoRelay { relay, why } => self.away = Some((relay, why)),
            CrocNews::RelayBack(relay) => self.away = self.away.take().filter(|(away, _)| *away != relay),
            CrocNews::WrongTry { tries_left } => self.tries_left = Some(tries_left),
            CrocNews::TooLong => self.is_too_long = true,
            CrocNews::VersionOff => self.is_version_off = true,
            // That is news of the other side.
            CrocNews::Peer { .. } => {}
        }
    }

    /// What the receiver types on a terminal, before croc asks for the code.
    pub(in crate::app) fn command(&self) -> String {
        let relay = self.relay.as_ref().map(|relay| format!(" --relay {relay}")).unwrap_or_default();
        let password = if self.needs_password { " --pass …" } else { "" };
        format!("croc{relay}{password}")
    }

    /// Whether receivers can come with the code.
    pub(in crate::app) fn works(&self) -> bool {
        self.code.is_some() && self.tries_left != Some(0) && !self.is_too_long
    }
}
