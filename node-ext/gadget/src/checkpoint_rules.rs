//! The rules for checkpoints: when one is due, whose turn it is, and what enough providers can
//! sign. Pure.

use super::cosign::HeldState;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::checkpoint::{BucketSnapshot, leader};
use cairn_primitives::onchain::{BucketInfo, CheckpointWindow};
use cairn_primitives::{BucketId, Commitment, LeafCount, Sequence};
use std::num::NonZeroUsize;
use std::time::Duration;

/// A validated configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckpointPolicy {
    pub(crate) leaves: u64,
    pub(crate) bytes: u64,
    pub(crate) age: u32,
    pub(crate) stagger: u32,
    pub(crate) retry: u32,
    pub(crate) submission_timeout: u32,
    pub(crate) refresh: u32,
    pub(crate) answer_timeout: Duration,
    pub(crate) concurrency: NonZeroUsize,
}

/// The state of a bucket on this provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalState {
    pub(crate) id: BucketId,
    /// The newest commitment.
    pub(crate) commitment: Commitment,
    /// The bytes of all leaves ever committed.
    pub(crate) total_size: u64,
}

/// Reasons why no checkpoint of a bucket is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockedReason {
    /// The chain does not list this account among the primary providers.
    #[error("this account is not a primary provider of the bucket")]
    NotPrimary,
    /// The account's agreement has expired, or there is none.
    #[error("the agreement for the bucket has ended")]
    AgreementEnded,
    /// The bucket is frozen, and its tree here starts before the freeze.
    #[error(
        "the chain has frozen the bucket at sequence {0}, but its tree here starts before \
             that"
    )]
    Frozen(Sequence),
    /// The chain does not know the bucket.
    #[error("the chain does not know the bucket")]
    NotOnChain,
    /// The bucket is in quarantine.
    #[error("the bucket is in quarantine")]
    Quarantined,
    /// This provider signs nothing for the bucket.
    #[error("this provider signs nothing for the bucket")]
    SigningRefused,
    /// The bucket's folder is missing.
    #[error("the chain holds this account to the bucket, but its folder is missing")]
    Missing,
}

/// When a checkpoint is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointDue {
    /// There is nothing new, and no window of ours to fill.
    Nothing,
    /// Not before this anchor block, as far as known.
    NotBefore(u32),
    /// Now; in this window, if the chain has windows.
    Now(Option<u64>),
    /// Not by this account: outside of windows, only admins and writers of a bucket submit. This
    /// provider signs for them.
    ByWriters,
}

/// Returns our position among the primary providers, if the chain would accept our signature for
/// the bucket.
pub(crate) fn primary_position(
    info: &BucketInfo,
    account: &AccountId,
    local: &LocalState,
    anchor: u32,
) -> Result<usize, BlockedReason> {
    let place = info
        .primary_index_of(account)
        .ok_or(BlockedReason::NotPrimary)?;
    let primary = info.primary_providers.get(place);
    let agreement = primary.and_then(|primary| primary.agreement);
    if agreement.is_none_or(|agreement| !agreement.holds_at(anchor)) {
        return Err(BlockedReason::AgreementEnded);
    }
    match info.frozen_start_seq {
        Some(frozen) if local.commitment.start_seq < frozen => Err(BlockedReason::Frozen(frozen)),
        _ => Ok(place),
    }
}

/// Returns the sequence after a commitment's last leaf.
pub(crate) fn end_sequence(commitment: &Commitment) -> u64 {
    let (start, count) = (commitment.start_seq.0, commitment.leaf_count.get());
    start.saturating_add(count)
}

/// Returns true if a commitment advances the last checkpoint: it starts and ends no earlier, and
/// one of the two is later.
pub(crate) fn advances(commitment: &Commitment, snapshot: Option<&BucketSnapshot>) -> bool {
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
    let ends = end_sequence(commitment).cmp(&end_sequence(last));
    starts.is_ge() && ends.is_ge() && (starts.is_gt() || ends.is_gt())
}

/// Returns true if an account leads a window of a bucket. The chain takes a penalty from the
/// leader's stake for a window without a checkpoint, even if the bucket has nothing new.
pub(crate) fn leads(info: &BucketInfo, id: BucketId, account: &AccountId, window: u64) -> bool {
    let primaries = u32::try_from(info.primary_providers.len()).unwrap_or(u32::MAX);
    let place = info.primary_index_of(account);
    let place = place.and_then(|place| u32::try_from(place).ok());
    place.is_some() && leader(id, window, primaries) == place
}

/// The inputs of the decision about one bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluation<'q> {
    pub(crate) plan: &'q CheckpointPolicy,
    pub(crate) info: &'q BucketInfo,
    /// Our account.
    pub(crate) account: &'q AccountId,
    /// Our position among the primary providers.
    pub(crate) position: usize,
    pub(crate) local: &'q LocalState,
    /// The bytes of all leaves up to the last checkpoint's, if known.
    pub(crate) snapshot_size: Option<u64>,
    pub(crate) anchor: u32,
    /// The anchor block at which growth or age first sufficed.
    pub(crate) due_since: Option<u32>,
    /// True if a checkpoint is wanted at once, however little is new.
    pub(crate) is_urgent: bool,
}

impl Evaluation<'_> {
    /// Decides when we submit a checkpoint.
    pub(crate) fn decide(&self) -> CheckpointDue {
        // An empty bucket has nothing to sign, even for a window.
        if self.local.commitment.leaf_count.get() == 0 {
            return CheckpointDue::Nothing;
        }
        let is_new = advances(&self.local.commitment, self.info.snapshot.as_ref());
        match self.info.window {
            Some(window) => self.due_in_window(&window, is_new),
            None if !is_new => CheckpointDue::Nothing,
            None if !self.info.may_checkpoint(self.account) => CheckpointDue::ByWriters,
            None => self.due_without_windows(),
        }
    }

    /// Returns the anchor block at which age will suffice, or `None` if growth or age suffices
    /// already. Does not apply to windows, each of which should have a checkpoint.
    pub(crate) fn age_due_at(&self) -> Option<u32> {
        let Some(snapshot) = &self.info.snapshot else {
            // The bucket has no checkpoint yet.
            return None;
        };
        if self.is_urgent {
            return None;
        }
        let local = &self.local.commitment;
        let leaves = end_sequence(local).saturating_sub(end_sequence(&snapshot.commitment));
        let bytes = self
            .snapshot_size
            .map_or(0, |size| self.local.total_size.saturating_sub(size));
        if leaves >= self.plan.leaves || bytes >= self.plan.bytes {
            return None;
        }
        let of_age = snapshot.checkpoint_block.saturating_add(self.plan.age);
        (self.anchor < of_age).then_some(of_age)
    }

    fn due_without_windows(&self) -> CheckpointDue {
        if let Some(of_age) = self.age_due_at() {
            return CheckpointDue::NotBefore(of_age);
        }
        let since = self.due_since.unwrap_or(self.anchor);
        // The first turn rotates with each checkpoint.
        let turn = self.info.snapshot.as_ref();
        let turn = turn.map_or(0, |snapshot| snapshot.checkpoint_block);
        let wait = self
            .turn_rank(turn.into())
            .saturating_mul(self.plan.stagger);
        self.due_from(since.saturating_add(wait), None)
    }

    fn due_in_window(&self, window: &CheckpointWindow, is_new: bool) -> CheckpointDue {
        let Some(current) = window.window_of(self.anchor) else {
            return CheckpointDue::Nothing;
        };
        let is_done = self.info.last_window.is_some_and(|last| last >= current);
        if !is_new {
            // The chain penalises the leader of a window without a checkpoint, also if nothing is
            // new, and accepts what it has already. Nobody has to stand in for the leader then.
            let is_ours = leads(self.info, self.local.id, self.account, current);
            return match is_ours && !is_done {
                true => CheckpointDue::Now(Some(current)),
                false => CheckpointDue::Nothing,
            };
        }
        let into = self.anchor.checked_rem(window.interval).unwrap_or(0);
        let start = self.anchor.saturating_sub(into);
        if is_done {
            return CheckpointDue::NotBefore(start.saturating_add(window.interval));
        }
        let wait = match self.turn_rank(current) {
            0 => 0,
            rank => {
                // Everybody has a turn before the window ends, however short it is.
                let after_grace = window.interval.saturating_sub(window.grace);
                let turns = after_grace.checked_div(self.primary_count()).unwrap_or(0);
                let stagger = self.plan.stagger.min(turns);
                let after_first = rank.saturating_sub(1).saturating_mul(stagger);
                window.grace.saturating_add(after_first)
            }
        };
        self.due_from(start.saturating_add(wait), Some(current))
    }

    fn due_from(&self, from: u32, window: Option<u64>) -> CheckpointDue {
        if self.anchor < from {
            CheckpointDue::NotBefore(from)
        } else {
            CheckpointDue::Now(window)
        }
    }

    fn primary_count(&self) -> u32 {
        u32::try_from(self.info.primary_providers.len()).unwrap_or(u32::MAX)
    }

    /// Returns how many providers have a turn before us: the leader first, then the others in the
    /// order of the chain's list.
    fn turn_rank(&self, turn: u64) -> u32 {
        let primaries = self.primary_count();
        let place = u32::try_from(self.position).unwrap_or(u32::MAX);
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

/// A commitment that enough providers can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignableState {
    /// The current tree at this leaf count.
    AtCount(LeafCount),
    /// A commitment that some have already signed for the window.
    Signed(Commitment),
}

impl SignableState {
    fn leaf_count(&self) -> LeafCount {
        match self {
            Self::AtCount(count) => *count,
            Self::Signed(commitment) => commitment.leaf_count,
        }
    }
}

/// Returns the largest commitment that at least `least` providers can sign, us among them, or
/// `None` if they have none in common.
pub(crate) fn choose_signable(
    own: &HeldState,
    others: &[HeldState],
    least: u32,
) -> Option<SignableState> {
    let least = usize::try_from(least).unwrap_or(usize::MAX).max(1);
    let in_our_tree = |held_state: &&HeldState| held_state.start_seq == own.start_seq;
    let all = || std::iter::once(own).chain(others.iter().filter(in_our_tree));
    let can_sign = |commitment: &Commitment| {
        let can = |held_state: &&HeldState| held_state.can_sign(commitment);
        all().filter(can).count() >= least
    };
    let signed = all()
        .filter_map(|held_state| held_state.signed)
        .filter(|commitment| commitment.start_seq == own.start_seq)
        .filter(|commitment| own.signed.is_none_or(|signed| signed == *commitment))
        .filter(|commitment| commitment.leaf_count <= own.leaf_count)
        .filter(can_sign)
        .map(SignableState::Signed);
    let mut free: Vec<_> = all()
        .filter(|held_state| held_state.signed.is_none())
        .map(|held_state| held_state.leaf_count.min(own.leaf_count))
        .collect();
    free.sort_unstable_by(|one, other| other.cmp(one));
    let free = free
        .get(least.saturating_sub(1))
        .filter(|count| own.signed.is_none() && count.get() > 0)
        .map(|count| SignableState::AtCount(*count));
    // Among equals prefer the one that is signed already.
    free.into_iter()
        .chain(signed)
        .max_by_key(SignableState::leaf_count)
}

#[cfg(test)]
mod tests;
