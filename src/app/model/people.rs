//! The people that the user has remembered, as the window knows them: what is kept of each, where each can be reached at the
//! moment, and the one whose settings are open.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    engine::{KnownPair, PairId, PeerName, Presence},
    people::{People, Person},
};

/// The people.
#[derive(Default)]
pub(in crate::app) struct PeopleList {
    kept: People,
    /// Where each was found last.
    presence: HashMap<PairId, Presence>,
    /// The person whose settings are open.
    pub(in crate::app) open: Option<PairId>,
    /// The name of that person as it is being edited.
    pub(in crate::app) draft: String,
    /// Why the last change was not made, in words.
    pub(in crate::app) refused: Option<String>,
}

/// The end of a transfer with a person.
pub(in crate::app) struct Parting {
    /// The person.
    pub(in crate::app) person: PairId,
    /// The digest of the offer, unless it is to go on when it comes again.
    pub(in crate::app) offer: Option<[u8; 32]>,
    /// With which paths a send was kept.
    pub(in crate::app) sent: Vec<PathBuf>,
}

impl PeopleList {
    /// Takes the list as it is kept now.
    pub(in crate::app) fn take(&mut self, kept: People) {
        self.kept = kept;
        let Self { kept, presence, .. } = self;
        presence.retain(|id, _| kept.of(*id).is_some());
        self.open.take_if(|id| kept.of(*id).is_none());
    }

    /// All people, in the order in which they were remembered.
    pub(in crate::app) fn all(&self) -> &[Person] {
        self.kept.all()
    }

    /// The person with this pair.
    pub(in crate::app) fn of(&self, id: PairId) -> Option<&Person> {
        self.kept.of(id)
    }

    /// The person whose settings are open.
    pub(in crate::app) fn opened(&self) -> Option<&Person> {
        self.of(self.open?)
    }

    /// Opens the settings of a person.
    pub(in crate::app) fn open(&mut self, id: PairId) {
        let name = self.of(id).map(|person| person.name.clone());
        (self.open, self.draft, self.refused) = (Some(id), name.unwrap_or_default(), None);
    }

    /// The name of a person as the name of a computer, to stand where that does.
    pub(in crate::app) fn name_of(&self, id: PairId) -> Option<PeerName> {
        self.of(id)?.name.parse().ok()
    }

    /// The first free name like this.
    pub(in crate::app) fn free_name_like(&self, name: &str) -> String {
        self.kept.free_name_like(name)
    }

    /// By what those can be found of whom the user wants to hear.
    pub(in crate::app) fn welcome_pairs(&self) -> Vec<KnownPair> {
        self.kept.welcome_pairs()
    }

    /// Whether there is anybody of whom the user wants to hear.
    pub(in crate::app) fn has_welcome(&self) -> bool {
        self.kept.welcome().next().is_some()
    }

    /// The sends to people of whom the user wants to hear that have not ended, as they were kept.
    pub(in crate::app) fn kept_sends(&self) -> Vec<(PairId, Vec<PathBuf>)> {
        let sends = |person: &Person| {
            let id = person.pair.id();
            person.sending().map(|paths| (id, paths.to_vec())).collect::<Vec<_>>()
        };
        self.kept.welcome().flat_map(sends).collect()
    }

    /// Into which folder an offer of a person goes without asking: where it was going before it was interrupted, or where all
    /// goes that this person sends.
    pub(in crate::app) fn goes_unasked(&self, id: PairId, digest: &[u8; 32]) -> Option<&Path> {
        let person = self.of(id).filter(|person| !person.is_blocked)?;
        person.accepted_before(digest).or(person.trusted_folder.as_deref())
    }

    /// The person whose offer with this digest was interrupted and goes on by itself.
    pub(in crate::app) fn whose(&self, digest: &[u8; 32]) -> Option<&Person> {
        self.kept.welcome().find(|person| person.accepted_before(digest).is_some())
    }

    /// Notes where a person can be reached.
    pub(in crate::app) fn note(&mut self, id: PairId, presence: Presence) {
        if self.of(id).is_some() {
            self.presence.insert(id, presence);
        }
    }

    /// Where a person was found last; `None` if that is not known yet.
    pub(in crate::app) fn presence(&self, id: PairId) -> Option<Presence> {
        self.presence.get(&id).copied()
    }
}
