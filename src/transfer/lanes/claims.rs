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

/// Which blocks have come: each may come once, with the length that the plan gives it, and a second time only when it is
/// repaired.
#[derive(Debug)]
pub(crate) struct Claims {
    /// Blocks go out in order, so none may run far ahead of the others.
    is_in_order: bool,
    state: Mutex<ClaimState>,
}

#[derive(Debug, Default)]
struct ClaimState {
    claimed: BlockSet,
    /// Blocks of damaged files that have not come again yet.
    repairs: Option<std::collections::HashSet<u64>>,
    /// A stream's last block, the only short one, and its length.
    short: Option<(u64, u32)>,
}

impl Claims {
    /// For blocks that go to `sink`, all but those that are `held` already.
    pub(crate) fn new(sink: &Sink, held: BlockSet) -> Self {
        let state = ClaimState { claimed: held, ..ClaimState::default() };
        Self { is_in_order: matches!(sink, Sink::Ordered(_)), state: Mutex::new(state) }
    }

    /// Takes block `index` of `length` bytes, or refuses it by name.
    pub(crate) fn claim(&self, plan: &Plan, index: u64, length: u32) -> Result<(), Misbehaviour> {
        let full = plan.block_len(index).ok_or(Misbehaviour::UnknownBlock)?;
        let mut state = self.lock();
        // Where the plan or the disk doesn't bound how many blocks there can be, this bounds the memory for them.
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

    /// A block that was claimed has not come, and may come again.
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

    /// Lets these blocks come once more, and no others.
    pub(crate) fn allow_repairs(&self, blocks: impl IntoIterator<Item = u64>) {
        self.lock().repairs = Some(blocks.into_iter().collect());
    }

    /// Whether a stream of `bytes` has come as a whole, and nothing beyond it.
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
