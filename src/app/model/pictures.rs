//! The pictures of an offer, of which the user may want to see thumbnails before answering. Nothing is asked of the sender until then.

use std::{collections::HashMap, sync::Arc};

use crate::protocol::{
    manifest::{Entry, Manifest},
    thumbnail::{MAX_THUMBNAILS, Thumbnail},
};

/// How the files that may have a thumbnail end; any of these may still be something else.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// The pictures of one offer.
#[derive(Default)]
pub(in crate::app) struct Pictures {
    /// Whether the offer has any.
    are_there: bool,
    /// Whether the user wants to see them.
    pub(in crate::app) are_shown: bool,
    /// What the sender has answered, by entry.
    known: HashMap<u32, Option<Arc<Thumbnail>>>,
    /// What was asked for last.
    asked: Vec<u32>,
}

impl Pictures {
    /// Those of an offer.
    pub(super) fn of(manifest: &Manifest) -> Self {
        Self { are_there: manifest.entries().iter().any(is_picture), ..Self::default() }
    }

    /// Whether there is any picture.
    pub(in crate::app) fn are_there(&self) -> bool {
        self.are_there
    }

    /// The thumbnail of an entry, if the sender has made one.
    pub(in crate::app) fn get(&self, entry: u32) -> Option<&Arc<Thumbnail>> {
        self.known.get(&entry)?.as_ref()
    }

    /// Whether the sender has been asked for the thumbnail of an entry, and has not answered yet.
    pub(in crate::app) fn is_awaited(&self, entry: u32) -> bool {
        !self.are_at_limit() && self.asked.contains(&entry) && !self.known.contains_key(&entry)
    }

    /// Whether the sender has said that it can't make one of an entry.
    pub(in crate::app) fn has_none(&self, entry: u32) -> bool {
        self.known.get(&entry).is_some_and(Option::is_none)
    }

    /// Whether no more thumbnails are sent of this offer.
    pub(in crate::app) fn are_at_limit(&self) -> bool {
        self.known.len() >= MAX_THUMBNAILS as usize
    }

    /// Takes what the sender has answered.
    pub(super) fn learn(&mut self, entry: u32, thumbnail: Option<Arc<Thumbnail>>) {
        self.known.insert(entry, thumbnail);
    }

    /// Whether something is to be asked while these entries are in sight: some of them are unknown, and weren't asked for last.
    pub(in crate::app) fn asks_for(&self, in_sight: &[u32]) -> bool {
        in_sight.iter().any(|entry| !self.known.contains_key(entry) && !self.asked.contains(entry))
    }

    /// Takes what is asked for.
    pub(in crate::app) fn ask(&mut self, in_sight: Vec<u32>) {
        self.asked = in_sight;
    }
}

/// Whether an entry looks like a picture of which a sender can make a thumbnail.
pub(in crate::app) fn is_picture(entry: &Entry) -> bool {
    let ending = entry.path.name().rsplit_once('.').map(|(_, ending)| ending);
    entry.is_file()
        && ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::manifest::OfferKind;

    #[test]
    fn beyond_the_most_that_are_sent_none_is_waited_for() {
        let mut pictures = Pictures::default();
        for entry in 0..MAX_THUMBNAILS {
            assert!(!pictures.are_at_limit());
            pictures.learn(entry, None);
        }
        pictures.ask(vec![MAX_THUMBNAILS]);
        assert!(pictures.are_at_limit() && !pictures.is_awaited(MAX_THUMBNAILS));
    }

    #[test]
    fn each_picture_is_asked_for_once() {
        let offered = Manifest::made_up(OfferKind::Files, &[("a.JPG", 1), ("b.txt", 1), ("png", 1)]);
        let mut pictures = Pictures::of(&offered);
        assert!(pictures.are_there() && !pictures.are_shown);
        assert!(pictures.asks_for(&[0]) && !pictures.asks_for(&[]));
        pictures.ask(vec![0]);
        assert!(!pictures.asks_for(&[0]), "it is asked for");
        assert!(pictures.is_awaited(0) && !pictures.is_awaited(3) && !pictures.has_none(0));
        assert!(pictures.asks_for(&[0, 3]), "one more has come into sight");
        let thumbnail = Arc::new(Thumbnail::new(1, vec![1, 2, 3]).unwrap());
        pictures.learn(0, Some(Arc::clone(&thumbnail)));
        pictures.learn(3, None);
        pictures.ask(Vec::new());
        assert!(!pictures.asks_for(&[0, 3]));
        assert_eq!((pictures.get(0), pictures.get(3)), (Some(&thumbnail), None));
        assert!(pictures.has_none(3) && !pictures.has_none(0) && !pictures.is_awaited(0));
        let none = Manifest::made_up(OfferKind::Files, &[("jpg", 1), (".png", 0), ("x.jpg.exe", 1)]);
        assert_eq!(none.entries().iter().filter(|entry| is_picture(entry)).count(), 1);
    }
}
