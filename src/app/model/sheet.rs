//! An offer that waits for its answer: what is offered, and what the person has chosen of it so far.

use std::{collections::HashMap, sync::Arc};

use super::{action::SheetAction, tree::Tree};
use crate::engine::{Choices, Here, Offer, OnConflict, TransferError};

/// As many repaired names are shown.
pub(in crate::app) const FEW_REPAIRED: usize = 5;

/// The offer that waits for an answer.
pub(in crate::app) struct Sheet {
    /// What is offered, held against the folder.
    pub(in crate::app) offer: Arc<Offer>,
    /// Its entries; `None` while it is being built.
    pub(in crate::app) tree: Option<Tree>,
    /// The tree can't be built: all of it is received, or nothing.
    pub(in crate::app) has_no_list: bool,
    /// The search field's text.
    pub(in crate::app) search: String,
    /// What happens to names that are taken.
    pub(in crate::app) on_conflict: OnConflict,
    /// Entries for which something else was chosen.
    pub(in crate::app) exceptions: HashMap<u32, OnConflict>,
    /// Why another folder can't be used.
    pub(in crate::app) unusable: Option<TransferError>,
    /// What is there already and the same, and need not come.
    pub(in crate::app) here: Here,
    /// The conflicts, by entry.
    pub(in crate::app) conflicts: Vec<u32>,
    /// Names that this system can't store and what becomes of them: a few, and one more if there are others. Looked for once,
    /// because an offer may be long.
    pub(in crate::app) repaired: Vec<(String, String)>,
    /// Another folder is being looked at.
    pub(in crate::app) is_looking: bool,
    /// The answer is given.
    pub(in crate::app) is_answered: bool,
}

impl Sheet {
    pub(super) fn new(offer: Arc<Offer>) -> Self {
        let repaired = offer.repaired().take(FEW_REPAIRED + 1);
        let mut sheet = Self {
            here: offer.here.clone(),
            repaired: repaired.map(|(theirs, here)| (theirs.to_owned(), here.to_owned())).collect(),
            offer,
            tree: None,
            has_no_list: false,
            search: String::new(),
            on_conflict: OnConflict::KeepBoth,
            exceptions: HashMap::new(),
            unusable: None,
            conflicts: Vec::new(),
            is_looking: false,
            is_answered: false,
        };
        sheet.sort_out();
        sheet
    }

    /// The same offer, held against another folder: the conflicts are new, the rest stays.
    pub(super) fn held_against(self, offer: Arc<Offer>) -> Self {
        let Self { tree, has_no_list, search, on_conflict, .. } = self;
        let mut sheet = Self { tree, has_no_list, search, on_conflict, ..Self::new(offer) };
        sheet.sort_out();
        sheet
    }

    /// The offer's tree is built.
    pub(in crate::app) fn built(&mut self, tree: Tree) {
        self.tree = Some(tree);
        self.sort_out();
    }

    /// More is known of what is there already.
    pub(super) fn learn(&mut self, here: Here) {
        self.here = here;
        self.sort_out();
    }

    /// Tells what is there already from names that are taken. A word of the person's for a single one goes before.
    fn sort_out(&mut self) {
        let stays = |entry: u32| self.here.contains(entry as usize) && !self.exceptions.contains_key(&entry);
        let targets = (0..).zip(&self.offer.targets);
        let taken = targets.filter(|(entry, target)| target.conflicts && !stays(*entry));
        self.conflicts = taken.map(|(entry, _)| entry).collect();
        if let Some(tree) = &mut self.tree {
            tree.mark_here(stays);
        }
    }

    /// Takes a change of the person's.
    pub(in crate::app) fn perform(&mut self, action: SheetAction) {
        let is_for_all = matches!(action, SheetAction::OnConflict(_));
        match (action, &mut self.tree) {
            (SheetAction::Tick(node, is_ticked), Some(tree)) => tree.set_tick(node, is_ticked),
            (SheetAction::TickAll(is_ticked), Some(tree)) => tree.set_all(is_ticked),
            (SheetAction::Open(node), Some(tree)) => tree.toggle_open(node),
            (SheetAction::Search(text), Some(tree)) => {
                tree.search(&text);
                self.search = text;
            }
            (SheetAction::OnConflict(policy), _) => {
                self.on_conflict = policy;
                self.exceptions.clear();
            }
            (SheetAction::Exception(entry, policy), _) => {
                self.exceptions.insert(entry, policy);
            }
            (_, None) => {}
        }
        if is_for_all {
            self.sort_out();
        }
    }

    /// What the person chose.
    pub(in crate::app) fn choices(&self) -> Choices {
        Choices {
            resumes: true,
            folder: self.offer.folder.clone(),
            unwanted: self.tree.as_ref().map(Tree::unwanted).unwrap_or_default(),
            on_conflict: self.on_conflict,
            exceptions: self.exceptions.clone(),
        }
    }

    /// What happens to the name of an entry if it is taken.
    pub(in crate::app) fn policy(&self, entry: u32) -> OnConflict {
        self.exceptions.get(&entry).copied().unwrap_or(self.on_conflict)
    }

    /// Bytes that accepting now would bring.
    pub(in crate::app) fn wanted_bytes(&self) -> u64 {
        let all = || self.offer.manifest.bytes().saturating_sub(self.here.bytes());
        self.tree.as_ref().map_or_else(all, Tree::wanted_bytes)
    }

    /// Files that are ticked and there already, and their bytes.
    pub(in crate::app) fn here(&self) -> (u64, u64) {
        self.tree.as_ref().map_or_else(|| (self.here.files(), self.here.bytes()), Tree::here)
    }

    /// Whether the disk has room for what is ticked.
    pub(in crate::app) fn fits(&self) -> bool {
        let needed = self.wanted_bytes().saturating_sub(self.offer.resumable);
        self.offer.free.is_none_or(|free| needed <= free)
    }

    /// Whether Accept makes sense now.
    pub(in crate::app) fn can_accept(&self) -> bool {
        !self.is_looking
            && self.offer.unusable.is_none()
            && self.fits()
            && self.tree.as_ref().map_or(self.has_no_list, Tree::wants_anything)
    }
}
