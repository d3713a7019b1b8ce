//! An offer as croc's list of files. Pure.
//!
//! croc 11 refuses everything if it refuses one name, so names that it doesn't take are changed here, and links left out that it
//! refuses. Each is named to the user.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use crate::{
    croc::{
        hashes::{HashKind, of_link},
        manifest::{CrocList, ListEntry},
    },
    platform::system_time,
    protocol::{
        manifest::{Entry, EntryKind, Manifest, OfferKind, Permissions},
        path::RelPath,
    },
    raw_name,
    transfer::{
        croc::{CrocFate, CrocName},
        plan::names::{is_device, numbered},
    },
};

/// A folder name that croc refuses wherever it stands in a path.
const KEPT_OUT: &str = ".ssh";

/// An offer as a list, in which the hashes of files are still missing.
pub(super) struct CrocListing {
    pub(super) list: CrocList,
    /// For each entry of the list, that of the offer.
    pub(super) entries: Vec<u32>,
    /// What isn't in the list as it is in the offer.
    pub(super) changes: Vec<CrocName>,
}

/// Makes a list of an offer.
pub(super) fn listed(manifest: &Manifest) -> CrocListing {
    let list = CrocList {
        is_text: manifest.kind() == OfferKind::Text,
        is_plain: true,
        hash: Some(HashKind::Xxhash),
        has_per_file_compression: true,
        ..CrocList::default()
    };
    let mut naming = Naming::default();
    let mut listing = CrocListing { list, entries: Vec::new(), changes: Vec::new() };
    let mut folders = Vec::new();
    for (index, entry) in (0..).zip(manifest.entries()) {
        if let EntryKind::Link { target, .. } = &entry.kind
            && !is_link_for_croc(target.as_str())
        {
            let path = entry.path.as_str().to_owned();
            listing.changes.push(CrocName { path, fate: CrocFate::LinkLeftOut });
            continue;
        }
        let named = naming.name(&entry.path);
        if named.is_changed {
            let name = named.path.rsplit('/').next().unwrap_or(&named.path).to_owned();
            let path = entry.path.as_str().to_owned();
            listing.changes.push(CrocName { path, fate: CrocFate::Renamed(name) });
        }
        match &entry.kind {
            EntryKind::Folder { .. } => {
                listing.list.folder_count += 1;
                folders.push(named.path);
            }
            EntryKind::File { .. } | EntryKind::Link { .. } => {
                listing.list.entries.push(list_entry(entry, &named.path));
                listing.entries.push(index);
            }
        }
    }
    let is_empty = |folder: &String| !naming.parents.contains(folder.as_str());
    listing.list.empty_folders =
        folders.into_iter().filter(is_empty).map(|folder| format!("{folder}/")).collect();
    if listing.list.is_text
        && let Some(text) = listing.list.entries.first_mut()
    {
        // What croc calls a text, so that a croc of any version shows it as one.
        "croc-stdin-caiman".clone_into(&mut text.name);
        listing.changes.clear();
    }
    listing
}

fn list_entry(entry: &Entry, path: &str) -> ListEntry {
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name.to_owned()),
        None => ("./".to_owned(), path.to_owned()),
    };
    let (modified, mode, target) = match &entry.kind {
        EntryKind::File { modified, permissions, .. } | EntryKind::Folder { modified, permissions } => {
            (*modified, permissions.map(Permissions::bits).map(u32::from), None)
        }
        EntryKind::Link { target, modified } => (*modified, Some(0o777), Some(target.as_str().to_owned())),
    };
    let hash = target.as_deref().map(of_link).unwrap_or_default();
    let modified = modified.and_then(system_time);
    ListEntry { folder, name, size: entry.size(), hash, modified, mode, target, ..ListEntry::default() }
}

/// Whether croc 11 takes a link that leads there. It refuses steps up wherever they lead, and all else that comes with them.
fn is_link_for_croc(target: &str) -> bool {
    let has_drive = target.as_bytes().get(1) == Some(&b':');
    !target.contains("..") && !has_drive && !target.contains('\\') && target.chars().all(is_shown)
}

/// The names that the entries get.
#[derive(Default)]
struct Naming {
    /// The path that each folder has, by that in the offer.
    folders: HashMap<String, String>,
    /// The paths that are taken, folded.
    taken: HashSet<String>,
    /// The folders, by their new paths, in which something is.
    parents: HashSet<String>,
}

struct Named {
    path: String,
    /// Whether the last name of the path is another one now.
    is_changed: bool,
}

impl Naming {
    /// Names an entry whose folders have been named before.
    fn name(&mut self, path: &RelPath) -> Named {
        let parent = path.parent().map(|parent| {
            let named = self.folders.get(parent.as_str()).cloned();
            named.unwrap_or_else(|| parent.as_str().to_owned())
        });
        let wished = repaired(path.name());
        let in_parent =
            |name: &str| parent.as_ref().map_or_else(|| name.to_owned(), |at| format!("{at}/{name}"));
        let mut new = in_parent(&wished);
        let mut number = 2;
        while !self.taken.insert(folded(&new)) {
            new = in_parent(&numbered(&wished, number));
            number += 1;
        }
        let is_changed = new.rsplit('/').next() != Some(path.name());
        self.folders.insert(path.as_str().to_owned(), new.clone());
        self.parents.extend(parent);
        Named { path: new, is_changed }
    }
}

/// The form in which croc compares paths, or one that makes more of them alike.
fn folded(path: &str) -> String {
    path.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// The name nearest to `name` that croc 11 takes: `name` itself, if possible.
fn repaired(name: &str) -> String {
    let is_fine = |c: char| is_shown(c) && !matches!(c, ':' | '\\') && raw_name::escaped_byte(c).is_none();
    let mut repaired: String = name.chars().map(|c| if is_fine(c) { c } else { '_' }).collect();
    if repaired.ends_with(['.', ' ']) {
        repaired.pop();
        repaired.push('_');
    }
    let stem_len = repaired.find('.').unwrap_or(repaired.len());
    let stem = repaired[..stem_len].trim_end();
    if is_device(stem) || stem.eq_ignore_ascii_case("CLOCK$") {
        repaired.insert(stem.len(), '_');
    }
    repaired.replace(KEPT_OUT, "_ssh")
}

/// Whether a character is a letter, a mark, a number, punctuation, a symbol or the usual space, which are those that croc takes for
/// printable.
fn is_shown(c: char) -> bool {
    // Behind another character, a mark is not escaped, and neither is anything else that can be printed.
    let behind: String = ['a', c].iter().collect();
    let is_escaped = behind.escape_debug().skip(1).eq(c.escape_unicode());
    !c.is_control() && !is_escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{manifest::ManifestBuilder, path::LinkTarget};

    fn file(path: &str) -> (&str, Option<&str>) {
        (path, None)
    }

    fn offer(files: &[&str], links: &[(&str, &str)]) -> CrocListing {
        let mut builder = ManifestBuilder::new(OfferKind::Files);
        let folder = || EntryKind::Folder { modified: None, permissions: None };
        let entries =
            files.iter().map(|path| file(path)).chain(links.iter().map(|(at, to)| (*at, Some(*to))));
        for (path, target) in entries {
            let is_folder = path.ends_with('/');
            let path = RelPath::new(path.trim_end_matches('/')).unwrap();
            let mut above = Vec::new();
            let mut parent = path.parent();
            while let Some(folder) = parent {
                parent = folder.parent();
                above.push(folder);
            }
            for path in above.into_iter().rev().filter(|path| !builder.contains(path)).collect::<Vec<_>>() {
                builder.push_entry(Entry { path, kind: folder() }).unwrap();
            }
            let kind = match target {
                Some(target) => {
                    EntryKind::Link { target: LinkTarget::new(&path, target).unwrap(), modified: None }
                }
                None if is_folder => folder(),
                None => EntryKind::File { size: 7, modified: None, permissions: None, holes: Box::default() },
            };
            builder.push_entry(Entry { path, kind }).unwrap();
        }
        listed(&builder.finish().unwrap())
    }

    fn paths(listing: &CrocListing) -> Vec<String> {
        let path = |entry: &ListEntry| format!("{}{}", entry.folder, entry.name);
        listing.list.entries.iter().map(path).collect()
    }

    #[test]
    fn names_that_croc_takes_stay() {
        for name in [
            "a",
            "a b",
            "ä ö.txt",
            "e\u{301}",
            "日本語",
            "a<b>?*|\"",
            "-rf",
            ".hidden",
            "com10",
            "a...b",
            "😀",
            "NULL",
        ] {
            assert_eq!(repaired(name), name, "{name:?}");
        }
    }

    #[test]
    fn names_that_croc_refuses_are_changed() {
        for (name, new) in [
            ("a:b", "a_b"),
            ("a\\b", "a_b"),
            ("a\nb", "a_b"),
            ("a\u{200d}b", "a_b"),
            ("a\u{a0}b", "a_b"),
            ("a\u{202e}b", "a_b"),
            ("a\u{e000}", "a_"),
            ("x.", "x_"),
            ("x ", "x_"),
            ("...", ".._"),
            ("con", "con_"),
            ("NUL.txt", "NUL_.txt"),
            ("com1.tar.gz", "com1_.tar.gz"),
            ("COM¹", "COM¹_"),
            ("clock$", "clock$_"),
            (".ssh", "_ssh"),
            ("my.sshkeys", "my_sshkeys"),
        ] {
            assert_eq!(repaired(name), new, "{name:?}");
            assert_eq!(repaired(new), new, "a changed name needs no change");
        }
        assert_eq!(repaired(&raw_name::text_of(b"caf\xe9.txt")), "caf_.txt");
    }

    #[test]
    fn what_is_in_a_renamed_folder_moves_with_it_and_no_two_paths_are_alike() {
        let listing = offer(&["a:b/one", "a_b/one", "A", "a", "ß/x", "SS/x", "deep/con/aux/file"], &[]);
        assert_eq!(
            paths(&listing),
            ["a_b/one", "a_b (2)/one", "./A", "./a (2)", "ß/x", "SS (2)/x", "deep/con_/aux_/file"]
        );
        let renamed: Vec<_> = listing.changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(renamed, ["a:b", "a_b", "a", "SS", "deep/con", "deep/con/aux"]);
    }

    #[test]
    fn links_that_croc_refuses_are_left_out_and_named() {
        let listing = offer(&["d/f"], &[("d/in", "f"), ("d/up", "../d/f"), ("dots", "a..b")]);
        assert_eq!(paths(&listing), ["d/f", "d/in"]);
        assert_eq!(listing.list.entries[1].target.as_deref(), Some("f"));
        let left_out: Vec<_> =
            listing.changes.iter().map(|change| (change.path.as_str(), &change.fate)).collect();
        assert_eq!(left_out, [("d/up", &CrocFate::LinkLeftOut), ("dots", &CrocFate::LinkLeftOut)]);
    }

    #[test]
    fn only_folders_with_nothing_in_them_are_listed_as_empty() {
        let listing = offer(&["a/b/", "c/d/file", "e/"], &[("links/up", "../a")]);
        assert_eq!(listing.list.empty_folders, ["a/b/", "e/", "links/"]);
        assert_eq!(listing.list.folder_count, 6);
    }
}
