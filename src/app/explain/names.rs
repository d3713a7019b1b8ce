//! What transfers and their files are called.

use super::{
    amounts::amount,
    failures::{not_added, not_stored, unfit, withdrawal},
    peer::about,
};
use crate::{
    app::{
        model::card::{Card, LeftBehind, StartedWith},
        words::{Words, shown_path},
    },
    transfer::show::Shown,
};

/// The name of a transfer: the names at the top of what it moves.
pub(in crate::app) fn name(words: &Words, card: &Card) -> String {
    if card.manifest.is_none() {
        match card.started_with {
            StartedWith::Invitation => return words.say("more-coming"),
            StartedWith::Call(_) => return about(words, card, "calls-here", &[]),
            _ => {}
        }
    }
    let (names, count) = card.names();
    name_of(words, card.is_text(), &names, count)
}

/// What a card with an offer asks about.
pub(in crate::app) fn offered(words: &Words, card: &Card) -> String {
    if card.is_text() {
        return about(words, card, "offered-text", &[]);
    }
    let files = card.manifest.as_ref().map_or(0, |manifest| manifest.files());
    let what = match card.names() {
        (_, 2..) if files > 1 => amount(words, files, None),
        _ => name(words, card),
    };
    about(words, card, "offered", &[("what", what.into())])
}

/// The name of something with `count` names at its top, the first of which are `names`.
pub(in crate::app) fn name_of(words: &Words, is_text: bool, names: &[String], count: usize) -> String {
    if is_text {
        return words.say("a-text");
    }
    let shown: Vec<String> = names.iter().map(|name| Shown(name).to_string()).collect();
    let names = shown.join(", ");
    match count.saturating_sub(shown.len()) {
        _ if count == 0 => words.say("a-transfer"),
        0 => names,
        more => words.tell("and-more", &[("names", names.into()), ("count", more.into())]),
    }
}

/// What was left behind, and why, in one line.
pub(in crate::app) fn left_behind(words: &Words, left: &LeftBehind) -> String {
    match left {
        LeftBehind::LeftOut { path, reason } => {
            format!("{} {}", shown_path(path), unfit(words, *reason))
        }
        LeftBehind::Withdrawn { path, reason } => {
            format!("{} {}", shown_path(path), withdrawal(words, *reason))
        }
        LeftBehind::NotStored { error } => not_stored(words, error),
        LeftBehind::NotAdded { paths, reason } => not_added(words, paths, reason),
    }
}
