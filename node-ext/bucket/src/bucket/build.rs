//! Builds a bucket from leaves and content that come from elsewhere.
//!
//! Its records equal those that commits of the same leaves would have written, and
//! come from the same functions. It is built without a log, in a folder that nothing
//! opens, and its state is written last: until then the folder is no bucket.

use super::BucketConfig;
use super::Tip;
use super::additions::Additions;
use super::charge::{self, NODE_CHARGE};
use super::create::folder_error;
use crate::error::CreateError;
use cairn_engine::layout::{
    self, FlagValue, InteriorValue, NonconformingValue, ShapeDefect, StorageUsage,
};
use cairn_engine::{Durability, Engine, EngineError, Family, SharedResources};
use cairn_primitives::chunk_tree::{InteriorNode, Subtree};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, H256, MmrLeaf, Sequence};
use codec::Encode;
use std::path::Path;

/// Selects whether a build stores the bytes of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepBytes {
    /// Store all records and the bytes.
    Yes,
    /// Store all records but the bytes, for a dry run.
    No,
}

/// A bucket under construction.
pub struct Builder {
    /// The database that is being filled.
    pub engine: Engine,
    id: BucketId,
    /// The new bucket's configuration.
    pub config: BucketConfig,
    keep_bytes: KeepBytes,
    tip: Tip,
    usage: StorageUsage,
}

impl Builder {
    /// Starts in an empty folder `path`. Removes what is there.
    pub fn begin(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        tree: Sequence,
        keep_bytes: KeepBytes,
        shared: &SharedResources,
    ) -> Result<Self, CreateError> {
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(folder_error(id, path))?;
        }
        std::fs::create_dir_all(path).map_err(folder_error(id, path))?;
        Ok(Self {
            engine: Engine::create(path, shared)?,
            id,
            config,
            keep_bytes,
            tip: Tip {
                tree,
                frontier: Frontier::empty(config.profile),
                root: H256::zero(),
                total_size: 0,
            },
            usage: StorageUsage::default(),
        })
    }

    /// Returns the space that the records written so far take.
    pub fn usage(&self) -> StorageUsage {
        self.usage
    }

    /// Stores a chunk unless it is stored already; `bytes` must have the hash. A chunk
    /// above the chain's limit is stored as content that the chain cannot verify.
    pub fn chunk(&mut self, hash: &H256, bytes: &[u8]) -> Result<(), EngineError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (key, value) = match u32::try_from(bytes.len()) {
            Ok(short) if Subtree::chunk(bytes.len()).is_ok() => (
                layout::chunk_length_key(hash),
                layout::chunk_length_value(short).to_vec(),
            ),
            _ => (
                layout::nonconforming_key(hash),
                NonconformingValue::LongChunk { length }.to_bytes(),
            ),
        };
        if self.engine.get(Family::Content, &key)?.is_some() {
            return Ok(());
        }
        self.check_disk(length)?;
        let mut batch = self.engine.batch();
        if self.keep_bytes == KeepBytes::Yes {
            batch.put(Family::Content, layout::chunk_key(hash), bytes);
        }
        batch.put(Family::Content, key, &value);
        self.engine.write_unlogged(batch)?;
        self.usage.bytes = self.usage.bytes.saturating_add(length);
        self.usage.chunks = self.usage.chunks.saturating_add(1);
        Ok(())
    }

    /// Checks that `bytes` more leave the disk's reserve free.
    fn check_disk(&self, bytes: u64) -> Result<(), EngineError> {
        let admitted = self.engine.shared().admit(bytes);
        let doing = "importing a bucket";
        admitted.map_err(|reserved| EngineError::reserved(doing, self.engine.path(), reserved))
    }

    /// Stores an interior node unless it is stored already; its children must be stored.
    pub fn interior(&mut self, node: &InteriorNode) -> Result<(), EngineError> {
        let value = InteriorValue {
            left: node.left,
            right: node.right,
            subtree: node.subtree,
        };
        self.node_record(layout::interior_key(&node.hash), &value.to_bytes())
    }

    /// Stores a node that the chain cannot verify, unless it is stored already.
    pub fn nonconforming(
        &mut self,
        hash: &H256,
        node: NonconformingValue,
    ) -> Result<(), EngineError> {
        self.node_record(layout::nonconforming_key(hash), &node.to_bytes())
    }

    fn node_record(&mut self, key: [u8; 33], value: &[u8]) -> Result<(), EngineError> {
        if self.engine.get(Family::Content, &key)?.is_some() {
            return Ok(());
        }
        self.check_disk(NODE_CHARGE)?;
        let mut batch = self.engine.batch();
        batch.put(Family::Content, key, value);
        self.engine.write_unlogged(batch)?;
        self.usage.interior_nodes = self.usage.interior_nodes.saturating_add(1);
        Ok(())
    }

    /// Returns the shape of a stored chunk that can be part of a provable tree.
    pub fn stored_chunk(&self, hash: &H256) -> Result<Option<Subtree>, EngineError> {
        let key = layout::chunk_length_key(hash);
        let value = self.engine.get(Family::Content, &key)?;
        Ok(value.and_then(|value| {
            let length = usize::try_from(layout::parse_chunk_length(&value)?).ok()?;
            Subtree::chunk(length).ok()
        }))
    }

    /// Returns the shape of a stored interior node that can be part of a provable tree.
    pub fn stored_interior(&self, hash: &H256) -> Result<Option<Subtree>, EngineError> {
        let key = layout::interior_key(hash);
        let value = self.engine.get(Family::Content, &key)?;
        Ok(value.and_then(|value| InteriorValue::parse(&value).map(|value| value.subtree)))
    }

    /// Returns the defect of a stored chunk or node that the chain cannot verify.
    pub fn stored_defect(&self, hash: &H256) -> Result<Option<ShapeDefect>, EngineError> {
        let key = layout::nonconforming_key(hash);
        let value = self.engine.get(Family::Content, &key)?;
        Ok(
            value.and_then(|value| match NonconformingValue::parse(&value)? {
                NonconformingValue::Node { defect, .. } => Some(defect),
                NonconformingValue::LongChunk { .. } => Some(ShapeDefect::ChunkTooLong),
            }),
        )
    }

    /// Flags a leaf whose content the chain cannot verify.
    pub fn flag(&mut self, leaf: Sequence, value: FlagValue) -> Result<(), EngineError> {
        let mut batch = self.engine.batch();
        batch.put(Family::Tree, layout::flag_key(leaf), &value.to_bytes());
        self.engine.write_unlogged(batch)
    }

    /// Appends leaves, and records the root after each as signed: it is unknown which
    /// of them were signed, and any of them may be challenged (I10). Returns `None` if a
    /// number would leave its range.
    pub fn append(&mut self, leaves: &[MmrLeaf]) -> Result<Option<()>, EngineError> {
        let mut additions = Additions::new(&self.tip);
        for leaf in leaves {
            if self.tip.append(leaf, &mut additions).is_none() {
                return Ok(None);
            }
            self.tip.root = self.tip.frontier.root();
            additions.record_signed_root(&self.tip, 0);
        }
        let number = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        self.check_disk(charge::of_leaves(number))?;
        let mut batch = self.engine.batch();
        additions.write(&mut batch);
        self.engine.write_unlogged(batch)?;
        Ok(Some(()))
    }

    /// Makes all records durable, the state last.
    pub fn finish(self) -> Result<(), EngineError> {
        self.engine.flush(Family::Content)?;
        self.engine.flush(Family::Tree)?;
        let mut batch = self.engine.batch();
        let usage = self.usage.encode();
        batch.put(Family::Content, layout::USAGE_KEY, &usage);
        let state = self.tip.record(self.id, self.config).encode();
        batch.put(Family::Tree, layout::STATE_KEY, &state);
        self.engine.write(batch, Durability::Synced)?;
        // So that the first opening has nothing to replay.
        self.engine.flush(Family::Content)?;
        self.engine.flush(Family::Tree)
    }
}
