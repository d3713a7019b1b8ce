//! What both ends draw for one proof, so that no proof is good twice.

/// Length of a nonce.
pub(super) const NONCE_LEN: usize = 32;

/// Both ends' nonces for one return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonces {
    /// The sending side's.
    pub sender: [u8; NONCE_LEN],
    /// The receiving side's.
    pub receiver: [u8; NONCE_LEN],
}
