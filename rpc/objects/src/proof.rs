//! Proofs of an object: its leaves under the newest signed commitment.
//!
//! A reader checks the signature over the commitment, each leaf against its root, and that the
//! leaves' data roots, put under one tree, give the data root of the object. Then no gateway has to
//! be believed for the content. That the key stands for this content is the provider's word.

use crate::error::StoreError;
use crate::store::ObjectStore;
use cairn_objects::{ObjectError, ObjectRecord};
use cairn_primitives::{BucketId, H256};
use cairn_rpc_api::{AtState, BucketApiServer, MmrProofInfo, SignedCommitmentInfo, U64OrHex};

/// A leaf of an object with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafProof {
    /// Its index in the tree that is signed.
    pub index: u64,
    /// The leaf and its path.
    pub proof: MmrProofInfo,
}

/// The proof of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectProof {
    /// The newest signed commitment.
    pub signed: SignedCommitmentInfo,
    /// The object's leaves, in order.
    pub leaves: Vec<LeafProof>,
}

impl ObjectStore {
    /// Proves an object's leaves under the newest signed commitment.
    ///
    /// # Errors
    ///
    /// [`ObjectError::ContentGone`] if the leaves are no longer in the newest tree; [`StoreError`]
    /// if nothing is signed or a proof cannot be made.
    pub async fn prove(
        &self,
        bucket: BucketId,
        name: &str,
        record: &ObjectRecord,
    ) -> Result<ObjectProof, StoreError> {
        let id = U64OrHex(bucket.0);
        let gone = || ObjectError::ContentGone {
            name: name.to_owned(),
        };
        let signed = BucketApiServer::commitment(self.rpc(), id).await?;
        let root = signed.commitment.mmr_root;
        let first = record
            .first_leaf
            .0
            .checked_sub(signed.commitment.start_seq.0);
        let first = first.ok_or_else(gone)?;
        let mut leaves = Vec::with_capacity(record.leaves.len());
        for (index, expected) in (first..).zip(&record.leaves) {
            let proof = self.leaf_proof(id, index, root).await?;
            if proof.leaf.data_root != *expected {
                return Err(gone().into());
            }
            leaves.push(LeafProof { index, proof });
        }
        Ok(ObjectProof { signed, leaves })
    }

    async fn leaf_proof(
        &self,
        bucket: U64OrHex,
        index: u64,
        root: H256,
    ) -> Result<MmrProofInfo, StoreError> {
        let at = Some(AtState::of_root(root));
        let proven = BucketApiServer::mmr_proof(self.rpc(), bucket, U64OrHex(index), at);
        Ok(proven.await?)
    }
}
