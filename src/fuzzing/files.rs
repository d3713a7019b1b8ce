//! What the program finds on the disk, where others may have written: what staging folders say, settings, history, people.

use super::offer::check_manifest;
use crate::{
    code::{MAX_DRAWN_WORDS, MIN_PARTS},
    history::{self, History},
    net::client::RelayAddress,
    people::{self, People},
    protocol::{name::MAX_NAME_CHARS, relay::MAX_LANES},
    settings::{MAX_SCALE, MIN_SCALE, Settings},
    store,
    transfer::{
        plan::Wanted,
        send::MAX_RECEIVERS,
        sink::{
            journal::{self, JournalContents},
            staging_key::StagingKey,
        },
    },
};

/// The two files of a staging folder. The first two bytes say how many of the others are the offer's; the rest is the
/// journal's. As they are, they must not be believed; what follows is about both with the right seals, as a fault in one of
/// the user's own programs could bring them about.
pub fn journal(bytes: &[u8]) {
    let Some((len, bytes)) = bytes.split_first_chunk() else { return };
    let (offer, journal) = bytes.split_at(bytes.len().min(u16::from_be_bytes(*len).into()));
    let key = StagingKey::draw().expect("a test has randomness");
    assert!(journal::parse(&key, offer, journal).is_err());
    let (offer, seal) = journal::sealed_offer(&key, journal::VERSION, [0; 16], offer);
    assert!(journal::parse(&StagingKey::draw().expect("a test has randomness"), &offer, journal).is_err());
    let words = journal.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let words: Vec<u64> = words.collect();
    let records = words
        .as_chunks::<2>()
        .0
        .iter()
        .flat_map(|[first, count]| journal::record(&key, &seal, (*first, *count)));
    check_journal(&key, &offer, &records.collect::<Vec<_>>());
}

fn check_journal(key: &StagingKey, offer: &[u8], journal: &[u8]) {
    let Ok(JournalContents { manifest, plan, held }) = journal::parse(key, offer, journal) else { return };
    check_manifest(&manifest);
    assert!(held.ranges().iter().all(|(first, count)| first + count <= plan.blocks()));
    assert!(plan.bytes_in(&held) <= plan.bytes());

    let (offer, seal) = journal::offer_file(key, &manifest, &Wanted::all()).expect("a test has randomness");
    let ranges = held.ranges();
    let records: Vec<u8> = ranges.iter().flat_map(|range| journal::record(key, &seal, *range)).collect();
    let again = journal::parse(key, &offer, &records).expect("what was written can be read");
    assert_eq!(again.manifest, manifest);
    if plan.blocks() == again.plan.blocks() {
        assert_eq!(again.held, held);
    }
}

/// The settings. What was read once is written and read as the same, with nothing to complain of.
pub fn settings(bytes: &[u8]) {
    let Ok(table) = store::parse(bytes.to_vec()) else { return };
    let (settings, _) = Settings::from_table(table);
    assert!((1..=MAX_LANES).contains(&settings.lanes));
    assert!((MIN_PARTS..=MAX_DRAWN_WORDS).contains(&settings.code_words.into()));
    assert!((1..=MAX_RECEIVERS).contains(&settings.receivers));
    assert!((MIN_SCALE..=MAX_SCALE).contains(&settings.scale));
    assert_ne!(settings.bytes_per_sec, Some(0));
    for relay in &settings.relays {
        assert_eq!(relay.address.to_string().parse::<RelayAddress>().as_ref(), Ok(&relay.address));
    }
    let text = settings.to_text();
    let table = store::parse(text.clone().into_bytes()).expect("what was written can be read");
    let (again, bad) = Settings::from_table(table);
    assert!(bad.is_empty(), "{bad:?} in {text}");
    assert_eq!(again.to_text(), text);
}

/// The people. What was read once is written and read as the same, with nothing to complain of, and each has a name and a key of its own.
pub fn people(bytes: &[u8]) {
    let Ok(table) = store::parse(bytes.to_vec()) else { return };
    let (people, _) = People::from_table(table);
    assert!(people.all().len() <= people::MAX_PEOPLE);
    for person in people.all() {
        assert_eq!(people.find(&person.name), Some(person));
        assert_eq!(people.of(person.pair.id()), Some(person));
        assert!((1..=MAX_NAME_CHARS).contains(&person.name.chars().count()));
    }
    let text = people.to_text();
    let table = store::parse(text.as_bytes().to_vec()).expect("what was written can be read");
    let (again, bad) = People::from_table(table);
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(again.all(), people.all());
}

/// The history. What was read once is written and read as the same, with nothing to complain of.
pub fn history(bytes: &[u8]) {
    let Ok(table) = store::parse(bytes.to_vec()) else { return };
    let (history, _) = History::from_table(table);
    assert!(history.entries().len() <= history::MAX_ENTRIES);
    assert!(history.entries().iter().all(|entry| entry.paths.len() <= history::MAX_PATHS));
    let text = history.to_text();
    let table = store::parse(text.clone().into_bytes()).expect("what was written can be read");
    let (again, bad) = History::from_table(table);
    assert!(bad.is_empty(), "{bad:?} in {text}");
    assert!(history.entries().starts_with(again.entries()));
    assert_eq!(again.to_text(), text);
}
