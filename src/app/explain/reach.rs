//! Who can reach a relay that runs on this computer.

use super::failures::{error, standpoint};
use crate::{
    app::{
        model::{card::Card, tone::Tone},
        words::Words,
    },
    engine::Reach,
    net::client::RelayAddress,
};

/// From where a relay on this computer can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReachableFrom {
    Anywhere,
    LocalNetwork,
    ThisComputer,
}

impl ReachableFrom {
    /// From where a relay with these addresses can be reached.
    fn of(addresses: &[RelayAddress]) -> Self {
        let has = |reach| addresses.iter().any(|address| address.reach() == Some(reach));
        if has(Reach::Anywhere) {
            Self::Anywhere
        } else if has(Reach::LocalNetwork) {
            Self::LocalNetwork
        } else {
            Self::ThisComputer
        }
    }
}

/// Who can use a code that is only on the relay of this computer, and what is wrong with the other relays, if there
/// are any.
pub(in crate::app) fn only_here(
    words: &Words,
    card: &Card,
    hosted: &[RelayAddress],
    has_others: bool,
) -> (Tone, String) {
    match &card.off_relay {
        Some(why) => {
            let why = error(words, why, standpoint(card)).happened;
            (Tone::Warning, words.tell("local-for-now", &[("why", why.into())]))
        }
        None if has_others => (Tone::Plain, words.say("local-looking")),
        None => {
            let (tone, key) = match ReachableFrom::of(hosted) {
                ReachableFrom::Anywhere => (Tone::Plain, "reach-public"),
                ReachableFrom::LocalNetwork => (Tone::Plain, "reach-local"),
                ReachableFrom::ThisComputer => (Tone::Warning, "reach-nobody"),
            };
            (tone, words.say(key))
        }
    }
}

/// Who can use the window's own relay at these addresses.
pub(in crate::app) fn host_reach(words: &Words, addresses: &[RelayAddress]) -> String {
    words.say(match ReachableFrom::of(addresses) {
        ReachableFrom::Anywhere => "set-host-public",
        ReachableFrom::LocalNetwork => "set-host-local",
        ReachableFrom::ThisComputer => "set-host-nobody",
    })
}
