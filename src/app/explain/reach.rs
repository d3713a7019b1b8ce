//! Who can reach this computer: over the internet, and over a relay that runs here.

use super::failures::{error, standpoint};
use crate::{
    app::{
        model::{
            card::Card,
            state::{CodesLead, WhyNearby},
            tone::Tone,
        },
        words::Words,
    },
    engine::{OnlineState, PathMode, Reach},
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

/// How far codes lead, in a few words, and why they don't lead further.
pub(in crate::app) fn codes_lead(words: &Words, lead: CodesLead, path_mode: PathMode) -> (String, String) {
    let (text, hint) = match lead {
        CodesLead::Anywhere { .. } if path_mode == PathMode::RelayOnly => {
            ("lead-anywhere", "lead-relay-only-hint")
        }
        CodesLead::Anywhere { .. } => ("lead-anywhere", "lead-anywhere-hint"),
        // Then nothing leads here at all.
        CodesLead::Nearby(WhyNearby::NoRelay) if path_mode == PathMode::RelayOnly => {
            ("lead-nowhere", "lead-no-relay-hint")
        }
        CodesLead::Nearby(WhyNearby::NoRelay) => ("lead-nearby", "lead-no-relay-hint"),
        CodesLead::Nearby(WhyNearby::NotBuiltIn) => ("lead-nearby", "lead-not-built-in-hint"),
        CodesLead::Nearby(WhyNearby::SwitchedOff) => ("lead-nearby", "lead-switched-off-hint"),
        CodesLead::Nearby(WhyNearby::PathMode) => ("lead-nearby", "lead-path-mode-hint"),
    };
    (words.say(text), words.say(hint))
}

/// Whether the code of a waiting send works over the internet.
pub(in crate::app) fn online(words: &Words, card: &Card) -> (Tone, String) {
    let (tone, key) = match &card.online {
        None => (Tone::Plain, "online-soon"),
        Some(OnlineState::Reachable { .. }) => (Tone::Good, "online-reachable"),
        Some(OnlineState::NoRelay) if card.relay.is_some() => (Tone::Warning, "online-only-relay"),
        Some(OnlineState::NoRelay) if card.hosted.is_some() => (Tone::Warning, "online-only-nearby"),
        Some(OnlineState::NoRelay) => (Tone::Warning, "online-nowhere"),
        Some(OnlineState::Taken) => (Tone::Warning, "online-taken"),
    };
    (tone, words.say(key))
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
