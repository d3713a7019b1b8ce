//! [`RelPath`]: the only type that a peer's path can become, and [`LinkTarget`], its counterpart for symbolic links.
//!
//! Both hold what is safe on every system: no way up, no root, no NUL, bounded lengths. What one system alone dislikes
//! (`con`, `a:b`, a trailing dot) is legal here and repaired where it is stored, by `transfer::names`. A name that isn't UTF-8
//! is written as [`raw_name`] says.

use std::{fmt, sync::Arc};

use crate::raw_name;

/// Longest single name in bytes. Windows and macOS allow 255 UTF-16 units, which take up to 765 bytes in UTF-8.
pub const MAX_NAME_BYTES: usize = 1024;
/// Longest path in bytes, as Linux limits it.
pub const MAX_PATH_BYTES: usize = 4096;
/// Most names in one path. What goes through a tree folder by folder, here or in other programs, may need stack for each;
/// no tree that users keep is nearly as deep.
pub const MAX_NAMES: usize = 256;

/// A relative path: one or more plain names, joined by `/`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelPath(Arc<str>);

/// Why text is not a [`RelPath`] or a [`LinkTarget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathError {
    /// Nothing at all, or nothing between two slashes.
    #[error("an empty name")]
    Empty,
    /// The path starts at a root, or a name contains a slash.
    #[error("an absolute path")]
    Absolute,
    /// There is a `.` or `..` where a name should stand.
    #[error("a path with a '.' or '..' in it")]
    Dots,
    /// A name has a NUL character, which no system can store.
    #[error("a name with a NUL character")]
    Nul,
    /// A name of more than [`MAX_NAME_BYTES`], or a path of more than [`MAX_PATH_BYTES`].
    #[error("a name or path that is too long")]
    TooLong,
    /// A name whose text is another one's: see [`raw_name`].
    #[error("a name that is written in a second way")]
    Spelling,
    /// A path of more than [`MAX_NAMES`] names.
    #[error("more than {MAX_NAMES} folders inside each other")]
    TooDeep,
    /// A link leads out of the tree that it came with.
    #[error("a link that points outside of what is sent")]
    Escapes,
}

impl RelPath {
    /// Checks `text`, which comes from a peer, or from [`RelPath::as_str`] unchanged.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        text.split('/').try_for_each(check_name)?;
        if text.split('/').count() > MAX_NAMES {
            return Err(PathError::TooDeep);
        }
        Ok(Self(text.into()))
    }

    /// This path with one more name below it.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        check_name(name)?;
        Self::new(&format!("{}/{name}", self.0))
    }

    /// A path beside this one: it has the same parent and another name.
    pub fn with_name(&self, name: &str) -> Result<Self, PathError> {
        match self.parent() {
            Some(parent) => parent.join(name),
            None => Self::new(name),
        }
    }

    /// The names joined by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names, first to last.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The first name.
    pub fn top(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// The last name.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path without its last name, `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Where a symbolic link points: relative, and never out of the tree that it came with.
///
/// Steps up (`..`) may stand only at the front, and only as many as the link is deep. A step up behind a name is refused even
/// if it looks harmless: if that name is itself a link, the text doesn't tell where the step leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkTarget(Box<str>);

impl LinkTarget {
    /// Checks `target`, `/`-separated, for a link at `link`.
    pub fn new(link: &RelPath, target: &str) -> Result<Self, PathError> {
        if target.starts_with('/') {
            return Err(PathError::Escapes);
        }
        if target.is_empty() {
            return Err(PathError::Empty);
        }
        if target.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let mut steps_up_left = link.names().count() - 1;
        let mut at_front = true;
        for name in target.strip_suffix('/').unwrap_or(target).split('/') {
            match name {
                "." => {}
                ".." if at_front => {
                    steps_up_left = steps_up_left.checked_sub(1).ok_or(PathError::Escapes)?;
                }
                ".." => return Err(PathError::Escapes),
                name => {
                    at_front = false;
                    check_name(name)?;
                }
            }
        }
        Ok(Self(target.into()))
    }

    /// The target as the link holds it, `/`-separated.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_name(name: &str) -> Result<(), PathError> {
    match name {
        "" => Err(PathError::Empty),
        "." | ".." => Err(PathError::Dots),
        name if name.len() > MAX_NAME_BYTES => Err(PathError::TooLong),
        name if name.contains('\0') => Err(PathError::Nul),
        name if name.contains('/') => Err(PathError::Absolute),
        name if !raw_name::is_canonical(name) => Err(PathError::Spelling),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_are_paths() {
        for text in ["a", "a/b/c", "-rf", "con", "C:", r"a\b", "日本語/😀", "a\nb", " ", "...", "..a"] {
            assert_eq!(RelPath::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused_by_name() {
        let long = "x".repeat(100_000);
        let deep = format!("{}d", "d/".repeat(MAX_NAMES));
        assert!(RelPath::new(&deep[2..]).is_ok());
        for (text, why) in [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::Absolute),
            ("//host/share", PathError::Absolute),
            ("..", PathError::Dots),
            ("a/../b", PathError::Dots),
            ("./a", PathError::Dots),
            ("a//b", PathError::Empty),
            ("a/", PathError::Empty),
            ("a\0b", PathError::Nul),
            ("d/\u{efc3}\u{efa9}", PathError::Spelling),
            (&long, PathError::TooLong),
            (&deep, PathError::TooDeep),
        ] {
            assert_eq!(RelPath::new(text), Err(why), "{:?}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn parent_name_and_neighbours() {
        let path = RelPath::new("a/b/c").unwrap();
        assert_eq!(path.name(), "c");
        assert_eq!(path.parent().unwrap().as_str(), "a/b");
        assert_eq!(path.with_name("d").unwrap().as_str(), "a/b/d");
        assert_eq!(RelPath::new("top").unwrap().parent(), None);
        assert_eq!(RelPath::new("top").unwrap().with_name("x").unwrap().as_str(), "x");
        assert_eq!(path.join(".."), Err(PathError::Dots));
        assert_eq!(path.join("x/y"), Err(PathError::Absolute));
    }

    #[test]
    fn a_link_may_point_anywhere_inside_and_nowhere_else() {
        let link = RelPath::new("top/sub/link").unwrap();
        for inside in ["file", "../file", "../../other", "deep/er", "./x", "nowhere", "dir/", ".."] {
            assert!(LinkTarget::new(&link, inside).is_ok(), "{inside}");
        }
        for outside in ["/etc/passwd", "../../..", "../../../x", "a/..", "a/../../../../x", "./../../../x"] {
            assert_eq!(LinkTarget::new(&link, outside), Err(PathError::Escapes), "{outside}");
        }
        assert_eq!(LinkTarget::new(&link, ""), Err(PathError::Empty));
        assert_eq!(LinkTarget::new(&link, "a\0"), Err(PathError::Nul));
    }
}
