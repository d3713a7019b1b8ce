//! Every decoder of foreign bytes, over its seeds in `fuzz/corpus` and some thousand mutations of them: the same functions that
//! `fuzz/` gives to a fuzzer, on stable Rust and with the same mutations in each run.
//!
//! A file that a fuzzer found belongs into `fuzz/corpus/TARGET` under a name that says what it showed. Names of 40 characters are
//! a fuzzer's own, and left out.

#![allow(clippy::unwrap_used)]

mod mutations;
mod seeds;

use std::{collections::BTreeSet, fs, panic, path::PathBuf};

use mutations::Mutations;

/// Makes a test of each target, with this many mutations.
macro_rules! targets {
    ($list:ident, $($name:ident: $count:literal,)+) => {
        const $list: &[&str] = &[$(stringify!($name)),+];

        $(#[test]
        fn $name() {
            run(stringify!($name), caiman::fuzzing::$name, $count);
        })+
    };
}

targets! { TARGETS,
    addresses: 10_000,
    code: 10_000,
    frame: 10_000,
    // Each takes a key agreement.
    handshake: 500,
    history: 3000,
    invite_link: 10_000,
    journal: 10_000,
    manifest: 10_000,
    names: 2000,
    peer_messages: 10_000,
    people: 3000,
    record: 10_000,
    relay_messages: 10_000,
    relay_opening: 10_000,
    settings: 3000,
    tree_hash: 3000,
}

#[cfg(feature = "croc")]
targets! { CROC_TARGETS,
    croc_chunk: 3000,
    // Some take a key agreement.
    croc_client: 3000,
    croc_code: 10_000,
    croc_frame: 10_000,
    croc_handshake: 300,
    croc_list: 10_000,
    croc_messages: 5000,
    croc_pake: 300,
    croc_ranges: 10_000,
    croc_relay: 500,
}

#[cfg(not(feature = "croc"))]
const CROC_TARGETS: &[&str] = &[
    "croc_chunk",
    "croc_client",
    "croc_code",
    "croc_frame",
    "croc_handshake",
    "croc_list",
    "croc_messages",
    "croc_pake",
    "croc_ranges",
    "croc_relay",
];

#[cfg(feature = "gui")]
targets! { WINDOW_TARGETS,
    instance: 10_000,
    uri_list: 10_000,
}

#[cfg(not(feature = "gui"))]
const WINDOW_TARGETS: &[&str] = &["instance", "uri_list"];

/// The most seeds of a target, and the largest in bytes: a clone of the repository stays small.
const MAX_SEEDS: usize = 16;
const MAX_SEED_BYTES: usize = 4096;

#[test]
fn every_fuzz_target_has_a_test_and_a_corpus() {
    let tested: BTreeSet<String> =
        TARGETS.iter().chain(CROC_TARGETS).chain(WINDOW_TARGETS).map(ToString::to_string).collect();
    let stem = |name: String| name.strip_suffix(".rs").map(str::to_owned);
    let files: BTreeSet<String> = names_in("fuzz_targets").into_iter().filter_map(stem).collect();
    assert_eq!(files, tested, "fuzz/fuzz_targets and this file differ");
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in &tested {
        assert!(manifest.contains(&format!("name = \"{target}\"\n")), "fuzz/Cargo.toml has no {target}");
        let call = format!("caiman::fuzzing::{target}(bytes)");
        let file = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(file.contains(&call), "{target}.rs doesn't call {call}");
        let corpus = corpus(target);
        assert!((1..=MAX_SEEDS).contains(&corpus.len()), "{target} has {} seeds", corpus.len());
        for (name, bytes) in corpus {
            assert!(bytes.len() <= MAX_SEED_BYTES, "{target}/{name} has {} bytes", bytes.len());
        }
    }
    assert_eq!(names_in("corpus"), tested, "fuzz/corpus has other folders than there are targets");
}

/// `CAIMAN_WRITE_SEEDS=1 cargo test --test fuzz seeds` writes them anew.
#[test]
fn the_seeds_are_what_the_encoders_write() {
    for (target, name, bytes) in seeds::all() {
        let path = fuzz().join("corpus").join(target).join(name);
        if std::env::var_os("CAIMAN_WRITE_SEEDS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let is_there = fs::read(&path).is_ok_and(|written| written == bytes);
        assert!(is_there, "{} is not what the encoder writes; see this test's comment", path.display());
    }
}

/// Runs the target over its corpus and then over `count` mutations.
fn run(target: &str, function: fn(&[u8]), count: usize) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "fuzz/corpus/{target} has no seeds");
    for (name, bytes) in &corpus {
        attempt(target, function, name, bytes);
    }
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    for (number, bytes) in Mutations::new(seeds).take(count).enumerate() {
        attempt(target, function, &format!("mutation {number}"), &bytes);
    }
}

fn attempt(target: &str, function: fn(&[u8]), name: &str, bytes: &[u8]) {
    let held = panic::catch_unwind(|| function(bytes));
    assert!(held.is_ok(), "{target} fails on {name}: b\"{}\"", bytes.escape_ascii());
}

/// The seeds of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let read = |name: String| {
        let bytes = fs::read(folder.join(&name)).unwrap();
        (name, bytes)
    };
    let is_ours = |name: &String| name.len() != 40;
    names_in(&format!("corpus/{target}")).into_iter().filter(is_ours).map(read).collect()
}

/// What is in a folder of `fuzz`, sorted; nothing if there is no such folder.
fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
