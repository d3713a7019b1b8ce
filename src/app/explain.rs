//! Puts what happened into words for the user: what happened, whether anything is lost, what to do next. The system's
//! own words about an error are never hidden, and never stand alone.
//!
//! - `amounts`: sizes and durations
//! - `drops`: why something that was dropped is not sent
//! - `ends`: how a transfer ended, and reports
//! - `failures`: why something didn't work
//! - `names`: what transfers and their files are called
//! - `peer`: sentences about the other computer
//! - `program`: what is wrong with the program itself
//! - `progress`: what a transfer is doing
//! - `reach`: who can reach this computer, and a relay that runs on it

mod amounts;
#[cfg(target_os = "linux")]
mod drops;
mod ends;
mod failures;
mod names;
mod peer;
mod program;
mod progress;
mod reach;
#[cfg(test)]
mod tests;

pub(super) use amounts::{amount, duration};
#[cfg(target_os = "linux")]
pub(super) use drops::dropped;
pub(super) use ends::{broke, done, report, tone_of_end};
#[cfg(test)]
pub(super) use failures::{Explained, Standpoint};
pub(super) use failures::{code, cut_off, error, iroh, leads_to_settings, not_kept, relay, standpoint};
pub(super) use names::{left_behind, name, name_of, offered};
pub(super) use peer::{about, sentence};
pub(super) use program::{
    host, interrupted, not_changed, not_discarded, not_opened, not_relocated, only_shown, problem, start,
    unsaved,
};
pub(super) use progress::{
    calling, lost_while_paused, moving_files, path, progress, refused_port, standstill, totals,
};
#[cfg(test)]
pub(super) use progress::{phase, stall};
pub(super) use reach::{
    at_stake, codes_lead, host_reach, invitation, lost_by_closing, online, only_here, waiting,
};
