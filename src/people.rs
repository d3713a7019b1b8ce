//! The people that the user has remembered, kept in `people.toml`: each with the pair key by which the two find each other without a
//! code. A program that can read the file can call these people in the user's name, so only its owner can.
//!
//! Nothing gets in here unless the user asks for it. Each change reads the file anew and writes it at once, because the window and
//! the commands may both run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    crypto::{KnownPair, PairId, PairKey, Side, pair::PAIR_KEY_LEN},
    hex,
    protocol::name::{MAX_NAME_CHARS, PeerName, PeerNameError},
    store::{self, BadEntry, Expected, Problem, SaveError, Store},
};

/// The file's name in its folder.
pub const FILE_NAME: &str = "people.toml";
/// The name of the empty file that is locked while the list is changed.
const LOCK_NAME: &str = "people.lock";
/// The most people that are kept. The program waits for each of them in rooms of its own, and a relay gives one address 128.
pub const MAX_PEOPLE: usize = 32;
/// How many accepted offers of a person are kept that are not here yet; the oldest are dropped first.
const MAX_ACCEPTED: usize = 16;
/// How many sends to a person are kept that have not ended; the oldest are dropped first.
const MAX_SENDING: usize = 16;
/// The most files and folders that such a send is kept with. One of more has to be started again by the user.
const MAX_SENT_PATHS: usize = 64;
const KEY: &str = "person";
const HEADER: &str =
    "# The people that Caiman can call without a code. These keys are enough to call them in your name.\n\n";

/// The people in memory.
#[derive(Debug, Clone, Default)]
pub struct People {
    list: Vec<Person>,
}

/// A person that the user has remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What the user calls the person. No two have the same name.
    pub name: String,
    /// By what the two find each other.
    pub pair: KnownPair,
    /// Where what this person sends is received without asking; `None` asks.
    pub trusted_folder: Option<PathBuf>,
    /// Whether the user wants to hear nothing of this person: it is not waited for.
    pub is_blocked: bool,
    /// The last day on which something was sent or received, counted from 1970-01-01 in UTC.
    pub last_day: Option<u64>,
    /// What was accepted of this person and has not arrived whole. If the same is offered once more, it goes on.
    accepted: Vec<AcceptedOffer>,
    /// The sends to this person that have not ended, so that they go on when the program starts again.
    sending: Vec<KeptSend>,
}

/// A send to a person that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptSend {
    paths: Vec<PathBuf>,
}

/// An offer that the user has accepted whole, and that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AcceptedOffer {
    /// The digest of the offer, in hexadecimal digits.
    offer: String,
    /// The folder into which it is received.
    folder: PathBuf,
}

/// Why the list stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The name is none that a computer could have.
    #[error(transparent)]
    BadName(#[from] PeerNameError),
    /// Another person has the name.
    #[error("there is a person of that name already")]
    NameTaken,
    /// Nobody has the name.
    #[error("nobody of that name is known; caiman people lists those who are")]
    Unknown,
    /// There are as many people as there may be.
    #[error("no more than {MAX_PEOPLE} people are kept; forget one first: caiman people --forget NAME")]
    TooMany,
    /// The person is remembered already, under this name.
    #[error("this is “{0}”, who is known already")]
    Known(String),
    /// The list can't be saved, or the list that is there can't be read.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// A person as the file has it.
#[derive(Serialize, Deserialize)]
struct WrittenPerson {
    name: String,
    /// The pair key, in hexadecimal digits.
    key: String,
    role: MetAs,
    #[serde(default, skip_serializing_if = "store::is_left_out")]
    trusted_folder: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_day: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<AcceptedOffer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sending: Vec<KeptSend>,
}

/// Which side this one was when the two met.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MetAs {
    Sender,
    Receiver,
}

impl People {
    /// Reads the list, and says what of it can't be used.
    pub fn look(store: &Store) -> (Self, Option<Problem>) {
        let table = match store.read(FILE_NAME) {
            Ok(table) => table,
            Err(problem) => return (Self::default(), Some(problem)),
        };
        let (people, bad) = Self::from_table(table);
        (people, store.judge(FILE_NAME, bad))
    }

    /// Reads the list, changes it, and keeps what comes of that. An existing file that can't be read as a whole is kept aside.
    ///
    /// # Errors
    ///
    /// What `change` finds wrong, or why nothing could be saved.
    pub fn change<T>(
        store: &Store,
        change: impl FnOnce(&mut Self) -> Result<T, PeopleError>,
    ) -> Result<T, PeopleError> {
        let _lock = store.lock(LOCK_NAME);
        let (mut people, problem) = Self::look(store);
        let before = people.list.clone();
        let changed = change(&mut people)?;
        if people.list != before {
            store.write(FILE_NAME, &people.to_text(), problem)?;
        }
        Ok(changed)
    }

    /// All people, in the order in which they were remembered.
    pub fn all(&self) -> &[Person] {
        &self.list
    }

    /// The people of whom the user wants to hear.
    pub fn welcome(&self) -> impl Iterator<Item = &Person> {
        self.list.iter().filter(|person| !person.is_blocked)
    }

    /// By what those can be found of whom the user wants to hear.
    pub fn welcome_pairs(&self) -> Vec<KnownPair> {
        self.welcome().map(|person| person.pair.clone()).collect()
    }

    /// The person of this name, in any case if nobody has exactly this one.
    pub fn find(&self, name: &str) -> Option<&Person> {
        self.position(name).map(|at| &self.list[at])
    }

    /// The person with this pair.
    pub fn of(&self, id: PairId) -> Option<&Person> {
        self.list.iter().find(|person| person.pair.id() == id)
    }

    fn of_mut(&mut self, id: PairId) -> Option<&mut Person> {
        self.list.iter_mut().find(|person| person.pair.id() == id)
    }

    /// Remembers a person.
    ///
    /// # Errors
    ///
    /// [`PeopleError`], if the name can't be used or nobody more can be kept.
    pub fn remember(&mut self, name: &str, pair: KnownPair) -> Result<(), PeopleError> {
        if let Some(known) = self.of(pair.id()) {
            return Err(PeopleError::Known(known.name.clone()));
        }
        let name = self.free_name(name)?;
        if self.list.len() >= MAX_PEOPLE {
            return Err(PeopleError::TooMany);
        }
        self.list.push(Person {
            name,
            pair,
            trusted_folder: None,
            is_blocked: false,
            last_day: None,
            accepted: Vec::new(),
            sending: Vec::new(),
        });
        Ok(())
    }

    /// Forgets a person, whose calls then find nobody here.
    ///
    /// # Errors
    ///
    /// [`PeopleError::Unknown`] if nobody has the name.
    pub fn forget(&mut self, name: &str) -> Result<(), PeopleError> {
        let at = self.position(name).ok_or(PeopleError::Unknown)?;
        self.list.remove(at);
        Ok(())
    }

    /// Gives a person another name.
    ///
    /// # Errors
    ///
    /// [`PeopleError`], if nobody has the old name or the new one can't be used.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<(), PeopleError> {
        let at = self.position(old).ok_or(PeopleError::Unknown)?;
        if self.list[at].name != new.trim() {
            let others = self.list.iter().filter(|person| **person != self.list[at]);
            let others = Self { list: others.cloned().collect() };
            self.list[at].name = others.free_name(new)?;
        }
        Ok(())
    }

    /// Changes a person in place.
    ///
    /// # Errors
    ///
    /// [`PeopleError::Unknown`] if nobody has the name.
    pub fn with(&mut self, name: &str, change: impl FnOnce(&mut Person)) -> Result<(), PeopleError> {
        let at = self.position(name).ok_or(PeopleError::Unknown)?;
        change(&mut self.list[at]);
        Ok(())
    }

    /// Notes that an offer of a person was accepted whole, to go into this folder. One that asked nothing of the user need not be
    /// noted, but may be.
    pub fn note_accepted(&mut self, id: PairId, digest: &[u8; 32], folder: &Path) {
        if let Some(person) = self.of_mut(id) {
            person.drop_accepted(digest);
            if folder.to_str().is_some() && folder.is_absolute() {
                let offer = digits(digest).to_string();
                person.accepted.push(AcceptedOffer { offer, folder: folder.to_owned() });
                let too_many = person.accepted.len().saturating_sub(MAX_ACCEPTED);
                person.accepted.drain(..too_many);
            }
        }
    }

    /// Notes that an offer of a person need not go on: it has arrived, or the user has ended it. Also notes the day.
    pub fn note_over(&mut self, id: PairId, digest: Option<&[u8; 32]>, day: u64) {
        if let Some(person) = self.of_mut(id) {
            person.last_day = Some(day);
            if let Some(digest) = digest {
                person.drop_accepted(digest);
            }
        }
    }

    /// Notes that the user has deleted what had arrived of an offer. If the same is offered again, the user is asked.
    pub fn note_discarded(&mut self, digest: &[u8; 32]) {
        for person in &mut self.list {
            person.drop_accepted(digest);
        }
    }

    /// Notes that these files and folders are being sent to a person. A send of very many, and one of names that are no Unicode, is
    /// not kept.
    pub fn note_sending(&mut self, id: PairId, paths: &[PathBuf]) {
        let can_be_kept = |path: &PathBuf| path.is_absolute() && path.to_str().is_some();
        if let Some(person) = self.of_mut(id)
            && paths.len() <= MAX_SENT_PATHS
            && paths.iter().all(can_be_kept)
        {
            person.sending.retain(|kept| kept.paths != paths);
            person.sending.push(KeptSend { paths: paths.to_vec() });
            let too_many = person.sending.len().saturating_sub(MAX_SENDING);
            person.sending.drain(..too_many);
        }
    }

    /// Notes that the send of these files and folders to a person has ended.
    pub fn note_sent(&mut self, id: PairId, paths: &[PathBuf]) {
        if let Some(person) = self.of_mut(id) {
            person.sending.retain(|kept| kept.paths != paths);
        }
    }

    /// The text of the file.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        struct PeopleFile<'a> {
            #[serde(rename = "person", skip_serializing_if = "<[WrittenPerson]>::is_empty")]
            people: &'a [WrittenPerson],
        }
        let mut people: Vec<WrittenPerson> = self.list.iter().map(Person::to_written).collect();
        let body = toml::to_string_pretty(&PeopleFile { people: &people })
            .expect("people are text, numbers and Unicode paths");
        let body = Zeroizing::new(body);
        for person in &mut people {
            person.key.zeroize();
        }
        Zeroizing::new(format!("{HEADER}{}", *body))
    }

    /// Reads the list from a file's table, with what of it can't be used.
    pub(crate) fn from_table(mut table: Table) -> (Self, Vec<BadEntry>) {
        let (mut people, mut bad) = (Self::default(), Vec::new());
        let values = match table.remove(KEY) {
            None => return (people, bad),
            Some(Value::Array(values)) => values,
            Some(_) => {
                bad.push(BadEntry { key: KEY.to_owned(), expected: Expected::Tables });
                return (people, bad);
            }
        };
        for (index, value) in values.into_iter().enumerate() {
            let person = value.try_into().ok().and_then(|written: WrittenPerson| people.take(written));
            match person {
                Some(person) => people.list.push(person),
                None => {
                    bad.push(BadEntry { key: format!("{KEY} {}", index + 1), expected: Expected::Person });
                }
            }
        }
        (people, bad)
    }

    /// A person of the file, unless it has a name or a key that one before it has.
    fn take(&self, written: WrittenPerson) -> Option<Person> {
        let WrittenPerson { name, key, role, trusted_folder, blocked, last_day, mut accepted, mut sending } =
            written;
        let name = self.free_name(&name).ok()?;
        let (written_key, mut key) = (Zeroizing::new(key), Zeroizing::new([0; PAIR_KEY_LEN]));
        if !hex::read(&written_key, &mut *key) {
            return None;
        }
        let side = match role {
            MetAs::Sender => Side::Sender,
            MetAs::Receiver => Side::Receiver,
        };
        let pair = KnownPair::new(PairKey::from_bytes(&key), side);
        if self.list.len() >= MAX_PEOPLE || self.of(pair.id()).is_some() {
            return None;
        }
        accepted.truncate(MAX_ACCEPTED);
        sending.truncate(MAX_SENDING);
        Some(Person { name, pair, trusted_folder, is_blocked: blocked, last_day, accepted, sending })
    }

    fn position(&self, name: &str) -> Option<usize> {
        let name = name.trim();
        let exact = self.list.iter().position(|person| person.name == name);
        exact.or_else(|| {
            let folded = name.to_lowercase();
            self.list.iter().position(|person| person.name.to_lowercase() == folded)
        })
    }

    /// Whether a person could be remembered under this name.
    ///
    /// # Errors
    ///
    /// [`PeopleError`], if the name can't be used or nobody more can be kept.
    pub fn check_name(&self, name: &str) -> Result<(), PeopleError> {
        if self.list.len() >= MAX_PEOPLE {
            return Err(PeopleError::TooMany);
        }
        self.free_name(name).map(drop)
    }

    /// The first name like this that nobody has: itself, or with a number behind it.
    pub fn free_name_like(&self, name: &str) -> String {
        let name = PeerName::clean(name).map(|name| name.as_str().to_owned()).unwrap_or_default();
        if self.position(&name).is_none() {
            return name;
        }
        let short: String = name.chars().take(MAX_NAME_CHARS - 4).collect();
        // One more than there are people is free.
        (2..=MAX_PEOPLE + 2)
            .map(|number| format!("{} {number}", short.trim_end()))
            .find(|name| self.position(name).is_none())
            .unwrap_or(name)
    }

    /// The name as it is kept.
    fn free_name(&self, name: &str) -> Result<String, PeopleError> {
        let name: PeerName = name.parse()?;
        let name = name.as_str();
        if self.position(name).is_some() {
            return Err(PeopleError::NameTaken);
        }
        Ok(name.to_owned())
    }
}

impl Person {
    /// Where an offer of this digest was to go that was accepted before and interrupted.
    pub fn accepted_before(&self, digest: &[u8; 32]) -> Option<&Path> {
        let offer = digits(digest);
        let accepted = self.accepted.iter().find(|accepted| accepted.offer == *offer)?;
        Some(&accepted.folder)
    }

    fn drop_accepted(&mut self, digest: &[u8; 32]) {
        let offer = digits(digest);
        self.accepted.retain(|accepted| accepted.offer != *offer);
    }

    /// What the sends to this person were started with that have not ended, the oldest first.
    pub fn sending(&self) -> impl Iterator<Item = &[PathBuf]> {
        self.sending.iter().map(|kept| kept.paths.as_slice())
    }

    fn to_written(&self) -> WrittenPerson {
        WrittenPerson {
            name: self.name.clone(),
            key: digits(self.pair.key().bytes()).to_string(),
            role: match self.pair.side() {
                Side::Sender => MetAs::Sender,
                Side::Receiver => MetAs::Receiver,
            },
            trusted_folder: self.trusted_folder.clone(),
            blocked: self.is_blocked,
            // The highest number in TOML.
            last_day: self.last_day.map(|day| day.min(i64::MAX as u64)),
            accepted: self.accepted.clone(),
            sending: self.sending.clone(),
        }
    }
}

/// The digits of a key or a digest.
fn digits(bytes: &[u8; 32]) -> Zeroizing<String> {
    // Sized once, so that no reallocation leaves an unwiped copy behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    hex::push(&mut text, bytes);
    text
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

    fn pair(key: u8) -> KnownPair {
        KnownPair::new(
            PairKey::from_bytes(&[key; 32]),
            if key.is_multiple_of(2) { Side::Sender } else { Side::Receiver },
        )
    }

    fn remember(store: &Store, name: &str, key: u8) {
        People::change(store, |people| people.remember(name, pair(key))).unwrap();
    }

    #[test]
    fn people_come_back_as_they_were_kept() {
        let (_folder, store) = fixture();
        remember(&store, " Ann ", 1);
        remember(&store, "Bob’s laptop", 2);
        People::change(&store, |people| {
            people.with("ann", |ann| {
                (ann.trusted_folder, ann.is_blocked) = (Some(PathBuf::from("/home/x/From Ann")), true);
            })?;
            people.note_accepted(pair(2).id(), &[7; 32], Path::new("/home/x"));
            people.note_over(pair(2).id(), None, 20_000);
            Ok(())
        })
        .unwrap();
        let (people, problem) = People::look(&store);
        assert!(problem.is_none(), "{problem:?}");
        let [ann, bob] = people.all() else { panic!("{people:?}") };
        assert_eq!((ann.name.as_str(), ann.is_blocked, &ann.pair), ("Ann", true, &pair(1)));
        assert_eq!(ann.trusted_folder.as_deref(), Some(Path::new("/home/x/From Ann")));
        assert_eq!((bob.last_day, &bob.pair), (Some(20_000), &pair(2)));
        assert_eq!(bob.accepted_before(&[7; 32]), Some(Path::new("/home/x")));
        assert_eq!((bob.accepted_before(&[8; 32]), ann.accepted_before(&[7; 32])), (None, None));
        People::change(&store, |people| {
            people.note_over(pair(2).id(), Some(&[7; 32]), 20_001);
            people.forget("Ann")
        })
        .unwrap();
        let (people, _) = People::look(&store);
        assert_eq!(people.all().len(), 1);
        assert_eq!(people.all()[0].accepted_before(&[7; 32]), None);
    }

    #[test]
    fn a_send_that_has_not_ended_is_kept_with_its_person() {
        let (_folder, store) = fixture();
        remember(&store, "Ann", 1);
        let [one, two] = ["/x/one", "/x/two"].map(|path| vec![PathBuf::from(path)]);
        let too_many = vec![PathBuf::from("/x"); MAX_SENT_PATHS + 1];
        People::change(&store, |people| {
            for paths in [&one, &two, &one, &vec!["relative".into()], &too_many] {
                people.note_sending(pair(1).id(), paths);
            }
            people.note_sending(pair(2).id(), &one);
            Ok(())
        })
        .unwrap();
        let kept = || -> Vec<Vec<PathBuf>> {
            People::look(&store).0.all()[0].sending().map(<[PathBuf]>::to_vec).collect()
        };
        assert_eq!(kept(), [two.clone(), one.clone()]);
        People::change(&store, |people| {
            people.note_sent(pair(1).id(), &two);
            Ok(())
        })
        .unwrap();
        assert_eq!(kept(), [one]);
    }

    /// The window and the commands may run at once.
    #[test]
    fn changes_at_the_same_time_lose_nothing() {
        let (_folder, store) = fixture();
        std::thread::scope(|scope| {
            for key in 0..MAX_PEOPLE as u8 {
                let store = store.clone();
                scope.spawn(move || remember(&store, &key.to_string(), key));
            }
        });
        assert_eq!(People::look(&store).0.all().len(), MAX_PEOPLE);
    }

    #[test]
    fn a_name_leads_to_one_person() {
        let (_folder, store) = fixture();
        remember(&store, "Ann", 1);
        let refused = |name: &str, key: u8| {
            People::change(&store, |people| people.remember(name, pair(key))).unwrap_err().to_string()
        };
        assert_eq!(refused("ANN", 2), "there is a person of that name already");
        assert_eq!(refused("Bob", 1), "this is “Ann”, who is known already");
        let too_long = "x".repeat(MAX_NAME_CHARS + 1);
        for (bad, why) in [
            ("  ", "a name needs at least one character"),
            ("a\nb", "a name can't hold line breaks or control characters"),
            ("\u{1b}[2J", "a name can't hold line breaks or control characters"),
            (&too_long, "a name may have at most 40 characters"),
        ] {
            assert_eq!(refused(bad, 3), why, "{bad:?}");
        }
        remember(&store, "Bob", 2);
        let renamed = |old: &str, new: &str| People::change(&store, |people| people.rename(old, new));
        assert!(matches!(renamed("Bob", "ann"), Err(PeopleError::NameTaken)));
        assert!(matches!(renamed("Eve", "Mallory"), Err(PeopleError::Unknown)));
        assert_eq!(People::look(&store).0.free_name_like(" ann\n"), "ann 2");
        assert_eq!(People::look(&store).0.free_name_like("Cid"), "Cid");
        renamed("bob", "BOB").unwrap();
        renamed("BOB", "Robert").unwrap();
        let names: Vec<_> = People::look(&store).0.all().iter().map(|person| person.name.clone()).collect();
        assert_eq!(names, ["Ann", "Robert"]);
    }

    #[test]
    fn so_many_people_are_kept_and_no_more() {
        let (_folder, store) = fixture();
        for key in 0..MAX_PEOPLE as u8 {
            remember(&store, &key.to_string(), key);
        }
        let more = People::change(&store, |people| people.remember("more", pair(200)));
        assert!(matches!(more, Err(PeopleError::TooMany)));
        for digest in 0..=MAX_ACCEPTED as u8 {
            People::change(&store, |people| {
                people.note_accepted(pair(1).id(), &[digest; 32], Path::new("/x"));
                Ok(())
            })
            .unwrap();
        }
        let (people, problem) = People::look(&store);
        assert!(problem.is_none() && people.all().len() == MAX_PEOPLE);
        let person = people.of(pair(1).id()).unwrap();
        assert!(person.accepted_before(&[0; 32]).is_none() && person.accepted_before(&[1; 32]).is_some());
    }

    #[test]
    fn an_entry_that_makes_no_sense_costs_no_other_and_names_no_key() {
        let (folder, store) = fixture();
        remember(&store, "Ann", 1);
        let path = folder.path().join(FILE_NAME);
        let good = fs::read_to_string(&path).unwrap();
        let (short, long) = ("ab".repeat(31), "+f".repeat(32));
        let same = "01".repeat(32);
        let mut text = good.clone();
        for (name, key) in [("Bob", &short), ("Cid", &long), ("Dan", &same), ("ann", &"02".repeat(32))] {
            text = format!("{text}[[person]]\nname = '{name}'\nkey = '{key}'\nrole = 'sender'\n");
        }
        fs::write(&path, &text).unwrap();
        let (people, problem) = People::look(&store);
        assert_eq!(people.all().len(), 1);
        let said = problem.unwrap().to_string();
        assert!(said.contains("“person 2”") && said.contains("“person 5”"), "{said}");
        assert!(!said.contains("abab"), "{said}");
        People::change(&store, |people| people.rename("Ann", "Anna")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("people.broken-1.toml")).unwrap(), text);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_keys_and_nothing_prints_them() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, store) = fixture();
        remember(&store, "Ann", 0xab);
        let file = folder.path().join(FILE_NAME);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(file).unwrap().contains(&"ab".repeat(32)));
        assert!(!format!("{:?}", People::look(&store).0).contains("abab"));
    }
}
