//! Who can reach this computer: over the internet, and over a relay that runs here.

use super::{
    amounts::duration,
    failures::{error, standpoint},
    progress::phase,
};
use crate::{
    app::{
        model::{
            card::Card,
            state::{AtStake, CodesLead, WhyNearby},
            tone::Tone,
        },
        words::Words,
    },
    engine::{OnlineState, PathMode, Phase, Reach},
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

/// What a waiting send waits for, how often its code works and where, in one line. `came` receivers have used the code.
pub(in crate::app) fn waiting(words: &Words, card: &Card, came: usize) -> String {
    let mut parts = vec![match card.progress.phase {
        Phase::Connecting | Phase::WaitingForPeer
            if card.receivers > 1 && card.bond.is_none() && came == 0 =>
        {
            words.say("phase-waiting")
        }
        _ => phase(words, card),
    }];
    let is_by_code = card.bond.is_none() && card.code.is_some() && !card.is_cancelling;
    if is_by_code && card.receivers > 1 {
        parts.push(words.tell("for-several", &[("most", card.receivers.into()), ("came", came.into())]));
    } else if is_by_code && card.progress.phase == Phase::WaitingForPeer {
        parts.push(words.say("works-once"));
    }
    if is_by_code && card.progress.phase == Phase::WaitingForPeer {
        parts.extend(works_where(words, card));
    }
    if let Some((after, _)) = card.expires.filter(|_| card.is_waiting()) {
        parts.push(words.tell("expires-after", &[("time", duration(words, after).into())]));
    }
    parts.join(" · ")
}

/// Where the code of a waiting send works, in a few words; `None` if a note says it.
fn works_where(words: &Words, card: &Card) -> Option<String> {
    let key = match (&card.online, &card.relay) {
        _ if card.internet.is_none() => match (&card.relay, &card.hosted) {
            (Some(relay), _) => {
                return Some(words.tell("works-at-relay", &[("relay", relay.to_string().into())]));
            }
            (None, Some(hosted)) => match ReachableFrom::of(hosted) {
                ReachableFrom::Anywhere => "works-reachable",
                ReachableFrom::LocalNetwork => "works-nearby",
                ReachableFrom::ThisComputer => return None,
            },
            (None, None) => return None,
        },
        (None, _) => "online-soon",
        (Some(OnlineState::Reachable { .. }), _) => "works-anywhere",
        (Some(OnlineState::NoRelay | OnlineState::Taken), _) => return None,
    };
    Some(words.say(key))
}

/// The text with which a user invites a person who may not have Caiman: what it is, where to get it, the code, and the link,
/// which stands last so that nothing runs into it. `None` while there is no code.
pub(in crate::app) fn invitation(words: &Words, card: &Card, releases: Option<&str>) -> Option<String> {
    let (code, link) = (card.code.as_ref()?, card.invites().into_iter().next()?);
    let get = match releases {
        Some(address) => words.tell("invitation-get", &[("address", address.into())]),
        None => words.say("invitation-install"),
    };
    let args = [("get", get.into()), ("code", code.to_string().into()), ("link", link.to_string().into())];
    Some(words.tell("invitation", &args))
}

/// What waits or runs, a line for each.
pub(in crate::app) fn at_stake(words: &Words, at_stake: AtStake) -> Vec<String> {
    let codes =
        (at_stake.codes > 0).then(|| words.tell("waiting-codes", &[("count", at_stake.codes.into())]));
    let relay = at_stake.has_relay.then(|| words.say("waiting-relay"));
    let moving = at_stake.is_under_way.then(|| words.say("waiting-transfers"));
    let copies = at_stake.is_copying.then(|| words.say("waiting-copies"));
    let people = at_stake.has_people.then(|| words.say("waiting-people"));
    [codes, relay, moving, copies, people].into_iter().flatten().collect()
}

/// What would be lost if the program ended now, a sentence for each.
pub(in crate::app) fn lost_by_closing(words: &Words, at_stake: AtStake) -> Vec<String> {
    let codes = (at_stake.codes > 0).then(|| words.tell("quit-codes", &[("count", at_stake.codes.into())]));
    let relay = at_stake.has_relay.then(|| words.say("quit-relay"));
    let moving = at_stake.is_under_way.then(|| words.say("quit-means"));
    let copies = at_stake.is_copying.then(|| words.say("quit-copies"));
    let people = at_stake.has_people.then(|| words.say("quit-people"));
    [codes, relay, moving, copies, people].into_iter().flatten().collect()
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
