//! The window without a display: made-up events against its state and its views, and whole transfers between two of them.

pub(super) mod made_up;
