//! Why a key exchange fails.

/// Why a key exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PakeError {
    /// The message is not one of this exchange.
    #[error("a message of the key exchange could not be understood")]
    Malformed,
    /// The message is of the role that this side has.
    #[error("both sides have the same role in the key exchange")]
    SameRole,
    /// The point isn't on the curve, or leads to a key that everyone knows.
    #[error("a point of the key exchange is not on its curve")]
    NotOnCurve,
    /// The peer names a curve that isn't known here.
    #[error("the peer asks for a curve that isn't known here")]
    UnknownCurve,
    /// The system gave no random bytes.
    #[error("the system has no random bytes")]
    NoRandomness,
}
