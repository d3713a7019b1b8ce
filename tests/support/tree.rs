//! A folder as a value, so that two of them can be compared.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use filetime::FileTime;

/// What a name in a folder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// The bytes, and when they were changed.
    File {
        bytes: Bytes,
        executable: bool,
        modified: (i64, u32),
    },
    Folder {
        modified: (i64, u32),
    },
    Link(PathBuf),
}

/// Bytes whose `Debug` doesn't fill the screen when they differ.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {}", self.0.len(), blake3::hash(&self.0))
    }
}

/// Everything below `folder`, and the folder itself, by relative path. Links are not followed.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, Node> {
    let mut nodes = BTreeMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(path) = left.pop() {
        // Joining an empty path would add a separator, which only a folder may have after its name.
        let full = if path.as_os_str().is_empty() { folder.to_owned() } else { folder.join(&path) };
        let metadata = fs::symlink_metadata(&full).unwrap();
        let time = FileTime::from_last_modification_time(&metadata);
        let modified = (time.unix_seconds(), time.nanoseconds());
        let node = if metadata.is_symlink() {
            Node::Link(fs::read_link(&full).unwrap())
        } else if metadata.is_dir() {
            left.extend(fs::read_dir(&full).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
            Node::Folder { modified }
        } else {
            let bytes = Bytes(fs::read(&full).unwrap());
            Node::File { bytes, executable: is_executable(&metadata), modified }
        };
        nodes.insert(path, node);
    }
    nodes
}

/// Sets when `path` was last changed, without following a link.
pub fn touch(path: &Path, secs: i64, nanos: u32) {
    let time = FileTime::from_unix_time(secs, nanos);
    filetime::set_symlink_file_times(path, time, time).unwrap();
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

/// `false`: this system has no bit that makes a file executable.
#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    false
}
