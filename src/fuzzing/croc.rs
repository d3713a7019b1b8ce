//! What comes from a croc, from its relay, and from a user who pastes what croc has printed.

use std::{pin::pin, sync::LazyLock};

use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    runtime::Builder,
};

use super::offer::check_manifest;
use crate::{
    croc::{
        channel::{ChannelError, TrafficKey, deflate, inflate},
        chunks::{self, CHUNK_LEN, ChunkError, ChunkOpener, Coding, WantedChunks},
        client::{self, MAX_LANES},
        code::{Version, find},
        control::{CodeMeeting, secure_receiver, secure_sender},
        error::CrocError,
        frame::{self, CrocFrameError, Decoder, HEADER_LEN, MAX_EARLY_PAYLOAD, MAX_PAYLOAD},
        link::Link,
        manifest::{CrocList, names},
        message::Message,
        pake::{CurveName, Initiator, respond},
        probe::{SenderAddresses, ask},
    },
    transfer::receive::croc::list::listed,
};

const CURVES: [CurveName; 4] = [CurveName::Siec, CurveName::P256, CurveName::P384, CurveName::P521];
/// What a message may come to when it is inflated here.
const LIMIT: usize = 1 << 20;

/// Frames in a stream: the first two bytes choose the limit and the pieces in which the others arrive.
pub fn croc_frame(bytes: &[u8]) {
    let [limit, piece, stream @ ..] = bytes else { return };
    let limit = [0, 16, MAX_EARLY_PAYLOAD, MAX_PAYLOAD][usize::from(limit % 4)];
    let (payloads, end) = frames(stream, stream.len().max(1), limit);
    let in_pieces = frames(stream, usize::from(*piece) + 1, limit);
    assert_eq!(
        (&payloads, &end),
        (&in_pieces.0, &in_pieces.1),
        "the pieces in which a stream arrives don't count"
    );
    let again: Vec<u8> = payloads.iter().flat_map(|payload| frame::encode(payload)).collect();
    assert!(stream.starts_with(&again), "a frame is what stood in the stream");
    assert!(payloads.iter().all(|payload| payload.len() <= limit));
    let rest = &stream[again.len()..];
    match end {
        None => assert!(rest.len() < HEADER_LEN || b"croc" == &rest[..4]),
        Some(CrocFrameError::NotCroc) => assert_ne!(&rest[..rest.len().min(4)], b"croc"),
        Some(CrocFrameError::TooLong { length, limit: told }) => {
            assert!(told == limit && length as usize > limit);
        }
    }
}

fn frames(stream: &[u8], piece: usize, limit: usize) -> (Vec<Vec<u8>>, Option<CrocFrameError>) {
    let (mut decoder, mut payloads) = (Decoder::new(limit), Vec::new());
    for mut piece in stream.chunks(piece) {
        while !piece.is_empty() {
            let space = decoder.space();
            let count = piece.len().min(space.len());
            space[..count].copy_from_slice(&piece[..count]);
            decoder.filled(count);
            piece = &piece[count..];
            loop {
                match decoder.take() {
                    Ok(Some(payload)) => payloads.push(payload.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (payloads, Some(error)),
                }
            }
        }
    }
    (payloads, None)
}

/// Messages of the key exchange, for both roles. The first byte chooses the curve.
pub fn croc_pake(bytes: &[u8]) {
    let [curve, message @ ..] = bytes else { return };
    let curve = CURVES[usize::from(curve % 4)];
    if let Ok((agreement, answer)) = respond(curve, b"password", message) {
        // An answer is never a question, and what both sides have seen decides about the key.
        assert!(respond(curve, b"password", &answer).is_err());
        let _ = agreement.plain_key();
    }
    let (initiator, question) = Initiator::begin(curve, b"password").expect("the system has random bytes");
    let (_, answer) = respond(curve, b"password", &question).expect("an honest question is answered");
    assert!(message != answer, "nobody guesses an answer");
    let _ = initiator.finish(message);
}

/// Control messages, as JSON and as DEFLATE.
pub fn croc_messages(bytes: &[u8]) {
    let inflated = inflate(bytes, LIMIT);
    let plain = inflated.as_ref().map_or(bytes, |json| json);
    assert!(plain.len() <= bytes.len().max(LIMIT));
    for json in [bytes, plain] {
        let Ok(message) = Message::from_json(json) else { continue };
        assert_eq!(Message::from_json(&message.to_json()), Ok(message.clone()));
        if let Message::Ready(request) = message {
            for size in [0, 1, CHUNK_LEN as u64, 1 << 30] {
                check_ranges(&request.ranges, size);
            }
        }
    }
    assert_eq!(inflate(&deflate(bytes), bytes.len()).as_deref(), Ok(bytes));
}

/// A sender's list, as JSON.
pub fn croc_list(bytes: &[u8]) {
    let Ok(list) = CrocList::from_json(bytes) else { return };
    let again = CrocList::from_json(&list.to_json()).expect("what is written here is read here");
    assert_eq!((&again.empty_folders, again.entries.len()), (&list.empty_folders, list.entries.len()));
    for (entry, again) in list.entries.iter().zip(&again.entries) {
        assert_eq!((&entry.folder, &entry.name, entry.size), (&again.folder, &again.name, again.size));
        assert_eq!((&entry.hash, &entry.target), (&again.hash, &again.target));
        assert!(entry.target.is_none() || entry.size == 0);
        assert!(entry.mode.is_none_or(|mode| mode <= 0o777));
        if let Ok(path) = entry.path() {
            assert!(path.iter().all(|name| is_name(name)), "{path:?}");
        }
    }
    for folder in &list.empty_folders {
        assert!(
            names(folder).is_ok_and(|path| path.iter().all(|name| is_name(name))) || names(folder).is_err()
        );
    }
    if let Ok(listed) = listed(&list) {
        check_manifest(&listed.manifest);
        for (entry, index) in listed.files {
            let entry = &listed.manifest.entries()[entry as usize];
            assert!(entry.is_file());
            assert_eq!(entry.size(), list.entries[index].size);
        }
    }
}

/// Whether a part of a path leads nowhere, by a second opinion.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']) && !name.chars().any(char::is_control)
}

/// A receiver's ranges: the size of the file, and the numbers, eight bytes each.
pub fn croc_ranges(bytes: &[u8]) {
    let Some((size, numbers)) = bytes.split_first_chunk() else { return };
    let size = u64::from_le_bytes(*size) % (1 << 34);
    let (numbers, _) = numbers.as_chunks();
    let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
    check_ranges(&numbers, size);
    check_ranges(&[&[CHUNK_LEN as u64], &numbers[..]].concat(), size);
}

fn check_ranges(numbers: &[u64], size: u64) {
    let Ok(ranges) = chunks::read_ranges(numbers, size) else { return };
    let mut last = 0;
    for range in &ranges {
        assert!(range.start >= last && range.end >= range.start && range.end <= chunks::count(size));
        last = range.end;
    }
    if !numbers.is_empty() {
        assert_eq!(chunks::read_ranges(&chunks::write_ranges(&ranges), size).as_ref(), Ok(&ranges));
    }
    let mut wanted = WantedChunks::new(size, &ranges);
    assert_eq!(wanted.left(), ranges.iter().map(|range| range.end - range.start).sum::<u64>());
    for number in numbers {
        let (before, chunk) = (wanted.left(), number / CHUNK_LEN as u64);
        let length = chunks::len(size, chunk);
        let is_taken = wanted.take(*number, length).is_ok();
        assert_eq!(wanted.left(), before - u64::from(is_taken));
        if is_taken {
            assert!(ranges.iter().any(|range| range.contains(&chunk)));
            assert_eq!(wanted.take(*number, length), Err(ChunkError::NotWanted));
        }
    }
}

/// Two keys that anybody could make.
static KEYS: LazyLock<[TrafficKey; 2]> = LazyLock::new(|| {
    [b"one", b"two"].map(|salt| {
        let (_, question) = Initiator::begin(CurveName::Siec, b"x").expect("the system has random bytes");
        let (agreement, _) = respond(CurveName::Siec, b"x", &question).expect("an honest question");
        TrafficKey::salted(&agreement, salt)
    })
});

/// Chunks by a stranger, and by a sender that seals whatever it likes.
pub fn croc_chunk(bytes: &[u8]) {
    let [mine, others] = &*KEYS;
    let mut opener = ChunkOpener::new(mine.clone());
    for coding in [Coding::Plain, Coding::Deflated] {
        let forged = Err(ChunkError::Channel(ChannelError::NotAuthentic));
        assert_eq!(opener.open(coding, &mut bytes.to_vec()), forged);
        let mut foreign = others.seal(bytes).expect("the system has random bytes");
        assert_eq!(opener.open(coding, &mut foreign), forged);

        let mut sealed = mine.seal(bytes).expect("the system has random bytes");
        if let Ok((start, opened)) = opener.open(coding, &mut sealed) {
            assert!((1..=CHUNK_LEN).contains(&opened.len()));
            let plain = match coding {
                Coding::Plain => bytes.to_vec(),
                Coding::Deflated => inflate(bytes, LIMIT).expect("it was inflated already"),
            };
            assert_eq!(plain, [&start.to_le_bytes(), opened].concat());
        }
    }
}

/// What a user types or pastes.
pub fn croc_code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(found) = find(&text) else { return };
    let code = found.code.as_str();
    assert!((6..=256).contains(&code.len()) && !code.contains(char::is_control));
    for version in [Version::V10, Version::V11] {
        let room = found.code.room(version);
        assert!(room.len() == 64 && room.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert!(code.as_bytes().ends_with(found.code.password(version)));
    }
    assert!(!found.code.public_places(true).is_empty());
    // The relay is shown, and may be called like the code.
    if found.relay.is_none() {
        assert!(!format!("{found:?}").contains(code), "a code is never printed");
    }
    // Spaces count in quotes, and not in what is typed.
    let is_plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if let Some(again) = find(code).filter(|_| is_plain) {
        assert_eq!(again.code.as_str(), code);
    }
}

/// What a relay says to a client. The first byte says what the others are: bytes in place of an honest answer, or, after the length
/// of the first of them, the two texts that the relay seals.
pub fn croc_relay(bytes: &[u8]) {
    let [shape, rest @ ..] = bytes else { return };
    let (near, far) = duplex(1 << 16);
    let joining = client::join(near, "password", "room");
    if shape % 2 == 0 {
        assert!(run(joining, raw(far, rest)).is_err(), "a stranger admits nobody");
        return;
    }
    let [length, texts @ ..] = rest else { return };
    let (welcome, last) = texts.split_at(texts.len().min((*length).into()));
    let Ok(joined) = run(joining, relay(far, welcome, last)) else { return };
    assert_eq!(last, b"ok");
    let expected = format!("{}|||{}", joined.banner, joined.seen_as);
    assert!(welcome.starts_with(expected.as_bytes()));
    if let Ok(ports) = joined.data_ports() {
        assert!((1..=MAX_LANES).contains(&ports.len()));
    }
}

/// Says these bytes and nothing more.
async fn raw(mut stream: DuplexStream, bytes: &[u8]) {
    // A client that has seen enough is gone.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
}

/// Answers as a relay does, with these texts.
async fn relay(stream: DuplexStream, welcome: &[u8], last: &[u8]) {
    let mut link = Link::new(stream);
    let answering = async {
        let (agreement, answer) = respond(CurveName::Siec, &[1, 2, 3], link.read().await?)?;
        link.write(&answer).await?;
        let key = TrafficKey::salted(&agreement, link.read().await?);
        link.write(&key.seal(welcome)?).await?;
        link.write(&key.seal(last)?).await
    };
    // A client that has seen enough is gone.
    let _: Result<(), CrocError> = answering.await;
    link.close().await;
}

/// Both sides of a key exchange with a stranger, with a question for addresses before it or without. The first byte chooses the side and
/// whether there is one; the rest is what the stranger sends.
pub fn croc_handshake(bytes: &[u8]) {
    let [side, stream @ ..] = bytes else { return };
    let told = SenderAddresses { port: 9009, ips: vec![[10, 0, 0, 1].into()] };
    let told = Some(&told).filter(|_| side & 2 != 0);
    for allows_v10 in [false, true] {
        let meeting = CodeMeeting { room: "room", password: b"password", allows_v10 };
        let (near, far) = duplex(1 << 20);
        let link = Link::new(near);
        let secured = if side % 2 == 0 {
            let secured = async {
                let mut link = link;
                if told.is_some() {
                    ask(&mut link, meeting).await?;
                }
                secure_receiver(link, meeting, CurveName::P256).await
            };
            run(secured, raw(far, stream))
        } else {
            run(secure_sender(link, meeting, told), raw(far, stream))
        };
        if let Ok(control) = secured {
            // It proves nothing before its first message.
            assert!(allows_v10 && control.version == Version::V10, "a stranger doesn't know the code");
        }
    }
}

/// What a future gives beside which another one runs.
fn run<T>(future: impl Future<Output = T>, other: impl Future<Output = ()>) -> T {
    // Its clock is needed for limits that never pass.
    let runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime of one thread needs no system");
    runtime.block_on(async {
        let mut other = pin!(other);
        let mut is_over = false;
        let mut future = pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return done,
                () = &mut other, if !is_over => is_over = true,
            }
        }
    })
}
