//! Cryptography: bytes in, bytes out. Owns key agreement from a code ([`pake`]), the keys of the two encrypted
//! channels ([`kdf`]), the sealing and opening of one record ([`record`]), the reconnect to a session ([`reconnect`]) and the
//! proof that a direct connection belongs to a session ([`direct`]). Called by `transfer`, which joins it to the protocol's
//! messages. The proof of a relay's access password ([`access`]) is called by `net::access`. It knows no message, socket or clock.
//!
//! Every primitive comes from an established crate, and this module composes them. It computes only one thing itself: the
//! chaining of CBC encryption, over the block cipher of `aes` (`chains`). Not all of these crates have been reviewed: `aes` has
//! had one audit, and `spake2` says of itself that it has never had an independent one. The tests compare AES-CBC, HMAC,
//! HKDF, PBKDF2 and keyed BLAKE3 with published answers. They don't do so for SPAKE2: there they check that both ends agree,
//! and that every deviation is refused.
//!
//! Both ends use the parts in this order:
//!
//! 1. [`Pake::start`] and [`Pake::finish`] give a [`SharedKey`].
//! 2. [`SharedKey::confirm`] and [`SharedKey::check`] prove that key over the [`Transcript`]; nothing else is said before that.
//! 3. [`Root::stretch`] stretches the code and the key as the sender's [`Stretch`] says; the root has the [`ChannelKeys`] of each
//!    [`Channel`].
//! 4. A [`Sealer`] and an [`Opener`] per lane turn plaintext into records and back.
//! 5. When the connections are lost, a [`ReconnectKey`] proves on new ones that both ends are still the same, and gives new
//!    keys; a [`DirectKey`] proves that a connection which goes around the relay belongs to the session.
//! 6. A [`KnownPair`] gives both sides the codes under which they can meet on later days.

pub mod access;
mod chains;
pub mod direct;
mod error;
pub(crate) mod fuzzing;
pub mod kdf;
pub mod meeting_key;
mod nonces;
pub mod pair;
pub mod pake;
pub mod reconnect;
pub mod record;
mod secret;
pub mod sender_id;
mod side;

pub use direct::DirectKey;
pub use error::CryptoError;
pub use kdf::{Channel, ChannelKeys, RecordKeys, Root, Stretch};
pub use nonces::Nonces;
pub use pair::{CallSecret, KnownPair, PairId, PairKey};
pub use pake::{Pake, SharedKey, Transcript};
pub use reconnect::ReconnectKey;
pub use record::{Due, Opener, Sealer, sealed_len};
pub use side::Side;

#[cfg(test)]
mod tests;
