//! The bucket's quota, which follows the agreement that pays for it.

use super::charge;
use super::{Bucket, BucketConfig};
use crate::error::CommitError;
use cairn_engine::layout::{self, StorageUsage};
use cairn_engine::{Durability, Family};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use codec::Encode;
use std::sync::atomic::Ordering;

/// Leaves that a quota for content has room for besides.
const LEAVES_BESIDES: u64 = 256;

/// Returns the quota that content of `max_bytes` bytes in full chunks needs, with a node for
/// each chunk and 256 leaves. Content in smaller chunks is charged more, and needs a larger one.
pub fn quota_for_content(max_bytes: u64) -> u64 {
    let full = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    let chunks = max_bytes.div_ceil(full);
    let usage = StorageUsage {
        bytes: max_bytes,
        chunks,
        interior_nodes: chunks,
    };
    charge::of_content(usage).saturating_add(charge::of_leaves(LEAVES_BESIDES))
}

impl Bucket {
    /// The bucket's configuration.
    pub fn config(&self) -> BucketConfig {
        BucketConfig {
            max_bytes: self.quota(),
            ..self.config
        }
    }

    /// The quota, in bytes charged.
    pub(super) fn quota(&self) -> u64 {
        self.quota.load(Ordering::Relaxed)
    }

    /// Sets the quota, durably, but never below what the bucket is charged now: what is stored
    /// stays. Returns the quota that holds.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; the earlier quota holds then.
    pub fn set_quota(&self, max_bytes: u64) -> Result<u64, CommitError> {
        self.check_writable()?;
        // No commit or prune writes the state meanwhile, and no content is added.
        let _alone = self.commit_lock.write();
        let content = self.content.lock();
        let quota = max_bytes.max(self.charged_bytes());
        if quota == self.quota() {
            return Ok(quota);
        }
        let config = BucketConfig {
            max_bytes: quota,
            ..self.config
        };
        let mut batch = self.engine.batch();
        let state = self.tip().record(self.id, config).encode();
        batch.put(Family::Tree, layout::STATE_KEY, &state);
        self.engine
            .write(batch, Durability::Synced)
            .map_err(|error| self.poison_with(error))?;
        self.quota.store(quota, Ordering::Relaxed);
        drop(content);
        Ok(quota)
    }
}
