//! The cost of single parts, each alone and in memory: `cargo bench --bench pieces`. A word as an argument runs only those
//! whose names contain it. Throughput is that of plaintext.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on gives up")]

use std::hint::black_box;

use caiman::{
    crypto::{
        Channel, ChannelKeys, Opener, Pake, Root, Sealer, Side, Stretch,
        record::{HEADER_LEN, plaintext_offset, sealed_len},
    },
    protocol::{
        VERSION,
        frame::{self, PREFIX_LEN},
        manifest::{Entry, Manifest, ManifestBuilder, Modified, OfferKind, RawEntry, RawKind},
        peer::{FromSender, PAGE_BYTES},
    },
    transfer::plan::{
        MAX_BLOCK, MIN_BLOCK, Plan,
        blocks::BlockSet,
        tree_hash::{BlockHash, TreeHash, hash_whole},
    },
};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The lengths of the records that are sealed and opened, in bytes of plaintext: a control message, small files, and the
/// smallest and the largest block of a file.
const RECORDS: [usize; 5] = [100, 4096, 64 * 1024, MIN_BLOCK as usize, MAX_BLOCK as usize];
/// The number of files in the manifest that is built, planned and decoded.
const FILES: usize = 10_000;

fn seal_and_open(c: &mut Criterion) {
    let keys = keys(Channel::Data);
    let keys = keys.sent_by(Side::Sender);
    let mut group = c.benchmark_group("seal");
    for len in RECORDS {
        group.throughput(Throughput::Bytes(len as u64));
        let mut sealer = Sealer::new(keys, 0);
        let mut buffer = Vec::with_capacity(sealed_len(Channel::Data, len));
        group.bench_function(BenchmarkId::from_parameter(len), |b| {
            b.iter(|| {
                // The plaintext of the next record is the ciphertext of the last one.
                buffer.resize(plaintext_offset(Channel::Data) + len, 0);
                sealer.seal(0, &mut buffer).unwrap();
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("open");
    for len in RECORDS {
        group.throughput(Throughput::Bytes(len as u64));
        let mut record = vec![7; plaintext_offset(Channel::Data) + len];
        Sealer::new(keys, 0).seal(0, &mut record).unwrap();
        let (header, rest) = record.split_first_chunk::<HEADER_LEN>().unwrap();
        let mut copy = rest.to_vec();
        group.bench_function(BenchmarkId::from_parameter(len), |b| {
            b.iter(|| {
                // A record is opened in place, so it has to be restored before each run. That is a copy within the cache, and
                // takes a fraction of the time that opening takes.
                copy.copy_from_slice(rest);
                let mut opener = Opener::new(keys, 0, len);
                black_box(opener.open(header, &mut copy).unwrap().len())
            });
        });
    }
    group.finish();
}

fn hash(c: &mut Criterion) {
    let mut group = c.benchmark_group("hash");
    for len in [4096, MIN_BLOCK as usize, MAX_BLOCK as usize] {
        group.throughput(Throughput::Bytes(len as u64));
        let bytes = vec![7; len];
        group.bench_function(BenchmarkId::new("file", len), |b| b.iter(|| hash_whole(black_box(&bytes))));
    }
    let bytes = vec![7; MIN_BLOCK as usize];
    group.throughput(Throughput::Bytes(MIN_BLOCK.into()));
    for (name, offset) in [("first block", 0), ("another block", u64::from(MIN_BLOCK))] {
        group.bench_function(name, |b| b.iter(|| BlockHash::of(black_box(&bytes), offset)));
    }
    group.finish();
    // These are the blocks of one GiB, in a slightly wrong order, as several lanes bring them: the two of each pair are
    // swapped.
    let blocks = 4096;
    let hashes: Vec<_> = (0..blocks).map(|at| BlockHash::of(&bytes, at * u64::from(MIN_BLOCK))).collect();
    c.bench_function("tree of 4096 blocks", |b| {
        b.iter(|| {
            let mut tree = TreeHash::default();
            for at in 0..blocks {
                tree.add(at ^ 1, hashes[(at ^ 1) as usize]);
            }
            tree.finish(blocks).unwrap()
        });
    });
}

fn plan(c: &mut Criterion) {
    let manifest = manifest();
    c.bench_function("plan of 10,000 small files", |b| b.iter(|| Plan::new(black_box(&manifest), |_| true)));
    let plan = Plan::new(&manifest, |_| true);
    c.bench_function("what a block holds", |b| {
        b.iter(|| plan.block_len(black_box(plan.blocks() / 2)));
    });
    c.bench_function("a set of 4096 blocks", |b| {
        b.iter(|| {
            let mut set = BlockSet::default();
            set.extend((0..4096).map(|block| block ^ 7));
            set.ranges()
        });
    });
}

fn frames(c: &mut Criterion) {
    let manifest = manifest();
    let mut page = Vec::new();
    let mut bytes = 0;
    for entry in manifest.entries().iter().map(Entry::to_raw) {
        bytes += frame::to_bytes(&entry).len();
        page.push(entry);
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    let page = frame::encode(&FromSender::Page(page));
    let stored = frame::encode(&FromSender::Hashes(vec![(7, [7; 32])]));
    let mut group = c.benchmark_group("frame");
    for (name, message) in [("page of a manifest", &page), ("one hash", &stored)] {
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let (prefix, payload) = message.split_first_chunk::<PREFIX_LEN>().unwrap();
                frame::length(*prefix, 1 << 20).unwrap();
                frame::from_bytes::<FromSender>(black_box(payload)).unwrap()
            });
        });
    }
    group.finish();
    let entries: Vec<RawEntry> = manifest.entries().iter().map(Entry::to_raw).collect();
    c.bench_function("manifest of 10,000 files", |b| {
        b.iter_batched(|| entries.clone(), build, BatchSize::LargeInput);
    });
}

fn build(entries: Vec<RawEntry>) -> Manifest {
    let mut builder = ManifestBuilder::new(OfferKind::Files);
    for entry in entries {
        builder.push(entry).unwrap();
    }
    builder.finish().unwrap()
}

/// Ten thousand files of 0.1 to 8 KB in a hundred folders.
fn manifest() -> Manifest {
    let modified = Some(Modified { secs: 1_700_000_000, nanos: 123_456_789 });
    let folders = FILES.div_ceil(100);
    let entries = (0..folders).flat_map(|folder| {
        let name = format!("folder-{folder:03}");
        let files = (0..100).map({
            let name = name.clone();
            move |file| {
                let size = 100 + (folder * 100 + file) as u64 * 7919 % 7900;
                let kind = RawKind::File { size, modified, permissions: None, holes: Vec::new() };
                RawEntry { path: format!("{name}/file-{file:02}.txt"), kind }
            }
        });
        std::iter::once(RawEntry { path: name, kind: RawKind::Folder { modified, permissions: None } })
            .chain(files)
    });
    build(entries.collect())
}

fn keys(channel: Channel) -> ChannelKeys {
    let room = [7; 16];
    let (ours, _) = Pake::start(Side::Sender, b"a-b-c-d", &room, VERSION);
    let (_, answer) = Pake::start(Side::Receiver, b"a-b-c-d", &room, VERSION);
    let shared = ours.finish(&answer).unwrap();
    let stretch = Stretch::checked(caiman::crypto::kdf::MIN_ITERATIONS, [7; 8]).unwrap();
    Root::stretch(b"a-b-c-d", &shared, &stretch).keys(channel)
}

criterion_group!(benches, seal_and_open, hash, plan, frames);
criterion_main!(benches);
