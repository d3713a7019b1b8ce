//! Sentences about the other computer: by the name that it has said, or by what its user does.

use fluent_bundle::FluentValue;

use crate::{
    app::{model::card::Card, words::Words},
    engine::PeerName,
    history::Direction,
    transfer::show::Shown,
};

/// A sentence about the other computer of a card's transfer.
pub(in crate::app) fn about(
    words: &Words,
    card: &Card,
    key: &str,
    args: &[(&'static str, FluentValue<'static>)],
) -> String {
    let name = card.peer.as_ref().map(PeerName::as_str);
    sentence(words, key, (card.direction, name), args)
}

/// A sentence about the other computer: by the name that it has said, or by what its user does.
pub(in crate::app) fn sentence(
    words: &Words,
    key: &str,
    (direction, name): (Direction, Option<&str>),
    args: &[(&'static str, FluentValue<'static>)],
) -> String {
    let side = match (name, direction) {
        (Some(_), _) => "named",
        (None, Direction::Sent) => "receiver",
        (None, Direction::Received) => "sender",
    };
    let who = name.map(|name| Shown(name).to_string()).unwrap_or_default();
    let mut all = args.to_vec();
    all.extend([("who", who.into()), ("side", side.into())]);
    words.tell(key, &all)
}
