//! [`HostilePeer`]: the other end of a transfer, with the right keys and bad intentions. It meets the honest end through a real
//! relay, of Caiman's own kind or of iroh's, and then says, seals and sends whatever a test wants, byte by byte as the protocol
//! does it.
//!
//! What it writes may meet a closed connection, because the honest end is free to leave at the first wrong byte. So writing
//! never fails here. What counts is what the honest end says last and how it ends.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use caiman::{
    code::CodePhrase,
    crypto::{
        Channel, ChannelKeys, Nonces, Opener, ReconnectKey, Root, Sealer, SharedKey, Side, Stretch,
        record::{HEADER_LEN, plaintext_offset},
    },
    net::{
        self,
        internet::{QuicConnection, QuicStream},
    },
    protocol::{
        Role, VERSION, frame,
        manifest::{OfferKind, RawEntry, RawKind},
        peer::{
            Addresses, DirectPurpose, EndpointId, FromReceiver, FromSender, MAX_CONTROL, MAX_HANDSHAKE,
            ReconnectAnswer, ReconnectHello, ReconnectProof, Trouble,
        },
        relay::{Hello, LANE_PAIRED, Reply, RoomId},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    sync::mpsc,
    task::spawn_blocking,
    time::timeout,
};

use super::{Client, client_token, lane, quic::call_for, within};

pub use super::encounter::*;

use super::encounter::Line;

/// The other end of a transfer, with the right keys and bad intentions.
pub struct HostilePeer {
    stream: BufReader<Box<dyn Stream>>,
    side: Side,
    line: Line,
    sealer: Sealer,
    opener: Opener,
    data: ChannelKeys,
    /// The key with which the session can be resumed.
    reconnect: Arc<ReconnectKey>,
    /// Bytes written on the control connection.
    pub said: u64,
    /// The number of the link.
    link: u64,
    online: Online,
}

/// What a peer needs beside that over the internet.
#[derive(Default)]
struct Online {
    /// The honest sender's endpoint, which it has named.
    endpoint: Option<EndpointId>,
    /// A receiver's connection to it.
    connection: Option<QuicConnection>,
    /// The connection on which the two have met, once they have moved on to another.
    met_on: Option<BufReader<Box<dyn Stream>>>,
    /// Brings the streams on which an honest receiver calls.
    streams: Option<mpsc::UnboundedReceiver<(DirectPurpose, QuicStream)>>,
    /// Those that this sender hasn't used yet. The call to reconnect stays among them.
    called: Vec<(DirectPurpose, QuicStream)>,
    /// A record that was read too early.
    early: Option<Vec<u8>>,
}

impl HostilePeer {
    pub(super) async fn new(
        client: Contact,
        code: CodePhrase,
        key: SharedKey,
        side: Side,
        stretch: Stretch,
    ) -> Self {
        let root = spawn_blocking(move || Root::stretch(code.as_bytes(), &key, &stretch)).await.unwrap();
        let keys = root.keys(Channel::Metadata);
        let Contact { stream, line } = client;
        let mut peer = Self {
            stream,
            side,
            line,
            sealer: Sealer::new(keys.sent_by(side), 0),
            opener: Opener::new(keys.sent_by(side.other()), 0, MAX_CONTROL),
            data: root.keys(Channel::Data),
            reconnect: Arc::new(root.reconnect_key()),
            said: 0,
            link: 0,
            online: Online::default(),
        };
        peer.go_online().await;
        peer
    }

    /// Over the internet, does what both sides do before the offer: a sender names its endpoint, a receiver moves on from the
    /// connection on which the two have met. A sender stays on it.
    async fn go_online(&mut self) {
        let Line::Iroh(endpoint) = &self.line else { return };
        let endpoint = Arc::clone(endpoint);
        match self.side {
            Side::Sender => {
                self.online.streams = Some(endpoint.serve(&self.reconnect));
                let (sockets, endpoint) = (Vec::new(), Some(endpoint.id()));
                self.say(&FromSender::Addresses(Addresses { sockets, endpoint })).await;
                // The receiver names none, but it always answers.
                self.hear_first().await;
            }
            Side::Receiver => {
                self.hear_first().await;
                if let Some(id) = self.online.endpoint {
                    self.online.connection = Some(endpoint.call(id).await);
                    self.call_for(DirectPurpose::Probe).await;
                    self.move_on().await;
                }
            }
        }
    }

    /// Hears what should be the other side's addresses, and keeps it if it is something else.
    async fn hear_first(&mut self) {
        loop {
            let Some(heard) = within("a record", self.hear_record()).await else { return };
            let (_, message) = frame::split::<u64>(&heard).unwrap();
            match message {
                [] => {}
                message if self.takes_note_of(message) => return,
                _ => {
                    self.online.early = Some(heard);
                    return;
                }
            }
        }
    }

    /// Whether this is a message about addresses, of which a test need not know.
    fn takes_note_of(&mut self, message: &[u8]) -> bool {
        if !matches!(self.line, Line::Iroh(_)) {
            return false;
        }
        match self.side {
            Side::Sender => {
                matches!(frame::from_bytes::<FromReceiver>(message), Ok(FromReceiver::Addresses(_)))
            }
            Side::Receiver => match frame::from_bytes::<FromSender>(message) {
                Ok(FromSender::Addresses(addresses)) => {
                    self.online.endpoint = addresses.endpoint;
                    true
                }
                _ => false,
            },
        }
    }

    /// A new stream to the honest sender.
    async fn call_for(&self, purpose: DirectPurpose) -> Box<dyn Stream> {
        let Line::Iroh(endpoint) = &self.line else { unreachable!("only over the internet") };
        let connection = self.online.connection.as_ref().expect("the sender has named its endpoint");
        Box::new(endpoint.own(call_for(connection, &self.reconnect.direct(), purpose).await))
    }

    /// Reconnects to the honest sender, as a receiver does as soon as it can.
    async fn move_on(&mut self) {
        let mut stream = self.call_for(DirectPurpose::Reconnect).await;
        let ReconnectHello { nonce: theirs } =
            within("a handshake message", net::io::read(&mut stream, MAX_HANDSHAKE)).await.unwrap();
        let nonces = Nonces { sender: theirs, receiver: ReconnectKey::nonce().unwrap() };
        let tag = self.reconnect.prove(Side::Receiver, &nonces);
        net::io::write(&mut stream, &ReconnectAnswer { nonce: nonces.receiver, tag }).await.unwrap();
        let ReconnectProof { tag } =
            within("a handshake message", net::io::read(&mut stream, MAX_HANDSHAKE)).await.unwrap();
        self.reconnect.check(Side::Sender, &nonces, &tag).unwrap();
        let keys = self.reconnect.keys(Channel::Metadata, &nonces);
        self.sealer = Sealer::new(keys.sent_by(Side::Receiver), 0);
        self.opener = Opener::new(keys.sent_by(Side::Sender), 0, MAX_CONTROL);
        self.data = self.reconnect.keys(Channel::Data, &nonces);
        self.link = u64::from_be_bytes(*nonces.sender.first_chunk().unwrap());
        self.online.met_on = Some(std::mem::replace(&mut self.stream, BufReader::new(stream)));
        // From now on, the sender says everything again that it has said before.
        let heartbeat = self.heartbeat();
        self.send(&heartbeat).await;
        self.said = 0;
    }

    /// Lets the control connection break.
    pub fn lose(&mut self) {
        self.stream = BufReader::new(Box::new(tokio::io::duplex(1).0));
    }

    /// The key with which the session can be resumed.
    pub fn key(&self) -> Arc<ReconnectKey> {
        Arc::clone(&self.reconnect)
    }

    /// A new connection to the honest end, on which nothing is proven yet.
    pub async fn come_back(&mut self) -> Contact {
        match (&self.line, self.side) {
            (Line::Relay { addr, .. }, side) => {
                let role = if side == Side::Sender { Role::Sender } else { Role::Receiver };
                meet_again(*addr, role, self.reconnect.room()).await
            }
            (Line::Iroh(endpoint), Side::Sender) => {
                let endpoint = Arc::clone(endpoint);
                let stream = endpoint.own(self.called_for(DirectPurpose::Reconnect).await);
                Contact::new(stream, Line::Iroh(endpoint))
            }
            (Line::Iroh(endpoint), Side::Receiver) => {
                let stream = self.call_for(DirectPurpose::Reconnect).await;
                Contact::new(stream, Line::Iroh(Arc::clone(endpoint)))
            }
        }
    }

    /// A control message as a record, to be sent, changed or kept.
    pub fn seal(&mut self, message: &impl Serialize) -> Vec<u8> {
        // It says that nothing was heard, so the honest end keeps everything that it has said.
        self.seal_bytes(&frame::to_bytes(&(0u64, message)))
    }

    /// A record without a message.
    pub fn heartbeat(&mut self) -> Vec<u8> {
        self.seal_bytes(&frame::to_bytes(&0u64))
    }

    /// Any plaintext as a control record.
    pub fn seal_bytes(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.sealer.seal_message(plaintext).unwrap()
    }

    /// Sends a control message.
    pub async fn say(&mut self, message: &impl Serialize) {
        let record = self.seal(message);
        self.send(&record).await;
    }

    /// Writes bytes on the control connection as they are, and says whether the connection still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.said += bytes.len() as u64;
        within("a lane to take bytes", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Whether the honest end has said nothing that was not read yet.
    pub async fn is_quiet(&mut self) -> bool {
        timeout(Duration::ZERO, self.stream.fill_buf()).await.is_err()
    }

    /// The next control message that is not a heartbeat; `None` once the honest end has left.
    pub async fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let heard = within("a record", self.hear_record()).await?;
            let (_, message) = frame::split::<u64>(&heard).unwrap();
            if !message.is_empty() && !self.takes_note_of(message) {
                return Some(frame::from_bytes(message).unwrap());
            }
        }
    }

    /// The next control record, whatever it contains.
    pub async fn hear_record(&mut self) -> Option<Vec<u8>> {
        if let Some(early) = self.online.early.take() {
            return Some(early);
        }
        let mut header = [0; HEADER_LEN];
        self.stream.read_exact(&mut header).await.ok()?;
        let due = self.opener.begin(&header).unwrap();
        let mut rest = vec![0; due.rest];
        self.stream.read_exact(&mut rest).await.ok()?;
        Some(self.opener.open(&header, &mut rest).unwrap().to_vec())
    }

    /// The reason that the honest end gave in its last message; `None` if it left without one.
    pub async fn last_word(&mut self) -> Option<Trouble> {
        loop {
            match self.side {
                Side::Sender => match self.hear::<FromReceiver>().await? {
                    FromReceiver::Failed(trouble) => return Some(trouble),
                    FromReceiver::Complete { .. } => return None,
                    _ => {}
                },
                Side::Receiver => {
                    if let FromSender::Failed(trouble) = self.hear::<FromSender>().await? {
                        return Some(trouble);
                    }
                }
            }
        }
    }

    /// Opens the lanes from 0 up to but not including `count`, whose other ends the honest end opens now.
    pub async fn open_lanes(&mut self, count: u16) -> Vec<Lane> {
        let mut lanes = Vec::new();
        for number in 0..count {
            let stream = self.open_lane(number).await;
            let keys = self.data.sent_by(Side::Sender);
            let sealer = Sealer::new(keys, number);
            lanes.push(Lane { stream, sealer, opener: Opener::new(keys, number, 2 << 20) });
        }
        lanes
    }

    async fn open_lane(&mut self, number: u16) -> Box<dyn Stream> {
        let purpose = DirectPurpose::Lane { link: self.link, lane: number };
        match (&self.line, self.side) {
            (Line::Relay { addr, token }, side) => {
                let role = if side == Side::Sender { Role::Sender } else { Role::Receiver };
                let mut stream = lane(*addr, *token, number, role).await;
                assert_eq!(within("a lane's other end", stream.read_u8()).await.unwrap(), LANE_PAIRED);
                Box::new(stream)
            }
            (Line::Iroh(endpoint), Side::Sender) => {
                let endpoint = Arc::clone(endpoint);
                Box::new(endpoint.own(self.called_for(purpose).await))
            }
            (Line::Iroh(_), Side::Receiver) => self.call_for(purpose).await,
        }
    }

    /// The stream on which the honest receiver calls for this purpose.
    async fn called_for(&mut self, purpose: DirectPurpose) -> QuicStream {
        let Online { streams, called, .. } = &mut self.online;
        loop {
            if let Some(at) = called.iter().position(|(found, _)| *found == purpose) {
                return called.swap_remove(at).1;
            }
            called.push(within("a call", streams.as_mut().unwrap().recv()).await.unwrap());
        }
    }

    /// A sealer of blocks for a lane, which need not exist.
    pub fn block_sealer(&self, lane: u16) -> Sealer {
        Sealer::new(self.data.sent_by(Side::Sender), lane)
    }
}

/// Meets the honest end that waits in the room to reconnect.
async fn meet_again(addr: SocketAddr, role: Role, room: [u8; 16]) -> Contact {
    within("the room in which both sides meet again", async {
        loop {
            let mut client = Client::connect(addr).await;
            let (room, first) = (RoomId(room), Vec::new());
            let hello = Hello {
                version: VERSION,
                features: 0,
                role,
                room,
                client_token: client_token(),
                waits: true,
                proof: None,
                first,
            };
            client.send(&frame::encode(&hello)).await;
            loop {
                match client.reply().await {
                    Reply::Waiting => {}
                    Reply::Paired { token, .. } => {
                        return Contact::new(client.stream, Line::Relay { addr, token });
                    }
                    // The relay has not yet removed the connection before this one.
                    Reply::Refused(_) => break,
                    Reply::Access { .. } => panic!("this relay has no password"),
                }
            }
        }
    })
    .await
}

/// One end of a lane.
pub struct Lane {
    pub stream: Box<dyn Stream>,
    sealer: Sealer,
    opener: Opener,
}

impl Lane {
    /// A block as a record, the next in the order of this lane.
    pub fn seal(&mut self, index: u64, bytes: &[u8]) -> Vec<u8> {
        seal_block(&mut self.sealer, index, bytes)
    }

    /// Writes bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        // The honest end may have left, which is no failure here.
        let _ = within("the connection to take bytes", self.stream.write_all(bytes)).await;
    }

    /// The next block and its index.
    pub async fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        within("a block", async {
            let mut header = [0; HEADER_LEN];
            self.stream.read_exact(&mut header).await.ok()?;
            let due = self.opener.begin(&header).unwrap();
            let mut rest = vec![0; due.rest];
            self.stream.read_exact(&mut rest).await.ok()?;
            Some((due.block, self.opener.open(&header, &mut rest).unwrap().to_vec()))
        })
        .await
    }
}

/// A block as a record of the lane that `sealer` is for.
pub fn seal_block(sealer: &mut Sealer, index: u64, bytes: &[u8]) -> Vec<u8> {
    let mut record = vec![0; plaintext_offset(Channel::Data)];
    record.extend_from_slice(bytes);
    sealer.seal(index, &mut record).unwrap();
    record
}

pub fn file(path: &str, size: u64) -> RawEntry {
    RawEntry {
        path: path.to_owned(),
        kind: RawKind::File { size, modified: None, permissions: None, holes: Vec::new() },
    }
}

pub fn folder(path: &str) -> RawEntry {
    RawEntry { path: path.to_owned(), kind: RawKind::Folder { modified: None, permissions: None } }
}

pub fn link(path: &str, target: &str) -> RawEntry {
    RawEntry { path: path.to_owned(), kind: RawKind::Link { target: target.to_owned(), modified: None } }
}

/// The messages that offer `entries`, with sums that are right as far as possible.
pub fn offer(kind: OfferKind, entries: &[RawEntry]) -> Vec<FromSender> {
    let size = |entry: &RawEntry| if let RawKind::File { size, .. } = entry.kind { size } else { 0 };
    let bytes = entries.iter().map(size).fold(0, u64::saturating_add);
    let opening = FromSender::Offer { kind, entries: entries.len() as u64, bytes, lanes: 2 };
    let mut digest = blake3::Hasher::new();
    for entry in entries {
        digest.update(&frame::to_bytes(entry));
    }
    let end = FromSender::OfferEnd { digest: *digest.finalize().as_bytes() };
    let pages = entries.chunks(1000).map(|page| FromSender::Page(page.to_vec()));
    [opening].into_iter().chain(pages).chain([end]).collect()
}
