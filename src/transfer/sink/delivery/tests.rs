//! Deliveries, and what leftovers bring to them, in real folders.

use std::{
    fs,
    sync::{Arc, LazyLock},
};

use super::*;
use crate::{
    platform::{self, mount::Mount},
    protocol::manifest::{ManifestBuilder, OfferKind, RawEntry, RawKind},
    transfer::{
        plan::{
            Block, MIN_BLOCK, Plan,
            placement::{OnConflict, OnMerge},
        },
        sink::{leftovers::Leftovers, staging::StagedFiles, staging_key::StagingKey, survey::place_in},
    },
};

/// The key of the user who receives all this.
static KEY: LazyLock<StagingKey> = LazyLock::new(|| StagingKey::draw().unwrap());

const TIME: Modified = Modified { secs: 1_500_000_000, nanos: 0 };

fn file(path: &str, size: u64) -> RawEntry {
    let kind = RawKind::File {
        size,
        modified: Some(TIME),
        permissions: Some(if path.ends_with("/run") { 0o755 } else { 0o644 }),
        holes: Vec::new(),
    };
    RawEntry { path: path.to_owned(), kind }
}

fn folder(path: &str) -> RawEntry {
    RawEntry {
        path: path.to_owned(),
        kind: RawKind::Folder { modified: Some(TIME), permissions: Some(0o755) },
    }
}

/// One receive, up to its delivery. Every byte of a file is the letter of its entry: entry 3 is all `d`.
struct Receipt<'a> {
    chosen: &'a Path,
    manifest: Arc<Manifest>,
    wanted: Wanted,
    plan: Arc<Plan>,
    targets: Vec<Target>,
    staging: Staging,
}

impl<'a> Receipt<'a> {
    /// Begins a receive with what others have left.
    fn begin(chosen: &'a Path, id: u8, entries: &[RawEntry]) -> Self {
        let mut builder = ManifestBuilder::new(OfferKind::Files);
        for entry in entries {
            builder.push(entry.clone()).unwrap();
        }
        let manifest = Arc::new(builder.finish().unwrap());
        let mount = Mount::probe(chosen).unwrap();
        let targets = place_in(
            (chosen, mount.rules),
            &manifest,
            |_| true,
            |_| OnConflict::KeepBoth,
            |_| OnMerge::Merge,
        );
        let (wanted, plan) = (Wanted::all(), Arc::new(Plan::new(&manifest, |_| true)));
        let (manifests, plans, leftovers) =
            (Arc::clone(&manifest), Arc::clone(&plan), Leftovers::find(chosen, &KEY));
        let staging = Staging::create(
            chosen,
            [id; 8],
            StagedFiles { manifest: manifests, plan: plans, wanted: &wanted, targets: &targets, mount },
            leftovers,
        )
        .unwrap();
        Self { chosen, manifest, wanted, plan, targets, staging }
    }

    /// Stores every block.
    fn filled(self) -> Self {
        for index in 0..self.plan.blocks() {
            let bytes = match self.plan.block(index).unwrap() {
                Block::Part(segment) => vec![letter(segment.entry); segment.len as usize],
                Block::Pack(files) => {
                    files.iter().flat_map(|(entry, size)| vec![letter(*entry); *size as usize]).collect()
                }
            };
            self.staging.store(index, &bytes).unwrap();
        }
        self.staging.note_stored(&[(0, self.plan.blocks())]).unwrap();
        self
    }

    /// Breaks off, and keeps what is there.
    fn interrupt(self) {
        self.staging.keep();
    }

    fn deliver(&self) -> Delivered {
        self.staging.close();
        deliver(self.chosen, &self.manifest, &self.wanted, &self.targets, &self.staging)
    }

    fn staged(&self, path: &str) -> PathBuf {
        self.staging.folder().join(path)
    }
}

fn letter(entry: u32) -> u8 {
    b'a' + entry as u8
}

/// Everything below `folder`, without staging folders, sorted.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
            if name.starts_with(".caiman-") {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            }
            found.push(name);
        }
    }
    found.sort();
    found
}

fn id(path: PathBuf) -> Option<(u64, u64)> {
    platform::file_id(&fs::metadata(path).unwrap())
}

/// A folder with files of every kind, and a file beside it.
fn offer() -> Vec<RawEntry> {
    vec![
        folder("top"),
        folder("top/sub"),
        file("top/sub/run", 5),
        file("top/large", u64::from(MIN_BLOCK) + 3),
        file("top/empty", 0),
        folder("top/nothing in it"),
        folder("top/only empty"),
        file("top/only empty/file", 0),
        file("beside", 4),
    ]
}

const PATHS: [&str; 9] = [
    "beside",
    "top",
    "top/empty",
    "top/large",
    "top/nothing in it",
    "top/only empty",
    "top/only empty/file",
    "top/sub",
    "top/sub/run",
];

#[test]
fn a_new_folder_gets_its_name_as_a_whole() {
    let chosen = tempfile::tempdir().unwrap();
    let receipt = Receipt::begin(chosen.path(), 1, &offer()).filled();
    assert_eq!(below(chosen.path()), Vec::<String>::new(), "nothing has a name before it was checked");
    let tree = receipt.staged("tree/top");
    let (before, staged_beside) = (id(tree.clone()), receipt.staged("8"));
    assert!(staged_beside.is_file());
    let delivered = receipt.deliver();
    assert_eq!((delivered.stored, delivered.failures.len()), (9, 0), "{:?}", delivered.failures);
    assert_eq!(delivered.placed, ["top", "beside"].map(|name| chosen.path().join(name)));
    assert_eq!(below(chosen.path()), PATHS);
    assert_eq!(id(chosen.path().join("top")), before);
    assert!(!tree.exists());
    assert_eq!(fs::read(chosen.path().join("top/sub/run")).unwrap(), b"ccccc");
    for path in PATHS {
        let metadata = fs::metadata(chosen.path().join(path)).unwrap();
        assert_eq!(platform::modified(&metadata), Some(TIME), "{path}");
        let can_be_executable = cfg!(unix) && metadata.is_file();
        let is_executable = platform::permissions(&metadata).is_some_and(Permissions::is_executable);
        assert!(!can_be_executable || is_executable == path.ends_with("/run"), "{path}");
    }
    receipt.staging.discard().unwrap();
}

#[test]
fn a_folder_that_appears_meanwhile_stays_and_takes_the_files_one_by_one() {
    let chosen = tempfile::tempdir().unwrap();
    let receipt = Receipt::begin(chosen.path(), 1, &offer()).filled();
    fs::create_dir_all(chosen.path().join("top/sub")).unwrap();
    fs::write(chosen.path().join("top/large"), "ours").unwrap();
    fs::write(chosen.path().join("top/mine"), "ours").unwrap();
    let before = id(chosen.path().join("top"));
    let delivered = receipt.deliver();
    assert_eq!((delivered.stored, delivered.failures.len()), (9, 0), "{:?}", delivered.failures);
    let mut paths = [&PATHS[..], &["top/large (2)", "top/mine"]].concat();
    paths.sort_unstable();
    assert_eq!(below(chosen.path()), paths);
    assert_eq!(id(chosen.path().join("top")), before);
    assert_eq!(fs::read(chosen.path().join("top/large")).unwrap(), b"ours");
    assert_eq!(fs::read(chosen.path().join("top/large (2)")).unwrap()[..2], *b"dd");
}

/// Catches a rename onto an empty folder, which the system replaces silently.
#[test]
fn an_empty_folder_that_appears_meanwhile_is_not_replaced() {
    let chosen = tempfile::tempdir().unwrap();
    let receipt = Receipt::begin(chosen.path(), 1, &offer()).filled();
    fs::create_dir(chosen.path().join("top")).unwrap();
    let before = id(chosen.path().join("top"));
    assert_eq!(receipt.deliver().stored, 9);
    assert_eq!(id(chosen.path().join("top")), before);
    assert_eq!(below(chosen.path()), PATHS);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_that_appears_meanwhile() {
    let place = tempfile::tempdir().unwrap();
    let (chosen, outside) = (place.path().join("chosen"), place.path().join("outside"));
    fs::create_dir(&chosen).unwrap();
    fs::create_dir(&outside).unwrap();
    let receipt = Receipt::begin(&chosen, 1, &offer()).filled();
    std::os::unix::fs::symlink(&outside, chosen.join("top")).unwrap();
    let delivered = receipt.deliver();
    assert_eq!((delivered.stored, delivered.failures.len()), (1, 8));
    assert_eq!(below(&outside), Vec::<String>::new());
    assert!(receipt.staged("tree/top/large").is_file(), "what has no name is still there");
}

/// Catches a file that a lane was still writing when it was withdrawn.
#[test]
fn a_withdrawn_file_is_not_in_its_folder() {
    let chosen = tempfile::tempdir().unwrap();
    let receipt = Receipt::begin(chosen.path(), 1, &offer()).filled();
    receipt.staging.drop_entry(2);
    receipt.staging.drop_entry(4);
    assert!(!receipt.staged("tree/top/sub/run").exists());
    fs::write(receipt.staged("tree/top/sub/run"), "too late").unwrap();
    let delivered = receipt.deliver();
    assert_eq!((delivered.stored, delivered.failures.len()), (7, 0));
    let gone = ["top/empty", "top/sub/run"];
    let paths: Vec<_> = PATHS.into_iter().filter(|path| !gone.contains(path)).collect();
    assert_eq!(below(chosen.path()), paths);
}

/// Stands for a disk that takes two names for one, where the second file finds the first.
#[test]
fn a_file_that_has_no_place_in_its_tree_gets_its_name_by_itself() {
    let chosen = tempfile::tempdir().unwrap();
    let receipt = Receipt::begin(chosen.path(), 1, &offer());
    fs::write(receipt.staged("tree/top/large"), "another's").unwrap();
    let receipt = receipt.filled();
    assert_eq!(receipt.deliver().stored, 9);
    assert_eq!(fs::read(chosen.path().join("top/large")).unwrap(), b"another's");
    assert_eq!(fs::read(chosen.path().join("top/large (2)")).unwrap()[..2], *b"dd");
}

/// In its tree a path is a little longer than its real one; Linux allows 4,095 bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_too_long_for_the_tree_arrives() {
    let chosen = tempfile::tempdir().unwrap();
    let mut entries = vec![folder("top"), file("top/short", 1)];
    let mut path = "top".to_owned();
    let room = 4095 - 1 - chosen.path().as_os_str().len();
    while room - path.len() > 210 {
        path = format!("{path}/{}", "n".repeat(100));
        entries.push(folder(&path));
    }
    path = format!("{path}/{}", "f".repeat(room - path.len() - 1));
    entries.push(file(&path, 9));
    let receipt = Receipt::begin(chosen.path(), 1, &entries).filled();
    let number = entries.len() - 1;
    assert!(receipt.staged("tree/top/short").is_file() && receipt.staged(&number.to_string()).is_file());
    let delivered = receipt.deliver();
    assert_eq!(delivered.stored, entries.len() as u64, "{:?}", delivered.failures);
    assert_eq!(fs::metadata(chosen.path().join(path)).unwrap().len(), 9);
}

#[test]
fn links_in_a_new_folder_are_made() {
    let chosen = tempfile::tempdir().unwrap();
    let link = RawKind::Link { target: "file".to_owned(), modified: None };
    let entries = [folder("top"), file("top/file", 3), RawEntry { path: "top/link".to_owned(), kind: link }];
    let receipt = Receipt::begin(chosen.path(), 1, &entries).filled();
    if receipt.deliver().failures.is_empty() || cfg!(unix) {
        assert_eq!(fs::read(chosen.path().join("top/link")).unwrap(), b"bbb");
    }
}

/// What an interrupted transfer left is used, whether or not it had a tree, and whether or not the next transfer has
/// one.
#[test]
fn leftovers_move_between_trees_and_numbers() {
    for (had_tree, has_tree) in [(true, true), (true, false), (false, true), (false, false)] {
        let chosen = tempfile::tempdir().unwrap();
        let top = chosen.path().join("top");
        let exists = |does| {
            let _ = if does { fs::create_dir(&top) } else { fs::remove_dir(&top) };
        };
        exists(!had_tree);
        let old = Receipt::begin(chosen.path(), 1, &offer()).filled();
        let old_folder = old.staging.folder().to_owned();
        assert_eq!(old.staged("tree/top/sub/run").is_file(), had_tree);
        assert_eq!(old.staged("2").is_file(), !had_tree);
        old.interrupt();
        exists(!has_tree);
        let new = Receipt::begin(chosen.path(), 2, &offer());
        assert_eq!(new.staging.held().ranges(), [(0, new.plan.blocks())], "{had_tree} {has_tree}");
        assert_eq!(new.staged("tree/top/sub/run").is_file(), has_tree);
        assert_eq!(new.staged("2").is_file(), !has_tree);
        assert!(!old_folder.exists());
        new.staging.hash_held().unwrap();
        assert!(new.staging.hash(3).is_some());
        let delivered = new.deliver();
        assert_eq!((delivered.stored, delivered.failures.len()), (9, 0), "{had_tree} {has_tree}");
        assert_eq!(below(chosen.path()), PATHS);
        assert_eq!(fs::read(top.join("sub/run")).unwrap(), b"ccccc");
    }
}

#[test]
fn what_is_gone_from_a_tree_is_not_taken_for_held() {
    let chosen = tempfile::tempdir().unwrap();
    let old = Receipt::begin(chosen.path(), 1, &offer()).filled();
    fs::remove_file(old.staged("tree/top/large")).unwrap();
    old.interrupt();
    let new = Receipt::begin(chosen.path(), 2, &offer());
    let large = new.plan.blocks_of(3);
    assert!(!new.staging.held().contains(large.start));
    assert_eq!(new.plan.bytes_in(new.staging.held()), 9);
}

#[test]
fn a_link_to_a_folder_of_the_offer_is_known_as_one() {
    let path = |text| RelPath::new(text).unwrap();
    let (top, sub, link) = (path("top"), path("top/sub"), path("top/sub/link"));
    let folders = HashSet::from([&top, &sub]);
    for (target, is_folder) in
        [("..", true), ("../sub/", true), ("../../top", true), ("x", false), ("../..", false)]
    {
        let target = LinkTarget::new(&link, target).unwrap();
        assert_eq!(points_to_folder(&folders, &link, &target), is_folder, "{target:?}");
    }
}

/// A mount may show its files as those of another user. Only an administrator can give files away, so for anybody else this
/// tries nothing.
#[cfg(unix)]
#[test]
fn what_the_disk_shows_as_another_users_gets_its_name() {
    use std::os::unix::fs::chown;
    let chosen = tempfile::tempdir().unwrap();
    let receipt = Receipt::begin(chosen.path(), 1, &offer()).filled();
    if chown(receipt.staging.folder(), Some(4711), None).is_err() {
        return;
    }
    assert!(receipt.deliver().failures.is_empty());
    assert_eq!(below(chosen.path()), PATHS);
}
