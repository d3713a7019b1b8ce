//! The protocol, message by message: plain data, limits and codecs. No sockets, no clock, no cryptography.
//!
//! # Participants
//!
//! A *sender* (side A) offers files and draws the code; a *receiver* (side B) types the code; a *relay* lets them meet and
//! copies bytes. Over the internet, an *iroh relay* passes packets between *endpoints*, each of which is known by a public key.
//! The relay, the iroh relay and everything between is hostile. So is the other peer until it has proven the code, and towards
//! the receiver's disk and the sender's memory it stays hostile after that.
//!
//! # Goals
//!
//! The relay learns a room id, addresses, sizes and times, and nothing else; an iroh relay learns keys instead of a room id. A
//! guess at the code costs one live handshake, and a sender allows three. What arrives is exactly what was sent, or is refused.
//! No count, length or path from a peer is believed before it is checked.
//!
//! # Not goals
//!
//! Hiding that two addresses talk, or how much; anonymity between the peers; deniability; protection against an attacker
//! who can read the screen or the disk of one of the two users.
//!
//! # Message by message
//!
//! All integers in fixed layouts are big-endian; messages are `postcard` (1.x wire format). A “frame” is a `u32` length
//! and that many bytes ([`frame`]).
//!
//! *Finding each other* ([`relay`]), on a TCP connection to the relay from each side:
//!
//! 1. client → relay: `"caiman\0C"`, eight bytes, and [`frame::PADDING`].
//! 2. relay → client: [`relay::Welcome`]: version, a nonce, whether a password is required, data ports; then the padding. A client
//!    that hears nothing connects once more with small segments, because the padding fills a packet (`net::segments`).
//!    If one is, and only then, client → relay: [`relay::AccessRequest`], a SPAKE2 message, and relay → client:
//!    [`relay::Reply::Access`], a SPAKE2 message and the relay's tag.
//! 3. client → relay: [`relay::Hello`]: version, role, room, the client's token for the room, the client's tag. A sender's
//!    hello carries its first message to the receiver, a [`peer::First`], which the relay keeps. A client that comes back with
//!    the same token takes over from its own earlier connection, which may be dead without the relay having noticed.
//! 4. relay → sender: [`relay::Reply::Waiting`]. Once the receiver is there, relay → both: [`relay::Reply::Paired`] with a
//!    token for lanes; the receiver's reply carries the sender's first message. From then on the connection is a pipe.
//!    If the relay refuses, it says [`relay::Reply::Refused`] instead. A relay that runs beside a sender takes as senders only that
//!    sender's own clients, whose tokens begin with a key that only the two know.
//!
//! *The relay's password.* SPAKE2 over the password gives a key. The tags are HMAC-SHA-256 under it over a label for the side and
//! the welcome; the client's also covers its hello. A client that finds the relay's tag wrong says nothing more, so it names no
//! room to a relay that doesn't know the password. Either side learns one guess's worth from a connection, and a relay counts each
//! request as a try, because its tag comes first. A listener, or a relay that answers with a nonce of its choice, gets nothing to
//! test guesses with. An attacker between the two who passes everything on gets what one on that network always has, this one
//! connection: the proof is good for no other hello.
//!
//! *Finding each other over the internet* (`net::internet`), in place of steps 1 to 4. Connections are QUIC, between endpoints of
//! iroh, under the protocol name `caiman/1`; their streams carry the same frames and records as TCP does:
//!
//! - Both sides compute a *meeting key*, the secret Ed25519 key of an endpoint: Argon2id (64 MiB, 3 passes, 32 bytes) over the
//!   first two words with a hyphen between them. The salt is the SHA-256 of a label and of the day, a `u64`, counted from
//!   1970-01-01 in UTC. A binds an endpoint under the key of its day, and under the next one when the day ends. B calls the key
//!   of its day, and within two hours of midnight that of the neighbouring day too, through all its iroh relays at once.
//! - These endpoints, and the one from which B calls, tell no addresses: whatever is sent here goes through the iroh relay.
//! - A opens a stream on each connection that comes, and says [`peer::OnlineFirst`], which holds its [`peer::First`]. Steps 6 and 7
//!   follow on that stream, and then control. A wrong try counts like one at a relay.
//! - Anyone who has the two words can bind the same key, and the iroh relay leads to the one who came last. So A calls the key
//!   before it binds it, and leaves the room to a sender that answers; afterwards it calls itself twice a minute, and tells its
//!   user when it doesn't hear its own call. B, where a sender turns out not to know the code, calls once more without that
//!   sender's iroh relay.
//!
//! *Handshake* ([`peer`]), in the clear, in frames of at most [`peer::MAX_HANDSHAKE`] bytes:
//!
//! 5. A → B: [`peer::SenderHello`] (it came with step 4, or in the greeting): version, features, the sender's name in all rooms
//!    of its code, SPAKE2 message, PBKDF2 iterations and salt.
//! 6. B → A: [`peer::ReceiverFirst`]: B's hello (version, features, SPAKE2 message) and B's confirmation tag.
//! 7. A → B: [`peer::SenderVerdict`]: A's tag, or "wrong code" with the number of tries left and the key of A's name, or "other
//!    version". The name is a hash of the key, so only A can call the code wrong under it.
//!
//! SPAKE2 gives K. The tags are HMAC-SHA-256 under K over a label for the side and the transcript, which is A's whole first
//! message and B's whole hello, each with its length. Both hellos are covered by both tags, so versions, features, the salt
//! and the iterations can't be changed on the way. B tags first: a sender who does not know the code learns one guess's worth,
//! and gives nothing; a receiver who doesn't gets a verdict and a count. Only a wrong tag counts as a try. A receiver counts its
//! tags as well, four in each search, and believes no verdict but the right tag to be the sender's.
//!
//! *Keys.* PBKDF2-HMAC-SHA-256 over `code ‖ 0x00 ‖ K` with the salt, then HKDF-Expand, one label per use, to an AES-256 key and a
//! MAC key for each channel and direction (`crypto::kdf`). The channels, metadata and data, have no key in common.
//!
//! *Records* (`crypto::record`). Everything from here on is a record: `header (24) ‖ IVs (16 each) ‖ ciphertext ‖ tag (32)`.
//! The header says channel, direction, lane, plaintext length, sequence number and block number; the tag covers all of it. A
//! receiver knows every field of the next header in advance, except for the length and the block number. Each connection
//! and direction counts its own records from 0. The ciphertext is AES-256-CBC: one chain under one IV on the metadata channel;
//! on the data channel eight, each over its part of the padded plaintext, because a processor encrypts eight side by side in
//! a quarter of the time that one takes (`crypto::chains`).
//!
//! A record whose header or tag is wrong may be anybody's, so it says nothing about the peer: it ends the lane that brought it,
//! or the connection, which both ends then replace. Only what an authentic record holds can be the peer's misbehaviour.
//!
//! *Control* (on the connection or the stream of the handshake, metadata channel, lane 0), in records of at most
//! [`peer::MAX_CONTROL`] bytes. Each holds, as `postcard`, the number of messages that its author has heard so far, and then a
//! message, or none as a heartbeat:
//!
//! Each side may first say what its computer is called ([`name::PeerName`]): A → B: [`peer::FromSender::Name`], B → A:
//! [`peer::FromReceiver::Name`]. It is the first message of its direction, or isn't said at all; at any other point, and so a
//! second time, it is refused. A name is a claim, and proves nothing. A session that only sends B elsewhere (see invitations)
//! needs none from A.
//!
//! 8. A → B: [`peer::FromSender::Offer`] (sums), [`peer::FromSender::Page`]… (entries, folders before what is in them),
//!    [`peer::FromSender::OfferEnd`] (digest of the entries).
//!    While B's user reads the offer, B → A: [`peer::FromReceiver::WhatIs`]… (files for which B has one of the same name and
//!    size), A → B: [`peer::FromSender::ThisIs`]… (their hashes, as they become known). Neither side waits for that. If B's user
//!    wants to see pictures, B → A: [`peer::FromReceiver::Thumbnails`], A → B: [`peer::FromSender::Thumbnail`] for each, as plain
//!    pixels ([`thumbnail`]).
//! 9. B → A: [`peer::FromReceiver::AlreadyHere`] (how much B has already and doesn't want), [`peer::FromReceiver::Held`]… (blocks that
//!    an interrupted transfer left), then [`peer::FromReceiver::Accept`] (how many lanes, which entries) or
//!    [`peer::FromReceiver::Decline`].
//! 10. Both compute the same plan of blocks from the entries and the selection, and open the lanes. What lies in a hole of a
//!     file has no block.
//! 11. B → A, again and again: [`peer::FromReceiver::Stored`]: blocks that are on B's disk and in its journal. A → B where it
//!     applies: [`peer::FromSender::Withdrawn`] (a file that changed, vanished or can't be read).
//! 12. Once every block is stored or withdrawn, A → B: [`peer::FromSender::StreamEnd`] for a stream,
//!     [`peer::FromSender::Hashes`]…, [`peer::FromSender::Done`].
//! 13. B compares. If a file is damaged, B → A: [`peer::FromReceiver::Damaged`]…; A sends the differing blocks, and those
//!     that B had from elsewhere, and step 12 once more. A second mismatch ends the transfer.
//! 14. B flushes, gives everything its real name, and B → A: [`peer::FromReceiver::Complete`]. Both close.
//!
//! At any point after step 9, A → B: [`peer::FromSender::Invitation`]: A waits at the same relay, or over the internet if the
//! two have met there, under another code, which it has drawn for B alone, and has more to offer there. B comes when it is
//! ready, and steps 1 to 14 follow once more, with keys of their own; nothing of one session is used in the other. All sessions
//! that follow from one code, at whatever remove, share [`peer::MAX_INVITATIONS`]. When A sends the invitation after step 7,
//! before the offer and in place of it, it leads to what this session was for: so one code can serve several receivers, each of
//! which goes on under a code of its own.
//!
//! *People* who know each other need no code. From the root of the keys of a session, both sides derive a *pair key*
//! (`crypto::pair`), and each may keep it, by itself; of the transfers of a chain, it is that of the first that was accepted. From the
//! pair key, the day (as for a meeting key) and which of the two is called, both derive 48 bytes, by HKDF-Expand. They stand for a
//! code that no user sees: 16 bytes for its first two words, which name the room, and 32 for the rest. Nothing connects the rooms
//! of two days, or of the two directions. The side that can be called waits under the code of its day as a sender does, at relays, on
//! the local network and over the internet, for any number of callers, one after the other. A caller comes as a receiver does, within
//! two hours of midnight to the neighbouring day's room as well; steps 1 to 7 follow. Then the caller, and only it, says one message:
//!
//! - B → A: [`peer::FromReceiver::Call`], 48 random bytes. B waits as a sender, and steps 1 to 14 follow with it, under the code
//!   that these bytes stand for, wherever a sender and a receiver find each other. A confirms the message and closes. Anything else
//!   in its place, or nothing for ten seconds, ends the session.
//!
//! A caller that isn't found, or to which nobody comes, calls again, with growing pauses. One that loses the other side in the
//! middle calls again with other bytes, and offers the same.
//!
//! At any point: a heartbeat from a side that has said nothing for a second, `Pause` from either side, `DiskFull` from a receiver
//! whose disk is full, `Cancel` when the user cancels, `Failed` with a reason when a side can't go on.
//!
//! *Lanes* ([`relay::LaneHello`], data channel). At a relay, each lane is a separate TCP connection from each side: the side
//! sends 32 bytes with the token, the lane's number and its role, and gets one byte when the other end is there; then data
//! records follow from A to B, one block each; one without a plaintext stands for a block of zeros, except in a stream. A lane
//! takes the next block when it is free. A closes its lanes when B is complete.
//!
//! A lane is over when both of its ends are. B says [`peer::FromReceiver::LaneOver`] after it has reported all blocks that the
//! lane brought. A says [`peer::FromSender::LaneOver`] about a lane that broke or has fallen silent; B then ends it and drops what
//! is still in flight. When A closes a lane, during a pause or because fewer are enough, B finds the end behind the last record.
//! Blocks that B has not reported go out again over another lane. [`peer::FromSender::OpenLane`] opens a new lane under a number
//! that this connection has not seen, because sequence numbers begin at 0 in each lane.
//!
//! *Direct connections* ([`peer::DirectHello`]). Unless one side wants only the relay, A says before its offer where its machine
//! listens ([`peer::FromSender::Addresses`]), B answers with its own addresses, and both try all addresses that they were told.
//! Until B's user has accepted the offer, B tells and tries only addresses of the local network:
//!
//! - The side that connects sends [`peer::DirectHello`], the connection's purpose and a nonce. The other side answers with
//!   [`peer::DirectAnswer`], a nonce and a tag. Padding follows each of the two, as at a relay. The first side sends [`peer::DirectProof`], a tag. Both tags are HMAC-SHA-256,
//!   under a key of the session, over a label for the side, both nonces and the purpose. Then the records of a lane follow; a
//!   probe is closed.
//! - B says in its acceptance how the first lanes are opened ([`peer::Way`]): directly if a probe has come through, or comes
//!   through within 1.5 s. A decides for every later lane, and moves lanes to a better way that is found later: from machine to
//!   machine first, then over the internet, then through the relay.
//!
//! *Sessions over the internet.* A sender that may use the internet has a *session endpoint* under a random key, which it names
//! in [`peer::FromSender::Addresses`]. Once B's user has accepted the offer, B calls it from an endpoint under a random key of
//! its own: at once if the two have met over the internet, and otherwise unless one machine reaches the other within 1.5 s.
//! Inside these connections iroh tells each end the other's addresses, finds a direct way, and moves to another one when an
//! address changes. An endpoint of a side that wants only relays has no addresses, so everything goes through the iroh relay:
//!
//! - B opens all streams, each with the exchange of a direct connection: [`peer::DirectHello`], [`peer::DirectAnswer`],
//!   [`peer::DirectProof`]. The first is a probe. A keeps few connections on which nothing is proven, and closes the oldest.
//! - [`peer::Way::Internet`] opens a lane on a stream of such a connection: eight lanes at most, each on a connection of its
//!   own. If the two have met at a relay, this way counts only while the probe's connection is direct.
//! - A control channel that began under a meeting key moves to the session endpoints as soon as the probe has come through:
//!   both ends reconnect over them, as after a loss, and leave the old connection.
//!
//! *Reconnecting* (`crypto::reconnect`). When the control connection breaks, or brings nothing for three seconds, both ends
//! that have met at a relay enter a room whose id follows from the root of the keys, with [`relay::Hello::waits`], so
//! that the one that comes first waits. A side may be the only one to know that the connection is dead, because its own address
//! is gone. It then also enters its old room at the relay again for a moment: the relay ends the old pair, and so the other
//! side learns it too. At the same time, and alone where there is no relay, they try the ways of direct connections and of the
//! internet, with the purpose [`peer::DirectPurpose::Reconnect`]. Then:
//!
//! - A → B: [`peer::ReconnectHello`], a nonce. B → A: [`peer::ReconnectAnswer`], a nonce and a tag. A → B:
//!   [`peer::ReconnectProof`], a tag. Both tags are HMAC-SHA-256 over a label for the side and both nonces. A peer that fails is
//!   dropped, and the search goes on.
//! - New keys for both channels follow from the same secret and both nonces, so no key is used with the same sequence number
//!   twice.
//! - Each side says how many messages it has heard, and sends again those that the other side has not heard. All lanes of the
//!   old connection are over; B reports what they brought, then sends [`peer::FromReceiver::Reopen`], and both open new lanes.
//!
//! # Room for later versions
//!
//! Versions and feature bits are exchanged and confirmed in the handshake, so later additions can depend on them.

pub mod frame;
pub mod manifest;
pub mod name;
pub mod path;
pub mod peer;
pub mod relay;
pub mod thumbnail;

pub use path::RelPath;

use serde::{Deserialize, Serialize};

/// The version of the protocol. Both ends and the relay name theirs in their first message.
pub const VERSION: u16 = 1;

/// The two ends of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Offers files; draws the code.
    Sender,
    /// Types the code; accepts or declines.
    Receiver,
}
