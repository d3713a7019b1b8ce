//! Past transfers, kept in `history.toml` for the window's list. Only the window writes the file, and it runs only once.
//!
//! A transfer is entered when its bytes begin to move and finished when it ends. One that is still running when the file
//! is read was cut off when the program ended. Codes and texts never belong in here.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::store::{self, BadEntry, Expected, Problem, SaveError, Store};

/// The file's name in its folder.
pub const FILE_NAME: &str = "history.toml";
/// How many transfers are kept; the oldest are dropped first. A list of this length can still be scrolled through.
pub const MAX_ENTRIES: usize = 500;
/// How many paths of one transfer are kept: as many as a user may want to open from the list.
pub const MAX_PATHS: usize = 16;
/// How many characters of a title or a reason are kept, a few lines.
const MAX_CHARS: usize = 300;
/// The longest path in bytes that is kept. A longer one is left out as a whole, because half a path leads elsewhere.
const MAX_PATH_BYTES: usize = 4096;
const KEY: &str = "transfer";
const HEADER: &str = "# What Caiman has sent and received, the newest first.\n\n";

/// The past transfers in memory. Changes are kept once [`History::save`] has been called.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The newest first.
    entries: Vec<PastTransfer>,
    last_id: u64,
}

/// A transfer in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastTransfer {
    /// Identifies the transfer. Set by [`History::begin`] and [`History::load`], and valid until the program ends.
    #[serde(skip)]
    pub id: u64,
    /// The title: a name, or “3 items”.
    pub what: String,
    /// What kind of thing that is.
    #[serde(default, skip_serializing_if = "PastKind::is_file")]
    pub kind: PastKind,
    /// Whether it was sent or received.
    pub direction: Direction,
    /// What the other computer called itself, if it said that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// When its first byte moved, in seconds since 1970.
    pub started: u64,
    /// When it ended, in seconds since 1970.
    pub ended: Option<u64>,
    /// The folder into which it was received.
    #[serde(default, skip_serializing_if = "store::is_left_out")]
    pub folder: Option<PathBuf>,
    /// What can be opened: the first of what was sent, or of what is in the folder now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// How many files it had.
    #[serde(default)]
    pub files: u64,
    /// How many bytes these have, of which some may have been there already.
    #[serde(default)]
    pub bytes: u64,
    /// How it ended, or that it still runs.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The staging folder that remained because the transfer was interrupted.
    #[serde(default, skip_serializing_if = "store::is_left_out")]
    pub kept: Option<PathBuf>,
    /// The beginning of the id of its code's room, by which a code that is used up is known again. Any relay is told that id,
    /// and it says nothing of the words after the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<u16>,
}

/// What a transfer moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PastKind {
    /// One file, or something older entries don't tell from one.
    #[default]
    File,
    /// One folder, with what was in it.
    Folder,
    /// Several files or folders.
    Several,
    /// A text.
    Text,
}

impl PastKind {
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_file(&self) -> bool {
        *self == Self::File
    }
}

/// Whether a transfer was sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From this computer.
    Sent,
    /// To this computer.
    Received,
}

/// How a transfer ended, or that it still runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// The transfer still runs.
    Running,
    /// Everything arrived.
    Done,
    /// Everything but some entries arrived.
    Partial {
        /// How many entries didn't arrive.
        missing: u64,
    },
    /// One of the two users cancelled it.
    Cancelled,
    /// The receiver declined it.
    Declined,
    /// It failed.
    Failed {
        /// Why, in the words that the user read.
        reason: String,
    },
    /// The program ended in the middle of it.
    Interrupted,
}

/// What is added to a past transfer when it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended, in seconds since 1970.
    pub ended: u64,
    /// How many files it had.
    pub files: u64,
    /// How many bytes these have, of which some may have been there already.
    pub bytes: u64,
    /// What can be opened now. If this is empty, the transfer keeps its earlier paths.
    pub paths: Vec<PathBuf>,
    /// The staging folder that remained, if one did.
    pub kept: Option<PathBuf>,
}

/// The result of reading the history.
#[derive(Debug)]
pub struct LoadedHistory {
    /// The past transfers, as far as they could be read.
    pub history: History,
    /// Transfers that were cut off when the program last ended. Tell the user, and save the history.
    pub interrupted: Vec<PastTransfer>,
    /// What could not be read. Tell the user.
    pub problem: Option<Problem>,
}

impl History {
    /// Notes where what a transfer has brought is now.
    pub fn relocate(&mut self, id: u64, folder: PathBuf, paths: Vec<PathBuf>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            (entry.folder, entry.paths) = (Some(folder), paths);
        }
    }

    /// Reads the history. A file in which nothing can be understood is moved aside.
    pub fn load(store: &Store) -> LoadedHistory {
        let (mut history, mut problem) = Self::look(store);
        if let Some(problem) = &mut problem {
            store.set_aside(FILE_NAME, problem);
        }
        let mut interrupted = Vec::new();
        for entry in history.entries.iter_mut().filter(|entry| entry.outcome == Outcome::Running) {
            entry.outcome = Outcome::Interrupted;
            interrupted.push(entry.clone());
        }
        LoadedHistory { history, interrupted, problem }
    }

    /// Replaces the file, with only the newest transfers if it would be too large. An existing file that can't be read as a whole
    /// is kept aside first, and one that the system doesn't allow to be read is not replaced.
    pub fn save(&self, store: &Store) -> Result<(), SaveError> {
        store.write(FILE_NAME, &self.to_text(), Self::look(store).1)
    }

    /// The text of the file, with only the newest transfers if it would be too large.
    pub(crate) fn to_text(&self) -> String {
        let mut entries = &self.entries[..];
        loop {
            let text = write(entries);
            if text.len() <= store::MAX_BYTES {
                return text;
            }
            entries = &entries[..entries.len() / 2];
        }
    }

    /// All transfers, the newest first.
    pub fn entries(&self) -> &[PastTransfer] {
        &self.entries
    }

    /// Enters a transfer whose bytes begin to move, and returns its new id.
    pub fn begin(&mut self, entry: PastTransfer) -> u64 {
        self.last_id += 1;
        self.entries.insert(0, PastTransfer { id: self.last_id, ..entry.bounded() });
        self.entries.truncate(MAX_ENTRIES);
        self.last_id
    }

    /// Enters how a transfer ended. Does nothing if it is no longer in the list.
    pub fn finish(&mut self, id: u64, ending: Ending) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) else { return };
        let Ending { outcome, ended, files, bytes, paths, kept } = ending;
        let paths = if paths.is_empty() { std::mem::take(&mut entry.paths) } else { paths };
        let finished =
            PastTransfer { outcome, ended: Some(ended), files, bytes, paths, kept, ..entry.clone() };
        *entry = finished.bounded();
    }

    /// Removes a transfer from the list.
    pub fn remove(&mut self, id: u64) {
        self.entries.retain(|entry| entry.id != id);
    }

    /// Removes all transfers that have ended from the list.
    pub fn clear(&mut self) {
        self.entries.retain(|entry| entry.outcome == Outcome::Running);
    }

    fn look(store: &Store) -> (Self, Option<Problem>) {
        match store.read(FILE_NAME) {
            Ok(table) => {
                let (history, bad) = Self::from_table(table);
                (history, store.judge(FILE_NAME, bad))
            }
            Err(problem) => (Self::default(), Some(problem)),
        }
    }

    /// The transfers in a file, and the entries that can't be used.
    pub(crate) fn from_table(mut table: Table) -> (Self, Vec<BadEntry>) {
        let (mut history, mut bad) = (Self::default(), Vec::new());
        let mut reject = |key: String, expected: Expected| bad.push(BadEntry { key, expected });
        let values = match table.remove(KEY) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(_) => {
                reject(KEY.to_owned(), Expected::Tables);
                Vec::new()
            }
        };
        for (index, value) in values.into_iter().take(MAX_ENTRIES).enumerate() {
            match value.try_into::<PastTransfer>() {
                Ok(entry) => {
                    history.last_id += 1;
                    history.entries.push(PastTransfer { id: history.last_id, ..entry.bounded() });
                }
                Err(_) => reject(format!("{KEY} {}", index + 1), Expected::Transfer),
            }
        }
        (history, bad)
    }
}

impl PastTransfer {
    /// A running transfer whose first byte moves now.
    pub fn now(direction: Direction, what: impl Into<String>) -> Self {
        Self {
            id: 0,
            what: what.into(),
            kind: PastKind::default(),
            direction,
            peer: None,
            started: unix_secs(),
            ended: None,
            folder: None,
            paths: Vec::new(),
            files: 0,
            bytes: 0,
            outcome: Outcome::Running,
            kept: None,
            room: None,
        }
    }

    fn bounded(mut self) -> Self {
        let fits = |path: &PathBuf| path.to_str().is_some_and(|path| path.len() <= MAX_PATH_BYTES);
        cut(&mut self.what);
        if let Some(peer) = &mut self.peer {
            cut(peer);
        }
        // The highest number in TOML.
        let highest = i64::MAX as u64;
        (self.files, self.bytes) = (self.files.min(highest), self.bytes.min(highest));
        match &mut self.outcome {
            Outcome::Failed { reason } => cut(reason),
            Outcome::Partial { missing } => *missing = highest.min(*missing),
            _ => {}
        }
        self.paths.retain(fits);
        self.paths.truncate(MAX_PATHS);
        self.folder = self.folder.filter(fits);
        self.kept = self.kept.filter(fits);
        self
    }
}

/// The current time in seconds since 1970.
pub fn unix_secs() -> u64 {
    // A clock that says a time before 1970 is wrong anyway.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn write(entries: &[PastTransfer]) -> String {
    #[derive(Serialize)]
    struct File<'a> {
        #[serde(rename = "transfer", skip_serializing_if = "<[PastTransfer]>::is_empty")]
        entries: &'a [PastTransfer],
    }
    let body =
        toml::to_string_pretty(&File { entries }).expect("entries are text, numbers and Unicode paths");
    format!("{HEADER}{body}")
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fixture() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        (folder, store)
    }

    fn ending(outcome: Outcome) -> Ending {
        Ending { outcome, ended: unix_secs(), files: 3, bytes: 4096, paths: Vec::new(), kept: None }
    }

    fn titles(history: &History) -> Vec<&str> {
        history.entries().iter().map(|entry| entry.what.as_str()).collect()
    }

    #[test]
    fn finished_transfers_come_back_newest_first() {
        let (_folder, store) = fixture();
        let mut history = History::default();
        for outcome in [
            Outcome::Done,
            Outcome::Partial { missing: 2 },
            Outcome::Cancelled,
            Outcome::Declined,
            Outcome::Failed { reason: "the disk is full".to_owned() },
            Outcome::Interrupted,
        ] {
            let mut entry = PastTransfer::now(Direction::Received, "3 items");
            entry.folder = Some(PathBuf::from("/home/x/Downloads"));
            let id = history.begin(entry);
            let kept = Some(PathBuf::from("/home/x/Downloads/.caiman-00"));
            let paths = vec![PathBuf::from("/home/x/Downloads/a")];
            history.finish(id, Ending { paths, kept, ..ending(outcome) });
        }
        history.begin(PastTransfer {
            ended: Some(1),
            outcome: Outcome::Done,
            ..PastTransfer::now(Direction::Sent, "last")
        });
        history.save(&store).unwrap();
        let loaded = History::load(&store);
        assert!(loaded.problem.is_none(), "{:?}", loaded.problem);
        assert!(loaded.interrupted.is_empty());
        let unnamed = |history: &History| {
            let entries = history.entries().iter().cloned();
            entries.map(|entry| PastTransfer { id: 0, ..entry }).collect::<Vec<_>>()
        };
        assert_eq!(unnamed(&loaded.history), unnamed(&history));
        assert_eq!(loaded.history.entries()[0].what, "last");
        assert_eq!((loaded.history.entries()[1].files, loaded.history.entries()[1].bytes), (3, 4096));
    }

    #[test]
    fn a_transfer_that_ran_when_the_program_ended_is_told_as_interrupted_once() {
        let (_folder, store) = fixture();
        let mut history = History::default();
        let done = history.begin(PastTransfer::now(Direction::Sent, "done"));
        history.finish(done, ending(Outcome::Done));
        let mut entry = PastTransfer::now(Direction::Received, "cut off");
        entry.folder = Some(PathBuf::from("/home/x/Downloads"));
        history.begin(entry);
        history.save(&store).unwrap();

        let loaded = History::load(&store);
        assert_eq!(loaded.interrupted.len(), 1);
        assert_eq!(loaded.interrupted[0], loaded.history.entries()[0]);
        assert_eq!(loaded.interrupted[0].outcome, Outcome::Interrupted);
        assert_eq!(loaded.interrupted[0].folder, Some(PathBuf::from("/home/x/Downloads")));
        loaded.history.save(&store).unwrap();
        assert!(History::load(&store).interrupted.is_empty());
    }

    #[test]
    fn an_ending_finds_its_entry_among_others_and_no_entry_that_was_removed() {
        let mut history = History::default();
        let ids: Vec<_> =
            ["a", "b", "c"].map(|what| history.begin(PastTransfer::now(Direction::Sent, what))).into();
        history.remove(ids[0]);
        for id in [ids[0], ids[1]] {
            history.finish(id, ending(Outcome::Done));
        }
        assert_eq!(titles(&history), ["c", "b"]);
        assert_eq!(history.entries()[0].outcome, Outcome::Running);
        assert_eq!(history.entries()[1].outcome, Outcome::Done);
        // Clearing leaves what still runs, and no name is given twice.
        history.clear();
        assert_eq!(titles(&history), ["c"]);
        assert!(!ids.contains(&history.begin(PastTransfer::now(Direction::Sent, "d"))));
    }

    #[test]
    fn names_are_new_after_a_restart() {
        let (_folder, store) = fixture();
        let mut history = History::default();
        history.begin(PastTransfer::now(Direction::Sent, "a"));
        history.begin(PastTransfer::now(Direction::Sent, "b"));
        history.save(&store).unwrap();
        let mut history = History::load(&store).history;
        let new = history.begin(PastTransfer::now(Direction::Sent, "c"));
        assert_eq!(history.entries().iter().filter(|entry| entry.id == new).count(), 1);
        assert_ne!(history.entries()[1].id, history.entries()[2].id);
    }

    #[test]
    fn the_history_and_everything_in_it_is_bounded() {
        let (folder, store) = fixture();
        let mut history = History::default();
        for number in 0..MAX_ENTRIES + 3 {
            let mut entry =
                PastTransfer::now(Direction::Received, format!("{number} {}", "ä".repeat(10_000)));
            entry.paths = vec![PathBuf::from("/x"); 1000];
            entry.folder = Some(PathBuf::from("x".repeat(MAX_PATH_BYTES + 1)));
            let id = history.begin(entry);
            let outcome = Outcome::Failed { reason: "y".repeat(10_000) };
            history.finish(id, Ending { bytes: u64::MAX, ..ending(outcome) });
        }
        assert_eq!(history.entries().len(), MAX_ENTRIES);
        history.save(&store).unwrap();
        let loaded = History::load(&store);
        assert!(loaded.problem.is_none(), "{:?}", loaded.problem);
        assert!(loaded.history.entries().len() > 100);
        let first = &loaded.history.entries()[0];
        assert!(first.what.starts_with(&(MAX_ENTRIES + 2).to_string()));
        assert_eq!(first.what.chars().count(), MAX_CHARS + 1);
        assert_eq!((first.paths.len(), &first.folder), (MAX_PATHS, &None));

        // Even paths of full length and with characters that take six to write leave a file that can be read.
        let long = PathBuf::from("\u{1}".repeat(MAX_PATH_BYTES));
        for _ in 0..20 {
            let mut entry = PastTransfer::now(Direction::Received, "long");
            entry.paths = vec![long.clone(); MAX_PATHS];
            history.begin(entry);
        }
        history.save(&store).unwrap();
        assert!(folder.path().join(FILE_NAME).metadata().unwrap().len() <= store::MAX_BYTES as u64);
        assert!(!History::load(&store).history.entries().is_empty());
    }

    #[test]
    fn an_entry_that_makes_no_sense_costs_no_other_and_its_file_is_kept() {
        let (folder, store) = fixture();
        let mut history = History::default();
        history.begin(PastTransfer::now(Direction::Sent, "good"));
        history.save(&store).unwrap();
        let path = folder.path().join(FILE_NAME);
        let text = fs::read_to_string(&path).unwrap()
            + "[[transfer]]\nwhat = 'x'\n[[transfer]]\nwhat = 'new'\ndirection = 'sent'\nstarted = 1\noutcome = 'beamed'\n";
        fs::write(&path, &text).unwrap();
        let loaded = History::load(&store);
        assert_eq!(titles(&loaded.history), ["good"]);
        let said = loaded.problem.unwrap().to_string();
        assert!(said.contains("“transfer 2”") && said.contains("“transfer 3”"), "{said}");
        loaded.history.save(&store).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("history.broken-1.toml")).unwrap(), text);
        assert!(History::load(&store).problem.is_none());
    }

    #[test]
    fn a_broken_history_is_moved_aside() {
        let (folder, store) = fixture();
        fs::write(folder.path().join(FILE_NAME), "[[transfer]\n").unwrap();
        let loaded = History::load(&store);
        assert!(loaded.history.entries().is_empty());
        assert!(matches!(loaded.problem, Some(Problem::Broken { kept: Some(_), .. })));
        assert!(folder.path().join("history.broken-1.toml").exists());
        fs::write(folder.path().join(FILE_NAME), "transfer = 1\n").unwrap();
        assert!(matches!(History::load(&store).problem, Some(Problem::BadEntries { .. })));
    }
}
