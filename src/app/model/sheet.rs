//! An offer that waits for its answer: what is offered, and what the user has chosen so far.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{action::SheetAction, pictures::Pictures, tree::Tree};
use crate::{
    engine::{AlreadyHere, Choices, Offer, OnConflict, OnMerge, TransferError},
    protocol::manifest::EntryKind,
};

/// How many repaired names are shown; there may be thousands, and a few show what happens to them.
pub(in crate::app) const FEW_REPAIRED: usize = 5;

/// An offer and the choices about it.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(in crate::app) struct Sheet {
    /// What is offered, checked against the destination folder.
    pub(in crate::app) offer: Arc<Offer>,
    /// Its entries as a tree; `None` while the tree is being built.
    pub(in crate::app) tree: Option<Tree>,
    /// Whether the tree can't be built. Then all of the offer is accepted or none of it.
    pub(in crate::app) has_no_list: bool,
    /// Its pictures.
    pub(in crate::app) pictures: Pictures,
    /// The text of the search field.
    pub(in crate::app) search: String,
    /// How name conflicts are resolved.
    pub(in crate::app) on_conflict: OnConflict,
    /// The entries whose conflict is resolved in another way.
    pub(in crate::app) exceptions: HashMap<u32, OnConflict>,
    /// What becomes of folders that are already there.
    pub(in crate::app) on_merge: OnMerge,
    /// The folders of which something else becomes.
    pub(in crate::app) merge_exceptions: HashMap<u32, OnMerge>,
    /// Why the folder that was chosen last can't be used.
    pub(in crate::app) unusable: Option<TransferError>,
    /// The files that the destination already holds unchanged, and that don't have to come.
    pub(in crate::app) here: AlreadyHere,
    /// The entries whose name is taken.
    pub(in crate::app) conflicts: Vec<u32>,
    /// The folders at the top that are already there, and would change if what is offered were merged with them. In
    /// order.
    pub(in crate::app) merges: Vec<u32>,
    /// A few of the names that this system can't store, with what becomes of them; one more than is shown if there
    /// are others. They are found once, because an offer may be long.
    pub(in crate::app) repaired: Vec<(String, String)>,
    /// Whether another folder is being checked.
    pub(in crate::app) is_looking: bool,
    /// Whether the offer is to be received although there seems to be too little free space.
    pub(in crate::app) ignores_space: bool,
    /// Whether the answer has been given.
    pub(in crate::app) is_answered: bool,
}

impl Sheet {
    pub(super) fn new(offer: Arc<Offer>) -> Self {
        let repaired = offer.repaired().take(FEW_REPAIRED + 1);
        let mut sheet = Self {
            here: offer.here.clone(),
            repaired: repaired.map(|(theirs, here)| (theirs.to_owned(), here.to_owned())).collect(),
            pictures: Pictures::of(&offer.manifest),
            offer,
            tree: None,
            has_no_list: false,
            search: String::new(),
            on_conflict: OnConflict::KeepBoth,
            exceptions: HashMap::new(),
            on_merge: OnMerge::KeepBoth,
            merge_exceptions: HashMap::new(),
            unusable: None,
            conflicts: Vec::new(),
            merges: Vec::new(),
            is_looking: false,
            ignores_space: false,
            is_answered: false,
        };
        sheet.sort_out();
        sheet
    }

    /// The offer checked against another folder: the conflicts are new, the choices stay.
    pub(super) fn held_against(self, offer: Arc<Offer>) -> Self {
        let Self { tree, has_no_list, pictures, search, on_conflict, on_merge, .. } = self;
        let mut sheet =
            Self { tree, has_no_list, pictures, search, on_conflict, on_merge, ..Self::new(offer) };
        sheet.sort_out();
        sheet
    }

    /// Takes the tree, once it is built.
    pub(in crate::app) fn built(&mut self, tree: Tree) {
        self.tree = Some(tree);
        self.sort_out();
    }

    /// Takes what is known by now about files that are already there.
    pub(super) fn learn(&mut self, here: AlreadyHere) {
        self.here = here;
        self.sort_out();
    }

    /// Separates files that are already there from names that are taken. A choice for a single entry takes
    /// precedence.
    fn sort_out(&mut self) {
        let offer = Arc::clone(&self.offer);
        let merging = offer.merging(&self.here);
        let is_apart = |entry: u32| self.merge_policy(entry) != OnMerge::Merge;
        let apart: HashSet<&str> =
            merging.iter().filter(|(_, entry)| is_apart(**entry)).map(|(name, _)| *name).collect();
        // What is in a folder that goes elsewhere finds nothing there.
        let goes_elsewhere = |entry: u32| !apart.is_empty() && apart.contains(offer.top_of(entry as usize));
        let stays = |entry: u32| {
            self.here.contains(entry as usize)
                && !self.exceptions.contains_key(&entry)
                && !goes_elsewhere(entry)
        };
        let targets = (0..).zip(&offer.targets);
        let taken =
            targets.filter(|(entry, target)| target.conflicts && !stays(*entry) && !goes_elsewhere(*entry));
        self.conflicts = taken.map(|(entry, _)| entry).collect();
        let skipped = self.skipped(&merging);
        if let Some(tree) = &mut self.tree {
            tree.mark(stays, |entry| skipped.contains(&entry));
            let is_guarded = |entry: u32| offer.guarded.binary_search(&entry).is_ok();
            let is_first = |entry: u32| {
                let name = offer.top_of(entry as usize);
                name.starts_with('.') || is_guarded(entry) || merging.contains_key(name)
            };
            tree.mark_tops(is_first, is_guarded);
            // What needs a tick of its own may have got one just now.
            tree.bar(&offer.too_large);
        }
        self.merges = merging.into_values().collect();
        self.merges.sort_unstable();
    }

    /// The entries that don't come because their names, or those of folders that they are in, are taken and the user
    /// wants them to be skipped.
    fn skipped(&self, merging: &HashMap<&str, u32>) -> HashSet<u32> {
        let is_skipped = |entry: &u32| self.policy(*entry) == OnConflict::Skip;
        let mut skipped: HashSet<u32> = self.conflicts.iter().copied().filter(is_skipped).collect();
        let entries = self.offer.manifest.entries();
        let folders = merging.iter().filter(|(_, entry)| self.merge_policy(**entry) == OnMerge::Skip);
        let mut folders: HashSet<&str> = folders.map(|(name, _)| *name).collect();
        let is_folder = |entry: &&u32| {
            let listed = entries.get(**entry as usize);
            listed.is_some_and(|listed| matches!(listed.kind, EntryKind::Folder { .. }))
        };
        folders.extend(skipped.iter().filter(is_folder).map(|entry| entries[*entry as usize].path.as_str()));
        if folders.is_empty() {
            return skipped;
        }
        let is_in_one = |path: &str| {
            folders.contains(path) || path.match_indices('/').any(|(end, _)| folders.contains(&path[..end]))
        };
        skipped
            .extend((0..).zip(entries).filter(|(_, e)| is_in_one(e.path.as_str())).map(|(entry, _)| entry));
        skipped
    }

    /// Changes a choice.
    pub(in crate::app) fn perform(&mut self, action: SheetAction) {
        let changes_rows = matches!(
            action,
            SheetAction::OnConflict(_)
                | SheetAction::Exception(..)
                | SheetAction::OnMerge(_)
                | SheetAction::MergeException(..)
        );
        match (action, &mut self.tree) {
            (SheetAction::Tick(node, is_ticked), Some(tree)) => tree.set_tick(node, is_ticked),
            (SheetAction::TickAll(is_ticked), Some(tree)) => tree.set_all(is_ticked),
            (SheetAction::Open(node), Some(tree)) => tree.toggle_open(node),
            (SheetAction::Walk(walk), Some(tree)) => tree.walk(walk),
            (SheetAction::Sort(order), Some(tree)) => tree.sort(order),
            (SheetAction::Search(text), Some(tree)) => {
                tree.search(&text);
                self.search = text;
            }
            (SheetAction::IgnoreSpace, _) => self.ignores_space = true,
            (SheetAction::ShowPictures(are_shown), _) => self.pictures.are_shown = are_shown,
            (SheetAction::InSight(entries), _) => self.pictures.ask(entries),
            (SheetAction::OnConflict(policy), _) => {
                self.on_conflict = policy;
                self.exceptions.clear();
            }
            (SheetAction::Exception(entry, policy), _) => {
                self.exceptions.insert(entry, policy);
            }
            (SheetAction::OnMerge(policy), _) => {
                self.on_merge = policy;
                self.merge_exceptions.clear();
            }
            (SheetAction::MergeException(entry, policy), _) => {
                self.merge_exceptions.insert(entry, policy);
            }
            (_, None) => {}
        }
        if changes_rows {
            self.sort_out();
        }
    }

    /// The choices, as the engine takes them.
    pub(in crate::app) fn choices(&self) -> Choices {
        Choices {
            resumes: true,
            folder: self.offer.folder.clone(),
            unwanted: self.tree.as_ref().map(Tree::unwanted).unwrap_or_default(),
            on_conflict: self.on_conflict,
            exceptions: self.exceptions.clone(),
            on_merge: self.on_merge,
            merge_exceptions: self.merge_exceptions.clone(),
            allows_hidden: self.tree.as_ref().is_some_and(Tree::wants_guarded),
            ignores_space: self.ignores_space,
        }
    }

    /// How the conflict of an entry is resolved, if its name is taken.
    pub(in crate::app) fn policy(&self, entry: u32) -> OnConflict {
        self.exceptions.get(&entry).copied().unwrap_or(self.on_conflict)
    }

    /// What becomes of a folder that is already there.
    pub(in crate::app) fn merge_policy(&self, entry: u32) -> OnMerge {
        self.merge_exceptions.get(&entry).copied().unwrap_or(self.on_merge)
    }

    /// How many bytes of the files that would come, if the offer were accepted now, there are in all. What an interrupted
    /// transfer has left of them counts.
    pub(in crate::app) fn wanted_bytes(&self) -> u64 {
        let all = || self.offer.manifest.bytes().saturating_sub(self.here.bytes());
        self.tree.as_ref().map_or_else(all, Tree::wanted_bytes)
    }

    /// How many files and bytes would move if the offer were accepted now. What an interrupted transfer has left counts
    /// only if all is wanted; otherwise it isn't known of which files it is.
    pub(in crate::app) fn coming(&self) -> (u64, u64) {
        let manifest = &self.offer.manifest;
        let all = || manifest.files().saturating_sub(self.here.files());
        let files = self.tree.as_ref().map_or_else(all, Tree::wanted_files);
        let bytes = self.wanted_bytes();
        let is_all = bytes + self.here().1 == manifest.bytes();
        let left = if is_all { self.offer.resumable.min(bytes) } else { 0 };
        (files, bytes - left)
    }

    /// How many ticked files don't come because their names are taken and they are to be skipped.
    pub(in crate::app) fn skipped_files(&self) -> u64 {
        self.tree.as_ref().map_or(0, Tree::skipped_files)
    }

    /// Whether the offer is one file, about which nothing is left to be ticked.
    pub(in crate::app) fn is_one_file(&self) -> bool {
        let is_free = self.offer.guarded.is_empty() && self.offer.too_large.is_empty();
        let entries = self.offer.manifest.entries();
        is_free && entries.len() == 1 && entries[0].is_file()
    }

    /// How many ticked files are already there, and their bytes.
    pub(in crate::app) fn here(&self) -> (u64, u64) {
        self.tree.as_ref().map_or_else(|| (self.here.files(), self.here.bytes()), Tree::here)
    }

    /// Whether what is ticked fits on the disk.
    pub(in crate::app) fn fits(&self) -> bool {
        let holes = if self.offer.keeps_holes { self.wanted_holes() } else { 0 };
        let needed = self.wanted_bytes().saturating_sub(self.offer.resumable).saturating_sub(holes);
        self.offer.free.is_none_or(|free| needed <= free)
    }

    /// Bytes in holes of files that have to come. While there is no tree, it isn't known of which files they are.
    fn wanted_holes(&self) -> u64 {
        let manifest = &self.offer.manifest;
        let all = || if self.here.files() == 0 { manifest.bytes() - manifest.data_bytes() } else { 0 };
        self.tree.as_ref().map_or_else(all, Tree::wanted_holes)
    }

    /// Whether the offer can be accepted as it is now.
    pub(in crate::app) fn can_accept(&self) -> bool {
        (self.fits() || self.ignores_space) && self.can_accept_without_space()
    }

    /// Whether nothing but the free space speaks against accepting the offer as it is now.
    pub(in crate::app) fn can_accept_without_space(&self) -> bool {
        !self.is_looking
            && self.offer.unusable.is_none()
            && self.tree.as_ref().map_or(self.has_no_list, Tree::wants_anything)
    }
}
