//! The small TOML files that the program keeps for itself: read within bounds, replaced as a whole or not at all, readable only
//! by their owner, and never lost because this program didn't understand them.
//!
//! Called by `settings`, `history` and `people`, which know what the files contain. All calls block on the disk. Nothing is kept
//! between two calls, so any thread may make them. A file is written beside the old one, flushed and renamed, so that
//! a crash leaves the old one or the new one.

use std::{
    env, fmt,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use directories::ProjectDirs;
use toml::{Table, Value};

/// The largest file in bytes that is read or written: many times what settings take, and a full history.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// How deep tables and arrays may stand in each other. It is far deeper than in anything that this program writes. Keys that it
/// doesn't know are written back in another form, which could otherwise be deeper than TOML is read, and the whole file lost.
const MAX_DEPTH: usize = 32;
/// How many broken files are kept aside before the last one is replaced, so that they can't fill a disk.
const MAX_ASIDE: u32 = 20;
/// How many bad entries a message names; more would not be read.
const SHOWN_ENTRIES: usize = 5;

/// A folder for the program's own files. It need not exist until something is saved.
#[derive(Debug, Clone)]
pub struct Store {
    /// `None` if this account has no home folder.
    folder: Option<PathBuf>,
}

/// Why a file, or a part of it, could not be read. The parts that could be read are used.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The system doesn't allow the file to be read. It is left as it is, and saving over it is refused.
    #[error(
        "the file {} can't be read ({cause}). It is left as it is, and the program goes on as if it weren't there; nothing \
         will be saved until it can be read.", .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Nothing in the file can be understood.
    #[error("the file {} {flaw}. The program goes on as if it weren't there; {}.", .path.display(), fate(.kept.as_deref()))]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        flaw: Flaw,
        /// Where the file was moved. `None` if it still has its name; then it is moved when something is saved.
        kept: Option<PathBuf>,
    },
    /// Some of the file can't be used and is ignored. The file is kept aside when something is saved.
    #[error(
        "some of the file {} can't be used and is ignored: {}. Nothing is lost: the file is kept beside the new one when \
         something is saved.", .path.display(), BadEntryList(.entries)
    )]
    BadEntries {
        /// The file.
        path: PathBuf,
        /// What is ignored.
        entries: Vec<BadEntry>,
    },
}

/// Why a file can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The file is not TOML.
    #[error("is damaged in line {line} ({message})")]
    NotToml {
        /// The first line that is not TOML.
        line: usize,
        /// What is wrong in that line, without repeating any of it.
        message: String,
    },
    /// The file is not text.
    #[error("is not text")]
    NotText,
    /// The file is larger than anything that this program writes, or its tables stand deeper in each other.
    #[error("is too large to be what Caiman wrote")]
    TooLarge,
}

/// An entry of a file that can't be used. Its value is not repeated, because it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{key}” {expected}")]
pub struct BadEntry {
    /// The key of the entry, with the keys around it: `relay 2: address`.
    pub key: String,
    /// What the value should be. As text it continues a sentence after the key: `must be a number from 1 to 32`.
    pub expected: Expected,
}

/// What the value of an entry should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A number within bounds, which are given as text.
    Number {
        /// The smallest.
        from: String,
        /// The largest.
        to: String,
    },
    /// `true` or `false`.
    Switch,
    /// Any text.
    Text,
    /// One of these texts, at least two.
    OneOf(&'static [&'static str]),
    /// A relay's address.
    Address,
    /// Ports of a relay.
    Ports,
    /// A list of addresses of iroh relays.
    IrohRelays,
    /// A proxy.
    Proxy,
    /// The name of a computer.
    ComputerName,
    /// A table.
    Table,
    /// A list of tables.
    Tables,
    /// A past transfer.
    Transfer,
    /// A person that the user has remembered.
    Person,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { from, to } => write!(f, "must be a number from {from} to {to}"),
            Self::Switch => f.write_str("must be true or false"),
            Self::Text => f.write_str("must be text in quotation marks"),
            Self::OneOf(texts) => {
                let (last, others) = texts.split_last().expect("there is a choice");
                write!(f, "must be “{}” or “{last}”", others.join("”, “"))
            }
            Self::Address => f.write_str("must be a host or host:port in quotation marks"),
            Self::Ports => f.write_str("must be ports such as “27002-27009”, or “none”"),
            Self::IrohRelays => {
                f.write_str("must be a list of addresses such as [“https://relay.example.org”]")
            }
            Self::Proxy => f.write_str("must be a proxy such as “socks5://host:port”, or “off”"),
            Self::ComputerName => f.write_str("must be a name of at most 40 characters in quotation marks"),
            Self::Table => f.write_str("must be a table"),
            Self::Tables => f.write_str("must be an array of tables"),
            Self::Transfer => f.write_str("is no transfer that this version knows"),
            Self::Person => f.write_str("is no person with a name and a key of its own"),
        }
    }
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// This account has no home folder.
    #[error(
        "this account has no folder for what Caiman keeps; name one with CAIMAN_CONFIG_DIR and CAIMAN_DATA_DIR"
    )]
    NoFolder,
    /// The existing file can't be read, so nothing tells whether it may be replaced.
    #[error("{0}")]
    InTheWay(Problem),
    /// The disk is full, the folder can't be written, or the like.
    #[error("the file {} can't be saved ({cause}); what was there before is unchanged", .path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl Store {
    /// The store in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// The store for the user's settings: `CAIMAN_CONFIG_DIR`, or the system's usual folder.
    pub fn of_settings() -> Self {
        Self::of_person("CAIMAN_CONFIG_DIR", ProjectDirs::config_dir)
    }

    /// The store for the user's history: `CAIMAN_DATA_DIR`, or the system's usual folder for data that stays on this machine.
    pub fn of_history() -> Self {
        Self::of_person("CAIMAN_DATA_DIR", ProjectDirs::data_local_dir)
    }

    /// The folder for the list of interrupted transfers, beside the history.
    pub fn unfinished_folder() -> Option<PathBuf> {
        Self::of_history().folder.map(|folder| folder.join("unfinished"))
    }

    /// The folder; `None` if this account has no home folder.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn of_person(variable: &str, usual: impl Fn(&ProjectDirs) -> &Path) -> Self {
        let named = env::var_os(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let folder = || ProjectDirs::from("", "", "caiman").map(|folders| usual(&folders).to_owned());
        Self { folder: named.or_else(folder) }
    }

    /// Reads a file. A file that doesn't exist counts as empty.
    pub(crate) fn read(&self, name: &str) -> Result<Table, Problem> {
        let Some(path) = self.place(name) else { return Ok(Table::new()) };
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Table::new()),
            Err(cause) => return Err(Problem::Unreadable { path, cause }),
        };
        parse(bytes).map_err(|flaw| Problem::Broken { path, flaw, kept: None })
    }

    /// The problem with bad entries of a file; `None` if there are none.
    pub(crate) fn judge(&self, name: &str, entries: Vec<BadEntry>) -> Option<Problem> {
        let path = self.place(name).filter(|_| !entries.is_empty())?;
        Some(Problem::BadEntries { path, entries })
    }

    /// Moves a broken file aside if that is possible, and notes it in the problem.
    pub(crate) fn set_aside(&self, name: &str, problem: &mut Problem) {
        if let (Some(path), Problem::Broken { kept, .. }) = (self.place(name), problem) {
            // If it can't be moved now it keeps its name, and the problem still says so.
            *kept = move_aside(&path).ok();
        }
    }

    /// Replaces a file. `old` is the problem with the existing file, if it has one; then that file is kept aside.
    pub(crate) fn write(&self, name: &str, text: &str, old: Option<Problem>) -> Result<(), SaveError> {
        let path = self.place(name).ok_or(SaveError::NoFolder)?;
        if let Some(problem @ Problem::Unreadable { .. }) = old {
            return Err(SaveError::InTheWay(problem));
        }
        replace(&path, text, old.is_some()).map_err(|cause| SaveError::Disk { path, cause })
    }

    /// Waits until no other program holds this lock file, and holds it until the returned file is dropped. `None` where the system
    /// can't lock; the caller then goes on without.
    pub(crate) fn lock(&self, name: &str) -> Option<File> {
        let path = self.place(name)?;
        fs::create_dir_all(path.parent()?).ok()?;
        let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// The path of a file. A link is followed, so that its target is replaced and not the link: users keep such files
    /// elsewhere and link to them.
    fn place(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.as_ref()?.join(name);
        let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        let target = if is_link { path.canonicalize().ok() } else { None };
        Some(target.unwrap_or(path))
    }
}

/// Reads a file, but of one that is too large only enough to see that.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is in a file.
pub(crate) fn parse(bytes: Vec<u8>) -> Result<Table, Flaw> {
    if bytes.len() > MAX_BYTES {
        return Err(Flaw::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|_| Flaw::NotText)?;
    // Some editors on Windows put a byte order mark at the start of a text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let table: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        Flaw::NotToml { line, message: error.message().to_owned() }
    })?;
    if table.values().all(|value| fits(value, MAX_DEPTH)) { Ok(table) } else { Err(Flaw::TooLarge) }
}

/// Whether at most this many tables and arrays stand in each other.
fn fits(value: &Value, levels: usize) -> bool {
    let fit = |inner: &Value| fits(inner, levels - 1);
    match value {
        Value::Table(table) => levels > 0 && table.values().all(fit),
        Value::Array(items) => levels > 0 && items.iter().all(fit),
        _ => true,
    }
}

fn replace(path: &Path, text: &str, keeps_old: bool) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    // Only its owner can read the temporary file, and so the file that it becomes.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if keeps_old {
        move_aside(path)?;
    }
    file.persist(path)?;
    Ok(())
}

/// Gives `settings.toml` the name `settings.broken-1.toml`, or the next number that is free.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().display();
    let extension =
        path.extension().map_or_else(String::new, |extension| format!(".{}", extension.display()));
    let aside = |number: u32| path.with_file_name(format!("{stem}.broken-{number}{extension}"));
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    let aside = (1..=MAX_ASIDE).map(aside).find(is_free).unwrap_or_else(|| aside(MAX_ASIDE));
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Whether a path has to be left out of a file: there is none, or it is not Unicode, so TOML can't hold it.
#[expect(clippy::ref_option, reason = "serde calls it with the field")]
pub(crate) fn is_left_out(path: &Option<PathBuf>) -> bool {
    path.as_ref().is_none_or(|path| path.to_str().is_none())
}

fn fate(kept: Option<&Path>) -> String {
    match kept {
        Some(kept) => format!("it is now {}", kept.display()),
        None => "repair it or remove it; saving anything moves it aside".to_owned(),
    }
}

/// Bad entries as text, the first few by name.
struct BadEntryList<'a>(&'a [BadEntry]);

impl fmt::Display for BadEntryList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.0.iter().take(SHOWN_ENTRIES).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{entry}")?;
        }
        match self.0.len().checked_sub(SHOWN_ENTRIES) {
            Some(more @ 1..) => write!(f, ", and {more} more"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "kept.toml";

    fn fixture() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        (folder, store)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The last one stands deeper in its tables than it could be written and read again: dots in a key are counted for each key alone.
    #[test]
    fn a_file_with_tables_deep_in_each_other_is_broken() {
        let arrays = |depth| format!("x = {}{}", "[".repeat(depth), "]".repeat(depth));
        let tables = |depth| format!("x = {}1{}", "{ a.b = ".repeat(depth), " }".repeat(depth));
        assert!(parse(arrays(MAX_DEPTH).into_bytes()).is_ok());
        assert!(parse(tables(MAX_DEPTH / 2).into_bytes()).is_ok());
        for deeper in [arrays(MAX_DEPTH + 1), tables(MAX_DEPTH / 2 + 1), tables(70)] {
            assert_eq!(parse(deeper.into_bytes()), Err(Flaw::TooLarge));
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("made/on/demand"));
        assert!(store.read(NAME).unwrap().is_empty());
        for text in ["a = 1", "a = 2"] {
            store.write(NAME, text, None).unwrap();
            assert_eq!(store.read(NAME).unwrap().to_string().trim(), text);
        }
        assert_eq!(names(store.folder().unwrap()), [NAME]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_what_is_written_even_where_everybody_could_before() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, store) = fixture();
        fs::write(folder.path().join(NAME), "").unwrap();
        fs::set_permissions(folder.path().join(NAME), fs::Permissions::from_mode(0o644)).unwrap();
        store.write(NAME, "a = 1", None).unwrap();
        let mode = folder.path().join(NAME).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_what_it_points_to_is_replaced() {
        let (folder, store) = fixture();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("mine"), "a = 1").unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("mine"), folder.path().join(NAME)).unwrap();
        assert_eq!(store.read(NAME).unwrap()["a"].as_integer(), Some(1));
        store.write(NAME, "a = 2", None).unwrap();
        assert!(folder.path().join(NAME).symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(elsewhere.path().join("mine")).unwrap(), "a = 2");

        fs::write(elsewhere.path().join("mine"), "broken").unwrap();
        let mut problem = store.read(NAME).unwrap_err();
        store.set_aside(NAME, &mut problem);
        assert_eq!(names(elsewhere.path()), ["mine.broken-1"]);
    }

    #[test]
    fn files_that_make_no_sense_are_refused_with_the_reason() {
        let (folder, store) = fixture();
        for (bytes, expected) in [
            (&b"a = 1\nb = 2\n\nc = [1,\nd"[..], "is damaged in line 5"),
            (b"a = 1\na = 2", "is damaged in line 2 (duplicate key)"),
            (b"a = '\xff'", "is not text"),
            (&vec![b'#'; MAX_BYTES + 1], "is too large"),
        ] {
            fs::write(folder.path().join(NAME), bytes).unwrap();
            let Err(Problem::Broken { flaw, kept: None, .. }) = store.read(NAME) else {
                panic!("{expected}")
            };
            assert!(flaw.to_string().starts_with(expected), "{flaw}");
        }
        for text in [format!("a = 1{}", "#".repeat(MAX_BYTES - 5)), "\u{feff}a = 1\r\n".to_owned()] {
            fs::write(folder.path().join(NAME), text).unwrap();
            assert_eq!(store.read(NAME).unwrap()["a"].as_integer(), Some(1));
        }
    }

    #[test]
    fn a_message_never_repeats_what_stands_in_the_file() {
        let (folder, store) = fixture();
        for text in
            ["password = lagoon", "password = 'lagoon", "password = \"lagoon\\q\"", "lagoon\n", "[lagoon"]
        {
            fs::write(folder.path().join(NAME), text).unwrap();
            let said = store.read(NAME).unwrap_err().to_string();
            assert!(!said.contains("lagoon"), "{said}");
        }
    }

    #[test]
    fn broken_files_are_kept_under_the_next_free_number_up_to_a_bound() {
        let (folder, store) = fixture();
        for round in 1..=MAX_ASIDE + 3 {
            fs::write(folder.path().join(NAME), format!("{round}")).unwrap();
            let mut problem = store.read(NAME).unwrap_err();
            assert!(problem.to_string().contains("saving anything moves it aside"), "{problem}");
            store.set_aside(NAME, &mut problem);
            let Problem::Broken { kept: Some(kept), .. } = &problem else { panic!("{problem}") };
            assert_eq!(fs::read_to_string(kept).unwrap(), format!("{round}"));
            let number = round.min(MAX_ASIDE);
            assert_eq!(kept, &folder.path().join(format!("kept.broken-{number}.toml")));
            assert!(problem.to_string().contains(&kept.display().to_string()), "{problem}");
        }
        assert_eq!(names(folder.path()).len(), MAX_ASIDE as usize);
    }

    #[test]
    fn what_can_not_be_read_is_not_replaced() {
        let (folder, store) = fixture();
        // A folder, because an administrator can read every file.
        fs::create_dir(folder.path().join(NAME)).unwrap();
        let mut problem = store.read(NAME).unwrap_err();
        store.set_aside(NAME, &mut problem);
        assert!(matches!(problem, Problem::Unreadable { .. }), "{problem}");
        let refused = store.write(NAME, "", Some(problem)).unwrap_err();
        assert!(refused.to_string().contains("nothing will be saved"), "{refused}");
        assert_eq!(names(folder.path()), [NAME]);
    }

    #[test]
    fn what_can_not_be_written_is_said_and_leaves_nothing_behind() {
        let (folder, store) = fixture();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        assert!(matches!(store.write(NAME, "", None), Err(SaveError::Disk { .. })));
        assert_eq!(names(folder.path()), [NAME]);
        let homeless = Store { folder: None };
        assert!(homeless.read(NAME).unwrap().is_empty());
        assert!(matches!(homeless.write(NAME, "", None), Err(SaveError::NoFolder)));
    }

    #[test]
    fn a_long_list_of_bad_entries_is_cut() {
        let entry = |key: usize| BadEntry { key: key.to_string(), expected: Expected::Switch };
        let store = Store::at("somewhere");
        assert!(store.judge(NAME, Vec::new()).is_none());
        let said = store.judge(NAME, (1..=7).map(entry).collect()).unwrap().to_string();
        assert!(
            said.contains("“1” must be true or false, “2” must")
                && said.contains("“5” must be true or false, and 2 more."),
            "{said}"
        );
    }
}
