//! Fetches proofs from a provider, and verifies them by both rules.

use super::{Client, MAX_IN_FLIGHT, RESPONSE_TIMEOUT};
use crate::failure::Failure;
use crate::remote_error::RemoteError;
use crate::verification::{self, Verification};
use cairn_bucket::{NewLeaf, StateRef};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{
    Answer, BucketId, Commitment, HashingProfile, LeafIndex, MmrProof, NotProven, ProvenLeaf,
};
use cairn_rpc_api::{AtState, BucketApiClient, U64OrHex};
use codec::DecodeAll;
use futures::stream::{self, StreamExt, TryStreamExt};
use jsonrpsee::ws_client::WsClient;
use std::sync::Arc;

impl Client {
    /// Fetches the proof of a leaf in a state.
    pub(crate) fn leaf_proof(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
        index: LeafIndex,
        at: StateRef,
    ) -> Result<ProvenLeaf, Failure> {
        let state = at_state(at);
        let info = self.request(|rpc| async move {
            rpc.mmr_proof(U64OrHex(bucket.0), U64OrHex(index.0), state)
                .await
        })?;
        let commitment = self.decode_commitment(&info.commitment)?;
        self.check_state(at, &commitment)?;
        let proof =
            verification::decode_leaf(&info.scale.0).map_err(|reason| self.false_answer(reason))?;
        let leaf = ProvenLeaf::new(profile, commitment, index, proof);
        Ok(leaf.map_err(|reason| self.false_answer(reason.to_string()))?)
    }

    /// Fetches the full answer to a challenge.
    pub(crate) fn challenge_answer(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
        location: ChunkLocation,
        at: StateRef,
    ) -> Result<Answer, Failure> {
        let (leaf, chunk) = (
            U64OrHex(location.leaf_index.0),
            U64OrHex(location.chunk_index.0),
        );
        let state = at_state(at);
        let info = self.request(|rpc| async move {
            rpc.challenge_response(U64OrHex(bucket.0), leaf, chunk, state)
                .await
        })?;
        let commitment = self.decode_commitment(&info.commitment)?;
        self.check_state(at, &commitment)?;
        let (chunk_data, mmr_proof, chunk_proof) = verification::decode_answer(&info.response.0)
            .map_err(|reason| self.false_answer(reason))?;
        let leaf = ProvenLeaf::new(profile, commitment, location.leaf_index, mmr_proof);
        let answer = leaf
            .map_err(NotProven::from)
            .and_then(|leaf| leaf.answer(location.chunk_index, chunk_data, chunk_proof));
        Ok(answer.map_err(|reason| self.false_answer(reason.to_string()))?)
    }

    /// Checks by proofs that a state contains leaves, before they are reported as stored.
    pub(super) fn check_leaves(
        &self,
        (bucket, profile): (BucketId, HashingProfile),
        first: u64,
        leaves: &[NewLeaf],
        commitment: &Commitment,
    ) -> Result<(), RemoteError> {
        let at = at_state(StateRef::RootOf {
            root: commitment.mmr_root,
            tree: commitment.start_seq,
        });
        let connection = &self.connection;
        let proven = (first..).zip(leaves).map(|(index, leaf)| async move {
            let question = |rpc: Arc<WsClient>| async move {
                rpc.mmr_proof(U64OrHex(bucket.0), U64OrHex(index), at).await
            };
            let scale = connection
                .request(RESPONSE_TIMEOUT, question)
                .await?
                .scale
                .0;
            self.require_accepted(&verification::verify_leaf(
                profile,
                &scale,
                LeafIndex(index),
                commitment,
            ))?;
            let proof = MmrProof::decode_all(&mut scale.as_slice());
            let is_it = proof.is_ok_and(|proof| {
                (proof.leaf.data_root, proof.leaf.data_size) == (leaf.data_root, leaf.data_size)
            });
            match is_it {
                true => Ok(()),
                false => Err(self.false_answer(format!(
                    "leaf {index} of its signed commitment is not the leaf that was sent"
                ))),
            }
        });
        self.block_on(
            stream::iter(proven)
                .buffer_unordered(MAX_IN_FLIGHT)
                .try_collect(),
        )
    }

    fn require_accepted(&self, judgement: &Verification) -> Result<(), RemoteError> {
        match judgement.strict.as_ref().and(judgement.chain.as_ref()) {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.false_answer(reason)),
        }
    }

    /// Checks that a proof is about the requested state: a valid proof of another state is
    /// useless.
    fn check_state(&self, at: StateRef, commitment: &Commitment) -> Result<(), RemoteError> {
        let is_asked_for = match at {
            StateRef::Newest => true,
            StateRef::Root(root) => commitment.mmr_root == root,
            StateRef::RootOf { root, tree } => {
                commitment.mmr_root == root && commitment.start_seq == tree
            }
            StateRef::LeafCount(count) => commitment.leaf_count == count,
        };
        if is_asked_for {
            return Ok(());
        }
        Err(self.false_answer("it is about another state of the bucket than was requested"))
    }
}

/// Converts a state to its form in the RPC.
fn at_state(at: StateRef) -> Option<AtState> {
    match at {
        StateRef::Newest => None,
        StateRef::Root(root) => Some(AtState::of_root(root)),
        StateRef::RootOf { root, tree } => Some(AtState {
            start_seq: Some(U64OrHex(tree.0)),
            ..AtState::of_root(root)
        }),
        StateRef::LeafCount(count) => Some(AtState::of_leaf_count(count.get())),
    }
}
