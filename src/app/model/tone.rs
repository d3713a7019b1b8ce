//! How good or bad a message is.

/// The tone of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Tone {
    /// It is no news to the user, or nothing to be done about.
    Quiet,
    Plain,
    Good,
    Warning,
    Bad,
}
