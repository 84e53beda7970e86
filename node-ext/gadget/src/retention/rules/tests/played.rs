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
use crate::retention::waits::wait;
use std::collections::VecDeque;

/// The challenge period in anchor blocks.
const PERIOD: u32 = 2;
/// The last anchor block of the world: time to agree, expire, end, and wait twice.
const END: u32 = 11;
/// The duration of an agreement in blocks.
const TERM: u32 = 2;
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
    unseen: u32,
    /// Blocks for which a node may still lie to us.
    lies: u32,
    /// True if we have agreed since we last heard the truth.
    has_agreed: bool,
    is_gone: bool,
}

impl World {
    /// The start: everybody has signed everything, and the agreement is active.
    fn new() -> Self {
        Self {
            anchor: 1,
            agreed: Some(1 + TERM),
            snapshot: Some((false, true)),
            challenged: None,
            free: None,
            unseen: 0,
            lies: PERIOD,
            has_agreed: false,
            is_gone: false,
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
    fn look(&self, is_lie: bool) -> Self {
        let info = match is_lie {
            true => super::info(None),
            false => self.info(),
        };
        let open: Vec<_> = self
            .challenged
            .into_iter()
            .map(|_| challenge(ID, 0, OLD))
            .collect();
        let says = ChainSays {
            challenge_period: PERIOD,
            anchor: if is_lie { END + 100 } else { self.anchor },
            open: if is_lie { &[] } else { &open },
            ..says(0, Some(&info), &[])
        };
        let before = self.free.map(|(since, passed)| Free {
            since,
            passed: Duration::from_secs(passed),
        });
        let passed = Duration::from_secs(6 * u64::from(self.unseen));
        let free = says
            .is_free()
            .is_ok()
            .then(|| wait(before, says.anchor, passed));
        Self {
            free: free.map(|free| (free.since, free.passed.as_secs())),
            unseen: 0,
            has_agreed: false,
            is_gone: self.is_gone || says.may_go(&going(), free).is_ok(),
            ..*self
        }
    }

    /// Adds a block.
    fn block(&self) -> Self {
        let anchor = self.anchor + 1;
        Self {
            anchor,
            unseen: self.unseen + 1,
            // Either answered, or the stake is gone; not the subject here.
            challenged: self.challenged.filter(|deadline| *deadline >= anchor),
            ..*self
        }
    }

    /// Returns all possible next worlds.
    fn next(&self) -> Vec<Self> {
        let mut next = vec![self.look(false)];
        if self.anchor < END {
            next.push(self.block());
        }
        if self.lies > 0 && !self.has_agreed && self.anchor < END {
            // The node lies for a block.
            let lied = self.look(true);
            next.push(lied);
            next.push(Self {
                lies: self.lies - 1,
                ..lied.block()
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
        if !self.is_gone {
            next.push(Self {
                agreed: Some(self.anchor + TERM),
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
fn i10_what_is_let_go_is_never_asked_for_whatever_anybody_does_to_the_chain() {
    let mut seen = HashSet::from([World::new()]);
    let mut to_see = VecDeque::from([World::new()]);
    let mut gone = 0u32;
    while let Some(world) = to_see.pop_front() {
        assert!(
            !world.is_gone || (world.challenged.is_none() && !world.can_be_challenged()),
            "what is gone can be asked for: {world:?}"
        );
        gone += u32::from(world.is_gone);
        for next in world.next() {
            if seen.insert(next) {
                to_see.push_back(next);
            }
        }
    }
    // The rule must release something, or it would be useless.
    assert!(gone > 0, "none of {} worlds releases the tree", seen.len());
}
