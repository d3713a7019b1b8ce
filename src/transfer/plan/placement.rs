//! Where each entry of an offer goes in the receiver's folder: under its own name, under a repaired one, under a numbered
//! one beside what is there already, or nowhere. Pure except for one question to the disk, which [`FolderView`] answers.

use std::collections::{HashMap, HashSet};

use crate::{
    platform::mount::Rules,
    protocol::{
        RelPath,
        manifest::{EntryKind, Manifest},
    },
};

/// What to do about an entry whose name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnConflict {
    /// Leave what is there, and don't fetch the entry.
    Skip,
    /// Replace what is there. A folder is never replaced by a file; in that case both are kept.
    Replace,
    /// Store the entry beside it, with a number in its name.
    #[default]
    KeepBoth,
}

/// What to do about a folder at the top of an offer, if the receiver has a folder of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnMerge {
    /// Don't fetch the folder, or anything in it.
    Skip,
    /// Store what is in it in the folder that is there. For names that are taken there, [`OnConflict`] decides.
    Merge,
    /// Store the folder beside it, with a number in its name.
    #[default]
    KeepBoth,
}

/// What stands under a name in the receiver's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Occupant {
    /// Nothing.
    #[default]
    Nothing,
    /// A real folder, not a link to one.
    Folder,
    /// Anything else: a file, a link wherever it leads, a device.
    Other,
}

/// A view of the receiver's folder that never follows a link.
pub trait FolderView {
    /// What stands at `path` below the folder.
    fn at(&self, path: &RelPath) -> Occupant;
}

/// Where one entry goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The entry's path below the receiver's folder; `None` if it is not to be stored.
    pub path: Option<RelPath>,
    /// Whether the name was taken when the decision was made.
    pub conflicts: bool,
    /// What stood under the name then. A folder that has the name of a file or a link always stays.
    pub found: Occupant,
    /// Where the entry would go if it replaced what has its name; `None` if nothing has that name, or if what has it always
    /// stays.
    pub in_place: Option<RelPath>,
    /// Whether the entry is to replace what stands there.
    pub replaces: bool,
    /// If the entry is a folder at the top of the offer and the receiver has a folder of that name, where it would go if it
    /// were stored beside that one.
    pub beside: Option<RelPath>,
    /// Whether the name differs from the sender's, because this system can't store that one or can't tell it from another.
    pub is_repaired: bool,
}

impl Target {
    /// What is done under this policy: what always stays isn't replaced.
    pub fn comes_to(&self, on_conflict: OnConflict) -> OnConflict {
        match on_conflict {
            OnConflict::Replace if self.in_place.is_none() => OnConflict::KeepBoth,
            other => other,
        }
    }

    /// Where the entry would go under this policy, given a target that was made with [`OnConflict::KeepBoth`]. `None` if it
    /// would be skipped. This doesn't ask the disk, so it can be shown while the user decides.
    ///
    /// Only the last name of the path is certain. The names above it follow from the targets of the folders: nothing is
    /// stored in a folder that is skipped, and an entry in a folder goes where that folder goes.
    pub fn under(&self, on_conflict: OnConflict) -> Option<&RelPath> {
        match self.comes_to(on_conflict) {
            OnConflict::Skip if self.conflicts => None,
            OnConflict::Replace => self.in_place.as_ref(),
            OnConflict::Skip | OnConflict::KeepBoth => self.path.as_ref(),
        }
    }

    /// Whether the entry is a folder at the top of the offer, and the receiver has a folder of that name.
    pub fn merges(&self) -> bool {
        self.beside.is_some()
    }

    /// Where a folder that merges would go under this policy, given a target that was made with [`OnMerge::Merge`]. `None` if
    /// it would be skipped.
    pub fn merged(&self, on_merge: OnMerge) -> Option<&RelPath> {
        match on_merge {
            OnMerge::Skip => None,
            OnMerge::Merge => self.path.as_ref(),
            OnMerge::KeepBoth => self.beside.as_ref(),
        }
    }
}

/// Places the entries of `manifest` whose index `wanted` picks. Returns one target for every entry, in the manifest's
/// order.
pub(crate) fn place(
    manifest: &Manifest,
    wanted: impl Fn(usize) -> bool,
    rules: Rules,
    disk: &impl FolderView,
    on_conflict: impl Fn(usize) -> OnConflict,
    on_merge: impl Fn(usize) -> OnMerge,
) -> Vec<Target> {
    let mut placer = Placer { rules, disk, taken: HashSet::new(), next_number: HashMap::new() };
    let mut folders: HashMap<&RelPath, Folder> = HashMap::new();
    let mut targets = Vec::with_capacity(manifest.entries().len());
    for (index, entry) in manifest.entries().iter().enumerate() {
        let is_folder = matches!(entry.kind, EntryKind::Folder { .. });
        let parent = entry.path.parent();
        let above = match &parent {
            Some(parent) => folders.get(parent).cloned().unwrap_or_default(),
            None => Folder { path: None, is_on_disk: true, is_skipped: false },
        };
        // A folder that isn't wanted itself may still hold an entry that is.
        if above.is_skipped || !(is_folder || wanted(index)) {
            targets.push(Target::default());
            if is_folder {
                folders.insert(&entry.path, Folder { is_skipped: true, ..above });
            }
            continue;
        }
        let (target, is_on_disk) =
            placer.place_one(entry.path.name(), &above, is_folder, || (on_conflict(index), on_merge(index)));
        if is_folder {
            let is_skipped = target.path.is_none();
            folders.insert(&entry.path, Folder { path: target.path.clone(), is_on_disk, is_skipped });
        }
        targets.push(target);
    }
    targets
}

/// A folder of the offer that was placed, or the receiver's folder itself.
#[derive(Debug, Clone, Default)]
struct Folder {
    /// The folder's path below the receiver's folder; `None` for that folder itself, and for one that is skipped.
    path: Option<RelPath>,
    /// Whether the folder exists on the disk, so that its names may be taken.
    is_on_disk: bool,
    is_skipped: bool,
}

/// Places one entry after the other.
struct Placer<'a, L> {
    rules: Rules,
    disk: &'a L,
    /// The folded paths of the entries that were placed.
    taken: HashSet<String>,
    /// The next number to try, by the folded path with the number 2.
    next_number: HashMap<String, u32>,
}

impl<L: FolderView> Placer<'_, L> {
    fn place_one(
        &mut self,
        name: &str,
        above: &Folder,
        is_folder: bool,
        policy: impl FnOnce() -> (OnConflict, OnMerge),
    ) -> (Target, bool) {
        let repaired = self.rules.repair(name);
        let mut target = Target { is_repaired: repaired != name, ..Target::default() };
        let Some(mut path) = below(above, &repaired) else { return (target, false) };
        let found = self.look(above, &path);
        target.found = found;
        target.conflicts = match found {
            Occupant::Nothing => false,
            Occupant::Folder => !is_folder,
            Occupant::Other => true,
        };
        let mut is_on_disk = found == Occupant::Folder;
        let mut needs_number = !self.is_free(&path);
        target.is_repaired |= needs_number;
        if is_on_disk && is_folder && above.path.is_none() && !needs_number {
            let Some(beside) = self.numbered(above, &repaired) else { return (target, false) };
            target.beside = Some(beside.clone());
            match policy().1 {
                OnMerge::Skip => return (target, false),
                OnMerge::Merge => {}
                OnMerge::KeepBoth => {
                    is_on_disk = false;
                    path = beside;
                }
            }
        } else if target.conflicts {
            target.in_place = (found == Occupant::Other && !needs_number).then(|| path.clone());
            match policy().0 {
                OnConflict::Skip => return (target, false),
                OnConflict::Replace if target.in_place.is_some() => target.replaces = true,
                OnConflict::Replace | OnConflict::KeepBoth => needs_number = true,
            }
        }
        target.path = Some(path);
        if needs_number {
            is_on_disk = false;
            target.path = self.numbered(above, &repaired);
        }
        if let Some(path) = &target.path {
            self.taken.insert(self.rules.fold(path.as_str()));
        }
        (target, is_on_disk)
    }

    fn numbered(&mut self, above: &Folder, name: &str) -> Option<RelPath> {
        // Counting on from the last number keeps an offer full of colliding names from taking quadratic time. Long names
        // share their numbers with all names that differ only in the part that a number cuts off.
        let key = self.rules.fold(below(above, &self.rules.numbered(name, 2))?.as_str());
        let mut number = self.next_number.get(&key).copied().unwrap_or(2);
        loop {
            let path = below(above, &self.rules.numbered(name, number))?;
            number = number.checked_add(1)?;
            if self.is_free(&path) && self.look(above, &path) == Occupant::Nothing {
                self.next_number.insert(key, number);
                return Some(path);
            }
        }
    }

    fn is_free(&self, path: &RelPath) -> bool {
        !self.taken.contains(&self.rules.fold(path.as_str()))
    }

    fn look(&self, above: &Folder, path: &RelPath) -> Occupant {
        if above.is_on_disk { self.disk.at(path) } else { Occupant::Nothing }
    }
}

/// The folders at the top of an offer of which merging with those of the same name that the receiver has would change
/// something there: each as its name and its entry's index. Nothing changes if all that is wanted of a folder is there
/// already. `targets` are made with [`OnMerge::Merge`].
pub(crate) fn merging<'a>(
    manifest: &'a Manifest,
    targets: &[Target],
    wants: impl Fn(usize) -> bool,
    is_here: impl Fn(usize) -> bool,
) -> HashMap<&'a str, u32> {
    let entries = manifest.entries().iter().zip(targets).enumerate();
    let merging = entries.clone().filter(|(_, (_, target))| target.merges());
    let mut tops: HashMap<&str, (u32, bool)> =
        merging.map(|(index, (entry, _))| (entry.path.top(), (index as u32, false))).collect();
    if tops.is_empty() {
        return HashMap::new();
    }
    for (index, (entry, target)) in entries {
        let Some((_, changes)) = tops.get_mut(entry.path.top()) else { continue };
        *changes |= wants(index)
            && match entry.kind {
                EntryKind::Folder { .. } => target.found != Occupant::Folder,
                EntryKind::File { .. } | EntryKind::Link { .. } => !is_here(index),
            };
    }
    tops.into_iter().filter(|(_, (_, changes))| *changes).map(|(name, (index, _))| (name, index)).collect()
}

fn below(above: &Folder, name: &str) -> Option<RelPath> {
    match &above.path {
        Some(folder) => folder.join(name).ok(),
        None => RelPath::new(name).ok(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{platform::mount::NameLimit, protocol::manifest::OfferKind};

    pub(crate) const LINUX: Rules = Rules {
        windows: false,
        folds_case: false,
        normalises: false,
        needs_unicode: false,
        limit: NameLimit::Utf8(255),
    };
    pub(crate) const WINDOWS: Rules = Rules {
        windows: true,
        folds_case: true,
        normalises: false,
        needs_unicode: true,
        limit: NameLimit::Utf16(255),
    };

    #[derive(Clone, Copy)]
    pub(crate) struct Disk(pub(crate) &'static [(&'static str, Occupant)]);

    impl FolderView for Disk {
        fn at(&self, path: &RelPath) -> Occupant {
            self.0
                .iter()
                .find(|(name, _)| *name == path.as_str())
                .map_or(Occupant::Nothing, |(_, found)| *found)
        }
    }

    /// Paths ending in `/` are folders, and every file has one byte.
    pub(crate) fn manifest(entries: &[&str]) -> Manifest {
        let entries: Vec<_> = entries.iter().map(|path| (*path, 1)).collect();
        Manifest::made_up(OfferKind::Files, &entries)
    }

    /// Folders are merged with what is there.
    fn paths(entries: &[&str], rules: Rules, disk: Disk, policy: OnConflict) -> Vec<Option<String>> {
        let targets = place(&manifest(entries), |_| true, rules, &disk, |_| policy, |_| OnMerge::Merge);
        targets.into_iter().map(|target| target.path.map(|path| path.as_str().to_owned())).collect()
    }

    fn some(paths: &[&str]) -> Vec<Option<String>> {
        paths.iter().map(|path| Some((*path).to_owned())).collect()
    }

    #[test]
    fn an_empty_folder_takes_everything_under_its_own_name() {
        let entries = ["a/", "a/x", "a/b/", "a/b/y", "z"];
        let expected = some(&["a", "a/x", "a/b", "a/b/y", "z"]);
        assert_eq!(paths(&entries, LINUX, Disk(&[]), OnConflict::Skip), expected);
    }

    #[test]
    fn each_policy_does_what_it_says() {
        let disk =
            || Disk(&[("a", Occupant::Folder), ("a/x", Occupant::Other), ("a/x (2)", Occupant::Other)]);
        let entries = ["a/", "a/x", "a/y"];
        let skipped = vec![Some("a".into()), None, Some("a/y".into())];
        assert_eq!(paths(&entries, LINUX, disk(), OnConflict::Skip), skipped);
        assert_eq!(paths(&entries, LINUX, disk(), OnConflict::Replace), some(&["a", "a/x", "a/y"]));
        assert_eq!(paths(&entries, LINUX, disk(), OnConflict::KeepBoth), some(&["a", "a/x (3)", "a/y"]));
    }

    /// The name that a window shows for a policy must be the one that the policy then gives.
    #[test]
    fn a_target_tells_the_names_of_the_other_policies() {
        let found = [
            ("a", Occupant::Folder),
            ("a/b", Occupant::Folder),
            ("a/f", Occupant::Other),
            ("d", Occupant::Other),
        ];
        let disk = || Disk(Box::leak(Box::new(found)));
        let entries = ["a/", "a/b", "a/f", "a/n", "d/", "A/", "A/f"];
        for rules in [LINUX, WINDOWS] {
            let manifest = manifest(&entries);
            let targets =
                place(&manifest, |_| true, rules, &disk(), |_| OnConflict::KeepBoth, |_| OnMerge::Merge);
            for policy in [OnConflict::Skip, OnConflict::Replace, OnConflict::KeepBoth] {
                let told =
                    targets.iter().map(|target| target.under(policy).map(|path| path.as_str().to_owned()));
                assert_eq!(told.collect::<Vec<_>>(), paths(&entries, rules, disk(), policy), "{policy:?}");
            }
            assert_eq!((targets[1].found, targets[1].in_place.is_some()), (Occupant::Folder, false));
            assert_eq!((targets[2].found, targets[2].in_place.is_some()), (Occupant::Other, true));
        }
    }

    fn targets(on_merge: OnMerge) -> Vec<Target> {
        let found = [
            ("a", Occupant::Folder),
            ("a/b", Occupant::Folder),
            ("a/x", Occupant::Other),
            ("a (2)", Occupant::Other),
            ("f", Occupant::Folder),
        ];
        let disk = Disk(Box::leak(Box::new(found)));
        let manifest = manifest(&["a/", "a/b/", "a/x", "a/b/y", "c/", "f"]);
        place(&manifest, |_| true, LINUX, &disk, |_| OnConflict::KeepBoth, |_| on_merge)
    }

    #[test]
    fn a_folder_is_merged_with_one_that_is_there_only_if_that_is_asked_for() {
        let paths = |on_merge| -> Vec<_> {
            targets(on_merge)
                .into_iter()
                .map(|target| target.path.map_or_else(String::new, |path| path.as_str().to_owned()))
                .collect()
        };
        assert_eq!(paths(OnMerge::KeepBoth), ["a (3)", "a (3)/b", "a (3)/x", "a (3)/b/y", "c", "f (2)"]);
        assert_eq!(paths(OnMerge::Skip), ["", "", "", "", "c", "f (2)"]);
        assert_eq!(paths(OnMerge::Merge), ["a", "a/b", "a/x (2)", "a/b/y", "c", "f (2)"]);
    }

    #[test]
    fn a_target_tells_where_a_folder_goes_that_is_not_merged() {
        let merged = targets(OnMerge::Merge);
        assert_eq!(
            merged.iter().map(Target::merges).collect::<Vec<_>>(),
            [true, false, false, false, false, false]
        );
        for on_merge in [OnMerge::Skip, OnMerge::Merge, OnMerge::KeepBoth] {
            assert_eq!(merged[0].merged(on_merge), targets(on_merge)[0].path.as_ref());
        }
    }

    /// A folder that is sent a second time would otherwise get a number.
    #[test]
    fn merging_what_is_there_already_changes_nothing() {
        let manifest = manifest(&["a/", "a/b/", "a/x", "a/b/y", "c/", "f"]);
        let targets = targets(OnMerge::Merge);
        let changed = |wanted: &[usize], here: &[usize]| {
            let tops =
                merging(&manifest, &targets, |index| wanted.contains(&index), |index| here.contains(&index));
            tops.get("a").copied()
        };
        assert_eq!(changed(&[0, 1, 2, 3, 4, 5], &[2, 3]), None);
        assert_eq!(changed(&[0, 1, 2, 3, 4, 5], &[2]), Some(0));
        assert_eq!(changed(&[0, 1, 2], &[2]), None);
    }

    #[test]
    fn an_empty_folder_that_is_new_changes_the_folder_that_it_is_in() {
        let manifest = manifest(&["a/", "a/new/"]);
        let disk = Disk(&[("a", Occupant::Folder)]);
        let targets = place(&manifest, |_| true, LINUX, &disk, |_| OnConflict::KeepBoth, |_| OnMerge::Merge);
        assert_eq!(merging(&manifest, &targets, |_| true, |_| false), HashMap::from([("a", 0)]));
    }

    #[test]
    fn a_folder_never_goes_through_a_link_or_a_file_that_stands_there() {
        let disk = || Disk(&[("a", Occupant::Other)]);
        assert_eq!(paths(&["a/", "a/x"], LINUX, disk(), OnConflict::KeepBoth), some(&["a (2)", "a (2)/x"]));
        assert_eq!(paths(&["a/", "a/x"], LINUX, disk(), OnConflict::Skip), vec![None, None]);
    }

    #[test]
    fn a_folder_is_never_replaced_by_a_file() {
        let disk = Disk(&[("a", Occupant::Folder)]);
        assert_eq!(paths(&["a"], LINUX, disk, OnConflict::Replace), some(&["a (2)"]));
    }

    #[test]
    fn names_that_fold_together_are_told_apart() {
        let entries = ["A/", "A/x", "a/", "a/x", "con", "con_"];
        assert_eq!(
            paths(&entries, WINDOWS, Disk(&[]), OnConflict::Replace),
            some(&["A", "A/x", "a (2)", "a (2)/x", "con_", "con_ (2)"])
        );
        assert_eq!(
            paths(&entries, LINUX, Disk(&[]), OnConflict::Replace),
            some(&["A", "A/x", "a", "a/x", "con", "con_"])
        );
    }

    #[test]
    fn a_hundred_thousand_colliding_names_take_no_quadratic_time() {
        let names: Vec<String> = (0..20_000)
            .map(|i: u32| (0..15).map(|bit| if i >> bit & 1 == 1 { 'A' } else { 'a' }).collect())
            .collect();
        let entries: Vec<&str> = names.iter().map(String::as_str).collect();
        let placed: HashSet<_> =
            paths(&entries, WINDOWS, Disk(&[]), OnConflict::KeepBoth).into_iter().collect();
        assert_eq!(placed.len(), 20_000);
    }

    /// Takes a hundredth of a second, or minutes if the numbering of each of these names begins with 2 again.
    #[test]
    fn long_names_that_share_their_numbers_are_numbered_once_through() {
        let stem = "n".repeat(251);
        let twins = (0..20_000).flat_map(|number| {
            let name = format!("{stem}{number:04x}");
            [format!("{name}x"), name]
        });
        let names: Vec<String> = twins.collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let placed = paths(&names, LINUX, Disk(&[]), OnConflict::KeepBoth);
        let last = placed.last().cloned().flatten().unwrap();
        assert_eq!(last, format!("{} (20001)", &stem[..247]));
    }
}
