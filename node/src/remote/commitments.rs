//! Commits through a provider, and checks the signatures that it returns.

use super::Client;
use crate::failure::Failure;
use crate::remote_error::RemoteError;
use cairn_bucket::NewLeaf;
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, HashingProfile, LeafIndex, Sequence,
};
use cairn_rpc_api::{
    CommitmentInfo, CommittedInfo, LeafToCommit, SignedCommitmentInfo, U64OrHex, WriteApiClient,
};
use codec::DecodeAll;

/// A deletion for an admin to sign, checked to say what it claims.
pub(crate) struct DeletionPayload {
    /// The tree after the deletion.
    pub(crate) commitment: Commitment,
    /// The bytes to sign.
    pub(crate) bytes: Vec<u8>,
}

impl Client {
    /// Has content committed as leaves. Checks that the returned commitment is of this
    /// bucket, is signed by one of `signers`, and contains each of the leaves, by their
    /// proofs.
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
                data_size: U64OrHex(leaf.data_size),
            })
            .collect();
        let CommittedInfo { first_leaf, signed } = self.request_bucket_work(|rpc| {
            let leaves = to_commit.clone();
            async move { rpc.commit(U64OrHex(bucket.0), leaves).await }
        })?;
        let signed = self.verified_commitment(bucket, &signed)?;
        let after = u64::try_from(leaves.len())
            .ok()
            .and_then(|leaves| first_leaf.0.checked_add(leaves));
        let covered = signed.payload.commitment.leaf_count.get();
        if after.is_none_or(|after| after > covered) {
            return Err(self.false_answer(format!(
                "it has signed for {covered} leaves, without some of those that were sent"
            )));
        }
        if !signers.contains(&signed.signer) {
            return Err(self.false_answer(format!(
                "it is signed by 0x{}, which is not the provider's key, so no chain would enforce \
                 it",
                hex::encode(signed.signer)
            )));
        }
        let commitment = signed.payload.commitment;
        self.check_leaves((bucket, profile), first_leaf.0, leaves, &commitment)?;
        Ok((LeafIndex(first_leaf.0), signed))
    }

    fn verified_commitment(
        &self,
        bucket: BucketId,
        info: &SignedCommitmentInfo,
    ) -> Result<SignedCommitment, RemoteError> {
        let payload = CommitmentPayload::decode_all(&mut info.payload.0.as_slice());
        let signature = MultiSignature::decode_all(&mut info.signature.0.as_slice());
        let (Ok(payload), Ok(signature)) = (payload, signature) else {
            return Err(self.false_answer("cannot decode its signed commitment"));
        };
        let commitment = self.decode_commitment(&info.commitment)?;
        if payload != CommitmentPayload::new(bucket, commitment) {
            return Err(self.false_answer(format!(
                "its signed payload is not the commitment of bucket {bucket} that it names"
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
        Err(self.false_answer("the signature over its commitment is invalid"))
    }

    /// Checks that a commitment's leaf count is within its range.
    pub(crate) fn decode_commitment(
        &self,
        info: &CommitmentInfo,
    ) -> Result<Commitment, RemoteError> {
        info.commitment()
            .ok_or_else(|| self.false_answer("no tree has more than 2^62 leaves"))
    }

    /// Fetches the payload that an admin signs to delete the leaves before a sequence.
    pub(crate) fn deletion_payload(
        &self,
        bucket: BucketId,
        before: Sequence,
    ) -> Result<DeletionPayload, Failure> {
        let info = self.request(|rpc| async move {
            rpc.deletion_payload(U64OrHex(bucket.0), U64OrHex(before.0))
                .await
        })?;
        let commitment = self.decode_commitment(&info.commitment)?;
        let deletion = Commitment::deletion(commitment.mmr_root, before);
        let payload = CommitmentPayload::decode_all(&mut info.payload.0.as_slice());
        // The admin signs opaque bytes, so they are compared with what they must say.
        let expected = CommitmentPayload::new(bucket, deletion);
        if !payload.is_ok_and(|payload| payload == expected) {
            let reason = "its bytes to sign are not the deletion of these leaves";
            return Err(self.false_answer(reason).into());
        }
        Ok(DeletionPayload {
            commitment,
            bytes: info.payload.0,
        })
    }
}
