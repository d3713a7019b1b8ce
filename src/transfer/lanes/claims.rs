//! Which blocks a receiver has taken in. Pure.

use std::sync::{Mutex, MutexGuard};

use crate::{
    sync::lock,
    transfer::{
        error::Misbehaviour,
        plan::{
            Plan,
            blocks::{BlockSet, MAX_GAP},
        },
        sink::Sink,
    },
};

/// The blocks that a receiver has taken in. Each block may come once, with the length that the plan gives it, and a second
/// time only when it is repaired.
#[derive(Debug)]
pub(crate) struct Claims {
    /// Whether blocks leave the sink in order, so that no block may run far ahead of the first missing one.
    is_in_order: bool,
    state: Mutex<ClaimState>,
}

#[derive(Debug, Default)]
struct ClaimState {
    claimed: BlockSet,
    /// The blocks of damaged files that have not come again yet; `None` before any repair.
    repairs: Option<std::collections::HashSet<u64>>,
    /// The number and the length of a stream's last block, the only one that may be short.
    short: Option<(u64, u32)>,
}

impl Claims {
    /// Claims for the blocks that go to `sink`: all but the `held` ones, which the receiver has already.
    pub(crate) fn new(sink: &Sink, held: BlockSet) -> Self {
        let state = ClaimState { claimed: held, ..ClaimState::default() };
        Self { is_in_order: matches!(sink, Sink::Ordered(_)), state: Mutex::new(state) }
    }

    /// Takes block `index` of `length` bytes.
    ///
    /// # Errors
    ///
    /// [`Misbehaviour::UnknownBlock`] if the plan has no such block of this length or the block is too far ahead, and
    /// [`Misbehaviour::BlockTwice`] if it was taken before.
    pub(crate) fn claim(&self, plan: &Plan, index: u64, length: u32) -> Result<(), Misbehaviour> {
        let full = plan.block_len(index).ok_or(Misbehaviour::UnknownBlock)?;
        let mut state = self.lock();
        // Where neither the plan nor the disk bounds the number of blocks, this bounds the memory that they take.
        let is_bounded = plan.stream().is_some() || self.is_in_order;
        if is_bounded && index > state.claimed.first_missing() + MAX_GAP {
            return Err(Misbehaviour::UnknownBlock);
        }
        if plan.stream().is_some() {
            if length == 0 || length > full {
                return Err(Misbehaviour::UnknownBlock);
            }
            if length < full && state.short.replace((index, length)).is_some() {
                return Err(Misbehaviour::UnknownBlock);
            }
        } else if length != full {
            return Err(Misbehaviour::UnknownBlock);
        }
        let is_new = match &mut state.repairs {
            None => state.claimed.insert(index),
            Some(repairs) => repairs.remove(&index),
        };
        if is_new { Ok(()) } else { Err(Misbehaviour::BlockTwice) }
    }

    /// Takes back the claim to a block that did not arrive after all, so that the block may come again.
    pub(crate) fn release(&self, index: u64) {
        let mut state = self.lock();
        if let Some(repairs) = &mut state.repairs {
            repairs.insert(index);
        } else {
            state.claimed.remove(index);
        }
        if state.short.is_some_and(|(short, _)| short == index) {
            state.short = None;
        }
    }

    /// Lets each of these blocks come once more, and no other block.
    pub(crate) fn allow_repairs(&self, blocks: impl IntoIterator<Item = u64>) {
        self.lock().repairs = Some(blocks.into_iter().collect());
    }

    /// Whether every block of a stream of `bytes` bytes has come, and nothing beyond its end.
    pub(crate) fn is_whole_stream(&self, plan: &Plan, bytes: u64) -> bool {
        let block_size = u64::from(plan.block_size());
        let state = self.lock();
        let blocks = bytes.div_ceil(block_size);
        let tail = (bytes % block_size) as u32;
        let short = (tail > 0).then(|| (blocks - 1, tail));
        state.claimed.len() == blocks && state.claimed.first_missing() == blocks && state.short == short
    }

    fn lock(&self) -> MutexGuard<'_, ClaimState> {
        lock(&self.state)
    }
}
