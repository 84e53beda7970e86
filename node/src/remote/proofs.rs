//! Fetches proofs from a provider, and verifies them by both rules.

use super::{ANSWER_WITHIN, Client, IN_FLIGHT};
use crate::failure::Failure;
use crate::judge::{self, Judgement};
use crate::remote_error::RemoteError;
use cairn_bucket::{At, NewLeaf};
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
    pub(crate) fn leaf(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
        index: LeafIndex,
        at: At,
    ) -> Result<ProvenLeaf, Failure> {
        let state = state(at);
        let info = self.ask(|rpc| async move {
            rpc.mmr_proof(U64OrHex(bucket.0), U64OrHex(index.0), state)
                .await
        })?;
        let commitment = self.commitment(&info.commitment)?;
        self.check_state(at, &commitment)?;
        let proof = judge::decode_leaf(&info.scale.0).map_err(|reason| self.untrue(reason))?;
        let leaf = ProvenLeaf::new(profile, commitment, index, proof);
        Ok(leaf.map_err(|reason| self.untrue(reason.to_string()))?)
    }

    /// Fetches the full answer to a challenge.
    pub(crate) fn answer(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
        location: ChunkLocation,
        at: At,
    ) -> Result<Answer, Failure> {
        let (leaf, chunk) = (
            U64OrHex(location.leaf_index.0),
            U64OrHex(location.chunk_index.0),
        );
        let state = state(at);
        let info = self.ask(|rpc| async move {
            rpc.challenge_response(U64OrHex(bucket.0), leaf, chunk, state)
                .await
        })?;
        let commitment = self.commitment(&info.commitment)?;
        self.check_state(at, &commitment)?;
        let (chunk_data, mmr_proof, chunk_proof) =
            judge::decode_answer(&info.response.0).map_err(|reason| self.untrue(reason))?;
        let leaf = ProvenLeaf::new(profile, commitment, location.leaf_index, mmr_proof);
        let answer = leaf
            .map_err(NotProven::from)
            .and_then(|leaf| leaf.answer(location.chunk_index, chunk_data, chunk_proof));
        Ok(answer.map_err(|reason| self.untrue(reason.to_string()))?)
    }

    /// Checks by proofs that a state contains leaves, before they are reported as stored.
    pub(super) fn check_leaves(
        &self,
        (bucket, profile): (BucketId, HashingProfile),
        first: u64,
        leaves: &[NewLeaf],
        commitment: &Commitment,
    ) -> Result<(), RemoteError> {
        let at = state(At::RootOf {
            root: commitment.mmr_root,
            tree: commitment.start_seq,
        });
        let connection = &self.connection;
        let proven = (first..).zip(leaves).map(|(index, leaf)| async move {
            let question = |rpc: Arc<WsClient>| async move {
                rpc.mmr_proof(U64OrHex(bucket.0), U64OrHex(index), at).await
            };
            let scale = connection.ask(ANSWER_WITHIN, question).await?.scale.0;
            self.check(&judge::leaf(profile, &scale, LeafIndex(index), commitment))?;
            let proof = MmrProof::decode_all(&mut scale.as_slice());
            let is_it = proof.is_ok_and(|proof| {
                (proof.leaf.data_root, proof.leaf.data_size) == (leaf.data_root, leaf.data_size)
            });
            match is_it {
                true => Ok(()),
                false => Err(self.untrue(format!(
                    "leaf {index} of its signed commitment is not the leaf that was sent"
                ))),
            }
        });
        self.wait(
            stream::iter(proven)
                .buffer_unordered(IN_FLIGHT)
                .try_collect(),
        )
    }

    fn check(&self, judgement: &Judgement) -> Result<(), RemoteError> {
        match judgement.strict.as_ref().and(judgement.chain.as_ref()) {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.untrue(reason)),
        }
    }

    /// Checks that a proof is about the requested state: a valid proof of another state is
    /// useless.
    fn check_state(&self, at: At, commitment: &Commitment) -> Result<(), RemoteError> {
        let is_asked_for = match at {
            At::Newest => true,
            At::Root(root) => commitment.mmr_root == root,
            At::RootOf { root, tree } => {
                commitment.mmr_root == root && commitment.start_seq == tree
            }
            At::LeafCount(count) => commitment.leaf_count == count,
        };
        if is_asked_for {
            return Ok(());
        }
        Err(self.untrue("it is about another state of the bucket than was requested"))
    }
}

/// Converts a state to its form in the RPC.
fn state(at: At) -> Option<AtState> {
    match at {
        At::Newest => None,
        At::Root(root) => Some(AtState::of_root(root)),
        At::RootOf { root, tree } => Some(AtState {
            start_seq: Some(U64OrHex(tree.0)),
            ..AtState::of_root(root)
        }),
        At::LeafCount(count) => Some(AtState::of_leaf_count(count.get())),
    }
}
