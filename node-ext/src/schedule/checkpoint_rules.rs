//! Whether a checkpoint is due, whose turn it is, and what enough providers can
//! sign. Pure: all that it looks at is handed in.

use super::checkpoints::Plan;
use super::cosign::Holding;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::checkpoint::{BucketSnapshot, leader};
use cairn_primitives::onchain::{BucketInfo, CheckpointWindow};
use cairn_primitives::{BucketId, Commitment, LeafCount, Sequence};

/// A bucket as it stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) id: BucketId,
    /// Its newest commitment.
    pub(crate) commitment: Commitment,
    /// Bytes of all leaves that were ever committed.
    pub(crate) total_size: u64,
}

/// Why no checkpoint of a bucket is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The chain does not list us among its primary providers.
    #[error("this account is no primary provider of it any more")]
    NotPrimary,
    /// Our agreement is over, or none is kept.
    #[error("the agreement with it has ended")]
    Ended,
    /// It is frozen, and our tree starts before that.
    #[error("the chain has frozen it at sequence {0}, and its tree here starts before that")]
    Frozen(Sequence),
    /// The chain has no such bucket.
    #[error("the chain has no such bucket any more")]
    Gone,
    /// It is set apart here.
    #[error("it is in quarantine here: see what `cairn fsck` finds")]
    Quarantined,
    /// Nothing is signed for it here.
    #[error("nothing is signed for it here: `cairn status` says why")]
    NotSigned,
    /// It is not here.
    #[error("the chain holds this account to it, and it is not here: put its folder back")]
    Missing,
}

/// When a checkpoint is to be brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing is new.
    Nothing,
    /// Not before this anchor block, as far as is known now.
    From(u32),
    /// Now, and in this window if there are windows.
    Now(Option<u64>),
}

/// Our place among the primary providers, if the chain has a use for what we
/// sign of the bucket.
pub(crate) fn place(
    info: &BucketInfo,
    account: &AccountId,
    local: &Local,
    anchor: u32,
) -> Result<usize, Stopped> {
    let place = info.place_of(account).ok_or(Stopped::NotPrimary)?;
    let primary = info.primary_providers.get(place);
    let agreement = primary.and_then(|primary| primary.agreement);
    if agreement.is_none_or(|agreement| agreement.expires_at < anchor) {
        return Err(Stopped::Ended);
    }
    match info.frozen_start_seq {
        Some(frozen) if local.commitment.start_seq < frozen => Err(Stopped::Frozen(frozen)),
        _ => Ok(place),
    }
}

/// The sequence after a commitment's last leaf.
pub(crate) fn end(commitment: &Commitment) -> u64 {
    let (start, count) = (commitment.start_seq.0, commitment.leaf_count.get());
    start.saturating_add(count)
}

/// Whether a commitment says more than the last checkpoint: it starts and ends
/// no earlier, and one of the two later.
pub(crate) fn is_news(commitment: &Commitment, snapshot: Option<&BucketSnapshot>) -> bool {
    if commitment.leaf_count.get() == 0 {
        return false;
    }
    let Some(BucketSnapshot {
        commitment: last, ..
    }) = snapshot
    else {
        return true;
    };
    let starts = commitment.start_seq.cmp(&last.start_seq);
    let ends = end(commitment).cmp(&end(last));
    starts.is_ge() && ends.is_ge() && (starts.is_gt() || ends.is_gt())
}

/// What the decision about one bucket looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'q> {
    pub(crate) plan: &'q Plan,
    pub(crate) info: &'q BucketInfo,
    /// Our place among the primary providers.
    pub(crate) place: usize,
    pub(crate) local: &'q Local,
    /// Bytes of all leaves up to the last checkpoint's, where that is known.
    pub(crate) snapshot_size: Option<u64>,
    pub(crate) anchor: u32,
    /// The anchor block at which growth or age was first seen to be enough.
    pub(crate) due_since: Option<u32>,
    /// Whether one is wanted at once, whatever is new.
    pub(crate) is_hurried: bool,
}

impl Question<'_> {
    /// When a checkpoint is to be brought by us.
    pub(crate) fn decide(&self) -> Due {
        if !is_news(&self.local.commitment, self.info.snapshot.as_ref()) {
            return Due::Nothing;
        }
        match self.info.window {
            Some(window) => self.in_windows(&window),
            None => self.without_windows(),
        }
    }

    /// Whether enough has grown, or for long enough; if not, when it will be
    /// for long enough. In windows every one is to have a checkpoint.
    pub(crate) fn ripens(&self) -> Option<u32> {
        let Some(snapshot) = &self.info.snapshot else {
            // The chain knows nothing of the bucket yet.
            return None;
        };
        if self.is_hurried {
            return None;
        }
        let local = &self.local.commitment;
        let leaves = end(local).saturating_sub(end(&snapshot.commitment));
        let bytes = self
            .snapshot_size
            .map_or(0, |size| self.local.total_size.saturating_sub(size));
        if leaves >= self.plan.leaves || bytes >= self.plan.bytes {
            return None;
        }
        let of_age = snapshot.checkpoint_block.saturating_add(self.plan.age);
        (self.anchor < of_age).then_some(of_age)
    }

    fn without_windows(&self) -> Due {
        if let Some(of_age) = self.ripens() {
            return Due::From(of_age);
        }
        let since = self.due_since.unwrap_or(self.anchor);
        // Who goes first changes from one checkpoint to the next.
        let turn = self.info.snapshot.as_ref();
        let turn = turn.map_or(0, |snapshot| snapshot.checkpoint_block);
        let wait = self.rank(turn.into()).saturating_mul(self.plan.stagger);
        self.from(since.saturating_add(wait), None)
    }

    fn in_windows(&self, window: &CheckpointWindow) -> Due {
        let Some(current) = window.window_of(self.anchor) else {
            return Due::Nothing;
        };
        let into = self.anchor.checked_rem(window.interval).unwrap_or(0);
        let start = self.anchor.saturating_sub(into);
        if self.info.last_window.is_some_and(|last| last >= current) {
            return Due::From(start.saturating_add(window.interval));
        }
        let wait = match self.rank(current) {
            0 => 0,
            rank => {
                // All have a turn before the window ends, however short it is.
                let after_grace = window.interval.saturating_sub(window.grace);
                let turns = after_grace.checked_div(self.primaries()).unwrap_or(0);
                let stagger = self.plan.stagger.min(turns);
                let after_first = rank.saturating_sub(1).saturating_mul(stagger);
                window.grace.saturating_add(after_first)
            }
        };
        self.from(start.saturating_add(wait), Some(current))
    }

    fn from(&self, from: u32, window: Option<u64>) -> Due {
        if self.anchor < from {
            Due::From(from)
        } else {
            Due::Now(window)
        }
    }

    fn primaries(&self) -> u32 {
        u32::try_from(self.info.primary_providers.len()).unwrap_or(u32::MAX)
    }

    /// How many go before us: none before the leader, and from there on in the
    /// order of the chain's list.
    fn rank(&self, turn: u64) -> u32 {
        let primaries = self.primaries();
        let place = u32::try_from(self.place).unwrap_or(u32::MAX);
        leader(self.local.id, turn, primaries).map_or(0, |leader| {
            let before = if place >= leader {
                place.checked_sub(leader)
            } else {
                place.saturating_add(primaries).checked_sub(leader)
            };
            before.unwrap_or(0)
        })
    }
}

/// What enough providers can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The current tree at this leaf count.
    Count(LeafCount),
    /// What some have signed for the window already.
    Signed(Commitment),
}

impl Choice {
    fn count(&self) -> LeafCount {
        match self {
            Self::Count(count) => *count,
            Self::Signed(commitment) => commitment.leaf_count,
        }
    }
}

/// The most that at least `least` providers can sign, us among them; `None`
/// where so many cannot sign anything together.
pub(crate) fn choose(own: &Holding, others: &[Holding], least: u32) -> Option<Choice> {
    let least = usize::try_from(least).unwrap_or(usize::MAX).max(1);
    let in_our_tree = |holding: &&Holding| holding.start_seq == own.start_seq;
    let all = || std::iter::once(own).chain(others.iter().filter(in_our_tree));
    let can_sign = |commitment: &Commitment| {
        let can = |holding: &&Holding| holding.can_sign(commitment);
        all().filter(can).count() >= least
    };
    let signed = all()
        .filter_map(|holding| holding.signed)
        .filter(|commitment| commitment.start_seq == own.start_seq)
        .filter(|commitment| own.signed.is_none_or(|signed| signed == *commitment))
        .filter(|commitment| commitment.leaf_count <= own.leaf_count)
        .filter(can_sign)
        .map(Choice::Signed);
    let mut free: Vec<_> = all()
        .filter(|holding| holding.signed.is_none())
        .map(|holding| holding.leaf_count.min(own.leaf_count))
        .collect();
    free.sort_unstable_by(|one, other| other.cmp(one));
    let free = free
        .get(least.saturating_sub(1))
        .filter(|count| own.signed.is_none() && count.get() > 0)
        .map(|count| Choice::Count(*count));
    // Of two that say the same, what is signed already.
    free.into_iter().chain(signed).max_by_key(Choice::count)
}

#[cfg(test)]
mod tests;
