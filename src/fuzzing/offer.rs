//! What a peer's offer holds: entries, paths, names, and the order in which the blocks of a file come.

use std::{
    collections::HashSet,
    path::{Component, Path},
};

use crate::{
    platform::mount::{NameLimit, Rules},
    protocol::{
        RelPath, frame,
        manifest::{
            Entry, EntryKind, MAX_ENTRIES, MAX_TOTAL_BYTES, Manifest, ManifestBuilder, ManifestError,
            OfferKind, RawEntry, RawKind,
        },
        path::LinkTarget,
    },
    raw_name::{bytes_of, is_plain},
    transfer::{
        plan::{
            Plan,
            names::STAGING_PREFIX,
            tree_hash::{BlockHash, TreeHash, hash_whole},
        },
        show::Shown,
    },
};

/// More blocks than this are not counted one by one.
const MANY_BLOCKS: u64 = 4096;

/// An offer: its kind, how many entries and bytes are announced, and the pages.
pub fn manifest(bytes: &[u8]) {
    type Offer = (OfferKind, u64, u64, Vec<Vec<RawEntry>>);
    let Ok(((kind, entries, sum, pages), _)) = frame::split::<Offer>(bytes) else { return };
    let entries_here = pages.iter().flatten().count() as u64;
    let sum_here = pages.iter().flatten().fold(0, |sum: u64, entry| sum.saturating_add(size(entry)));
    for (entries, sum) in [(entries, sum), (entries_here, sum_here)] {
        if let Ok(manifest) = build(ManifestBuilder::announced(kind, entries, sum), &pages) {
            assert_eq!((manifest.entries().len() as u64, manifest.bytes()), (entries, sum));
            check_manifest(&manifest);
        }
    }
}

fn size(entry: &RawEntry) -> u64 {
    match entry.kind {
        RawKind::File { size, .. } => size,
        RawKind::Folder { .. } | RawKind::Link { .. } => 0,
    }
}

fn build(
    builder: Result<ManifestBuilder, ManifestError>,
    pages: &[Vec<RawEntry>],
) -> Result<Manifest, ManifestError> {
    let mut builder = builder?;
    for entry in pages.iter().flatten() {
        builder.push(entry.clone())?;
    }
    builder.finish()
}

/// Nothing in a manifest leads out of the folder, its sums are right, and every byte of it is in one block of the plan.
pub(super) fn check_manifest(manifest: &Manifest) {
    let (mut folders, mut paths) = (HashSet::new(), HashSet::new());
    let (mut bytes, mut files) = (0, 0);
    for entry in manifest.entries() {
        check_path(entry.path.as_str());
        assert!(paths.insert(entry.path.clone()), "{} stands there twice", entry.path);
        assert!(entry.path.parent().is_none_or(|parent| folders.contains(&parent)), "{}", entry.path);
        match &entry.kind {
            EntryKind::File { size, .. } => {
                bytes += size;
                files += 1;
            }
            EntryKind::Folder { .. } => assert!(folders.insert(entry.path.clone())),
            EntryKind::Link { target, .. } => check_target(&entry.path, target),
        }
    }
    assert_eq!((manifest.bytes(), manifest.files()), (bytes, files));
    assert!(bytes <= MAX_TOTAL_BYTES && paths.len() as u64 <= MAX_ENTRIES);

    let page = manifest.entries().iter().map(Entry::to_raw).collect();
    assert_eq!(build(Ok(ManifestBuilder::new(manifest.kind())), &[page]).as_ref(), Ok(manifest));
    let mut growing = ManifestBuilder::growing(manifest.clone());
    let more =
        RawEntry { path: "more".to_owned(), kind: RawKind::Folder { modified: None, permissions: None } };
    assert_eq!(growing.push(more).is_err(), growing.len() == paths.len() as u64);
    growing.truncate(paths.len());
    assert_eq!(growing.finish().as_ref(), Ok(manifest));

    check_plan(&Plan::new(manifest, |_| true), manifest);
}

fn check_plan(plan: &Plan, manifest: &Manifest) {
    if plan.stream().is_some() {
        return;
    }
    assert_eq!(plan.wanted_files(), manifest.files());
    assert!((manifest.data_bytes()..=manifest.bytes()).contains(&plan.bytes()));
    for (index, entry) in manifest.entries().iter().enumerate() {
        let blocks = plan.blocks_of(index as u32);
        assert!(blocks.end <= plan.blocks());
        assert!(blocks.is_empty() || entry.size() > 0);
        if plan.blocks() <= MANY_BLOCKS {
            check_coverage(plan, index as u32, entry);
        }
    }
    assert_eq!(plan.block_len(plan.blocks()), None);
    if plan.blocks() <= MANY_BLOCKS {
        let lens: Vec<_> = (0..plan.blocks()).filter_map(|block| plan.block_len(block)).collect();
        assert!(lens.iter().all(|len| (1..=plan.block_size()).contains(len)));
        assert_eq!(lens.iter().map(|len| u64::from(*len)).sum::<u64>(), plan.bytes());
    }
}

/// Every byte of a file is in a block or in a hole, and no byte is in two blocks.
fn check_coverage(plan: &Plan, number: u32, entry: &Entry) {
    let mut covered = 0;
    let in_hole = |from: u64, to: u64| {
        from == to || entry.holes().iter().any(|hole| hole.start <= from && to <= hole.end)
    };
    for segment in plan.segments_of(number) {
        assert!(covered <= segment.offset && in_hole(covered, segment.offset), "{entry:?}");
        covered = segment.offset + u64::from(segment.len);
    }
    assert!(covered <= entry.size() && in_hole(covered, entry.size()), "{entry:?}");
}

/// What the standard library of Unix says of a path that was accepted. On Windows it takes `C:` for a drive, which is a legal name
/// here and repaired when it is stored.
fn check_path(text: &str) {
    assert!(!text.contains('\0'), "{text:?}");
    if cfg!(unix) {
        let parts: Vec<_> = Path::new(text).components().collect();
        assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "{text:?}");
        assert_eq!(parts.len(), text.split('/').count(), "{text:?}");
    }
}

/// A link leads nowhere out of the tree, by the same opinion.
fn check_target(link: &RelPath, target: &LinkTarget) {
    if !cfg!(unix) {
        return;
    }
    let mut depth = link.names().count() - 1;
    for part in Path::new(target.as_str()).components() {
        match part {
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            part => panic!("{link} leads to {} by {part:?}", target.as_str()),
        }
    }
}

/// A path and what becomes of its names on every system, and the same bytes as a text that is shown.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = Shown(&text).to_string();
    let turns =
        |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!shown.contains(|c: char| c.is_control() || turns(c)), "{shown:?}");
    let Ok(path) = RelPath::new(&text) else { return };
    check_path(&text);
    assert_eq!(path.names().collect::<Vec<_>>().join("/"), path.as_str());
    for windows in [false, true] {
        for folds_case in [false, true] {
            for limit in [NameLimit::Utf8(255), NameLimit::Utf8(143), NameLimit::Utf16(255)] {
                let (normalises, needs_unicode) = (folds_case, !folds_case);
                let rules = Rules { windows, folds_case, normalises, needs_unicode, limit };
                for name in path.names() {
                    check_repair(rules, name);
                }
            }
        }
    }
}

fn check_repair(rules: Rules, name: &str) {
    let repaired = rules.repair(name);
    assert_eq!(rules.repair(&repaired), repaired, "{name:?}");
    assert!(!rules.fold(&repaired).starts_with(STAGING_PREFIX), "{name:?}");
    for stored in [&repaired, &rules.numbered(&repaired, 12)] {
        assert!(
            RelPath::new(stored).is_ok_and(|path| path.parent().is_none()),
            "{name:?} becomes {stored:?}"
        );
        let (units, limit) = match rules.limit {
            NameLimit::Utf8(limit) => (bytes_of(stored).len(), limit),
            NameLimit::Utf16(limit) => (stored.encode_utf16().count(), limit),
        };
        assert!(units <= limit, "{name:?} becomes {stored:?}");
    }
    assert!(!rules.needs_unicode || is_plain(&repaired), "{name:?} becomes {repaired:?}");
    if rules.windows {
        assert!(!repaired.contains(|c| c < ' ' || "<>:\"\\|?*".contains(c)), "{name:?} becomes {repaired:?}");
        assert!(!repaired.ends_with(['.', ' ']), "{name:?} becomes {repaired:?}");
    }
}

/// The blocks of a file, in an order that the bytes choose.
pub fn tree_hash(bytes: &[u8]) {
    const BLOCK: usize = 1024;
    let [count, last_len, order @ ..] = bytes else { return };
    let last_len = usize::from(*last_len) * 4 + 1;
    let len = usize::from(count % 40) * BLOCK + last_len.min(BLOCK);
    let file: Vec<u8> = (0..len).map(|at| (at / 7) as u8 ^ count).collect();
    let mut blocks: Vec<_> = file.chunks(BLOCK).enumerate().collect();
    for (at, to) in order.iter().enumerate().take(blocks.len()) {
        let to = usize::from(*to) % blocks.len();
        blocks.swap(at, to);
    }
    let mut tree = TreeHash::default();
    for (index, block) in &blocks {
        tree.add(*index as u64, BlockHash::of(block, (index * BLOCK) as u64));
    }
    assert_eq!(tree.finish(blocks.len() as u64), Some(hash_whole(&file)), "{blocks:?}");
}
