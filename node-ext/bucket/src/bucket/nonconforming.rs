//! Content of a shape that the chain cannot verify; only an import brings it. It can be
//! read and checked, but a challenge of it cannot be answered.

use super::{Bucket, View};
use crate::error::ProveError;
use cairn_engine::Family;
use cairn_engine::layout::{self, Child, FlagValue, NodeKind, NonconformingValue};
use cairn_primitives::chunk_tree::padding;
use cairn_primitives::{ChunkIndex, H256, HashingProfile, LeafIndex, Sequence};

/// Levels of padding whose hashes are computed: more than any tree has.
const PADDING_LEVELS: u32 = 64;

/// Returns the hashes of padding, one for each level.
fn padding_hashes(profile: HashingProfile) -> Vec<H256> {
    let from = padding(profile, 0);
    std::iter::successors(Some(from), |below| Some(profile.node(below, below)))
        .take(usize::try_from(PADDING_LEVELS).unwrap_or_default())
        .collect()
}

impl Bucket {
    fn nonconforming(&self, hash: &H256) -> Result<Option<NonconformingValue>, ProveError> {
        let key = layout::nonconforming_key(hash);
        let Some(value) = self.engine.get(Family::Content, &key)? else {
            return Ok(None);
        };
        let value = NonconformingValue::parse(&value);
        let unreadable = || self.unsound(format!("node {hash:?} cannot be read"));
        value.map(Some).ok_or_else(unreadable)
    }

    /// Returns a node's children with their kinds.
    fn children(&self, hash: &H256) -> Result<[Child; 2], ProveError> {
        if let Some(NonconformingValue::Node { left, right, .. }) = self.nonconforming(hash)? {
            return Ok([left, right]);
        }
        let node = self.interior(hash)?;
        let below = node.subtree.height().saturating_sub(1);
        let kind = if below == 0 {
            NodeKind::Chunk
        } else {
            NodeKind::Node
        };
        let right = if node.right == padding(self.config.profile, below) {
            NodeKind::Padding
        } else {
            kind
        };
        let child = |kind, hash| Child { kind, hash };
        Ok([child(kind, node.left), child(right, node.right)])
    }

    /// Iterates over the chunks and nodes that the chain cannot verify, by hash; `None`
    /// for a value that cannot be parsed.
    pub(crate) fn nonconforming_records(
        &self,
    ) -> Result<
        impl Iterator<Item = Result<(H256, Option<NonconformingValue>), ProveError>> + '_,
        ProveError,
    > {
        self.content_records(layout::NONCONFORMING, NonconformingValue::parse)
    }

    /// Checks such a chunk's bytes against its hash; or that such a node's children hash
    /// to it and are stored.
    pub(crate) fn check_nonconforming(
        &self,
        hash: &H256,
        value: Option<NonconformingValue>,
    ) -> Result<(), String> {
        let profile = self.config.profile;
        match value.ok_or("it cannot be read")? {
            NonconformingValue::LongChunk { length } => {
                let bytes = self.chunk_bytes(hash).map_err(|error| error.to_string())?;
                let is_right = u64::try_from(bytes.len()) == Ok(length);
                (is_right && profile.chunk(&bytes) == *hash)
                    .then_some(())
                    .ok_or_else(|| "its bytes do not hash to it".into())
            }
            NonconformingValue::Node { left, right, .. } => {
                if profile.node(&left.hash, &right.hash) != *hash {
                    return Err("its children do not hash to it".into());
                }
                for child in [left, right] {
                    if !self.is_stored(child).map_err(|error| error.to_string())? {
                        return Err(format!("its child {:?} is gone", child.hash));
                    }
                }
                Ok(())
            }
        }
    }

    fn is_stored(&self, child: Child) -> Result<bool, ProveError> {
        let shaped = match child.kind {
            NodeKind::Padding => {
                return Ok(padding_hashes(self.config.profile).contains(&child.hash));
            }
            NodeKind::Chunk => layout::chunk_length_key(&child.hash),
            NodeKind::Node => layout::interior_key(&child.hash),
        };
        Ok(self.engine.get(Family::Content, &shaped)?.is_some()
            || self.nonconforming(&child.hash)?.is_some())
    }

    /// Returns the kind of a flagged leaf's data root by its stored records; `None` if
    /// there are none. The flag's kind `flagged` only decides between a chunk and a node
    /// of the same hash.
    pub(crate) fn root_kind(
        &self,
        hash: &H256,
        flagged: NodeKind,
    ) -> Result<Option<NodeKind>, ProveError> {
        if padding_hashes(self.config.profile).contains(hash) {
            return Ok(Some(NodeKind::Padding));
        }
        let has = |key: &[u8]| -> Result<bool, ProveError> {
            Ok(self.engine.get(Family::Content, key)?.is_some())
        };
        let odd = self.nonconforming(hash)?;
        let is_node = matches!(odd, Some(NonconformingValue::Node { .. }))
            || has(&layout::interior_key(hash))?;
        let is_chunk = matches!(odd, Some(NonconformingValue::LongChunk { .. }))
            || has(&layout::chunk_length_key(hash))?;
        Ok(match (is_node, is_chunk) {
            (true, true) => Some(match flagged {
                NodeKind::Node => NodeKind::Node,
                NodeKind::Chunk | NodeKind::Padding => NodeKind::Chunk,
            }),
            (true, false) => Some(NodeKind::Node),
            (false, true) => Some(NodeKind::Chunk),
            (false, false) => None,
        })
    }

    /// Returns the number of flagged leaves of the current tree. It is counted once for
    /// each tree, by a scan over the flags, and then kept in memory.
    pub fn flagged_leaf_count(&self) -> Result<u64, ProveError> {
        let tree = self.tip().tree;
        if let Some((of, leaves)) = *self.flagged.read()
            && of == tree
        {
            return Ok(leaves);
        }
        let from = layout::flag_key(tree);
        let flags = self.engine.scan_from(Family::Tree, layout::FLAGS, &from)?;
        let mut leaves = 0u64;
        for flag in flags {
            flag?;
            leaves = leaves.saturating_add(1);
        }
        *self.flagged.write() = Some((tree, leaves));
        Ok(leaves)
    }

    /// Counts the flagged leaves of all trees, and the records of content that the chain
    /// cannot verify. Only an import brings either.
    pub(crate) fn nonconforming_counts(&self) -> Result<(u64, u64), ProveError> {
        let count = |family, prefix| {
            let mut entries = self.engine.scan(family, prefix)?;
            entries.try_fold(0u64, |counted, entry| {
                entry?;
                Ok::<_, ProveError>(counted.saturating_add(1))
            })
        };
        Ok((
            count(Family::Tree, layout::FLAGS)?,
            count(Family::Content, layout::NONCONFORMING)?,
        ))
    }

    /// Iterates over the flagged leaves, in the order of their sequences.
    pub fn flags(
        &self,
    ) -> Result<impl Iterator<Item = Result<(Sequence, FlagValue), ProveError>> + '_, ProveError>
    {
        let flags = self.engine.scan(Family::Tree, layout::FLAGS)?;
        Ok(flags.map(|flag| {
            let (key, value) = flag?;
            let parsed = layout::parse_flag_key(&key).zip(FlagValue::parse(&value));
            parsed.ok_or_else(|| self.unsound("the flag of a leaf cannot be read"))
        }))
    }
}

impl View<'_> {
    /// Returns the flag of a leaf whose content the chain cannot verify; `None` for
    /// other leaves.
    pub(crate) fn flag(&self, index: LeafIndex) -> Result<Option<FlagValue>, ProveError> {
        let bucket = self.bucket;
        let key = layout::flag_key(self.sequence(index)?);
        let Some(value) = bucket.engine.get(Family::Tree, &key)? else {
            return Ok(None);
        };
        let flag = FlagValue::parse(&value);
        let unreadable = || bucket.unsound(format!("the flag of leaf {index} cannot be read"));
        flag.map(Some).ok_or_else(unreadable)
    }

    /// Replaces the error of an answer by [`ProveError::Unprovable`] if the leaf is
    /// flagged. Flags are read after a failure only, so that successful answers need no
    /// further read.
    pub(super) fn explain_failure(
        &self,
        leaf: LeafIndex,
        chunk: ChunkIndex,
        error: ProveError,
    ) -> ProveError {
        match self.flag(leaf) {
            Ok(Some(FlagValue { defect, .. })) => ProveError::Unprovable {
                bucket: self.bucket.id,
                leaf,
                chunk,
                defect,
            },
            _ => error,
        }
    }

    /// Hands each chunk of flagged content to `each`, in order, once checked against its
    /// hash. Returns their total length in bytes.
    pub(crate) fn for_each_flagged_chunk(
        &self,
        root: Child,
        each: impl FnMut(&H256, &[u8]) -> Result<(), ProveError>,
    ) -> Result<u64, ProveError> {
        self.walk_flagged(root, &mut |_| true, each)
    }

    /// Does the same as [`View::for_each_flagged_chunk`] for the children and nodes that
    /// `is_new` accepts. Trees may repeat subtrees so often that a full walk never ends.
    pub(crate) fn walk_flagged(
        &self,
        root: Child,
        is_new: &mut dyn FnMut(Child) -> bool,
        mut each: impl FnMut(&H256, &[u8]) -> Result<(), ProveError>,
    ) -> Result<u64, ProveError> {
        let mut bytes_read = 0u64;
        let padding = padding_hashes(self.bucket.config.profile);
        let mut to_visit = vec![root];
        while let Some(child) = to_visit.pop() {
            if !is_new(child) {
                continue;
            }
            let Child { kind, hash } = child;
            match kind {
                NodeKind::Padding if padding.contains(&hash) => {}
                // It is recorded as padding, but is not.
                NodeKind::Padding => {
                    let bucket = self.bucket.id;
                    return Err(ProveError::MissingContent { bucket, hash });
                }
                NodeKind::Node => {
                    let [left, right] = self.bucket.children(&hash)?;
                    let found = self.bucket.config.profile.node(&left.hash, &right.hash);
                    if found != hash {
                        // It may be its own child: the walk would never end.
                        let fault = format!("the children of {hash:?} do not hash to it");
                        return Err(self.bucket.unsound(fault));
                    }
                    to_visit.extend([right, left]);
                }
                NodeKind::Chunk => {
                    let bytes = self.bucket.chunk_bytes(&hash)?;
                    self.check_chunk(&hash, &bytes)?;
                    each(&hash, &bytes)?;
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    bytes_read = bytes_read.saturating_add(length);
                }
            }
        }
        Ok(bytes_read)
    }
}
