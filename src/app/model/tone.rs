//! How good or bad a piece of news is.

/// What a tinted box is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}
