//! Cryptography: bytes in, bytes out. Owns key agreement from a code ([`pake`]), the keys of the two encrypted
//! channels ([`kdf`]), the sealing and opening of one record ([`record`]), the way back into a session ([`rejoin`]) and the
//! proof that a direct connection belongs to one ([`direct`]). Called by `transfer`, which joins it to the protocol's
//! messages. It knows no message, no socket and no clock, and does no arithmetic of its own: every primitive comes from
//! a reviewed crate, and each module's tests hold it against published answers.
//!
//! The order of use, on both ends:
//!
//! 1. [`Pake::start`] and [`Pake::finish`] give a [`SharedKey`].
//! 2. [`SharedKey::confirm`] and [`SharedKey::check`] prove it over the [`Transcript`]; nothing else is said before.
//! 3. [`derive()`] makes [`ChannelKeys`] for each [`Channel`] from the sender's [`Stretch`].
//! 4. A [`Sealer`] and an [`Opener`] per lane turn plaintext into records and back.
//! 5. When the connections are lost, a [`RejoinKey`] proves on new ones that it is still the same two, and gives new keys; a
//!    [`DirectKey`] proves it on connections that go around the relay.

mod chains;
pub mod direct;
pub mod kdf;
pub mod pake;
pub mod record;
pub mod rejoin;

pub use direct::DirectKey;
pub use kdf::{Channel, ChannelKeys, RecordKeys, Root, Stretch, derive};
pub use pake::{Pake, SharedKey, Transcript};
pub use record::{Due, Opener, Sealer, sealed_len};
pub use rejoin::{Nonces, RejoinKey};

/// The two ends, as the keys tell them apart: whoever speaks does so with keys that only that end uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that offers files. Its records travel *forward*.
    Sender,
    /// The end that types the code. Its records travel *back*.
    Receiver,
}

impl Side {
    /// The end that this one talks to.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Sender => Side::Receiver,
            Side::Receiver => Side::Sender,
        }
    }
}

/// Why a cryptographic step was refused. None of the texts carries a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The peer's key agreement message has the wrong length, the wrong role, or is no point of the curve.
    #[error("the other side's key agreement message is malformed")]
    BadPakeMessage,
    /// The peer's confirmation does not match: the codes differ, or somebody changed the handshake on its way.
    #[error("the other side used a different code")]
    WrongCode,
    /// The iteration count is outside [`kdf::MIN_ITERATIONS`] and [`kdf::MAX_ITERATIONS`].
    #[error("{asked} key derivation iterations are outside the accepted range")]
    Iterations {
        /// What was asked for.
        asked: u32,
    },
    /// A record was changed, cut short, or sealed under other keys.
    #[error("a record fails its authentication")]
    Forged,
    /// A record's header is not the one due: replayed, reordered, or from another channel, end or lane.
    #[error("a record arrived out of its place")]
    UnexpectedHeader,
    /// A record holds, or claims to hold, more plaintext than allowed.
    #[error("a record of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// The plaintext's length.
        length: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// An authentic record's padding is malformed or disagrees with its header: the peer's program is at fault.
    #[error("a record's padding is malformed")]
    Padding,
    /// The operating system gave no random bytes.
    #[error("the operating system's random generator failed")]
    NoRandomness,
}

#[cfg(test)]
mod tests;
