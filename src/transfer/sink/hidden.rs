//! Hidden names in the user's home folder. Programs look there for what the user has set, and some run what they find
//! (`.ssh/authorized_keys`, `.zshenv`). So an offer puts nothing under such a name unless the user has said so.
//!
//! All functions block on the disk.

use std::{env, path::Path};

use super::layout::under;
use crate::{
    platform,
    protocol::manifest::Manifest,
    transfer::{
        offer::is_hidden,
        plan::placement::{Occupant, Target},
    },
};

/// The entries at the top of an offer that would have hidden names in the user's home folder, if they were received into
/// `folder`; none if that is another folder.
pub(crate) fn guarded(folder: &Path, manifest: &Manifest, targets: &[Target]) -> Vec<u32> {
    match env::home_dir() {
        Some(home) if is_same_folder(folder, &home) => hidden_in(folder, manifest, targets),
        _ => Vec::new(),
    }
}

/// Whether two paths lead to one folder.
fn is_same_folder(one: &Path, other: &Path) -> bool {
    if let (Ok(one), Ok(other)) = (one.canonicalize(), other.canonicalize())
        && one == other
    {
        return true;
    }
    // A folder that is mounted at a second place has two real paths.
    let id = |folder: &Path| folder.metadata().ok().and_then(|metadata| platform::file_id(&metadata));
    id(one).is_some_and(|one| Some(one) == id(other))
}

fn hidden_in(folder: &Path, manifest: &Manifest, targets: &[Target]) -> Vec<u32> {
    let entries = manifest.entries().iter().zip(targets).enumerate();
    let tops = entries.filter(|(_, (entry, _))| entry.path.parent().is_none());
    let is_guarded = |name: &str, target: &Target| {
        let placed = target.path.as_ref().map_or("", |path| path.name());
        if is_hidden(name) || is_hidden(placed) {
            return true;
        }
        // A disk may have several names for one file: with other letters, or the short names of Windows (`SSH~1`).
        let is_there = target.found != Occupant::Nothing;
        let path = target.in_place.as_ref().or(target.path.as_ref()).filter(|_| is_there);
        let path = path.map(|path| under(folder, path)).filter(|path| !path.is_symlink());
        let real = path.and_then(|path| path.canonicalize().ok());
        real.is_some_and(|real| real.file_name().is_some_and(|name| is_hidden(&name.to_string_lossy())))
    };
    tops.filter(|(_, (entry, target))| is_guarded(entry.path.name(), target))
        .map(|(index, _)| index as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        platform::mount::Rules,
        protocol::manifest::OfferKind,
        transfer::{
            plan::placement::{OnConflict, OnMerge},
            sink::survey::place_in,
        },
    };

    #[test]
    fn hidden_names_at_the_top_are_found_and_no_others() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".ssh")).unwrap();
        let entries = [
            ("a", 1),
            (".ssh/", 0),
            (".ssh/authorized_keys", 1),
            ("b/", 0),
            ("b/.zshenv", 1),
            (".zshenv", 1),
            (".caiman-0123", 1),
        ];
        let manifest = Manifest::made_up(OfferKind::Files, &entries);
        let targets = place_in(
            (home.path(), Rules::SYSTEM),
            &manifest,
            |_| true,
            |_| OnConflict::KeepBoth,
            |_| OnMerge::Merge,
        );
        assert_eq!(hidden_in(home.path(), &manifest, &targets), [1, 5, 6]);
    }

    #[cfg(unix)]
    #[test]
    fn the_home_folder_is_known_by_whatever_path() {
        let above = tempfile::tempdir().unwrap();
        let (home, other) = (above.path().join("home"), above.path().join("other"));
        fs::create_dir(&home).unwrap();
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink("home", above.path().join("link")).unwrap();
        for path in
            [home.clone(), above.path().join("link"), other.join("../home/."), above.path().join("link/")]
        {
            assert!(is_same_folder(&path, &home), "{}", path.display());
        }
        assert!(!is_same_folder(&other, &home) && !is_same_folder(&above.path().join("gone"), &home));
    }
}
