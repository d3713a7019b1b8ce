//! The two ends of a session, as keys and proofs tell them apart.

/// One of the two ends. Each end seals and proves with keys that only it uses, so nothing that it sent can be sent back to it.
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
