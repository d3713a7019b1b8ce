//! The errors of this module's parts.

/// Why a cryptographic step was refused. None of the texts carries a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The peer's key agreement message has the wrong length, the wrong role, or is no point of the curve.
    #[error("the other side's key agreement message is malformed")]
    BadPakeMessage,
    /// The tag by which the peer proves its key does not match: the codes or the session's secrets differ, or the handshake was
    /// changed on its way.
    #[error("the other side used a different code")]
    WrongCode,
    /// The number of PBKDF2 iterations is below [`MIN_ITERATIONS`](super::kdf::MIN_ITERATIONS) or above
    /// [`MAX_ITERATIONS`](super::kdf::MAX_ITERATIONS).
    #[error("{asked} key derivation iterations are outside the accepted range")]
    Iterations {
        /// The number that was asked for.
        asked: u32,
    },
    /// A record was changed, cut short, or sealed under other keys.
    #[error("a record fails its authentication")]
    Forged,
    /// A record's header is not the one that is due. The record was replayed or reordered, or is from another channel, end or
    /// lane.
    #[error("a record arrived out of order")]
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
