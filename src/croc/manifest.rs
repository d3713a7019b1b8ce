//! The sender's list of files: read with bounds and checked, or written.
//!
//! Everything in it is the peer's word. A path is taken apart and checked here ([`ListEntry::path`]), and joined to no folder:
//! which names the system can't have, which links are allowed and what is in the way is for the part that writes the files.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    chunks::Coding,
    hashes::HashKind,
    message::{MessageError, PER_FILE_COMPRESSION, base64, features, from_json, list, shortened, to_json},
};

/// How many files, and how many empty folders, a list may have.
const MAX_ENTRIES: usize = 1_000_000;
/// The longest name and the longest path, in bytes.
const MAX_PATH: usize = 4096;
/// How deep folders may be.
const MAX_DEPTH: usize = 256;
/// The longest hash: 64 hexadecimal digits.
const MAX_HASH: usize = 64;
/// The largest file, and the largest sum of all: 16 TiB. It bounds what is noted of the chunks of a file, which is a bit for each.
const MAX_SIZE: u64 = 16 << 40;
/// The bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o777;
/// The bit of a mode that says “link”.
const LINK_MODE: u32 = 1 << 27;
/// What a croc receiver needs to open a file once more, for its hash.
const OWNER_READS_AND_WRITES: u32 = 0o600;

/// Why a path of the list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListPathError {
    /// The path leads out of the folder, or begins at the root or at a drive.
    #[error("the path leads out of the folder")]
    Outside,
    /// The path, or a name in it, is too long.
    #[error("the path is too long")]
    TooLong,
    /// There is no name.
    #[error("there is no name")]
    Empty,
    /// A name has a character that no name has, such as a line break.
    #[error("the name has a character that names can't have")]
    Control,
}

/// What a sender offers.
#[expect(clippy::struct_excessive_bools, reason = "croc's list has them")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrocList {
    /// The files and links, in the order in which requests number them.
    pub entries: Vec<ListEntry>,
    /// The empty folders, as the peer wrote them.
    pub empty_folders: Vec<String>,
    /// How many folders there are, to show.
    pub folder_count: u64,
    /// What the sender's computer is called; may be empty.
    pub machine_id: String,
    /// The sender wants the receiver to be asked.
    pub must_ask: bool,
    /// The only file is a text message.
    pub is_text: bool,
    /// No chunk is compressed.
    pub is_plain: bool,
    /// Which hash the entries have. `None` for one that isn't known here.
    pub hash: Option<HashKind>,
    /// The room in which the two meet after a lost connection; nothing if the sender wouldn't come.
    pub reconnect_room: Option<String>,
    /// The sender says of each file whether its chunks are compressed.
    pub has_per_file_compression: bool,
}

/// A file or a link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListEntry {
    /// The folder, as the peer wrote it: `./` or `a/b/`.
    pub folder: String,
    /// The name, as the peer wrote it.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// The hash; of a link, that of its target.
    pub hash: Vec<u8>,
    /// When the file was last changed.
    pub modified: Option<SystemTime>,
    /// The permissions.
    pub mode: Option<u32>,
    /// What the link leads to; nothing for a file.
    pub target: Option<String>,
    /// The chunks are compressed, if both sides know of it.
    pub is_compressed: bool,
    /// The sender wants the file to be unpacked. Nothing here does that.
    pub is_archive: bool,
}

#[derive(Serialize, Deserialize)]
struct WireList {
    #[serde(rename = "FilesToTransfer", default, deserialize_with = "entries")]
    files: Vec<WireEntry>,
    // croc 10.0 to 10.3 ends early for `null` and not for an empty list.
    #[serde(rename = "EmptyFoldersToTransfer", default, deserialize_with = "entries")]
    folders: Vec<WireEntry>,
    #[serde(rename = "TotalNumberFolders", default)]
    folder_count: u64,
    #[serde(rename = "MachineID", default)]
    machine_id: String,
    #[serde(rename = "Ask", default)]
    ask: bool,
    #[serde(rename = "SendingText", default)]
    sending_text: bool,
    #[serde(rename = "NoCompress", default)]
    no_compress: bool,
    #[serde(rename = "HashAlgorithm", default)]
    hash_algorithm: String,
    #[serde(rename = "ReconnectVersion", default)]
    reconnect_version: u64,
    #[serde(rename = "NextReconnectRoom", default)]
    next_reconnect_room: String,
    #[serde(
        rename = "Features",
        default,
        deserialize_with = "features",
        skip_serializing_if = "Vec::is_empty"
    )]
    features: Vec<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireEntry {
    #[serde(skip_serializing_if = "String::is_empty")]
    n: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    h: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    s: u64,
    m: Option<String>,
    c: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    sy: String,
    #[serde(skip_serializing_if = "is_none_or_zero")]
    md: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tf: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none_or_zero(mode: &Option<u32>) -> bool {
    mode.unwrap_or(0) == 0
}

fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WireEntry>, D::Error> {
    list::<D, WireEntry, MAX_ENTRIES>(deserializer)
}

impl CrocList {
    /// Reads a list.
    pub fn from_json(json: &[u8]) -> Result<Self, MessageError> {
        let wire: WireList = from_json(json)?;
        let entries = wire.files.into_iter().map(ListEntry::from_wire).collect::<Result<Vec<_>, _>>()?;
        let sizes = entries.iter().try_fold(0u64, |sum, entry| sum.checked_add(entry.size));
        if sizes.is_none_or(|sum| sum > MAX_SIZE) {
            return Err(MessageError);
        }
        Ok(Self {
            entries,
            empty_folders: wire.folders.into_iter().map(|folder| folder.fr).collect(),
            folder_count: wire.folder_count,
            machine_id: shortened(Some(&wire.machine_id)),
            must_ask: wire.ask,
            is_text: wire.sending_text,
            is_plain: wire.no_compress,
            hash: HashKind::named(&wire.hash_algorithm),
            reconnect_room: (wire.reconnect_version > 0)
                .then_some(wire.next_reconnect_room)
                .filter(|room| is_room(room)),
            has_per_file_compression: wire.features.iter().any(|feature| feature == PER_FILE_COMPRESSION),
        })
    }

    /// Writes the list.
    pub fn to_json(&self) -> Vec<u8> {
        let folder = |fr: &String| WireEntry {
            fr: fr.clone(),
            m: Some("0001-01-01T00:00:00Z".to_owned()),
            ..WireEntry::default()
        };
        to_json(&WireList {
            files: self.entries.iter().map(ListEntry::to_wire).collect(),
            folders: self.empty_folders.iter().map(folder).collect(),
            folder_count: self.folder_count,
            machine_id: self.machine_id.clone(),
            ask: self.must_ask,
            sending_text: self.is_text,
            no_compress: self.is_plain,
            hash_algorithm: self.hash.unwrap_or_default().as_str().to_owned(),
            reconnect_version: u64::from(self.reconnect_room.is_some()),
            next_reconnect_room: self.reconnect_room.clone().unwrap_or_default(),
            features: if self.has_per_file_compression {
                vec![PER_FILE_COMPRESSION.to_owned()]
            } else {
                vec![]
            },
        })
    }

    /// How the chunks of an entry are coded, if the receiver knows of compression by file or not.
    pub fn coding(&self, entry: &ListEntry, receiver_has_per_file_compression: bool) -> Coding {
        let per_file = self.has_per_file_compression && receiver_has_per_file_compression;
        if self.is_plain || (per_file && !entry.is_compressed) { Coding::Plain } else { Coding::Deflated }
    }
}

fn is_room(room: &str) -> bool {
    room.len() == 64 && room.bytes().all(|digit| digit.is_ascii_hexdigit())
}

impl ListEntry {
    fn from_wire(wire: WireEntry) -> Result<Self, MessageError> {
        let hash = base64(wire.h.as_deref())?;
        let target = (!wire.sy.is_empty()).then_some(wire.sy);
        if hash.len() > MAX_HASH || wire.s > MAX_SIZE {
            return Err(MessageError);
        }
        Ok(Self {
            folder: wire.fr,
            name: wire.n,
            // A link has no data, whatever the sender says of its size.
            size: if target.is_some() { 0 } else { wire.s },
            hash,
            modified: wire.m.as_deref().and_then(read_time),
            mode: wire.md.map(|mode| mode & PERMISSIONS),
            target,
            is_compressed: wire.c,
            is_archive: wire.tf,
        })
    }

    fn to_wire(&self) -> WireEntry {
        let kind = if self.target.is_some() { LINK_MODE } else { 0 };
        WireEntry {
            n: self.name.clone(),
            fr: self.folder.clone(),
            h: Some(BASE64.encode(&self.hash)),
            s: self.size,
            m: Some(self.modified.and_then(write_time).unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned())),
            c: self.is_compressed,
            sy: self.target.clone().unwrap_or_default(),
            md: Some(self.mode.unwrap_or(0o644) | OWNER_READS_AND_WRITES | kind),
            tf: self.is_archive,
        }
    }

    /// The folders and the name, one after the other, or why they are refused.
    pub fn path(&self) -> Result<Vec<&str>, ListPathError> {
        let mut path = names(&self.folder)?;
        match names(&self.name)?.as_slice() {
            [name] => path.push(name),
            [] => return Err(ListPathError::Empty),
            [..] => return Err(ListPathError::Outside),
        }
        if path.len() > MAX_DEPTH { Err(ListPathError::TooLong) } else { Ok(path) }
    }
}

/// The folders of a path that the peer wrote, one after the other, or why they are refused.
pub fn names(path: &str) -> Result<Vec<&str>, ListPathError> {
    let is_slash = |c| c == '/' || c == '\\';
    // `a: b.txt` is a name.
    let has_drive = matches!(path.as_bytes(), [letter, b':'] | [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    if path.len() > MAX_PATH {
        return Err(ListPathError::TooLong);
    }
    if path.starts_with(is_slash) || has_drive {
        return Err(ListPathError::Outside);
    }
    if path.contains(char::is_control) {
        return Err(ListPathError::Control);
    }
    let names: Vec<_> = path.split(is_slash).filter(|name| !name.is_empty() && *name != ".").collect();
    if names.contains(&"..") {
        return Err(ListPathError::Outside);
    }
    if names.len() > MAX_DEPTH { Err(ListPathError::TooLong) } else { Ok(names) }
}

/// Reads a time. What can't be read, and Go's zero time, is no time: it would be a pity to refuse files for it.
fn read_time(text: &str) -> Option<SystemTime> {
    let time: Timestamp = text.parse().ok()?;
    let since = time.duration_since(Timestamp::UNIX_EPOCH);
    let zero = -62_135_596_800;
    if since.as_secs() <= zero {
        return None;
    }
    let amount = Duration::try_from(since.abs()).ok()?;
    if since.is_negative() {
        SystemTime::UNIX_EPOCH.checked_sub(amount)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(amount)
    }
}

fn write_time(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Result<ListEntry, MessageError> {
        let list = format!(r#"{{"FilesToTransfer":[{json}]}}"#);
        CrocList::from_json(list.as_bytes()).map(|mut manifest| manifest.entries.remove(0))
    }

    #[test]
    fn entries_are_read_as_croc_writes_them() {
        let file = entry(r#"{"n":"a.txt","fr":"./","h":"UhXhOyB9bYw=","s":12,"m":"2026-08-22T10:11:12Z","c":false,"md":420}"#)
            .unwrap();
        assert_eq!(file.path().unwrap(), ["a.txt"]);
        assert_eq!((file.size, file.mode, file.target.as_deref()), (12, Some(0o644), None));
        assert_eq!(file.modified, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_787_393_472)));
        let link =
            entry(r#"{"n":"l","fr":"dir/","h":"QUE=","s":10,"sy":"target.txt","md":134218239}"#).unwrap();
        assert_eq!((link.size, link.mode, link.target.as_deref()), (0, Some(0o777), Some("target.txt")));
        let list = r#"{"FilesToTransfer":null,"EmptyFoldersToTransfer":[{"fr":"dir/empty/","m":"0001-01-01T00:00:00Z","c":false}]}"#;
        assert_eq!(CrocList::from_json(list.as_bytes()).unwrap().empty_folders, ["dir/empty/"]);
    }

    #[test]
    fn a_list_comes_back_as_it_was() {
        let manifest = CrocList {
            entries: vec![
                ListEntry {
                    folder: "a/b/".to_owned(),
                    name: "c".to_owned(),
                    size: 5,
                    hash: vec![1; 8],
                    modified: Some(SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789)),
                    mode: Some(0o755),
                    ..ListEntry::default()
                },
                ListEntry {
                    folder: "./".to_owned(),
                    name: "link".to_owned(),
                    mode: Some(0o777),
                    target: Some("c".to_owned()),
                    ..ListEntry::default()
                },
            ],
            empty_folders: vec!["empty/".to_owned()],
            folder_count: 2,
            machine_id: "me".to_owned(),
            is_plain: true,
            hash: Some(HashKind::Xxhash),
            reconnect_room: Some("0a".repeat(32)),
            has_per_file_compression: true,
            ..CrocList::default()
        };
        assert_eq!(CrocList::from_json(&manifest.to_json()), Ok(manifest));
    }

    /// A croc receiver creates a file with no permissions if none are named, and then can't read it.
    #[test]
    fn files_are_sent_with_permissions_for_their_owner() {
        let entry = ListEntry { name: "a".to_owned(), mode: Some(0o040), ..ListEntry::default() };
        assert_eq!(entry.to_wire().md, Some(0o640));
        assert_eq!(ListEntry::default().to_wire().md, Some(0o644));
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for (folder, name, error) in [
            ("../", "a", ListPathError::Outside),
            ("a/../../", "b", ListPathError::Outside),
            ("a\\..\\", "b", ListPathError::Outside),
            ("/etc/", "passwd", ListPathError::Outside),
            ("\\\\host\\share\\", "a", ListPathError::Outside),
            ("C:/", "a", ListPathError::Outside),
            ("c:", "a", ListPathError::Outside),
            ("./", "..", ListPathError::Outside),
            ("./", "a/b", ListPathError::Outside),
            ("./", "a\\b", ListPathError::Outside),
            ("./", "", ListPathError::Empty),
            ("a/", ".", ListPathError::Empty),
            ("./", "a\nb", ListPathError::Control),
            ("./", "a\0b", ListPathError::Control),
            ("./", &"a".repeat(MAX_PATH + 1), ListPathError::TooLong),
            (&"a/".repeat(MAX_DEPTH + 1), "b", ListPathError::TooLong),
        ] {
            let entry =
                ListEntry { folder: folder.to_owned(), name: name.to_owned(), ..ListEntry::default() };
            assert_eq!(entry.path(), Err(error), "{folder}{name}");
        }
        let entry =
            ListEntry { folder: "./a//.\\b/".to_owned(), name: "..c".to_owned(), ..ListEntry::default() };
        assert_eq!(entry.path().unwrap(), ["a", "b", "..c"]);
    }

    #[test]
    fn numbers_that_lie_are_refused() {
        for json in [
            r#"{"s":-1}"#,
            r#"{"s":1.5}"#,
            r#"{"s":17592186044417}"#,
            r#"{"md":-1}"#,
            r#"{"md":4294967296}"#,
            r#"{"h":"*"}"#,
            r#"{"n":7}"#,
            r#"{"s":17592186044416},{"s":1}"#,
        ] {
            assert_eq!(entry(json), Err(MessageError), "{json}");
        }
        let long = format!(r#"{{"h":"{}"}}"#, BASE64.encode(&[0; MAX_HASH + 1]));
        assert_eq!(entry(&long), Err(MessageError));
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let mut list = br#"{"FilesToTransfer":["#.to_vec();
        list.extend(b"{},".repeat(MAX_ENTRIES));
        list.extend(b"{}]}");
        assert_eq!(CrocList::from_json(&list), Err(MessageError));
    }

    #[test]
    fn a_time_that_makes_no_sense_is_no_time() {
        for (text, is_time) in [
            ("2026-08-22T10:11:12.5+02:00", true),
            ("1960-01-01T00:00:00Z", true),
            ("0001-01-01T00:00:00Z", false),
            ("yesterday", false),
            ("99999-01-01T00:00:00Z", false),
        ] {
            assert_eq!(read_time(text).is_some(), is_time, "{text}");
        }
    }

    #[test]
    fn chunks_are_coded_as_both_sides_can() {
        let mut manifest = CrocList { has_per_file_compression: true, ..CrocList::default() };
        let (plain, packed) =
            (ListEntry::default(), ListEntry { is_compressed: true, ..ListEntry::default() });
        assert_eq!(manifest.coding(&plain, true), Coding::Plain);
        assert_eq!(manifest.coding(&packed, true), Coding::Deflated);
        assert_eq!(manifest.coding(&plain, false), Coding::Deflated);
        manifest.is_plain = true;
        assert_eq!(manifest.coding(&packed, true), Coding::Plain);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>, path: String, at: proptest::sample::Index, byte: u8) {
            let _ = CrocList::from_json(&bytes);
            let _ = names(&path);
            let _ = read_time(&path);
            let manifest = CrocList { entries: vec![ListEntry::default()], empty_folders: vec![path], ..CrocList::default() };
            let mut json = manifest.to_json();
            let place = at.index(json.len());
            json[place] = byte;
            let _ = CrocList::from_json(&json);
        }
    }
}
