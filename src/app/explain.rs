//! Puts what happened into words for a person: what happened, whether anything is lost, what to do next. No detail of
//! the system's own wording is hidden, but it never stands alone.

mod amounts;
mod ends;
mod failures;
mod names;
mod program;
mod progress;
mod reach;
#[cfg(test)]
mod tests;

pub(super) use amounts::amount;
pub(super) use ends::{broke, done, is_wish, report};
#[cfg(test)]
pub(super) use failures::{Explained, Standpoint};
pub(super) use failures::{code, cut_off, error, leads_to_settings, relay, standpoint};
pub(super) use names::{left_behind, name, name_of, offered};
pub(super) use program::{host, interrupted, not_discarded, not_opened, problem, start, unsaved};
#[cfg(test)]
pub(super) use progress::stall;
pub(super) use progress::{lost_while_paused, path, phase, progress, refused_port, standstill};
pub(super) use reach::{host_reach, only_here};
