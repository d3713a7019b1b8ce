//! A croc's list of files as an offer of Caiman's. Pure.
//!
//! What could lead out of the folder, or contradicts itself, makes the whole list unacceptable. Links that Caiman doesn't make are left
//! out and named: croc sends them in good faith.

use std::sync::Arc;

use crate::{
    croc::manifest::{CrocList, ListEntry, ListPathError, names},
    platform::modified_at,
    protocol::{
        RelPath,
        manifest::{
            Entry, EntryKind, MAX_TEXT_BYTES, Manifest, ManifestBuilder, ManifestError, OfferKind,
            Permissions,
        },
        path::{LinkTarget, PathError},
    },
    transfer::error::Misbehaviour,
};

/// A list as an offer.
pub(crate) struct CrocListed {
    pub(crate) manifest: Arc<Manifest>,
    /// The files of the offer, each as its entry and as its index in the list, in the list's order.
    pub(crate) files: Vec<(u32, usize)>,
    /// Links that are not offered, and why.
    pub(super) left_out: Vec<(String, PathError)>,
}

/// Makes an offer of a list.
pub(crate) fn listed(list: &CrocList) -> Result<CrocListed, Misbehaviour> {
    let is_text = list.is_text
        && list.empty_folders.is_empty()
        && matches!(list.entries.as_slice(), [one] if one.target.is_none() && one.size <= MAX_TEXT_BYTES);
    let kind = if is_text { OfferKind::Text } else { OfferKind::Files };
    let mut building = Building {
        builder: ManifestBuilder::new(kind),
        files: Vec::with_capacity(list.entries.len()),
        left_out: Vec::new(),
    };
    for (index, entry) in list.entries.iter().enumerate() {
        building.push(index, entry)?;
    }
    for folder in &list.empty_folders {
        building.folders(&names(folder).map_err(refused)?)?;
    }
    let Building { builder, files, left_out } = building;
    if builder.is_empty() && left_out.is_empty() {
        return Err(Misbehaviour::Croc("a list without files"));
    }
    Ok(CrocListed { manifest: Arc::new(builder.finish()?), files, left_out })
}

struct Building {
    builder: ManifestBuilder,
    files: Vec<(u32, usize)>,
    left_out: Vec<(String, PathError)>,
}

impl Building {
    fn push(&mut self, index: usize, entry: &ListEntry) -> Result<(), Misbehaviour> {
        let names = entry.path().map_err(refused)?;
        let (_, folders) = names.split_last().expect("a path has a name");
        self.folders(folders)?;
        let path = path(&names)?;
        let modified = entry.modified.map(modified_at);
        let kind = if let Some(target) = &entry.target {
            match LinkTarget::new(&path, &target.replace('\\', "/")) {
                Ok(target) => EntryKind::Link { target, modified },
                Err(why) => {
                    self.left_out.push((path.as_str().to_owned(), why));
                    return Ok(());
                }
            }
        } else {
            if entry.size > 0 && entry.hash.is_empty() {
                return Err(Misbehaviour::Croc("a file without a hash"));
            }
            self.files.push((self.builder.len() as u32, index));
            // A croc that knows no permissions says that there are none.
            let mode = entry.mode.filter(|mode| *mode != 0).and_then(|mode| u16::try_from(mode).ok());
            let permissions = mode.and_then(Permissions::new);
            EntryKind::File { size: entry.size, modified, permissions, holes: Box::default() }
        };
        Ok(self.builder.push_entry(Entry { path, kind })?)
    }

    /// Adds the folders on the way to a path, one inside the other, as far as they are not there yet.
    fn folders(&mut self, names: &[&str]) -> Result<(), Misbehaviour> {
        // From the innermost one outwards: what is there already was looked at before, whatever is below it.
        let mut missing = Vec::new();
        for depth in (1..=names.len()).rev() {
            let path = path(&names[..depth])?;
            if self.builder.contains(&path) {
                break;
            }
            missing.push(path);
        }
        for path in missing.into_iter().rev() {
            let kind = EntryKind::Folder { modified: None, permissions: None };
            self.builder.push_entry(Entry { path, kind })?;
        }
        Ok(())
    }
}

fn path(names: &[&str]) -> Result<RelPath, Misbehaviour> {
    Ok(RelPath::new(&names.join("/")).map_err(ManifestError::Path)?)
}

fn refused(error: ListPathError) -> Misbehaviour {
    Misbehaviour::Croc(match error {
        ListPathError::Outside => "a path that leads out of the folder",
        ListPathError::TooLong => "a path that is too long",
        ListPathError::Empty => "a file without a name",
        ListPathError::Control => "a name with a character that no name has",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &str, name: &str, size: u64) -> ListEntry {
        ListEntry {
            folder: folder.to_owned(),
            name: name.to_owned(),
            size,
            hash: vec![1; 8],
            ..ListEntry::default()
        }
    }

    fn link(folder: &str, name: &str, target: &str) -> ListEntry {
        ListEntry { target: Some(target.to_owned()), ..file(folder, name, 0) }
    }

    fn offer(entries: Vec<ListEntry>, empty_folders: &[&str]) -> Result<CrocListed, Misbehaviour> {
        let empty_folders = empty_folders.iter().map(|&folder| folder.to_owned()).collect();
        listed(&CrocList { entries, empty_folders, ..CrocList::default() })
    }

    fn paths(listed: &CrocListed) -> Vec<&str> {
        listed.manifest.entries().iter().map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn folders_are_listed_once_and_before_what_is_in_them() {
        let entries = vec![file("./", "top", 1), file("a/b/", "one", 2), file("a/b/", "two", 3)];
        let listed = offer(entries, &["a/b/empty/", "a/", "other/"]).unwrap();
        assert_eq!(paths(&listed), ["top", "a", "a/b", "a/b/one", "a/b/two", "a/b/empty", "other"]);
        assert_eq!(listed.files, [(0, 0), (3, 1), (4, 2)]);
        assert_eq!(listed.manifest.bytes(), 6);
    }

    #[test]
    fn a_list_that_leads_out_or_contradicts_itself_is_refused() {
        for entries in [
            vec![file("../", "a", 1)],
            vec![file("/etc/", "passwd", 1)],
            vec![file("a/../", "b", 1)],
            vec![file("./", "..", 1)],
            vec![file("./", "C:\\a", 1)],
            vec![file("./", "a", 1), file("./", "a", 1)],
            vec![file("./", "a", 1), file("a/", "b", 1)],
            vec![file("a/", "b", 1), file("./", "a", 1)],
            vec![link("./", "a", "b"), file("a/", "c", 1)],
            vec![file("./", "a\0", 1)],
            vec![ListEntry { hash: vec![], ..file("./", "a", 1) }],
            vec![],
        ] {
            assert!(offer(entries.clone(), &[]).is_err(), "{entries:?}");
        }
        assert!(offer(vec![], &["a/../../b/"]).is_err());
        assert!(offer(vec![file("./", "a", 1)], &["a/"]).is_ok(), "the file stays what it is");
        assert!(offer(vec![file("./", "a: b.txt", 1)], &[]).is_ok(), "that is no drive");
    }

    /// Catches a look at each of the folders for each of the files.
    #[test]
    fn many_files_deep_down_cost_no_more_than_elsewhere() {
        let deep = "d/".repeat(250);
        let files = (0..20_000).map(|number| file(&deep, &number.to_string(), 1)).collect();
        assert_eq!(offer(files, &[&deep]).unwrap().manifest.entries().len(), 250 + 20_000);
    }

    /// croc 10 sends links wherever they lead.
    #[test]
    fn links_that_lead_out_are_left_out_and_named() {
        let entries = vec![link("a/", "up", "../b"), link("./", "out", "../x"), link("./", "root", "/etc")];
        let listed = offer(entries, &[]).unwrap();
        assert_eq!(paths(&listed), ["a", "a/up"]);
        let left_out: Vec<&str> = listed.left_out.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(left_out, ["out", "root"]);
    }

    #[test]
    fn a_text_is_one_file_that_is_not_too_long() {
        let text = |entries| {
            let list = CrocList { is_text: true, entries, ..CrocList::default() };
            listed(&list).unwrap().manifest.kind()
        };
        assert_eq!(text(vec![file("./", "croc-stdin-1", 5)]), OfferKind::Text);
        assert_eq!(text(vec![file("./", "croc-stdin-1", MAX_TEXT_BYTES + 1)]), OfferKind::Files);
        assert_eq!(text(vec![file("./", "a", 5), file("./", "b", 5)]), OfferKind::Files);
    }
}
