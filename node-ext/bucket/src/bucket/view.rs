//! Views of a bucket at one leaf count, within which proofs are made.
//!
//! A challenge may name a root that was signed long ago; an answer against the newest
//! root is wrong.

pub use cairn_primitives::StateRef;

use super::Bucket;
use crate::error::ProveError;
use cairn_engine::layout::{self, SignedRootValue};
use cairn_engine::{Family, ReadTier};
use cairn_primitives::mmr;
use cairn_primitives::{Commitment, H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Sequence};

/// A root that is not the newest; the signed roots tell its leaf count.
struct OlderRoot {
    root: H256,
    tree: Option<Sequence>,
}

/// A view of a bucket at one leaf count.
#[derive(Clone, Copy)]
pub struct View<'b> {
    pub(super) bucket: &'b Bucket,
    pub(super) tree: Sequence,
    pub(super) count: LeafCount,
    /// The root that the peaks must bag to, if it is known before they are read.
    root: Option<H256>,
    pub(super) tier: ReadTier,
}

impl Bucket {
    /// Returns a view of the bucket at one of its states.
    ///
    /// # Errors
    ///
    /// [`ProveError::UnknownRoot`], [`ProveError::NoSuchCount`], or the
    /// database's failure.
    pub fn view(&self, at: StateRef) -> Result<View<'_>, ProveError> {
        match self.view_from_tip(at, ReadTier::Disk)? {
            Ok(view) => Ok(view),
            Err(OlderRoot { root, tree }) => self.signed_view(root, tree),
        }
    }

    /// Does the same for threads that must not block; `None` if it needs a read. Such a
    /// view takes nodes and leaves from memory only: a proof that would have to wait for
    /// the disk fails. It reads content as any view.
    pub fn view_cached(&self, at: StateRef) -> Option<View<'_>> {
        self.view_from_tip(at, ReadTier::Memory).ok()?.ok()
    }

    /// Finds a state by the tip alone, which knows all states but those of older roots.
    fn view_from_tip(
        &self,
        at: StateRef,
        tier: ReadTier,
    ) -> Result<Result<View<'_>, OlderRoot>, ProveError> {
        let tip = self.tip();
        let have = tip.frontier.count();
        let count = match at {
            StateRef::Newest => have,
            StateRef::LeafCount(count) if count <= have => count,
            StateRef::LeafCount(asked) => {
                let bucket = self.id;
                return Err(ProveError::NoSuchCount {
                    bucket,
                    asked,
                    have,
                });
            }
            StateRef::Root(root) if root == tip.root => have,
            StateRef::Root(root) => return Ok(Err(OlderRoot { root, tree: None })),
            StateRef::RootOf { root, tree } if root == tip.root && tree == tip.tree => have,
            StateRef::RootOf { root, tree } => {
                let tree = Some(tree);
                return Ok(Err(OlderRoot { root, tree }));
            }
        };
        Ok(Ok(View {
            bucket: self,
            tree: tip.tree,
            count,
            root: (count == have).then_some(tip.root),
            tier,
        }))
    }

    pub(super) fn signed_view(
        &self,
        root: H256,
        tree: Option<Sequence>,
    ) -> Result<View<'_>, ProveError> {
        let prefix = layout::signed_root_prefix(&root);
        let mut found = None;
        for entry in self.engine.scan(Family::Tree, &prefix)? {
            let (key, value) = entry?;
            let signed_root =
                layout::parse_signed_root_key(&key).zip(SignedRootValue::parse(&value));
            let Some(((_, in_tree), signed_root)) = signed_root else {
                return Err(self.unsound("the record of a signed root cannot be read"));
            };
            if tree.is_none_or(|tree| tree == in_tree) && self.can_prove_from(in_tree)? {
                found = Some((in_tree, signed_root.count));
            }
        }
        let (tree, count) = found.ok_or(ProveError::UnknownRoot {
            bucket: self.id,
            root,
        })?;
        Ok(View {
            bucket: self,
            tree,
            count,
            root: Some(root),
            tier: ReadTier::Disk,
        })
    }
}

impl View<'_> {
    /// The number of leaves in this state.
    pub fn count(&self) -> LeafCount {
        self.count
    }

    /// The bucket's hashing profile.
    pub fn profile(&self) -> HashingProfile {
        self.bucket.config.profile
    }

    /// The state's tree, identified by the sequence of its first leaf.
    pub fn tree(&self) -> Sequence {
        self.tree
    }

    /// Returns the commitment to this state, with the root computed from the peaks on disk.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if a peak is missing, or the root differs from the known one.
    pub fn commitment(&self) -> Result<Commitment, ProveError> {
        let positions = mmr::peak_positions(self.count);
        self.commitment_over(&self.nodes(&positions)?)
    }

    /// Returns the commitment with the peaks, left to right.
    ///
    /// # Errors
    ///
    /// As [`View::commitment`].
    pub fn peaks(&self) -> Result<(Commitment, Vec<H256>), ProveError> {
        let peaks = self.nodes(&mmr::peak_positions(self.count))?;
        Ok((self.commitment_over(&peaks)?, peaks))
    }

    pub(super) fn commitment_over(&self, peaks: &[H256]) -> Result<Commitment, ProveError> {
        let mmr_root = mmr::bag(self.bucket.config.profile, peaks);
        if self.root.is_some_and(|root| root != mmr_root) {
            return Err(self
                .bucket
                .unsound("the bagged peaks do not match the root"));
        }
        Ok(Commitment {
            mmr_root,
            start_seq: self.tree,
            leaf_count: self.count,
        })
    }

    /// Returns a leaf of this state.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the state has no such leaf, or it is missing on disk.
    pub fn leaf(&self, index: LeafIndex) -> Result<MmrLeaf, ProveError> {
        let sequence = self.sequence(index)?;
        let (_, leaves) = self.look_up(&[], &[sequence])?;
        leaves.first().copied().ok_or(ProveError::MissingLeaf {
            bucket: self.bucket.id,
            sequence,
        })
    }

    pub(super) fn sequence(&self, index: LeafIndex) -> Result<Sequence, ProveError> {
        let none = ProveError::NoSuchLeaf {
            bucket: self.bucket.id,
            index,
            count: self.count,
        };
        if !self.count.contains(index) {
            return Err(none);
        }
        self.tree.checked_add(index).ok_or(none)
    }
}
