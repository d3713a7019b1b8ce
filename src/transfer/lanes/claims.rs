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
        let is_short = length < full;
        let may_be_short = plan.stream().is_some() && length > 0 && state.short.is_none();
        if length > full || is_short && !may_be_short {
            return Err(Misbehaviour::UnknownBlock);
        }
        let is_new = match &mut state.repairs {
            None => state.claimed.insert(index),
            Some(repairs) => repairs.remove(&index),
        };
        if !is_new {
            return Err(Misbehaviour::BlockTwice);
        }
        if is_short {
            state.short = Some((index, length));
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use super::*;
    use crate::{
        protocol::manifest::{Manifest, OfferKind},
        transfer::{plan::MIN_BLOCK, sink::ordered::Ordered},
    };

    const B: u32 = MIN_BLOCK;

    fn plan(kind: OfferKind, size: u64) -> Plan {
        Plan::new(&Manifest::made_up(kind, &[("file", size)]), |_| true)
    }

    /// Claims of blocks that may come in any order.
    fn claims(held: BlockSet) -> Claims {
        Claims {
            is_in_order: false,
            state: Mutex::new(ClaimState { claimed: held, ..ClaimState::default() }),
        }
    }

    #[test]
    fn a_block_comes_once_and_with_its_length() {
        let plan = plan(OfferKind::Files, 3 * u64::from(B) + 7);
        let mut held = BlockSet::default();
        held.insert(1);
        let claims = claims(held);
        let cases = [
            (0, B, Ok(())),
            (0, B, Err(Misbehaviour::BlockTwice)),
            (1, B, Err(Misbehaviour::BlockTwice)),
            (2, B - 1, Err(Misbehaviour::UnknownBlock)),
            (2, B + 1, Err(Misbehaviour::UnknownBlock)),
            (3, B, Err(Misbehaviour::UnknownBlock)),
            (3, 7, Ok(())),
            (4, B, Err(Misbehaviour::UnknownBlock)),
            (u64::MAX, B, Err(Misbehaviour::UnknownBlock)),
            (2, B, Ok(())),
        ];
        for (index, length, expected) in cases {
            assert_eq!(claims.claim(&plan, index, length), expected, "block {index} of {length} bytes");
        }
    }

    /// A lane that ends with a claimed block in its hands gives the block back to the others.
    #[test]
    fn a_released_block_may_come_again() {
        let plan = plan(OfferKind::Files, 2 * u64::from(B));
        let claims = claims(BlockSet::default());
        claims.claim(&plan, 1, B).unwrap();
        claims.release(1);
        claims.claim(&plan, 1, B).unwrap();
        assert_eq!(claims.claim(&plan, 1, B), Err(Misbehaviour::BlockTwice));
    }

    #[test]
    fn a_repair_comes_once_and_only_if_it_was_asked_for() {
        let plan = plan(OfferKind::Files, 3 * u64::from(B));
        let claims = claims(BlockSet::default());
        for index in 0..3 {
            claims.claim(&plan, index, B).unwrap();
        }
        claims.allow_repairs([1]);
        assert_eq!(claims.claim(&plan, 0, B), Err(Misbehaviour::BlockTwice));
        claims.claim(&plan, 1, B).unwrap();
        assert_eq!(claims.claim(&plan, 1, B), Err(Misbehaviour::BlockTwice));
        claims.release(1);
        claims.claim(&plan, 1, B).unwrap();
    }

    #[test]
    fn a_stream_has_one_short_block_at_its_end() {
        let plan = plan(OfferKind::Stream, 0);
        let claims = claims(BlockSet::default());
        for length in [0, plan.block_size() + 1] {
            assert_eq!(claims.claim(&plan, 0, length), Err(Misbehaviour::UnknownBlock));
        }
        claims.claim(&plan, 1, 5).unwrap();
        assert_eq!(claims.claim(&plan, 2, 6), Err(Misbehaviour::UnknownBlock), "a second short block");
        let whole = u64::from(plan.block_size()) + 5;
        assert!(!claims.is_whole_stream(&plan, whole), "its first block is missing");
        claims.claim(&plan, 0, plan.block_size()).unwrap();
        assert!(claims.is_whole_stream(&plan, whole));
        assert!(!claims.is_whole_stream(&plan, whole + 1));
        assert!(!claims.is_whole_stream(&plan, u64::from(plan.block_size())), "something came after its end");
        claims.release(1);
        claims.claim(&plan, 1, 6).unwrap();
        assert!(claims.is_whole_stream(&plan, whole + 1), "the length of a released block is forgotten");
    }

    /// What comes ahead of its turn is held in memory.
    #[test]
    fn blocks_in_order_run_only_so_far_ahead() {
        let plan = plan(OfferKind::Files, (MAX_GAP + 10) * u64::from(B));
        let sink = Sink::Ordered(Arc::new(Ordered::new(Box::new(io::sink()))));
        let in_order = Claims::new(&sink, BlockSet::default());
        in_order.claim(&plan, MAX_GAP, B).unwrap();
        assert_eq!(in_order.claim(&plan, MAX_GAP + 1, B), Err(Misbehaviour::UnknownBlock));
        in_order.claim(&plan, 0, B).unwrap();
        in_order.claim(&plan, MAX_GAP + 1, B).unwrap();
        claims(BlockSet::default()).claim(&plan, MAX_GAP + 1, B).unwrap();
    }
}
