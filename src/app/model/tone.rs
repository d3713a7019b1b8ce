//! How good or bad a message is.

/// The tone of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}
