//! Brings a copy of a bucket to a commitment: which leaves are missing, from which peer, in which
//! order.
//!
//! ```text
//! commitment ─► peaks, from one leaf of each mountain, which must bag to the root
//!            ─► is the copy a beginning of that tree?
//!            ─► leaves in order, each checked against its peak
//!            ─► their content, each chunk and node checked against its hash
//!            ─► commit; the copy is a longer beginning, and an interruption loses nothing
//! ```

use crate::content::{ContentFetch, run_blocking};
use crate::error::{SyncError, SyncFailure};
use crate::peer::{ClaimedLeaf, Peer, PeerError};
use crate::store::{CopyState, Store};
use crate::target::{Target, walk};
use cairn_bucket::{NewLeaf, TreeStart};
use cairn_primitives::mmr::mountains;
use cairn_primitives::{BucketId, Commitment, LeafCount, LeafIndex, MmrLeaf};
use futures::stream::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::Duration;

/// A bucket, and the state that its copy is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// The bucket.
    pub bucket: BucketId,
    /// The commitment to bring the copy to. Its root is all that is trusted.
    pub commitment: Commitment,
    /// The most bytes of one leaf, as of the agreement. The copy's quota bounds them all.
    pub max_leaf_bytes: u64,
}

/// How much is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncLimits {
    /// Requests to a peer at once: 4, so that a primary provider serves its clients meanwhile.
    pub requests_at_once: usize,
    /// Leaves that are fetched before they are committed: 64. An interruption loses no more.
    pub leaves_at_once: u64,
    /// How long one peer may take, if there is a limit: then another one is asked. What was copied
    /// stays.
    pub time_per_peer: Option<Duration>,
}

impl Default for SyncLimits {
    fn default() -> Self {
        Self {
            requests_at_once: 4,
            leaves_at_once: 64,
            time_per_peer: None,
        }
    }
}

/// The progress of a synchronisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncProgress {
    /// The leaves that the copy has.
    pub leaves: u64,
    /// The leaves that it is to have.
    pub total: u64,
}

/// The result of a synchronisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The leaves that were added.
    pub leaves_added: u64,
    /// Their bytes.
    pub bytes_added: u64,
}

/// Brings a copy to a commitment with the help of peers, one after another until one of them
/// suffices. A peer that fails costs the time until it fails, and what it had sent is kept.
///
/// # Errors
///
/// [`SyncFailure`]; the copy is then a beginning of the wanted tree, or unchanged.
pub async fn sync(
    store: Arc<dyn Store>,
    peers: &[Arc<dyn Peer>],
    request: SyncRequest,
    limits: SyncLimits,
    progress: &(dyn Fn(SyncProgress) + Send + Sync),
) -> Result<Synced, SyncFailure> {
    if request.commitment.leaf_count.get() == 0 {
        return Err(SyncFailure::NoLeaves);
    }
    let mut done = Synced {
        leaves_added: 0,
        bytes_added: 0,
    };
    let mut failed = Vec::new();
    for peer in peers {
        let mut work = PeerSync {
            peer: &**peer,
            store: &store,
            request,
            limits,
            progress,
            done: &mut done,
        };
        match work.run_in_time().await {
            Ok(()) => return Ok(done),
            Err(SyncError::Peer(error)) => {
                tracing::warn!(
                    bucket = %request.bucket, peer = peer.name(), %error,
                    "a provider is of no use as a source"
                );
                failed.push((peer.name(), error));
            }
            Err(SyncError::Store(error)) => return Err(error.into()),
            Err(SyncError::Stopped) => return Err(SyncFailure::Stopped),
            Err(SyncError::Final(failure)) => return Err(failure),
            Err(error @ (SyncError::NotPadded(_) | SyncError::Unprovable(_))) => {
                return Err(SyncFailure::Unprovable {
                    index: 0,
                    reason: error.to_string(),
                });
            }
        }
    }
    match failed.is_empty() {
        true => Err(SyncFailure::NoPeer),
        false => Err(SyncFailure::Peers(failed)),
    }
}

/// The work with one peer.
struct PeerSync<'s> {
    peer: &'s dyn Peer,
    store: &'s Arc<dyn Store>,
    request: SyncRequest,
    limits: SyncLimits,
    progress: &'s (dyn Fn(SyncProgress) + Send + Sync),
    done: &'s mut Synced,
}

impl PeerSync<'_> {
    async fn run_in_time(&mut self) -> Result<(), SyncError> {
        let Some(limit) = self.limits.time_per_peer else {
            return self.run().await;
        };
        let done = tokio::time::timeout(limit, self.run()).await;
        done.unwrap_or_else(|_| Err(PeerError::TooSlow("with all of it").into()))
    }

    async fn run(&mut self) -> Result<(), SyncError> {
        let wanted = self.request.commitment;
        if self.is_there().await? {
            return Ok(());
        }
        let target = self.learn_peaks().await?;
        let state = self.align(&target).await?;
        self.check_beginning(&target, &state).await?;
        let (mut next, mut total_size) = (state.commitment.leaf_count.get(), state.total_size);
        let count = wanted.leaf_count.get();
        while next < count {
            self.report(next);
            let end = next
                .saturating_add(self.limits.leaves_at_once.max(1))
                .min(count);
            let leaves = self.leaves(&target, next..end).await?;
            for (index, leaf) in (next..end).zip(&leaves) {
                total_size = self.check_sizes(index, total_size, leaf)?;
            }
            self.fetch_contents(next, &leaves).await?;
            let new: Vec<_> = leaves
                .iter()
                .map(|leaf| NewLeaf {
                    data_root: leaf.data_root,
                    data_size: leaf.data_size,
                })
                .collect();
            let expected = LeafCount::new(next).ok_or(SyncError::Stopped)?;
            run_blocking(self.store, move |store| store.commit(expected, &new)).await?;
            for leaf in &leaves {
                self.done.leaves_added = self.done.leaves_added.saturating_add(1);
                self.done.bytes_added = self.done.bytes_added.saturating_add(leaf.data_size);
            }
            next = end;
        }
        self.report(count);
        match self.is_there().await? {
            true => Ok(()),
            // Each leaf was checked against the root, so something else commits to this copy.
            false => Err(SyncFailure::Diverged {
                have: wanted.leaf_count,
            }
            .into()),
        }
    }

    fn report(&self, leaves: u64) {
        let total = self.request.commitment.leaf_count.get();
        (self.progress)(SyncProgress { leaves, total });
    }

    async fn state(&self) -> Result<Option<CopyState>, SyncError> {
        run_blocking(self.store, |store| store.state()).await
    }

    /// Returns whether the copy has the commitment, or has had it.
    async fn is_there(&self) -> Result<bool, SyncError> {
        let wanted = self.request.commitment;
        let Some(state) = self.state().await? else {
            return Ok(false);
        };
        let have = state.commitment;
        if have == wanted {
            return Ok(true);
        }
        if have.start_seq > wanted.start_seq {
            return Err(SyncFailure::Newer {
                have: have.start_seq,
                wanted: wanted.start_seq,
            }
            .into());
        }
        if have.start_seq < wanted.start_seq || have.leaf_count < wanted.leaf_count {
            return Ok(false);
        }
        match run_blocking(self.store, move |store| store.had(&wanted)).await? {
            true => Ok(true),
            false => {
                let have = have.leaf_count;
                Err(SyncFailure::Diverged { have }.into())
            }
        }
    }

    async fn claimed(&self, index: LeafIndex) -> Result<ClaimedLeaf, SyncError> {
        Ok(self.peer.leaf(self.request.bucket, index).await?)
    }

    /// Learns the peaks of the wanted tree.
    async fn learn_peaks(&self) -> Result<Target, SyncError> {
        let commitment = self.request.commitment;
        let profile = self.store.profile();
        let mut peaks = Vec::new();
        for mountain in mountains(commitment.leaf_count) {
            let index = mountain.first_leaf;
            let claimed = self.claimed(index).await?;
            let peak = walk(profile, index, &claimed, mountain.height);
            peaks.push(peak.ok_or_else(other_tree)?);
        }
        let target = Target::new(profile, commitment, peaks);
        Ok(target.ok_or_else(other_tree)?)
    }

    /// Makes the copy start where the wanted tree does. Returns its state.
    async fn align(&self, target: &Target) -> Result<CopyState, SyncError> {
        let wanted = self.request.commitment.start_seq;
        let found = self.state().await?;
        let is_elsewhere = |state: &CopyState| state.commitment.start_seq != wanted;
        match found {
            Some(state) if !is_elsewhere(&state) => return Ok(state),
            Some(state) if state.commitment.leaf_count.get() > 0 => {
                let have = state.commitment;
                let end = have.start_seq.checked_add(have.leaf_count.next_index());
                if end.is_none_or(|end| end < wanted) {
                    return Err(SyncFailure::LeftBehind { wanted }.into());
                }
                run_blocking(self.store, move |store| store.drop_before(wanted)).await?;
            }
            _ => {
                let first = self.leaves(target, 0..1).await?;
                let before = first
                    .first()
                    .and_then(|leaf| leaf.total_size.checked_sub(leaf.data_size));
                let total_size = before.ok_or(SyncFailure::Unprovable {
                    index: 0,
                    reason: "its total size is less than its own".into(),
                })?;
                let start = TreeStart {
                    sequence: wanted,
                    total_size,
                };
                run_blocking(self.store, move |store| store.begin(start)).await?;
            }
        }
        self.state().await?.ok_or(SyncError::Stopped)
    }

    /// Checks that the copy's leaves are the first of the wanted tree: each peak of the copy is a
    /// node on the way from a leaf to a peak of that tree.
    async fn check_beginning(&self, target: &Target, state: &CopyState) -> Result<(), SyncError> {
        let have = state.commitment.leaf_count;
        for (mountain, peak) in mountains(have).zip(&state.peaks) {
            let index = mountain.first_leaf;
            let claimed = self.claimed(index).await?;
            if !target.has_leaf(index, &claimed) {
                return Err(other_tree().into());
            }
            let reached = walk(self.store.profile(), index, &claimed, mountain.height);
            if reached != Some(*peak) {
                return Err(SyncFailure::Diverged { have }.into());
            }
        }
        Ok(())
    }

    /// Fetches leaves in order, each checked.
    async fn leaves(
        &self,
        target: &Target,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<MmrLeaf>, SyncError> {
        let asked = range.map(|index| async move {
            let index = LeafIndex(index);
            let claimed = self.claimed(index).await?;
            match target.has_leaf(index, &claimed) {
                true => Ok(claimed.leaf),
                false => Err(SyncError::from(other_tree())),
            }
        });
        futures::stream::iter(asked)
            .buffered(self.limits.requests_at_once.max(1))
            .try_collect()
            .await
    }

    /// Checks the sizes that a leaf states. Returns its `total_size`.
    fn check_sizes(&self, index: u64, before: u64, leaf: &MmrLeaf) -> Result<u64, SyncFailure> {
        let max = self.request.max_leaf_bytes;
        if leaf.data_size > max {
            let bytes = leaf.data_size;
            return Err(SyncFailure::TooLarge { bytes, max });
        }
        match before.checked_add(leaf.data_size) {
            Some(total) if total == leaf.total_size => Ok(total),
            _ => Err(SyncFailure::Unprovable {
                index,
                reason: "its total size does not follow from that of the leaf before it".into(),
            }),
        }
    }

    async fn fetch_contents(&self, first: u64, leaves: &[MmrLeaf]) -> Result<(), SyncError> {
        let fetch = ContentFetch {
            peer: self.peer,
            store: self.store,
            bucket: self.request.bucket,
            requests_at_once: self.limits.requests_at_once.max(1),
        };
        fetch.contents(leaves).await.map_err(|error| match error {
            SyncError::NotPadded(reason) => SyncFailure::Unprovable {
                index: first,
                reason,
            }
            .into(),
            error => error,
        })
    }
}

/// The error of a peer whose leaves are not of the wanted tree.
fn other_tree() -> PeerError {
    PeerError::Wrong("its leaves are not those of the wanted root".into())
}
