//! The seeds, made by the encoders of the program, so that a fuzzer begins where real messages are.

use std::net::SocketAddr;

use caiman::protocol::{
    Role, VERSION, frame,
    manifest::{Modified, OfferKind, RawEntry, RawKind},
    peer::{
        CallCode, DirectAnswer, DirectHello, DirectPurpose, First, FromReceiver, FromSender, ReceiverFirst,
        ReceiverHello, ReconnectAnswer, SenderHello, SenderId, SenderIdKey, SenderVerdict, Trouble, Way,
    },
    relay::{
        AccessRequest, ClientToken, ConnectionKind, Hello, LaneHello, LaneToken, Refusal, Reply, RoomId,
        Welcome,
    },
    thumbnail::Thumbnail,
};

/// Target, name and bytes.
type Seed = (&'static str, &'static str, Vec<u8>);

const MIB: u64 = 1024 * 1024;

/// All of them.
pub(crate) fn all() -> Vec<Seed> {
    [network(), peers(), offers(), texts(), files(), desktop(), crocs(), croc_peers()].concat()
}

fn network() -> Vec<Seed> {
    let hello = |role, first| Hello {
        version: VERSION,
        features: 0,
        role,
        room: RoomId([1; 16]),
        client_token: ClientToken([2; 16]),
        waits: false,
        proof: (role == Role::Receiver).then_some([3; 32]),
        first,
    };
    let sender = hello(Role::Sender, frame::to_bytes(&First::Hello(sender_hello())));
    let receiver = hello(Role::Receiver, Vec::new());
    let welcome = Welcome {
        version: VERSION,
        features: 0,
        nonce: [4; 32],
        password_required: true,
        data_ports: (27_002..=27_009).collect(),
        observed: "[2001:db8::1]:40000".parse().unwrap(),
    };
    let control = |hello: &Hello| [&ConnectionKind::Control.to_bytes()[..], &frame::encode(hello)].concat();
    let lane = LaneHello { token: LaneToken([5; 16]), lane: 31, role: Role::Receiver };
    let access = AccessRequest { version: VERSION, point: [7; 32] };
    let asking = [&ConnectionKind::Control.to_bytes()[..], &frame::encode(&access)].concat();
    let knows = Reply::Access { point: [8; 32], tag: [9; 32] };
    let paired = Reply::Paired { token: LaneToken([5; 16]), first: vec![6; 20] };
    let frames = [frame::wrap(b"one"), frame::wrap(b""), frame::wrap(&[7; 300])].concat();
    let addresses: Vec<SocketAddr> = [
        "192.168.1.7:27001",
        "127.0.0.1:1",
        "255.255.255.255:9",
        "100.64.0.1:80",
        "[fe80::1]:27001",
        "[::ffff:10.0.0.1]:5",
        "[2001:db8::1]:65535",
    ]
    .iter()
    .map(|address| address.parse().unwrap())
    .collect();
    vec![
        ("frame", "three", [&[2, 3], &frames[..]].concat()),
        ("frame", "too-long", [&[1, 0], &frames[..]].concat()),
        ("frame", "cut", [&[2, 255], &frames[..40]].concat()),
        ("relay_opening", "sender", control(&sender)),
        ("relay_opening", "receiver", control(&receiver)),
        ("relay_opening", "access", asking),
        ("relay_opening", "lane", lane.to_bytes().to_vec()),
        ("relay_messages", "welcome", frame::to_bytes(&welcome)),
        ("relay_messages", "hello", frame::to_bytes(&sender)),
        ("relay_messages", "access", frame::to_bytes(&access)),
        ("relay_messages", "knows", frame::to_bytes(&knows)),
        ("relay_messages", "waiting", frame::to_bytes(&Reply::Waiting)),
        ("relay_messages", "paired", frame::to_bytes(&paired)),
        ("relay_messages", "refused", frame::to_bytes(&Reply::Refused(Refusal::Version(2)))),
        ("addresses", "list", frame::to_bytes(&addresses)),
        ("addresses", "host", b"relay.example.org:27001".to_vec()),
        ("addresses", "ipv6", b"[fe80::1%eth0]:27001".to_vec()),
    ]
}

#[cfg(not(feature = "croc"))]
fn crocs() -> Vec<Seed> {
    Vec::new()
}

/// What a croc says to a relay before it is known there.
#[cfg(feature = "croc")]
fn crocs() -> Vec<Seed> {
    use caiman::croc::frame::encode;

    // A point of the curve that relays take.
    let x = "1086685267857089638167386722555472967068468061489";
    let y = "19593504966619549205903364028255899745298716108914514072669075231742699650911";
    let question = format!("{{\"Role\":0,\"Xᵤ\":{x},\"Xᵥ\":{y},\"Yᵤ\":null,\"Yᵥ\":null,\"Pw\":null}}");
    let sealed = encode(&[5; 35]);
    let client = [encode(question.as_bytes()), encode(&[7; 8]), sealed.clone(), sealed].concat();
    let other_role = question.replacen('0', "1", 1);
    vec![
        ("croc_client", "client", client),
        ("croc_client", "other-role", encode(other_role.as_bytes())),
        ("croc_client", "ping", encode(b"ping")),
    ]
}

fn sender_hello() -> SenderHello {
    SenderHello {
        version: VERSION,
        features: 0,
        sender: SenderId([6; 16]),
        pake: point(b'A'),
        iterations: 600_000,
        salt: [1; 8],
    }
}

/// A message of the key agreement by this side: the neutral point.
fn point(side: u8) -> Vec<u8> {
    let mut message = vec![0; 33];
    (message[0], message[1]) = (side, 1);
    message
}

fn peers() -> Vec<Seed> {
    let first = frame::to_bytes(&First::Hello(sender_hello()));
    let hello = ReceiverHello { version: VERSION, features: 0, pake: point(b'B') };
    let receiver_first = ReceiverFirst { hello: frame::to_bytes(&hello), tag: [8; 32] };
    let verdict = SenderVerdict::Confirmed { tag: [9; 32] };
    let handshake =
        |side: u8, first: &[u8], rest: Vec<u8>| [&[side, first.len() as u8], first, &rest].concat();
    let direct = DirectHello { purpose: DirectPurpose::Lane { link: 7, lane: 3 }, nonce: [1; 32] };
    let code = "acid-coyote-mustard-tulip-lemon-tiger".into();
    let invitation = FromSender::Invitation { code, instead: true };
    let thumbnail = FromSender::Thumbnail { entry: 2, thumbnail: Thumbnail::new(2, vec![9; 12]).ok() };
    let accept = FromReceiver::Accept { lanes: 8, way: Way::FromSender, wanted: Some(vec![0b101]) };
    let damaged = FromReceiver::Damaged { entry: 0, hashes: vec![Some([3; 32]), None], last: true };
    let sealed = |message: Vec<u8>| [frame::to_bytes(&12_345_u64), message].concat();
    vec![
        ("handshake", "receiver", handshake(0, &first, frame::encode(&verdict))),
        ("handshake", "retired", handshake(0, &frame::to_bytes(&First::Retired), Vec::new())),
        (
            "handshake",
            "wrong-code",
            handshake(
                0,
                &first,
                frame::encode(&SenderVerdict::WrongCode { tries_left: 1, key: SenderIdKey([5; 16]) }),
            ),
        ),
        ("handshake", "sender", handshake(1, &[], frame::encode(&receiver_first))),
        ("peer_messages", "first", first),
        ("peer_messages", "receiver-first", frame::to_bytes(&receiver_first)),
        (
            "peer_messages",
            "reconnect-answer",
            frame::to_bytes(&ReconnectAnswer { nonce: [1; 32], tag: [2; 32] }),
        ),
        ("peer_messages", "direct-hello", frame::to_bytes(&direct)),
        ("peer_messages", "direct-answer", frame::to_bytes(&DirectAnswer { nonce: [1; 32], tag: [2; 32] })),
        ("peer_messages", "invitation", sealed(frame::to_bytes(&invitation))),
        ("peer_messages", "thumbnails", sealed(frame::to_bytes(&FromReceiver::Thumbnails(vec![0, 2])))),
        ("peer_messages", "thumbnail", sealed(frame::to_bytes(&thumbnail))),
        ("peer_messages", "page", sealed(frame::to_bytes(&FromSender::Page(entries())))),
        ("peer_messages", "hashes", frame::to_bytes(&FromSender::Hashes(vec![(0, [1; 32]), (2, [2; 32])]))),
        ("peer_messages", "accept", sealed(frame::to_bytes(&accept))),
        ("peer_messages", "damaged", frame::to_bytes(&damaged)),
        ("peer_messages", "stored", sealed(frame::to_bytes(&FromReceiver::Stored(vec![(0, 3), (9, 1)])))),
        ("peer_messages", "name", frame::to_bytes(&FromReceiver::Name("Ann's laptop".parse().unwrap()))),
        (
            "peer_messages",
            "call",
            sealed(frame::to_bytes(&FromReceiver::Call(CallCode { room: [1; 16], secret: [2; 32] }))),
        ),
        ("peer_messages", "failed", frame::to_bytes(&FromReceiver::Failed(Trouble::NoSpace))),
    ]
}

fn entries() -> Vec<RawEntry> {
    let modified = Some(Modified { secs: -1, nanos: 999_999_999 });
    let file = |path: &str, size| RawEntry {
        path: path.to_owned(),
        kind: RawKind::File { size, modified, permissions: Some(0o755), holes: Vec::new() },
    };
    let folder = |path: &str| RawEntry {
        path: path.to_owned(),
        kind: RawKind::Folder { modified, permissions: None },
    };
    let target = "../b".to_owned();
    let link = RawEntry { path: "a/l".to_owned(), kind: RawKind::Link { target, modified: None } };
    vec![folder("a"), file("a/x", 3 * MIB + 1), link, file("b", 5), file("\u{1f980}.txt", 0)]
}

/// The largest file that an offer may have.
fn huge() -> RawEntry {
    let kind = RawKind::File { size: 1 << 53, modified: None, permissions: None, holes: Vec::new() };
    RawEntry { path: "huge".to_owned(), kind }
}

fn offers() -> Vec<Seed> {
    let offer = |kind, entries: Vec<RawEntry>| frame::to_bytes(&(kind, 5_u64, 3 * MIB + 6, vec![entries]));
    let pages =
        (OfferKind::Files, 5_u64, 3 * MIB + 6, vec![entries()[..2].to_vec(), entries()[2..].to_vec()]);
    let many = (0..80).map(|number| RawEntry {
        path: format!("{number}"),
        kind: RawKind::File { size: number << 12, modified: None, permissions: None, holes: Vec::new() },
    });
    let modified = None;
    let up = RawEntry { path: "..".to_owned(), kind: RawKind::Folder { modified, permissions: None } };
    let link_out =
        RawEntry { path: "l".to_owned(), kind: RawKind::Link { target: "x/../../y".to_owned(), modified } };
    let names = [
        ("deep", "a/b/c.tar.gz"),
        ("staging", ".caiman-1/x"),
        ("device", "con.txt/aux /LPT1"),
        ("odd", "a:b?/\u{1f980}. /…\u{202e}x/e\u{301}"),
        ("up", "../../etc/passwd"),
    ];
    let mut seeds = vec![
        ("manifest", "tree", offer(OfferKind::Files, entries())),
        ("manifest", "pages", frame::to_bytes(&pages)),
        ("manifest", "many", offer(OfferKind::Files, many.collect())),
        ("manifest", "huge", offer(OfferKind::Files, vec![huge()])),
        ("manifest", "text", offer(OfferKind::Text, entries()[3..4].to_vec())),
        ("manifest", "up", offer(OfferKind::Files, vec![up])),
        ("manifest", "link-out", offer(OfferKind::Files, vec![link_out])),
        ("manifest", "stream", offer(OfferKind::Stream, entries()[4..].to_vec())),
        ("names", "long", ["ä".repeat(200).as_str(), ".jpeg"].concat().into_bytes()),
        ("tree_hash", "one", vec![0, 9]),
        ("tree_hash", "in-order", vec![7, 255]),
        ("tree_hash", "backwards", [&[39, 0][..], &(0..40).rev().collect::<Vec<u8>>()].concat()),
    ];
    seeds.extend(names.map(|(name, text)| ("names", name, text.as_bytes().to_vec())));
    seeds
}

#[cfg(not(feature = "croc"))]
fn croc_peers() -> Vec<Seed> {
    Vec::new()
}

/// A question and an answer of croc's key exchange over p256, as far as they are read.
#[cfg(feature = "croc")]
const PAKE: [&str; 2] = [
    r#"{"Role":0,"Xᵤ":82485295943025638528575497232044638747577828331433727908582028481249783334660,"Xᵥ":109178262122709344473445817776912190285412631988058359859823355608104734631581,"Yᵤ":null,"Yᵥ":null,"P":null}"#,
    r#"{"Role":1,"Xᵤ":1,"Xᵥ":2,"Yᵤ":53239331987804511771316662971896869523828877277788126819257697498096954938206,"Yᵥ":46966144410653806264068858398530044253525139726366355808296253071513750629288}"#,
];

#[cfg(feature = "croc")]
fn croc_peers() -> Vec<Seed> {
    use caiman::croc::{channel::deflate, frame::encode, message::Message};

    let [question, answer] = PAKE.map(|message| message.as_bytes().to_vec());
    let pake = |version, pake: &[u8], extra: &[u8]| {
        let message = Message::Pake { version, pake: pake.to_vec(), extra: extra.to_vec() };
        encode(&deflate(&message.to_json()))
    };
    let confirm = encode(&deflate(&Message::Confirm { version: 2, proof: vec![5; 32] }.to_json()));
    let frames = [encode(b"one"), encode(&[1]), encode(b""), encode(&[7; 300])].concat();
    let chunk = [&65_536_u64.to_le_bytes()[..], b"hello world\n"].concat();
    let zeros = vec![0; 8 + 32_768];
    let numbers =
        |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let welcome = b"9010,9011,9012,9013|||127.0.0.1:5";
    let relay = |welcome: &[u8], last: &[u8]| [&[1, welcome.len() as u8][..], welcome, last].concat();
    let mut seeds = vec![
        ("croc_frame", "four", [&[2, 3], &frames[..]].concat()),
        ("croc_frame", "too-long", [&[1, 0], &frames[..]].concat()),
        ("croc_frame", "cut", [&[3, 255], &frames[..40]].concat()),
        ("croc_pake", "question", [&[1], &question[..]].concat()),
        ("croc_pake", "answer", [&[1], &answer[..]].concat()),
        ("croc_pake", "other-curve", [&[2], &question[..]].concat()),
        ("croc_handshake", "croc-10", [&[0], &pake(0, &answer, &[7; 8])[..]].concat()),
        ("croc_handshake", "croc-11", [&[0], &pake(2, &answer, &[7; 32])[..], &confirm[..]].concat()),
        (
            "croc_handshake",
            "receiver",
            [&[1], &encode(b"handshake")[..], &pake(2, &question, b"p256")[..], &confirm[..]].concat(),
        ),
        ("croc_chunk", "plain", chunk.clone()),
        ("croc_chunk", "deflated", deflate(&chunk)),
        ("croc_chunk", "zeros", deflate(&zeros)),
        ("croc_chunk", "bomb", deflate(&vec![0; 8 + 32_768 + 100_000])),
        ("croc_ranges", "some", numbers(&[200_000, 32_768, 2, 163_840, 1])),
        ("croc_ranges", "backwards", numbers(&[200_000, 65_536, 1, 0, 1])),
        ("croc_ranges", "huge", numbers(&[1 << 33, 0, u64::MAX, 1 << 40, 1])),
        ("croc_relay", "admitted", relay(welcome, b"ok")),
        ("croc_relay", "full", relay(welcome, b"room full")),
        ("croc_relay", "bad-password", relay(b"bad password", b"")),
        ("croc_relay", "a-stranger", [&[0], &encode(&answer)[..], &frames[..]].concat()),
    ];
    seeds.extend(croc_texts());
    seeds
}

#[cfg(feature = "croc")]
fn croc_texts() -> Vec<Seed> {
    use caiman::croc::{
        channel::deflate,
        hashes::HashKind,
        manifest::{CrocList, ListEntry},
        message::{Message, Request},
    };

    let entry = |folder: &str, name: &str, size| ListEntry {
        folder: folder.to_owned(),
        name: name.to_owned(),
        size,
        hash: vec![1; 8],
        mode: Some(0o755),
        ..ListEntry::default()
    };
    let link = ListEntry { target: Some("../b".to_owned()), ..entry("a/", "l", 0) };
    let list = CrocList {
        entries: vec![entry("./", "b", 5), entry("a/deep/", "x.tar.gz", 3 * MIB + 1), link],
        empty_folders: vec!["a/empty/".to_owned()],
        hash: Some(HashKind::Imohash),
        reconnect_room: Some("0a".repeat(32)),
        has_per_file_compression: true,
        ..CrocList::default()
    };
    let out = CrocList { entries: vec![entry("../", "..\\x", 5), entry("C:/", "y", 1)], ..list.clone() };
    let twice = CrocList { entries: vec![entry("./", "a", 5), entry("a/", "b", 1)], ..list.clone() };
    let request = Request { ranges: vec![32_768, 32_768, 2, 163_840, 1], index: 1, ..Request::default() };
    let [ready, files] =
        [Message::Ready(request), Message::Files(list.to_json())].map(|message| message.to_json());
    let of_time = br#"{"FilesToTransfer":[{"n":"a","m":"2026-08-22T10:11:12.5+02:00","md":134218239}],"SendingText":true}"#;
    let mut seeds = vec![
        ("croc_list", "tree", list.to_json()),
        ("croc_list", "leads-out", out.to_json()),
        ("croc_list", "contradiction", twice.to_json()),
        ("croc_list", "time", of_time.to_vec()),
        ("croc_messages", "ready-deflated", deflate(&ready)),
        ("croc_messages", "ready", ready),
        ("croc_messages", "files", files),
        ("croc_messages", "error", Message::Error("refusing files".to_owned()).to_json()),
        ("croc_messages", "unknown", br#"{"t":"later","x":[1,{"y":null}],"f":["a"]}"#.to_vec()),
    ];
    let codes = [
        ("listed", "acid-acorn-acre"),
        ("yo-yo", "yo-yo-acid-acorn"),
        ("croc-10", "8123-alpha-bravo-charlie"),
        ("four", "alpha-bravo-charlie-delta"),
        ("command", "$ CROC_SECRET=\"my-own-code\" croc --relay=relay.example:9009 --pass='x y' --yes"),
        ("arguments", "./croc.exe --relay 10.0.0.1:9009 --pass hunter2 acid acorn acre"),
        ("link", "https://www.getcroc.com/?code=acid-acorn-acre"),
    ];
    seeds.extend(codes.map(|(name, text)| ("croc_code", name, text.as_bytes().to_vec())));
    seeds
}

fn texts() -> Vec<Seed> {
    [
        ("code", "listed", "acid-coyote-mustard-tulip"),
        ("code", "prefixes", "aci coy mus tul"),
        ("code", "slip", "acid-coyote-mustrad-tulip"),
        ("code", "own", "Größe-Straße-7731-kitchen"),
        ("code", "sentence", "Here it comes: ACID-COYOTE-MUSTARD-TULIP, quick!"),
        ("code", "spoken", "the code is acid coyote mustard tulip lemon tiger. bye"),
        ("code", "link", "<caiman:acid-coyote-mustard-tulip?server=relay.example.org:27001>"),
        ("invite_link", "plain", "acid-coyote-mustard-tulip"),
        ("invite_link", "server", "acid-coyote-mustard-tulip?server=relay.example.org:27001"),
        ("invite_link", "ipv6", "//ACID-coyote-mustard-tulip/?x=y&server=%5B2001:db8::1%5D:5#z"),
        ("invite_link", "port-0", "acid-coyote-mustard-tulip?server=relay:0"),
        ("invite_link", "own", "gr%C3%B6%C3%9Fe-stra%C3%9Fe-7731-kitchen"),
    ]
    .map(|(target, name, text)| (target, name, text.as_bytes().to_vec()))
    .to_vec()
}

const SETTINGS: &str = r#"lanes = 3
path_mode = "relay-only"
direct_port = 27010
map_port = true
bytes_per_sec = 20000000
code_words = 6
receivers = 5
appearance = "dark"
scale = 1.1
language = "de"
save_folder = 'C:\Users\x'
later = { a = 1979-05-27T07:32:00Z, b = [1, 2.5, nan] }

[[relay]]
address = "[2001:db8::1]:9"
password = "swamp"

[host]
port = 0
data_ports = "9001-9003,9010"

[window]
width = 900
height = 700
"#;

const HISTORY: &str = r#"[[transfer]]
what = "3 items"
direction = "received"
started = 1700000000
ended = 1700000060
folder = "/home/x"
paths = ["/home/x/a", "/home/x/b"]
files = 3
bytes = 1234567
outcome = "partial"
missing = 1

[[transfer]]
what = "a"
direction = "sent"
started = 1
outcome = "failed"
reason = "no"
"#;

const PEOPLE: &str = r#"[[person]]
name = "Ann"
key = "0101010101010101010101010101010101010101010101010101010101010101"
role = "sender"
trusted_folder = "/home/x/Ann"
last_day = 20786

[[person.accepted]]
offer = "0202020202020202020202020202020202020202020202020202020202020202"
folder = "/home/x"

[[person]]
name = "Bob"
key = "030303030303030303030303030303030303030303030303030303030303030A"
role = "receiver"
blocked = true
"#;

fn files() -> Vec<Seed> {
    let of = |entries: &[RawEntry], wanted: Option<Vec<u8>>, ranges: &[(u64, u64)]| {
        let mut offer = frame::to_bytes(&(wanted, entries.len() as u64));
        offer.extend(entries.iter().flat_map(frame::to_bytes));
        let records =
            ranges.iter().flat_map(|(first, count)| [first.to_le_bytes(), count.to_le_bytes()].concat());
        [&(offer.len() as u16).to_be_bytes()[..], &offer, &records.collect::<Vec<_>>()].concat()
    };
    let journal = |wanted, ranges| of(&entries(), wanted, ranges);
    let bad = "lanes = 99\nrelay = 3\nscale = nan\n[host]\ndata_ports = \"x\"\n";
    let inline = "\u{feff}relay = [{ address = \"a:1\", more = true }, 5]\r\n";
    let paths = "\"/x\", ".repeat(40);
    let many_paths = HISTORY.replace("paths = [", &format!("paths = [{paths}"));
    let odd = "transfer = [{ what = 1 }, 2, { outcome = \"running\" }]\n";
    let strange = "person = [{ name = 1 }, 2, { name = \"x\", key = \"ab\", role = \"sender\" }]\n";
    vec![
        ("journal", "all", journal(None, &[(0, 3), (5, 9), (13, 1)])),
        ("journal", "some", journal(Some(vec![0b1010]), &[(0, 1)])),
        ("journal", "huge", of(&[huge()], None, &[(0, 1 << 32)])),
        ("journal", "one-too-many", journal(None, &[(0, 15)])),
        ("journal", "past-the-end", journal(None, &[(1, u64::MAX)])),
        ("settings", "all", SETTINGS.as_bytes().to_vec()),
        ("settings", "bad", bad.as_bytes().to_vec()),
        ("settings", "inline", inline.as_bytes().to_vec()),
        ("history", "two", HISTORY.as_bytes().to_vec()),
        ("history", "many-paths", many_paths.into_bytes()),
        ("history", "bad", odd.as_bytes().to_vec()),
        ("people", "two", PEOPLE.as_bytes().to_vec()),
        ("people", "bad", strange.as_bytes().to_vec()),
    ]
}

/// What other programs on this computer hand over, and records.
fn desktop() -> Vec<Seed> {
    let list = "# dropped\r\nfile:///tmp/a%20b\r\nfile://localhost/c\r\nhttps://example.org/\r\nfile:/d\0";
    // Paths as they are encoded on Unix.
    let paths = vec![(0_u8, b"/tmp/a".to_vec()), (0, vec![b'/', 0xff])];
    let arrival = (paths, Some("caiman:acid-coyote-mustard-tulip"), vec!["missing.txt"]);
    let nothing = (Vec::<(u8, Vec<u8>)>::new(), None::<&str>);
    vec![
        ("uri_list", "four", list.as_bytes().to_vec()),
        ("uri_list", "one", b"FILE:///%E2%82%AC".to_vec()),
        ("instance", "files-and-link", frame::to_bytes(&arrival)),
        ("instance", "nothing", frame::to_bytes(&nothing)),
        ("record", "metadata", [&[0, 0, 0, 40][..], &[0x5a; 80]].concat()),
        ("record", "data", [&[1, 3, 0, 200][..], &[0xa5; 700]].concat()),
        ("record", "padding", [&[1, 3, 0, 1][..], &[0; 256], &[16; 16]].concat()),
    ]
}
