//! A folder and the folders in it, opened one in the other and used through their handles, so that no link that another
//! program puts in their place is followed.

use std::io;

use crate::{platform::open_folder::OpenFolder, protocol::RelPath};

/// The most handles that are kept on the way to a folder. Systems limit them, and few trees are deeper.
const MAX_KEPT: usize = 32;

/// A folder, and the folders on the way to the one below it that was used last.
pub(crate) struct OpenedTree {
    root: OpenFolder,
    /// From the outermost on, each with its name. All but the last may be closed again.
    way: Vec<(String, Option<OpenFolder>)>,
}

impl OpenedTree {
    /// The tree below this folder.
    pub(crate) fn new(root: OpenFolder) -> Self {
        Self { root, way: Vec::new() }
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &OpenFolder {
        &self.root
    }

    /// The folder that `path` is in. Fails if it, or a folder above it, is not a real folder.
    pub(crate) fn parent_of(&mut self, path: &RelPath) -> io::Result<&OpenFolder> {
        let depth = path.names().count() - 1;
        let known = self.way.iter().zip(path.names().take(depth));
        let same = known.take_while(|((known, _), name)| known == name).count();
        self.way.truncate(same);
        while self.way.last().is_some_and(|(_, folder)| folder.is_none()) {
            self.way.pop();
        }
        for name in path.names().take(depth).skip(self.way.len()) {
            let folder = self.last().below(name)?;
            if self.way.len() > MAX_KEPT
                && let Some((_, before)) = self.way.last_mut()
            {
                *before = None;
            }
            self.way.push((name.to_owned(), Some(folder)));
        }
        Ok(self.last())
    }

    fn last(&self) -> &OpenFolder {
        self.way.last().and_then(|(_, folder)| folder.as_ref()).unwrap_or(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::protocol::path::MAX_NAMES;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn each_path_leads_to_its_own_folder_however_deep() {
        let place = tempfile::tempdir().unwrap();
        let deep = ["d"; MAX_NAMES - 2].join("/");
        let folders = ["a", "a/b", "a/c", "b", &deep, &format!("{deep}/e"), &deep[2..]];
        for folder in folders {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        let mut tree = OpenedTree::new(OpenFolder::open(place.path()).unwrap());
        for (number, folder) in
            folders.into_iter().chain(folders).chain(folders.into_iter().rev()).enumerate()
        {
            let mark = format!("{folder}/{number}");
            tree.parent_of(&path(&mark)).unwrap().make_folder(&number.to_string(), None).unwrap();
            assert!(place.path().join(mark).is_dir());
        }
        tree.parent_of(&path("top")).unwrap().make_folder("top", None).unwrap();
        assert!(place.path().join("top").is_dir());
        assert!(tree.parent_of(&path("missing/x")).is_err());
        assert!(tree.parent_of(&path("a/x")).unwrap().is_folder("b").unwrap() == Some(true));
    }

    #[cfg(unix)]
    #[test]
    fn no_link_on_the_way_is_followed() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("real/inner")).unwrap();
        std::os::unix::fs::symlink("real", place.path().join("link")).unwrap();
        let mut tree = OpenedTree::new(OpenFolder::open(Path::new(place.path())).unwrap());
        for name in ["link/x", "link/inner/x"] {
            assert!(tree.parent_of(&path(name)).is_err(), "{name}");
        }
        assert!(tree.parent_of(&path("real/inner/x")).is_ok());
    }
}
