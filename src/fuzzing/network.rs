//! What comes from a socket: frames, the relay's messages and the peer's.

use std::{
    fmt::Debug,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, ReadBuf},
    runtime::Builder,
};

use crate::{
    code::CodePhrase,
    discovery,
    net::{addresses::Reach, client::RelayAddress, io as frames},
    protocol::{
        Role, VERSION, frame,
        name::{MAX_NAME_CHARS, PeerName},
        peer::{
            DirectAnswer, DirectHello, DirectProof, First, FromReceiver, FromSender, INVITATION_WORDS,
            MAX_HANDSHAKE, ReceiverFirst, ReceiverHello, ReconnectAnswer, ReconnectHello, ReconnectProof,
            SenderHello, SenderIdKey, SenderVerdict,
        },
        relay::{
            AccessRequest, ConnectionKind, Hello, LANE_PAIRED, LaneHello, MAX_FIRST, MAX_FRAME, MAX_HELLO,
            MAX_LANES, Refusal, Reply, Welcome,
        },
    },
    transfer::{
        error::TransferError,
        link::{
            direct,
            handshake::{self, DEFAULT_ITERATIONS, Greeting, HeardGreeting},
            invitation,
        },
        path_mode::PathMode,
    },
};

/// Frames in a stream: the first two bytes choose the limit and the pieces in which the others arrive.
pub fn frame(bytes: &[u8]) {
    let [limit, pieces, stream @ ..] = bytes else { return };
    let limit = [0, 16, MAX_HANDSHAKE, MAX_FRAME][usize::from(limit % 4)];
    let (payloads, end) = read_all(stream, limit);
    assert_eq!(
        (&payloads, &end),
        (&read_all(InPieces { rest: stream, next: *pieces }, limit).0, &end),
        "the pieces in which a stream arrives don't count"
    );
    let mut again = Vec::new();
    for payload in &payloads {
        assert!(payload.len() <= limit);
        again.extend(frame::wrap(payload));
    }
    assert!(stream.starts_with(&again), "a frame is what stood in the stream");
    let announced = stream[again.len()..].split_first_chunk();
    match (end, announced) {
        (End::Cut, None) => {}
        (End::Cut, Some((prefix, rest))) => {
            assert!(frame::length(*prefix, limit).is_ok_and(|due| due > rest.len()));
        }
        (End::TooLong, announced) => {
            assert!(announced.is_some_and(|(prefix, _)| u32::from_be_bytes(*prefix) as usize > limit));
        }
    }
}

/// The first bytes that a relay reads, without the padding, of which nothing is decoded: what a connection is for, then a hello or the
/// rest of a lane's.
pub fn relay_opening(bytes: &[u8]) {
    let Some((opening, rest)) = bytes.split_first_chunk() else { return };
    let Some(kind) = ConnectionKind::from_bytes(*opening) else { return };
    assert_eq!(kind.to_bytes(), *opening);
    match kind {
        ConnectionKind::Control => {
            if let Ok(payload) = at_once(frames::read_bytes(&mut &*rest, MAX_HELLO)) {
                hello(&payload);
                access_request(&payload);
            }
        }
        ConnectionKind::Lane => {
            let Some((rest, _)) = rest.split_first_chunk() else { return };
            if let Some(hello) = LaneHello::from_rest(rest) {
                assert!(hello.lane < MAX_LANES);
                assert_eq!(hello.to_bytes(), *[&opening[..], rest].concat());
            }
        }
    }
}

fn hello(payload: &[u8]) {
    match Hello::read(payload) {
        Ok(hello) => {
            assert_eq!(hello.version, VERSION);
            assert!(hello.first.len() <= if hello.role == Role::Sender { MAX_FIRST } else { 0 });
            assert_eq!(comes_back(payload), Some(hello));
        }
        Err(Refusal::Version(ours)) => assert_eq!(ours, VERSION),
        Err(refusal) => assert_eq!(refusal, Refusal::Malformed),
    }
}

/// A relay takes a frame for one or the other, never for both.
fn access_request(payload: &[u8]) {
    if comes_back::<AccessRequest>(payload).is_some() {
        assert!(Hello::read(payload).is_err());
    }
}

/// What a relay reads of a client that has croc, before that has shown that it knows the password.
#[cfg(feature = "croc")]
pub fn croc_client(bytes: &[u8]) {
    use crate::croc::{
        frame,
        host::{self, Introduction, ON_A_DATA_PORT},
    };

    let mut stream = tokio::io::join(bytes, tokio::io::sink());
    match at_once(host::question(&mut stream)) {
        Ok(Some(question)) => {
            assert!(bytes.starts_with(&frame::encode(&question)));
            let introduction = Introduction { password: Some("lagoon"), banner: ON_A_DATA_PORT };
            let shaken = at_once(introduction.shake(&mut stream, &question, ([192, 0, 2, 1], 9).into()));
            assert!(shaken.is_err(), "nobody else knows the key");
        }
        Ok(None) => assert!(bytes.starts_with(&frame::encode(b"ping"))),
        Err(_) => {}
    }
}

/// What a client and a relay say to each other before the relay becomes a pipe.
pub fn relay_messages(bytes: &[u8]) {
    comes_back::<Welcome>(bytes);
    comes_back::<Hello>(bytes);
    access_request(bytes);
    if let Some(Reply::Refused(refusal)) = comes_back(bytes) {
        let byte = refusal.lane_byte();
        assert_ne!(byte, LANE_PAIRED);
        let told = Refusal::from_lane_byte(byte);
        assert!(told == refusal || told == Refusal::Malformed);
    }
    if let Some(byte) = bytes.first() {
        let refusal = Refusal::from_lane_byte(*byte);
        assert!(refusal.lane_byte() == *byte || refusal == Refusal::Malformed);
    }
}

/// What two peers say to each other, in the clear and inside sealed records.
pub fn peer_messages(bytes: &[u8]) {
    comes_back::<First>(bytes);
    comes_back::<SenderHello>(bytes);
    if let Some(ReceiverFirst { hello, .. }) = comes_back(bytes) {
        comes_back::<ReceiverHello>(&hello);
    }
    comes_back::<SenderVerdict>(bytes);
    comes_back::<ReconnectHello>(bytes);
    comes_back::<ReconnectAnswer>(bytes);
    comes_back::<ReconnectProof>(bytes);
    comes_back::<DirectHello>(bytes);
    comes_back::<DirectAnswer>(bytes);
    comes_back::<DirectProof>(bytes);
    from_sender(bytes);
    from_receiver(bytes);
    if let Ok((_, message)) = frame::split::<u64>(bytes) {
        assert!(bytes.ends_with(message));
        from_sender(message);
        from_receiver(message);
    }
}

fn from_sender(bytes: &[u8]) {
    match comes_back(bytes) {
        Some(FromSender::Invitation { code, .. }) => {
            if let Ok(read) = invitation::read(&code) {
                assert_eq!(read.as_str(), code.as_str());
                assert!(read.is_listed());
                assert_eq!(read.words().count(), INVITATION_WORDS);
            }
        }
        Some(FromSender::Name(name)) => check_name(&name),
        _ => {}
    }
}

fn from_receiver(bytes: &[u8]) {
    if let Some(FromReceiver::Name(name)) = comes_back(bytes) {
        check_name(&name);
    }
}

/// What a computer calls itself is one short line, and its user could have typed it.
fn check_name(name: &PeerName) {
    let text = name.as_str();
    assert!((1..=MAX_NAME_CHARS).contains(&text.chars().count()));
    assert!(text.lines().count() == 1 && !text.contains(char::is_control) && text.trim() == text);
    assert_eq!(text.parse().as_ref(), Ok(name));
}

/// Both sides of a handshake with a stranger. The first byte chooses the side, the second says how many of the others are the
/// sender's first message, which comes by way of the relay; the rest is what the stranger sends.
pub fn handshake(bytes: &[u8]) {
    let [side, len, bytes @ ..] = bytes else { return };
    let code = CodePhrase::own("acid-coyote-mustard-tulip").expect("these are four words of the list");
    let (first, bytes) = bytes.split_at(bytes.len().min((*len).into()));
    let mut stream = tokio::io::join(bytes, tokio::io::sink());
    // Its clock is needed for limits that never pass.
    let runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime of one thread needs no system");
    let _guard = runtime.enter();
    let agreed = if side % 2 == 0 {
        HeardGreeting::read(first)
            .and_then(|greeting| at_once(greeting.prove(&code, &mut stream)).map_err(|refused| refused.error))
    } else {
        let greeting = Greeting::new(&code, SenderIdKey([7; 16]), DEFAULT_ITERATIONS)
            .expect("the usual iterations are within bounds");
        at_once(async { greeting.answer(handshake::read(&mut stream).await?, &mut stream, || 2).await })
    };
    let error = agreed.err().expect("a stranger doesn't know the code");
    assert!(
        matches!(
            error,
            TransferError::WrongCode { .. }
                | TransferError::PeerVersion { .. }
                | TransferError::PeerLost
                | TransferError::Retired
                | TransferError::PeerMisbehaved(_)
        ),
        "{error:?}"
    );
}

/// Addresses that a peer or the local network names, and a relay's address as text.
pub fn addresses(bytes: &[u8]) {
    for address in frame::split::<Vec<SocketAddr>>(bytes).map(|(addresses, _)| addresses).unwrap_or_default()
    {
        let relay = RelayAddress::from_socket(address);
        assert_eq!(relay.to_string().parse().ok().as_ref(), (address.port() != 0).then_some(&relay));
        let reach = Reach::of(address.ip());
        assert_eq!(relay.reach(), Some(reach));
        let ip = address.ip().to_canonical();
        let is_one = address.port() != 0 && !ip.is_multicast() && !ip.is_unspecified();
        for mode in [PathMode::Automatic, PathMode::LocalOnly] {
            for is_here in [false, true] {
                if direct::is_worth_trying(address, mode, is_here) {
                    assert!(is_one, "{address}");
                    assert!(is_here || reach != Reach::ThisComputer, "{address}");
                    assert!(mode == PathMode::Automatic || reach != Reach::Anywhere, "{address}");
                }
            }
        }
        if let Some(told) = discovery::believable(&address.ip().into(), address.port()) {
            assert!(is_one && reach != Reach::Anywhere, "{address}");
            assert_eq!((told.ip(), told.port()), (address.ip(), address.port()));
        }
    }
    if let Ok(relay) = String::from_utf8_lossy(bytes).parse::<RelayAddress>() {
        assert_ne!(relay.port(), 0);
        assert_eq!(relay.to_string().parse(), Ok(relay));
    }
}

/// The message in these bytes, if there is one. Encoded again, it is no longer, and it decodes to the same.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let message: T = frame::from_bytes(bytes).ok()?;
    let mut again = frame::to_bytes(&message);
    assert!(again.len() <= bytes.len(), "{message:?}");
    assert_eq!(frame::from_bytes::<T>(&again).as_ref(), Ok(&message));
    again.push(0);
    assert_eq!(frame::from_bytes::<T>(&again), Err(frame::FrameError::Trailing));
    Some(message)
}

/// How a stream of frames ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Cut,
    TooLong,
}

/// All frames of a stream.
fn read_all(mut stream: impl AsyncRead + Unpin, limit: usize) -> (Vec<Vec<u8>>, End) {
    let mut payloads = Vec::new();
    loop {
        match at_once(frames::read_bytes(&mut stream, limit)) {
            Ok(payload) => payloads.push(payload),
            Err(frames::ReadError::Io(_)) => return (payloads, End::Cut),
            Err(frames::ReadError::Frame(_)) => return (payloads, End::TooLong),
        }
    }
}

/// A stream that gives its bytes in pieces of one to sixteen.
struct InPieces<'a> {
    rest: &'a [u8],
    next: u8,
}

impl AsyncRead for InPieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = usize::from(self.next % 16 + 1).min(buffer.remaining()).min(self.rest.len());
        let (piece, rest) = self.rest.split_at(len);
        buffer.put_slice(piece);
        self.rest = rest;
        self.next = self.next.wrapping_mul(5).wrapping_add(3);
        Poll::Ready(Ok(()))
    }
}

/// What a future gives that has nothing to wait for.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a stream in memory is always ready"),
    }
}
