//! Decides what becomes of one agreement as a replica. Pure: it reads and writes nothing.

use cairn_chain::ReplicaAgreement;
use cairn_primitives::Commitment;

/// The state of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// The chain has this root confirmed.
    Synced,
    /// A copy is to be made and confirmed, or is being made.
    Due,
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
    /// The last attempt failed, for this reason. It is repeated.
    Failed(String),
}

/// Returns the state of an agreement at an anchor block, by the bucket's last checkpoint.
pub(super) fn plan(
    agreement: &ReplicaAgreement,
    checkpoint: Option<&Commitment>,
    anchor: u32,
) -> ReplicaState {
    if anchor >= agreement.expires_at {
        return ReplicaState::Ended;
    }
    let Some(wanted) = checkpoint.filter(|wanted| wanted.leaf_count.get() > 0) else {
        return ReplicaState::NoCheckpoint;
    };
    if let Some((root, block)) = agreement.last_sync {
        if root == wanted.mmr_root {
            return ReplicaState::Synced;
        }
        let next = block.saturating_add(agreement.min_sync_interval);
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
