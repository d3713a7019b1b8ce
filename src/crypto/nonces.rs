//! The nonces of one proof. Each end draws one, so no proof can be used twice.

/// Length of a nonce in bytes. 256 random bits never repeat in practice.
pub(super) const NONCE_LEN: usize = 32;

/// The nonces that the two ends drew for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonces {
    /// The sending side's nonce.
    pub sender: [u8; NONCE_LEN],
    /// The receiving side's nonce.
    pub receiver: [u8; NONCE_LEN],
}
