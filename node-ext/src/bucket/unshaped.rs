//! Content that the chain cannot verify, which only an import brings in: read
//! back as it is, refused by name in answers, and checked record by record.

use super::{Bucket, View};
use crate::engine::Family;
use crate::error::ProveError;
use crate::layout::{self, Child, FlagValue, Kind, UnshapedValue};
use cairn_primitives::chunk_tree::padding;
use cairn_primitives::{ChunkIndex, H256, LeafIndex, Sequence};

impl Bucket {
    fn unshaped(&self, hash: &H256) -> Result<Option<UnshapedValue>, ProveError> {
        let key = layout::unshaped_key(hash);
        let Some(value) = self.engine.get(Family::Content, &key)? else {
            return Ok(None);
        };
        let value = UnshapedValue::parse(&value);
        let unreadable = || self.unsound(format!("node {hash:?} cannot be read"));
        value.map(Some).ok_or_else(unreadable)
    }

    /// A node's children, and what they are.
    fn children(&self, hash: &H256) -> Result<[Child; 2], ProveError> {
        if let Some(UnshapedValue::Node { left, right, .. }) = self.unshaped(hash)? {
            return Ok([left, right]);
        }
        let node = self.interior(hash)?;
        let below = node.subtree.height().saturating_sub(1);
        let kind = if below == 0 { Kind::Chunk } else { Kind::Node };
        let right = if node.right == padding(self.config.profile, below) {
            Kind::Padding
        } else {
            kind
        };
        let child = |kind, hash| Child { kind, hash };
        Ok([child(kind, node.left), child(right, node.right)])
    }

    /// Every chunk or node that no provable tree has, by its hash; `None` for
    /// one that cannot be read.
    pub(crate) fn stored_unshaped(
        &self,
    ) -> Result<
        impl Iterator<Item = Result<(H256, Option<UnshapedValue>), ProveError>> + '_,
        ProveError,
    > {
        self.content_records(layout::UNSHAPED, UnshapedValue::parse)
    }

    /// Whether such a chunk's bytes are those of its hash, or such a node that
    /// of its children, which are here.
    pub(crate) fn check_unshaped(
        &self,
        hash: &H256,
        value: Option<UnshapedValue>,
    ) -> Result<(), String> {
        let profile = self.config.profile;
        match value.ok_or("it cannot be read")? {
            UnshapedValue::LongChunk { length } => {
                let bytes = self.chunk_bytes(hash).map_err(|error| error.to_string())?;
                let is_right = u64::try_from(bytes.len()) == Ok(length);
                (is_right && profile.chunk(&bytes) == *hash)
                    .then_some(())
                    .ok_or_else(|| "its bytes do not hash to it".into())
            }
            UnshapedValue::Node { left, right, .. } => {
                if profile.node(&left.hash, &right.hash) != *hash {
                    return Err("its children do not hash to it".into());
                }
                for child in [left, right] {
                    if !self.is_here(child).map_err(|error| error.to_string())? {
                        return Err(format!("its child {:?} is gone", child.hash));
                    }
                }
                Ok(())
            }
        }
    }

    fn is_here(&self, child: Child) -> Result<bool, ProveError> {
        let shaped = match child.kind {
            Kind::Padding => return Ok(true),
            Kind::Chunk => layout::chunk_length_key(&child.hash),
            Kind::Node => layout::interior_key(&child.hash),
        };
        Ok(self.engine.get(Family::Content, &shaped)?.is_some()
            || self.unshaped(&child.hash)?.is_some())
    }

    /// Leaves that are flagged, in the order of their sequences.
    pub(crate) fn flags(
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
    /// What flags a leaf whose content the chain cannot verify; `None` for any
    /// other.
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

    /// Why there is no answer: the leaf's flag where it has one, else the
    /// failure itself. Looked for after a failure only, so that answers for
    /// other leaves read nothing more.
    pub(super) fn blame(
        &self,
        leaf: LeafIndex,
        chunk: ChunkIndex,
        error: ProveError,
    ) -> ProveError {
        match self.flag(leaf) {
            Ok(Some(FlagValue { flaw, .. })) => ProveError::Unprovable {
                bucket: self.bucket.id,
                leaf,
                chunk,
                flaw,
            },
            _ => error,
        }
    }

    /// Hands each chunk of flagged content to `each`, in order, checked against
    /// its hash. Returns the bytes of all.
    pub(crate) fn for_each_flagged_chunk(
        &self,
        root: Child,
        each: impl FnMut(&H256, &[u8]) -> Result<(), ProveError>,
    ) -> Result<u64, ProveError> {
        self.walk_flagged(root, &mut |_| true, each)
    }

    /// The same for what is under nodes of which `is_new` says so: a tree may
    /// repeat itself, so that a walk through all of it has no end.
    pub(crate) fn walk_flagged(
        &self,
        root: Child,
        is_new: &mut dyn FnMut(Child) -> bool,
        mut each: impl FnMut(&H256, &[u8]) -> Result<(), ProveError>,
    ) -> Result<u64, ProveError> {
        let mut bytes_read = 0u64;
        let mut to_visit = vec![root];
        while let Some(child) = to_visit.pop() {
            if !is_new(child) {
                continue;
            }
            let Child { kind, hash } = child;
            match kind {
                Kind::Padding => {}
                Kind::Node => {
                    let [left, right] = self.bucket.children(&hash)?;
                    let found = self.bucket.config.profile.node(&left.hash, &right.hash);
                    if found != hash {
                        // It may be its own child, and without end.
                        let fault = format!("the children of {hash:?} do not hash to it");
                        return Err(self.bucket.unsound(fault));
                    }
                    to_visit.extend([right, left]);
                }
                Kind::Chunk => {
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
