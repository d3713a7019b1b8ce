//! Whatever lies in the receiver's folder before a transfer: afterwards, every file that was sent is there byte for byte,
//! and everything else is as it was. What lies there is drawn at random: files, folders, links, pipes, second names of
//! files elsewhere, and staging folders, of the user and of others, as they were left and changed in every way.
//!
//! `CAIMAN_RUNS=2000 cargo test --lib destination` sets how many cases are tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use super::{
    network::Network,
    pair::{BLOCK, Folders, Terms, USERS, begin, temporary},
    sessions::noise,
};
use crate::{
    platform::mount::{Mount, Rules},
    protocol::manifest::{EntryKind, Manifest},
    sync::lock_shared,
    transfer::{
        notice::Notice,
        plan::{
            Block, Plan, Wanted,
            names::STAGING_PREFIX,
            placement::{OnConflict, OnMerge, Target},
        },
        sink::{
            leftovers::Leftovers,
            staging::{StagedFiles, Staging},
            staging_key::StagingKey,
            survey::place_in,
        },
        source::scan::scan,
    },
};

/// How many cases are tried unless `CAIMAN_RUNS` says otherwise.
const RUNS: u32 = 40;

/// Where something may be, in the sender's folder and in the receiver's.
const PLACES: [&str; 9] = [
    "all/a",
    "all/b",
    "all/dir/a",
    "all/dir/run",
    "all/dir/sub/c",
    "all/.caiman-0123/1",
    "all",
    "all/dir",
    "elsewhere",
];
/// How many of [`PLACES`] may be files of the sender.
const SENT: usize = 6;

/// A file that is sent: which of [`PLACES`], its size, and whether it can be executed.
type Sent = (usize, usize, bool);

/// What is in the receiver's folder before.
#[derive(Debug, Clone)]
enum Found {
    /// Bytes that are the sender's file, if there is one of that name.
    Same,
    File(usize),
    Folder,
    LinkToFile,
    LinkToFolder,
    DanglingLink,
    Pipe,
    SecondName,
}

/// A staging folder that is there before.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
struct Left {
    /// Whether the user's own program made it.
    is_own: bool,
    /// Whether it is in a folder below the receiver's.
    is_below: bool,
    has_trees: bool,
    /// Whether its bytes are this sender's, and not those of another that offered the same.
    is_same: bool,
    /// Which blocks are stored, and which of these the journal names, as bits.
    stored: u32,
    noted: u32,
    change: Change,
}

/// What another program did to a staging folder.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    JournalCut(u8),
    JournalBit(u8),
    JournalOfAnother,
    JournalOfAnotherUser,
    JournalTooLong,
    JournalIsSecondName,
    OfferBit(u8),
    OfferCut(u8),
    OfferIsPipe,
    OfferIsLink,
    LockIsLink,
    LockIsPipe,
    FilesLonger,
    FilesShorter,
    FilesExecutable,
    FilesAreLinks,
    FilesArePipes,
    FilesAreSecondNames,
    FolderIsLink,
    Note,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let size = prop_oneof![Just(0), 1_usize..600, Just(BLOCK - 1), Just(BLOCK), BLOCK..3 * BLOCK];
    prop::collection::vec((0..SENT, size, any::<bool>()), 1..6)
}

fn found() -> impl Strategy<Value = Vec<(usize, Found)>> {
    let found = prop_oneof![
        Just(Found::Same),
        (0_usize..600).prop_map(Found::File),
        Just(Found::Folder),
        Just(Found::LinkToFile),
        Just(Found::LinkToFolder),
        Just(Found::DanglingLink),
        Just(Found::Pipe),
        Just(Found::SecondName),
    ];
    prop::collection::vec((0..PLACES.len(), found), 0..4)
}

fn left() -> impl Strategy<Value = Vec<Left>> {
    let change = prop_oneof![
        6 => Just(Change::Nothing),
        1 => any::<u8>().prop_map(Change::JournalCut),
        1 => any::<u8>().prop_map(Change::JournalBit),
        1 => any::<u8>().prop_map(Change::OfferBit),
        1 => any::<u8>().prop_map(Change::OfferCut),
        12 => prop::sample::select(vec![
            Change::JournalOfAnother,
            Change::JournalOfAnotherUser,
            Change::JournalTooLong,
            Change::JournalIsSecondName,
            Change::OfferIsPipe,
            Change::OfferIsLink,
            Change::LockIsLink,
            Change::LockIsPipe,
            Change::FilesLonger,
            Change::FilesShorter,
            Change::FilesExecutable,
            Change::FilesAreLinks,
            Change::FilesArePipes,
            Change::FilesAreSecondNames,
            Change::FolderIsLink,
            Change::Note,
        ]),
    ];
    let bits = || prop_oneof![Just(u32::MAX), any::<u32>()];
    let flags = (prop::bool::weighted(0.7), prop::bool::weighted(0.2), any::<bool>(), any::<bool>());
    let left = (flags, bits(), bits(), change).prop_map(|(flags, stored, noted, change)| {
        let (is_own, is_below, has_trees, is_same) = flags;
        Left { is_own, is_below, has_trees, is_same, stored, noted, change }
    });
    prop::collection::vec(left, 0..4)
}

/// What is at a path, as far as a transfer must not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File { hash: blake3::Hash, len: u64, mode: u32, modified: (i64, i64) },
    Folder { mode: u32 },
    Link(PathBuf),
    Other { mode: u32 },
}

impl Node {
    /// What of a file is sent: of its mode, only whether it can be executed.
    fn sent(&self) -> Option<(blake3::Hash, u64, bool, (i64, i64))> {
        match self {
            Self::File { hash, len, mode, modified } => Some((*hash, *len, mode & 0o100 != 0, *modified)),
            Self::Folder { .. } | Self::Link(_) | Self::Other { .. } => None,
        }
    }
}

fn node(path: &Path) -> Option<Node> {
    let found = fs::symlink_metadata(path).ok()?;
    let mode = found.mode();
    Some(if found.is_symlink() {
        Node::Link(fs::read_link(path).unwrap())
    } else if found.is_dir() {
        Node::Folder { mode }
    } else if found.is_file() {
        let hash = blake3::hash(&fs::read(path).unwrap());
        Node::File { hash, len: found.len(), mode, modified: (found.mtime(), found.mtime_nsec()) }
    } else {
        Node::Other { mode }
    })
}

/// Everything below a folder, by path. No link is followed.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Node> {
    let mut nodes = BTreeMap::new();
    let mut due = vec![folder.to_owned()];
    while let Some(at) = due.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let node = node(&path).unwrap();
            if matches!(node, Node::Folder { .. }) {
                due.push(path.clone());
            }
            nodes.insert(path, node);
        }
    }
    nodes
}

/// The folders of one case. Next to the receiver's there is one that nothing may change.
struct Place {
    _root: tempfile::TempDir,
    outbox: PathBuf,
    inbox: tempfile::TempDir,
    outside: PathBuf,
}

impl Place {
    fn new(sent: &[Sent]) -> Self {
        let (root, inbox) = (temporary(), temporary());
        let outside = root.path().join("outside");
        fs::create_dir_all(outside.join("folder")).unwrap();
        fs::write(outside.join("file"), "precious").unwrap();
        let sender = root.path().join("sender");
        for (seed, (place, size, is_executable)) in (1..).zip(sent) {
            let path = sender.join(PLACES[*place]);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, noise(seed, *size)).unwrap();
            let mode = if *is_executable { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { outbox: sender.join("all"), _root: root, inbox, outside }
    }

    /// The sender's file of this name.
    fn sent(&self, place: &str) -> PathBuf {
        self.outbox.parent().unwrap().join(place)
    }

    /// A new file beside the folders, which gets a second name.
    fn second_name(&self, path: &Path) {
        let number = fs::read_dir(&self.outside).unwrap().count();
        let first = self.outside.join(format!("first {number}"));
        fs::write(&first, noise(7, 100)).unwrap();
        fs::hard_link(first, path).unwrap();
    }

    /// Puts something into the receiver's folder. What has no place there, because something else has it, is left out.
    fn put(&self, place: &str, found: &Found) {
        let path = self.inbox.path().join(place);
        if fs::create_dir_all(path.parent().unwrap()).is_err() || fs::symlink_metadata(&path).is_ok() {
            return;
        }
        match found {
            Found::Same => {
                if let Ok(bytes) = fs::read(self.sent(place)) {
                    fs::write(path, bytes).unwrap();
                }
            }
            Found::File(size) => fs::write(path, noise(99, *size)).unwrap(),
            Found::Folder => fs::create_dir(path).unwrap(),
            Found::LinkToFile => symlink(self.outside.join("file"), path).unwrap(),
            Found::LinkToFolder => symlink(self.outside.join("folder"), path).unwrap(),
            Found::DanglingLink => symlink("nowhere", path).unwrap(),
            Found::Pipe => pipe(&path),
            Found::SecondName => self.second_name(&path),
        }
    }

    /// Leaves what an interrupted transfer of `manifest` would. Returns the folder if it is the user's own by all rules,
    /// so that the transfer may use and remove it.
    fn leave(&self, number: u8, manifest: &Arc<Manifest>, left: &Left) -> Option<PathBuf> {
        let own = USERS.key().unwrap();
        let key = if left.is_own { own } else { StagingKey::draw().unwrap() };
        let folder = if left.is_below { self.inbox.path().join("all") } else { self.inbox.path().to_owned() };
        if fs::create_dir_all(&folder).is_err() || fs::symlink_metadata(&folder).unwrap().is_symlink() {
            return None;
        }
        let staged = self.stage(&folder, &key, number, manifest, left);
        let is_right = self.change(&staged, &key, manifest, left);
        (left.is_own && !left.is_below && is_right).then_some(staged)
    }

    fn stage(
        &self,
        folder: &Path,
        key: &StagingKey,
        number: u8,
        manifest: &Arc<Manifest>,
        left: &Left,
    ) -> PathBuf {
        let plan = Arc::new(Plan::new(manifest, |_| true));
        let targets = if left.has_trees {
            place_in(
                (folder, Rules::SYSTEM),
                manifest,
                |_| true,
                |_| OnConflict::KeepBoth,
                |_| OnMerge::Merge,
            )
        } else {
            Vec::new()
        };
        let files = StagedFiles {
            manifest: Arc::clone(manifest),
            plan: Arc::clone(&plan),
            wanted: &Wanted::all(),
            targets: &targets,
            mount: Mount::probe(folder).unwrap(),
        };
        let staging = Staging::create(folder, [number; 8], files, Leftovers::of(None, key)).unwrap();
        for block in 0..plan.blocks() {
            let is_in = |bits: u32| bits >> (block % 32) & 1 == 1;
            if is_in(left.stored) {
                staging.store(block, &self.bytes(manifest, &plan, block, left.is_same)).unwrap();
            }
            if is_in(left.noted) {
                staging.note_stored(&[(block, 1)]).unwrap();
            }
        }
        staging.keep();
        staging.folder().to_owned()
    }

    fn bytes(&self, manifest: &Manifest, plan: &Plan, block: u64, is_same: bool) -> Vec<u8> {
        let len = plan.block_len(block).unwrap() as usize;
        if !is_same {
            return noise(block + 1000, len);
        }
        let file =
            |entry: u32| fs::read(self.sent(manifest.entries()[entry as usize].path.as_str())).unwrap();
        match plan.block(block).unwrap() {
            Block::Part(segment) => file(segment.entry)[segment.offset as usize..][..len].to_vec(),
            Block::Pack(files) => files.iter().flat_map(|(entry, _)| file(*entry)).collect(),
        }
    }

    /// Changes a staging folder, and returns whether it still is one that the user's own program made.
    fn change(&self, staged: &Path, key: &StagingKey, manifest: &Arc<Manifest>, left: &Left) -> bool {
        let [journal, offer, lock] = ["journal", "offer", "lock"].map(|name| staged.join(name));
        let cut = |path: &Path, at: u8| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..usize::from(at) % bytes.len().max(1)]).unwrap();
        };
        let turn = |path: &Path, at: u8| {
            let mut bytes = fs::read(path).unwrap();
            let at = usize::from(at) % bytes.len().max(1);
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            fs::write(path, bytes).unwrap();
        };
        let another = |key: &StagingKey| {
            let elsewhere = temporary();
            let whole = Left { stored: u32::MAX, noted: u32::MAX, ..left.clone() };
            let other = self.stage(elsewhere.path(), key, 0, manifest, &whole);
            fs::copy(other.join("journal"), &journal).unwrap();
        };
        let away = |path: &Path| {
            let number = fs::read_dir(&self.outside).unwrap().count();
            let away = self.outside.join(format!("away {number}"));
            fs::rename(path, &away).unwrap();
            away
        };
        match left.change {
            Change::Nothing => {}
            Change::JournalCut(at) => cut(&journal, at),
            Change::JournalBit(at) => turn(&journal, at),
            Change::JournalOfAnother => another(key),
            Change::JournalOfAnotherUser => another(&StagingKey::draw().unwrap()),
            Change::JournalTooLong => {
                fs::File::options().write(true).open(journal).unwrap().set_len(1 << 20).unwrap();
            }
            Change::JournalIsSecondName => {
                fs::hard_link(&journal, self.outside.join(staged.file_name().unwrap())).unwrap();
            }
            Change::OfferBit(at) => turn(&offer, at),
            Change::OfferCut(at) => cut(&offer, at),
            Change::OfferIsLink => symlink(away(&offer), &offer).unwrap(),
            Change::LockIsLink => symlink(away(&lock), &lock).unwrap(),
            Change::FolderIsLink => symlink(away(staged), staged).unwrap(),
            Change::OfferIsPipe | Change::LockIsPipe => {
                let path = if matches!(left.change, Change::LockIsPipe) { lock } else { offer };
                fs::remove_file(&path).unwrap();
                pipe(&path);
            }
            Change::Note => fs::write(staged.join("note"), "mine").unwrap(),
            Change::FilesLonger
            | Change::FilesShorter
            | Change::FilesExecutable
            | Change::FilesAreLinks
            | Change::FilesArePipes
            | Change::FilesAreSecondNames => {
                let files = snapshot(staged).into_iter().filter(|(path, node)| {
                    matches!(node, Node::File { .. }) && ![&journal, &offer, &lock].contains(&path)
                });
                files.for_each(|(path, _)| self.change_file(&path, left.change));
            }
        }
        // A folder of the user's own that was changed need not be left as it is; what isn't right in it is not used.
        matches!(
            left.change,
            Change::Nothing
                | Change::JournalCut(_)
                | Change::JournalBit(_)
                | Change::JournalOfAnother
                | Change::JournalOfAnotherUser
                | Change::FilesLonger
                | Change::FilesShorter
                | Change::FilesExecutable
                | Change::FilesAreLinks
                | Change::FilesArePipes
                | Change::FilesAreSecondNames
                | Change::Note
        )
    }

    fn change_file(&self, path: &Path, change: Change) {
        let len = fs::metadata(path).unwrap().len();
        let file = fs::File::options().write(true).open(path).unwrap();
        match change {
            Change::FilesLonger => file.set_len(len + 1000).unwrap(),
            Change::FilesShorter => file.set_len(len / 2).unwrap(),
            Change::FilesExecutable => file.set_permissions(fs::Permissions::from_mode(0o4755)).unwrap(),
            _ => {
                fs::remove_file(path).unwrap();
                match change {
                    Change::FilesAreLinks => symlink(self.outside.join("file"), path).unwrap(),
                    Change::FilesArePipes => pipe(path),
                    _ => self.second_name(path),
                }
            }
        }
    }
}

fn pipe(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
}

/// Runs a case.
fn holds(sent: &[Sent], found: &[(usize, Found)], left: &[Left], merges: bool) {
    // A file can't be in a file of that name, so a case may come to less than was drawn.
    let mut names = BTreeSet::new();
    let sent: Vec<Sent> = sent.iter().copied().filter(|(place, ..)| names.insert(*place)).collect();
    let place = Place::new(&sent);
    for (at, found) in found {
        place.put(PLACES[*at], found);
    }
    let scanned = scan(std::slice::from_ref(&place.outbox), &CancellationToken::new()).unwrap();
    let own = (1..).zip(left).filter_map(|(number, left)| place.leave(number, &scanned.manifest, left));
    let own: Vec<PathBuf> = own.collect();
    let before = [place.inbox.path(), &place.outside].map(snapshot);

    let runtime = runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let Place { outbox, inbox, outside, _root } = place;
    let folders = Folders { outbox, inbox };
    // Where folders go that are stored beside those of the same names. One that would change nothing is merged all the same.
    let apart = place_in(
        (folders.inbox.path(), Rules::SYSTEM),
        &scanned.manifest,
        |_| true,
        |_| OnConflict::KeepBoth,
        |_| OnMerge::KeepBoth,
    );
    let offer = runtime.block_on(async {
        let network = Network::new(1, Duration::from_millis(5));
        let (sender, receiver) = begin(&network, &folders, Terms { merges, ..Terms::default() });
        let notices = Arc::clone(&receiver.notices);
        let (sent, got) = tokio::join!(sender.end(), receiver.end());
        assert!(sent.is_ok(), "{sent:?}");
        assert_eq!(got.expect("everything arrives").not_stored, 0);
        let told = lock_shared(&notices);
        let offer = told.iter().find_map(|notice| match notice {
            Notice::Offer(offer) => Some(Arc::clone(offer)),
            _ => None,
        });
        offer.expect("an offer")
    });

    let inbox = folders.inbox.path();
    let mut new = BTreeSet::new();
    for (entry, targets) in offer.manifest.entries().iter().zip(offer.targets.iter().zip(&apart)) {
        let original = folders.outbox.parent().unwrap().join(entry.path.as_str());
        let at = |target: &Target| inbox.join(target.path.as_ref().expect("everything has a place").as_str());
        let mut path = at(targets.0);
        if !merges && at(targets.1).symlink_metadata().is_ok() {
            path = at(targets.1);
        }
        new.extend(path.ancestors().map(Path::to_owned));
        let EntryKind::File { .. } = entry.kind else {
            assert!(path.symlink_metadata().unwrap().is_dir(), "{path:?}");
            continue;
        };
        let is_whole = |path: &Path| match (node(path), node(&original)) {
            (Some(Node::File { mode, .. }), _) if mode & 0o7000 != 0 => false,
            (Some(arrived @ Node::File { .. }), Some(sent)) => arrived.sent() == sent.sent(),
            _ => false,
        };
        // A file that was here already is neither sent nor touched.
        let is_here = || {
            let bytes = |path: &Path| {
                path.symlink_metadata().is_ok_and(|found| found.is_file()).then(|| fs::read(path).unwrap())
            };
            before[0].contains_key(&inbox.join(entry.path.as_str()))
                && bytes(&inbox.join(entry.path.as_str())) == bytes(&original)
        };
        assert!(is_whole(&path) || is_here(), "{path:?} is {:?} and was {:?}", node(&path), node(&original));
        assert!(
            !is_whole(&path) || before[0].contains_key(&path) || path.metadata().unwrap().nlink() == 1,
            "{path:?}"
        );
    }
    let after = [inbox, &outside].map(snapshot);
    for (path, node) in &before[0] {
        let may_go = own.iter().any(|own| path.starts_with(own)) && path.file_name().unwrap() != "note";
        assert!(
            may_go || after[0].get(path) == Some(node),
            "{path:?} was {node:?} and is {:?}",
            after[0].get(path)
        );
    }
    for path in after[0].keys().filter(|path| !before[0].contains_key(*path)) {
        assert!(new.contains(path), "{path:?} is new");
        assert!(!path.file_name().unwrap().to_string_lossy().starts_with(STAGING_PREFIX), "{path:?}");
    }
    assert_eq!(before[1], after[1], "what is outside has changed");
}

#[test]
fn what_is_sent_arrives_as_it_is_whatever_was_there_and_the_rest_stays() {
    let runs = env::var("CAIMAN_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let config = ProptestConfig { cases: runs, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(sent in sent(), found in found(), left in left(), merges in any::<bool>())| {
        holds(&sent, &found, &left, merges);
    });
}
