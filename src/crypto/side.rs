//! The two ends of a session, which keys and proofs tell apart.

/// One of the two ends of a session. Each end seals with keys and proves with labels that only it uses, so nothing that it sent
/// can be sent back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that offers files. Its records travel *forward*.
    Sender,
    /// The end that receives files. Its records travel *back*.
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
