//! A breadth-first search of a small world: what is released stays out of everybody's reach,
//! whatever anybody does to the chain afterwards.
//!
//! The world is one bucket with an old, pruned tree and a newer one. Others do anything that the
//! pallet permits, in any order: submit the old checkpoint again, add our old signature to one
//! without it, challenge by checkpoint or by signature, ask us for an agreement, end one, expired
//! or not, and let blocks pass. We agree when asked, as long as nothing was released; and we run
//! passes, and release when the rule says so. A node lies to us for less time than the wait, and
//! not about an agreement that we made since we last heard the truth: no rule can detect that.

use super::*;
use crate::retention::free_periods::advance;
use std::collections::VecDeque;

/// The challenge period in anchor blocks.
const PERIOD: u32 = 2;
/// The last anchor block of the world: time to agree, expire, end, and wait twice.
const LAST_BLOCK: u32 = 11;
/// The duration of an agreement in blocks.
const AGREEMENT_BLOCKS: u32 = 2;
const OLD: u64 = 1;
const NEW: u64 = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    anchor: u32,
    /// The last block of our agreement, which makes us a primary provider.
    agreed: Option<u32>,
    /// The checkpoint: whether it is of the old tree, and whether it has our bit.
    snapshot: Option<(bool, bool)>,
    /// The deadline of a challenge of the old tree.
    challenged: Option<u32>,
    /// Our record of the bucket.
    free: Option<(u32, u64)>,
    /// Blocks since our last pass.
    blocks_since_pass: u32,
    /// Blocks for which a node may still lie to us.
    lie_budget: u32,
    /// True if we have agreed since we last heard the truth.
    has_agreed: bool,
    is_released: bool,
}

impl World {
    /// The start: everybody has signed everything, and the agreement is active.
    fn new() -> Self {
        Self {
            anchor: 1,
            agreed: Some(1 + AGREEMENT_BLOCKS),
            snapshot: Some((false, true)),
            challenged: None,
            free: None,
            blocks_since_pass: 0,
            lie_budget: PERIOD,
            has_agreed: false,
            is_released: false,
        }
    }

    fn info(&self) -> BucketInfo {
        BucketInfo {
            snapshot: self.snapshot.and_then(|(is_old, bit)| {
                let of = if is_old { OLD } else { NEW };
                super::snapshot(if is_old { 0 } else { 5 }, of, u8::from(bit) << 1)
            }),
            ..super::info(self.agreed.map(|expires| primary(US, Some(expires))))
        }
    }

    /// Returns true if the old tree can be challenged, by the pallet's rules and not by ours.
    fn can_be_challenged(&self) -> bool {
        let by_checkpoint = self.agreed.is_some() && self.snapshot == Some((true, true));
        let by_signature = self.agreed.is_some_and(|expires| self.anchor <= expires);
        by_checkpoint || by_signature
    }

    /// Runs a pass over the chain's state, or over what a lying node shows, and releases what may
    /// go.
    fn run_pass(&self, is_lie: bool) -> Self {
        let info = match is_lie {
            true => super::info(None),
            false => self.info(),
        };
        let open: Vec<_> = self
            .challenged
            .into_iter()
            .map(|_| challenge(ID, 0, OLD))
            .collect();
        let says = ChainState {
            challenge_period: PERIOD,
            anchor: if is_lie {
                LAST_BLOCK + 100
            } else {
                self.anchor
            },
            open: if is_lie { &[] } else { &open },
            ..chain_state(0, Some(&info), &[])
        };
        let before = self.free.map(|(since, passed)| FreeSince {
            since,
            elapsed: Duration::from_secs(passed),
        });
        let passed = Duration::from_secs(6 * u64::from(self.blocks_since_pass));
        let free = says
            .check_free()
            .is_ok()
            .then(|| advance(before, says.anchor, passed));
        Self {
            free: free.map(|free| (free.since, free.elapsed.as_secs())),
            blocks_since_pass: 0,
            has_agreed: false,
            is_released: self.is_released || says.check_deletable(&candidate(), free).is_ok(),
            ..*self
        }
    }

    /// Adds a block.
    fn add_block(&self) -> Self {
        let anchor = self.anchor + 1;
        Self {
            anchor,
            blocks_since_pass: self.blocks_since_pass + 1,
            // Either answered, or the stake is gone; not the subject here.
            challenged: self.challenged.filter(|deadline| *deadline >= anchor),
            ..*self
        }
    }

    /// Returns all possible next worlds.
    fn next(&self) -> Vec<Self> {
        let mut next = vec![self.run_pass(false)];
        if self.anchor < LAST_BLOCK {
            next.push(self.add_block());
        }
        if self.lie_budget > 0 && !self.has_agreed && self.anchor < LAST_BLOCK {
            // The node lies for a block.
            let lied = self.run_pass(true);
            next.push(lied);
            next.push(Self {
                lie_budget: self.lie_budget - 1,
                ..lied.add_block()
            });
        }
        // `checkpoint`: of either tree, with our old signature or without it.
        for is_old in [true, false] {
            for bit in [true, false] {
                let bit = bit && self.agreed.is_some();
                next.push(Self {
                    snapshot: Some((is_old, bit)),
                    ..*self
                });
            }
        }
        // `extend_checkpoint`, by anybody who has our signature.
        if let (Some((is_old, false)), Some(_)) = (self.snapshot, self.agreed) {
            next.push(Self {
                snapshot: Some((is_old, true)),
                ..*self
            });
        }
        // `end_agreement`, by an admin at any time; the bits go with the position.
        if self.agreed.is_some() {
            next.push(Self {
                agreed: None,
                snapshot: self.snapshot.map(|(is_old, _)| (is_old, false)),
                ..*self
            });
        }
        // `accept_agreement` is our own call, and tombstones raise an alarm.
        if !self.is_released {
            next.push(Self {
                agreed: Some(self.anchor + AGREEMENT_BLOCKS),
                has_agreed: true,
                ..*self
            });
        }
        if self.can_be_challenged() {
            next.push(Self {
                challenged: Some(self.anchor + PERIOD),
                ..*self
            });
        }
        next
    }
}

#[test]
fn i10_no_history_challenges_a_released_tree() {
    let mut seen = HashSet::from([World::new()]);
    let mut to_see = VecDeque::from([World::new()]);
    let mut gone = 0u32;
    while let Some(world) = to_see.pop_front() {
        assert!(
            !world.is_released || (world.challenged.is_none() && !world.can_be_challenged()),
            "what is gone can be asked for: {world:?}"
        );
        gone += u32::from(world.is_released);
        for next in world.next() {
            if seen.insert(next) {
                to_see.push_back(next);
            }
        }
    }
    // The rule must release something, or it would be useless.
    assert!(gone > 0, "none of {} worlds releases the tree", seen.len());
}
