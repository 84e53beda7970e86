//! Decides what becomes of one agreement as a replica. Pure: it reads and writes nothing.

use cairn_chain::ReplicaAgreement;
use cairn_primitives::{Commitment, Sequence};

/// The state of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// The chain has this root confirmed.
    Synced,
    /// A copy is to be made and confirmed, or is being made.
    Due,
    /// A copy would be made and confirmed, but the operator has not switched that on.
    Off,
    /// The bucket has no checkpoint yet.
    NoCheckpoint,
    /// The agreement has ended.
    Ended,
    /// The interval since the last confirmation has not passed.
    TooSoon {
        /// The anchor blocks that are left.
        blocks: u32,
    },
    /// Nobody pays for a confirmation: the owner has to top the agreement up.
    Unpaid {
        /// The price of a confirmation.
        price: u128,
        /// The balance that is left.
        balance: u128,
    },
    /// The last confirmation is of something that cannot be proven here: a challenge of it costs
    /// the stake. It is copied again, also if nobody pays.
    Missing,
    /// The copy ends before the tree of the last checkpoint starts, and the leaves in between were
    /// pruned at the primary providers: nothing continues it. What it has confirmed can be proven.
    LeftBehind {
        /// The start of the tree of the last checkpoint.
        wanted: Sequence,
    },
    /// The copy is here, and its confirmation waits for this reason.
    Waiting(String),
    /// The last attempt failed, for this reason. It is repeated.
    Failed(String),
}

/// The next steps for one agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) state: ReplicaState,
    /// True if the bucket is to be copied up to its last checkpoint.
    pub(super) copies: bool,
    /// True if that is to be confirmed then.
    pub(super) confirms: bool,
}

impl Plan {
    /// Returns the plan of a provider that keeps no replicas.
    pub(super) fn switched_off(self) -> Self {
        let state = match self.state {
            ReplicaState::Due => ReplicaState::Off,
            state => state,
        };
        Self {
            state,
            copies: false,
            confirms: false,
        }
    }
}

/// Plans for an agreement at an anchor block, by the bucket's last checkpoint. `is_provable` tells
/// whether the last confirmation can be proven here.
pub(super) fn plan(
    agreement: &ReplicaAgreement,
    checkpoint: Option<&Commitment>,
    anchor: u32,
    is_provable: bool,
) -> Plan {
    let checkpoint = checkpoint.filter(|wanted| wanted.leaf_count.get() > 0);
    let state = by_chain(agreement, checkpoint, anchor);
    let confirms = state == ReplicaState::Due;
    let is_missing = !is_provable && state != ReplicaState::Ended;
    Plan {
        copies: confirms || (is_missing && checkpoint.is_some()),
        confirms,
        state: match is_missing {
            true => ReplicaState::Missing,
            false => state,
        },
    }
}

/// Returns the state as the chain alone tells it.
fn by_chain(
    agreement: &ReplicaAgreement,
    checkpoint: Option<&Commitment>,
    anchor: u32,
) -> ReplicaState {
    if anchor >= agreement.expires_at {
        return ReplicaState::Ended;
    }
    let Some(wanted) = checkpoint else {
        return ReplicaState::NoCheckpoint;
    };
    if let Some(last) = agreement.last_sync {
        if last.commitment.mmr_root == wanted.mmr_root {
            return ReplicaState::Synced;
        }
        let next = last.block.saturating_add(agreement.min_sync_interval);
        if let Some(blocks) = next.checked_sub(anchor).filter(|left| *left > 0) {
            return ReplicaState::TooSoon { blocks };
        }
    }
    let (price, balance) = (agreement.sync_price, agreement.sync_balance);
    match balance < price {
        true => ReplicaState::Unpaid { price, balance },
        false => ReplicaState::Due,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_chain::LastSync;
    use cairn_primitives::{H256, LeafCount};

    const WANTED: u8 = 1;

    fn agreement(balance: u128, last: Option<(u8, u32)>) -> ReplicaAgreement {
        ReplicaAgreement {
            max_bytes: 1 << 20,
            expires_at: 1_000,
            sync_balance: balance,
            sync_price: 4,
            min_sync_interval: 50,
            last_sync: last.map(|(root, block)| LastSync::of_root(H256::repeat_byte(root), block)),
        }
    }

    fn planned(agreement: ReplicaAgreement, anchor: u32, is_provable: bool) -> Plan {
        let checkpoint = Commitment {
            mmr_root: H256::repeat_byte(WANTED),
            start_seq: Sequence(0),
            leaf_count: LeafCount::new(3).unwrap(),
        };
        plan(&agreement, Some(&checkpoint), anchor, is_provable)
    }

    #[test]
    fn a_confirmation_waits_for_its_interval_and_its_price() {
        let due = planned(agreement(4, Some((2, 100))), 150, true);
        assert_eq!(due.state, ReplicaState::Due);
        assert!(due.copies && due.confirms);
        let soon = planned(agreement(4, Some((2, 100))), 149, true);
        assert_eq!(soon.state, ReplicaState::TooSoon { blocks: 1 });
        let unpaid = planned(agreement(3, Some((2, 100))), 150, true);
        let (price, balance) = (4, 3);
        assert_eq!(unpaid.state, ReplicaState::Unpaid { price, balance });
        let synced = planned(agreement(4, Some((WANTED, 100))), 150, true);
        assert_eq!(synced.state, ReplicaState::Synced);
        for idle in [soon, unpaid, synced] {
            assert!(!idle.copies && !idle.confirms, "{idle:?}");
        }
    }

    #[test]
    fn content_that_was_confirmed_and_is_missing_is_copied_though_nobody_pays() {
        for (balance, last, anchor, confirms) in [
            // The chain has it confirmed.
            (4, (WANTED, 100), 150, false),
            // Too soon, and nobody pays.
            (4, (2, 100), 120, false),
            (3, (2, 100), 150, false),
            (4, (2, 100), 150, true),
        ] {
            let plan = planned(agreement(balance, Some(last)), anchor, false);
            let expected = Plan {
                state: ReplicaState::Missing,
                copies: true,
                confirms,
            };
            assert_eq!(plan, expected);
            let off = plan.switched_off();
            assert_eq!(off.state, ReplicaState::Missing);
            assert!(!off.copies && !off.confirms);
        }
        let ended = planned(agreement(4, Some((2, 100))), 1_000, false);
        assert_eq!(ended.state, ReplicaState::Ended);
        assert!(!ended.copies);
    }

    #[test]
    fn nothing_is_done_while_it_is_switched_off() {
        let off = planned(agreement(4, None), 150, true).switched_off();
        assert_eq!(off.state, ReplicaState::Off);
        assert!(!off.copies && !off.confirms);
    }
}
