//! Proving: for any root that was signed and any leaf count that the tree has
//! had, from nodes that are never rewritten.
//!
//! A challenge names a root that was signed perhaps long ago; an answer against
//! the newest root is a wrong one. So every proof is made within a [`View`] of
//! one leaf count, and none leaves without having passed the strict verifier,
//! and for a challenge the chain's own rule as well (I5, I12).

pub use cairn_primitives::StateRef as At;

use super::Bucket;
use super::lookup::ProofRecords;
use crate::error::ProveError;
use cairn_engine::layout::{self, InteriorValue, PromiseValue};
use cairn_engine::{Family, Reach};
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::mmr::{self, LeafRoute};
use cairn_primitives::{
    ChunkIndex, Commitment, H256, HashingProfile, LeafCount, LeafIndex, MerkleProof, MmrLeaf,
    MmrProof, Sequence, chain_rule, chunk_tree, verify,
};

/// A root that is not the newest: what was signed says where it was.
struct Elsewhere {
    root: H256,
    tree: Option<Sequence>,
}

/// A bucket as it was at one leaf count.
#[derive(Clone, Copy)]
pub struct View<'b> {
    pub(super) bucket: &'b Bucket,
    pub(super) tree: Sequence,
    pub(super) count: LeafCount,
    /// What the peaks must bag to, where that is known before they are read.
    root: Option<H256>,
    pub(super) reach: Reach,
}

/// A challenge's answer, with what it was checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The commitment that the answer is for.
    pub commitment: Commitment,
    /// What was asked.
    pub location: ChunkLocation,
    /// The slot that the chain means by the asked chunk index.
    pub slot: ChunkIndex,
    /// The chunk.
    pub chunk_data: Vec<u8>,
    /// From the leaf to the root.
    pub mmr_proof: MmrProof,
    /// From the chunk to the leaf's data root.
    pub chunk_proof: MerkleProof,
}

impl Answer {
    /// The answer as the extrinsic takes it.
    pub fn into_response(self) -> ChallengeResponse {
        ChallengeResponse::Proof {
            chunk_data: self.chunk_data,
            mmr_proof: self.mmr_proof,
            chunk_proof: self.chunk_proof,
        }
    }
}

impl Bucket {
    /// The bucket at one of its states, to prove within.
    ///
    /// # Errors
    ///
    /// [`ProveError::UnknownRoot`], [`ProveError::NoSuchCount`], or the
    /// database's failure.
    pub fn view(&self, at: At) -> Result<View<'_>, ProveError> {
        match self.view_of_tip(at, Reach::Disk)? {
            Ok(view) => Ok(view),
            Err(Elsewhere { root, tree }) => self.promised_view(root, tree),
        }
    }

    /// The same for threads that must not block, where nothing has to be read to
    /// find it. Within it nodes and leaves come from memory only: a proof that
    /// would have to wait for a disk fails. Content is read as ever.
    pub fn view_at_hand(&self, at: At) -> Option<View<'_>> {
        self.view_of_tip(at, Reach::Memory).ok()?.ok()
    }

    /// A state that the tip tells of, which is any but those behind older roots.
    fn view_of_tip(&self, at: At, reach: Reach) -> Result<Result<View<'_>, Elsewhere>, ProveError> {
        let tip = self.tip();
        let have = tip.frontier.count();
        let count = match at {
            At::Newest => have,
            At::LeafCount(count) if count <= have => count,
            At::LeafCount(asked) => {
                let bucket = self.id;
                return Err(ProveError::NoSuchCount {
                    bucket,
                    asked,
                    have,
                });
            }
            At::Root(root) if root == tip.root => have,
            At::Root(root) => return Ok(Err(Elsewhere { root, tree: None })),
            At::RootOf { root, tree } if root == tip.root && tree == tip.tree => have,
            At::RootOf { root, tree } => {
                let tree = Some(tree);
                return Ok(Err(Elsewhere { root, tree }));
            }
        };
        Ok(Ok(View {
            bucket: self,
            tree: tip.tree,
            count,
            root: (count == have).then_some(tip.root),
            reach,
        }))
    }

    pub(super) fn promised_view(
        &self,
        root: H256,
        tree: Option<Sequence>,
    ) -> Result<View<'_>, ProveError> {
        let prefix = layout::promise_prefix(&root);
        let mut found = None;
        for entry in self.engine.scan(Family::Tree, &prefix)? {
            let (key, value) = entry?;
            let promise = layout::parse_promise_key(&key).zip(PromiseValue::parse(&value));
            let Some(((_, in_tree), promise)) = promise else {
                return Err(self.unsound("a record of what was signed cannot be read"));
            };
            if tree.is_none_or(|tree| tree == in_tree) && self.is_proven_from(in_tree)? {
                found = Some((in_tree, promise.count));
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
            reach: Reach::Disk,
        })
    }

    pub(crate) fn unsound(&self, reason: impl ToString) -> ProveError {
        ProveError::Unsound {
            bucket: self.id,
            reason: reason.to_string(),
        }
    }

    pub(super) fn interior(&self, hash: &H256) -> Result<InteriorValue, ProveError> {
        let value = self
            .engine
            .get(Family::Content, &layout::interior_key(hash))?;
        let value = value.ok_or(ProveError::MissingContent {
            bucket: self.id,
            hash: *hash,
        })?;
        InteriorValue::parse(&value)
            .ok_or_else(|| self.unsound(format!("node {hash:?} cannot be read")))
    }

    /// The bytes of a chunk, as they are stored.
    pub(super) fn chunk_bytes(&self, hash: &H256) -> Result<Vec<u8>, ProveError> {
        self.engine
            .get(Family::Content, &layout::chunk_key(hash))?
            .ok_or(ProveError::MissingContent {
                bucket: self.id,
                hash: *hash,
            })
    }

    /// The path to a chunk from its data root, and the chunk's hash.
    fn chunk_path(
        &self,
        leaf: &MmrLeaf,
        slot: ChunkIndex,
    ) -> Result<(MerkleProof, H256), ProveError> {
        let mut proof = MerkleProof::default();
        let mut node = leaf.data_root;
        for level in (0..chunk_tree::depth(leaf.data_size)).rev() {
            let InteriorValue { left, right, .. } = self.interior(&node)?;
            let goes_right = slot.0 >> level & 1 == 1;
            let (next, sibling) = if goes_right {
                (right, left)
            } else {
                (left, right)
            };
            proof.siblings.push(sibling);
            proof.path.push(goes_right);
            node = next;
        }
        proof.siblings.reverse();
        proof.path.reverse();
        Ok((proof, node))
    }
}

impl View<'_> {
    /// Leaves in this state.
    pub fn count(&self) -> LeafCount {
        self.count
    }

    /// How the bucket hashes.
    pub fn profile(&self) -> HashingProfile {
        self.bucket.config.profile
    }

    /// The sequence of the first leaf of the tree that this is a state of.
    pub fn tree(&self) -> Sequence {
        self.tree
    }

    /// The commitment to this state, its root computed from the peaks on disk.
    ///
    /// # Errors
    ///
    /// [`ProveError`] when a peak is gone or does not fit.
    pub fn commitment(&self) -> Result<Commitment, ProveError> {
        let positions = mmr::peak_positions(self.count);
        self.commitment_over(&self.nodes(&positions)?)
    }

    /// The same with the peaks, left to right.
    ///
    /// # Errors
    ///
    /// As [`View::commitment`].
    pub fn peaks(&self) -> Result<(Commitment, Vec<H256>), ProveError> {
        let peaks = self.nodes(&mmr::peak_positions(self.count))?;
        Ok((self.commitment_over(&peaks)?, peaks))
    }

    fn commitment_over(&self, peaks: &[H256]) -> Result<Commitment, ProveError> {
        let mmr_root = mmr::bag(self.bucket.config.profile, peaks);
        if self.root.is_some_and(|root| root != mmr_root) {
            return Err(self.bucket.unsound("the peaks do not come to the root"));
        }
        Ok(Commitment {
            mmr_root,
            start_seq: self.tree,
            leaf_count: self.count,
        })
    }

    /// A leaf of this state.
    ///
    /// # Errors
    ///
    /// [`ProveError`] when there is none, or it is gone from disk.
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
        if !self.count.holds(index) {
            return Err(none);
        }
        self.tree.of_leaf(index).ok_or(none)
    }

    /// Proves a leaf, in one batched read.
    ///
    /// # Errors
    ///
    /// [`ProveError`]; never a proof that does not pass.
    pub fn mmr_proof(&self, index: LeafIndex) -> Result<(Commitment, MmrProof), ProveError> {
        let sequence = self.sequence(index)?;
        let none = ProveError::NoSuchLeaf {
            bucket: self.bucket.id,
            index,
            count: self.count,
        };
        let LeafRoute {
            mut siblings,
            path,
            peaks,
        } = LeafRoute::new(index, self.count).ok_or(none)?;
        let height = siblings.len();
        siblings.extend(peaks);
        let ProofRecords {
            nodes: mut hashes,
            leaf,
            from_disk,
        } = self.look_up_proof(&siblings, sequence)?;
        let peaks = hashes.split_off(height.min(hashes.len()));
        let commitment = self.commitment_over(&peaks)?;
        let leaf_proof = MerkleProof {
            siblings: hashes,
            path,
        };
        let proof = MmrProof {
            peaks,
            leaf,
            leaf_proof,
        };
        let profile = self.bucket.config.profile;
        verify::mmr_proof(profile, &proof, index, self.count, &commitment.mmr_root)
            .map_err(|reason| self.bucket.unsound(reason))?;
        self.keep_verified(from_disk);
        Ok((commitment, proof))
    }

    /// Answers a challenge: the chunk, its path and the leaf's proof, checked
    /// by the strict rule and by the chain's own.
    ///
    /// A chunk index past the padded tree is answered for the slot that the
    /// chain means by it.
    ///
    /// # Errors
    ///
    /// [`ProveError`]; [`ProveError::NoSuchChunk`] for a slot that only pads
    /// the tree, which nobody can answer with a proof, and
    /// [`ProveError::Unprovable`] for imported content of another shape.
    pub fn answer(&self, location: ChunkLocation) -> Result<Answer, ProveError> {
        let (leaf, chunk) = (location.leaf_index, location.chunk_index);
        self.checked_answer(location)
            .map_err(|error| self.blame(leaf, chunk, error))
    }

    fn checked_answer(&self, location: ChunkLocation) -> Result<Answer, ProveError> {
        let bucket = self.bucket;
        let ChunkLocation {
            leaf_index,
            chunk_index,
        } = location;
        let (commitment, mmr_proof) = self.mmr_proof(leaf_index)?;
        let leaf = mmr_proof.leaf;
        let slot = chunk_tree::slot(chunk_index, leaf.data_size);
        verify::chunk_length(slot, leaf.data_size).map_err(|reason| ProveError::NoSuchChunk {
            bucket: bucket.id,
            leaf: leaf_index,
            chunk: chunk_index,
            reason,
        })?;
        let content = bucket.chunk_path(&leaf, slot).and_then(|(path, hash)| {
            let bytes = bucket.chunk_bytes(&hash)?;
            Ok((path, bytes))
        });
        let (chunk_proof, chunk_data) =
            content.map_err(|error| bucket.missing_from(self.tree, error))?;
        let answer = Answer {
            commitment,
            location,
            slot,
            chunk_data,
            mmr_proof,
            chunk_proof,
        };
        self.check(&answer)?;
        Ok(answer)
    }

    fn check(&self, answer: &Answer) -> Result<(), ProveError> {
        let profile = self.bucket.config.profile;
        let Answer {
            commitment,
            location,
            slot,
            chunk_data,
            mmr_proof,
            chunk_proof,
        } = answer;
        // The leaf was verified when its proof was made.
        let hash = profile.chunk(chunk_data);
        let (leaf, hashed) = (&mmr_proof.leaf, (hash, chunk_data.len()));
        verify::hashed_chunk(profile, hashed, *slot, chunk_proof, leaf)
            .map_err(|reason| self.bucket.unsound(reason))?;
        // The two halves of `chain_rule::proof_response`, with the chunk's
        // hash that is known by now.
        let asked = location.chunk_index;
        chain_rule::chunk(profile, hash, asked, chunk_proof, &leaf.data_root)
            .and_then(|()| chain_rule::mmr_proof(profile, mmr_proof, &commitment.mmr_root))
            .map_err(|reason| self.bucket.unsound(reason))
    }
}
