//! What a provider signs, taken only with a signature that holds.

use super::{Client, RemoteError};
use crate::failure::Failure;
use cairn_node_ext::{NewLeaf, SignedCommitment};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, HashingProfile, LeafIndex, Sequence,
};
use cairn_rpc::{
    BucketStoreApiClient, CommitmentInfo, CommittedInfo, LeafToCommit, SignedCommitmentInfo, Uint,
};
use codec::DecodeAll;

/// What an admin is to sign, checked to be about what it says.
pub(crate) struct DeletionPayload {
    /// The tree that there would be.
    pub(crate) commitment: Commitment,
    /// The very bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Client {
    /// Has content committed as leaves. The commitment that comes back is of this
    /// bucket, is signed by one of `signers`, and has each of the leaves in it, of
    /// which the provider gives proofs.
    pub(crate) fn commit(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
        leaves: &[NewLeaf],
        signers: &[[u8; 32]],
    ) -> Result<(LeafIndex, SignedCommitment), RemoteError> {
        let to_commit: Vec<_> = leaves
            .iter()
            .map(|leaf| LeafToCommit {
                data_root: leaf.data_root,
                data_size: Uint(leaf.data_size),
            })
            .collect();
        let CommittedInfo { first_leaf, signed } = self.order(|rpc| {
            let leaves = to_commit.clone();
            async move { rpc.commit(Uint(bucket.0), leaves).await }
        })?;
        let signed = self.signed(bucket, &signed)?;
        let after = u64::try_from(leaves.len())
            .ok()
            .and_then(|leaves| first_leaf.0.checked_add(leaves));
        let covered = signed.payload.commitment.leaf_count.get();
        if after.is_none_or(|after| after > covered) {
            return Err(self.untrue(format!(
                "it has signed for {covered} leaves, which leaves out some of those it was given"
            )));
        }
        if !signers.contains(&signed.signer) {
            return Err(self.untrue(format!(
                "it is signed by 0x{}, and not by the provider's key, so that no chain would hold \
                 the provider to it",
                hex::encode(signed.signer)
            )));
        }
        let commitment = signed.payload.commitment;
        self.check_leaves((bucket, profile), first_leaf.0, leaves, &commitment)?;
        Ok((LeafIndex(first_leaf.0), signed))
    }

    fn signed(
        &self,
        bucket: BucketId,
        info: &SignedCommitmentInfo,
    ) -> Result<SignedCommitment, RemoteError> {
        let payload = CommitmentPayload::decode_all(&mut info.payload.0.as_slice());
        let signature = MultiSignature::decode_all(&mut info.signature.0.as_slice());
        let (Ok(payload), Ok(signature)) = (payload, signature) else {
            return Err(self.untrue("its signed commitment cannot be decoded"));
        };
        let commitment = self.commitment(&info.commitment)?;
        if payload != CommitmentPayload::new(bucket, commitment) {
            return Err(self.untrue(format!(
                "what it has signed is not the commitment of bucket {bucket} that it tells of"
            )));
        }
        let signed = SignedCommitment {
            payload,
            signer: info.signer.0,
            signature,
        };
        if signed.is_valid() {
            return Ok(signed);
        }
        Err(self.untrue("the signature is not its signer's over that commitment"))
    }

    /// A commitment that can be one.
    pub(crate) fn commitment(&self, info: &CommitmentInfo) -> Result<Commitment, RemoteError> {
        info.commitment()
            .ok_or_else(|| self.untrue("no tree has more than 2^62 leaves"))
    }

    /// What an admin signs to have the leaves before a sequence deleted.
    pub(crate) fn deletion_payload(
        &self,
        bucket: BucketId,
        before: Sequence,
    ) -> Result<DeletionPayload, Failure> {
        let info = self
            .ask(|rpc| async move { rpc.deletion_payload(Uint(bucket.0), Uint(before.0)).await })?;
        let commitment = self.commitment(&info.commitment)?;
        let deletion = Commitment::deletion(commitment.mmr_root, before);
        let payload = CommitmentPayload::decode_all(&mut info.payload.0.as_slice());
        // Whoever signs what they have not read signs anything.
        let expected = CommitmentPayload::new(bucket, deletion);
        if !payload.is_ok_and(|payload| payload == expected) {
            let reason = "the bytes to sign do not say that these leaves are deleted";
            return Err(self.untrue(reason).into());
        }
        Ok(DeletionPayload {
            commitment,
            bytes: info.payload.0,
        })
    }
}
