//! The group `cairnBucket_v1`: reading buckets. All of its methods are safe.

use crate::error::Error;
use crate::types::{
    AncestryProof, AtState, BucketInfo, BucketPage, ChallengeResponseInfo, ChunkProofInfo,
    CommitmentEvent, FetchedNodes, LeafInfo, LeavesProof, MmrProofInfo, PeaksInfo,
    SignedCommitmentInfo, U64OrHex,
};
use cairn_primitives::H256;
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::proc_macros::rpc;

/// Reads buckets: commitments, proofs and content. Everybody may call these methods.
///
/// A method with a parameter `at` reads that state, or the newest one without it.
#[rpc(client, server, namespace = "cairnBucket_v1")]
pub trait BucketApi {
    /// Returns the buckets after `after`, in the order of their ids, at most `limit` of them
    /// (100 by default). Opens no bucket: one that was not read since the provider's start is
    /// listed as `learning`.
    #[method(name = "list")]
    async fn list(&self, after: Option<U64OrHex>, limit: Option<u32>) -> Result<BucketPage, Error>;

    /// Returns a bucket's state, settings and usage.
    #[method(name = "info")]
    async fn info(&self, bucket: U64OrHex) -> Result<BucketInfo, Error>;

    /// Returns the newest commitment with its signature. Refused where the provider has not
    /// signed it before: the first signature comes with a commit or a checkpoint. The newest
    /// commitment of a bucket that `import-legacy` brought was signed by today's provider.
    #[method(name = "commitment")]
    async fn commitment(&self, bucket: U64OrHex) -> Result<SignedCommitmentInfo, Error>;

    /// Returns the provider's signature for a client's checkpoint, over the commitment that the
    /// current tree had at `leafCount` leaves. Refused where the provider has not signed it
    /// before.
    #[method(name = "checkpointSignature")]
    async fn checkpoint_signature(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "leafCount")] leaf_count: U64OrHex,
    ) -> Result<SignedCommitmentInfo, Error>;

    /// Returns the peaks of a state, and the root that they have in `pallet-mmr`.
    #[method(name = "peaks")]
    async fn peaks(&self, bucket: U64OrHex, at: Option<AtState>) -> Result<PeaksInfo, Error>;

    /// Returns a leaf of a state.
    #[method(name = "leaf")]
    async fn leaf(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "leafIndex")] leaf_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<LeafInfo, Error>;

    /// Proves a leaf, in the storage pallet's own proof format.
    #[method(name = "mmrProof")]
    async fn mmr_proof(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "leafIndex")] leaf_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<MmrProofInfo, Error>;

    /// Proves a chunk of a leaf, without its bytes.
    #[method(name = "chunkProof")]
    async fn chunk_proof(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "leafIndex")] leaf_index: U64OrHex,
        #[argument(rename = "chunkIndex")] chunk_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<ChunkProofInfo, Error>;

    /// Returns the complete response to a challenge, ready for the extrinsic, with the verdicts
    /// of the deployed chain's rule and of the strict rule. A challenge that is open on the chain
    /// is answered before all other requests.
    #[method(name = "challengeResponse")]
    async fn challenge_response(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "leafIndex")] leaf_index: U64OrHex,
        #[argument(rename = "chunkIndex")] chunk_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<ChallengeResponseInfo, Error>;

    /// Proves leaves in the proof format of `pallet-mmr`, in the shape of `mmr_generateProof`.
    #[method(name = "generateProof")]
    async fn generate_proof(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "leafIndices")] leaf_indices: Vec<U64OrHex>,
        at: Option<AtState>,
    ) -> Result<LeavesProof, Error>;

    /// Proves that the state with `prevLeafCount` leaves was the beginning of another one, in
    /// the shape of `mmr_generateAncestryProof`.
    #[method(name = "ancestryProof")]
    async fn ancestry_proof(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "prevLeafCount")] prev_leaf_count: U64OrHex,
        at: Option<AtState>,
    ) -> Result<AncestryProof, Error>;

    /// Verifies a proof of `cairnBucket_v1_generateProof` for the state whose signed root is the
    /// proof's `blockHash`. Returns `true`, or an error with the reason.
    #[method(name = "verifyProof")]
    async fn verify_proof(&self, bucket: U64OrHex, proof: LeavesProof) -> Result<bool, Error>;

    /// Returns those of the given hashes of chunks and interior nodes that the bucket does not
    /// hold, in the given order.
    #[method(name = "missingNodes")]
    async fn missing_nodes(&self, bucket: U64OrHex, hashes: Vec<H256>) -> Result<Vec<H256>, Error>;

    /// Returns chunks and interior nodes by their hashes, as many as fit into one answer.
    #[method(name = "fetchNodes")]
    async fn fetch_nodes(&self, bucket: U64OrHex, hashes: Vec<H256>)
    -> Result<FetchedNodes, Error>;

    /// Notifies of each commitment that is signed from now on, of one bucket or of all, once it
    /// is durable. A subscriber that reads too slowly gets the newest of those it missed.
    #[subscription(
        name = "subscribeCommitments" => "commitmentEvent",
        unsubscribe = "unsubscribeCommitments",
        item = CommitmentEvent
    )]
    async fn subscribe_commitments(&self, bucket: Option<U64OrHex>) -> SubscriptionResult;
}
