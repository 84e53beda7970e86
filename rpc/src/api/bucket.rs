//! What anybody may ask of a bucket.

use crate::error::Error;
use crate::types::{
    AncestryProof, AtState, BucketInfo, BucketPage, ChallengeResponseInfo, ChunkProofInfo,
    CommitmentNews, FetchedNodes, LeafInfo, LeavesProof, MmrProofInfo, PeaksInfo,
    SignedCommitmentInfo, Uint,
};
use cairn_primitives::H256;
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::proc_macros::rpc;

/// What anybody may ask of a bucket.
///
/// Where a method takes `at`, it is about that state, and without it about the
/// newest.
#[rpc(client, server, namespace = "bucket")]
pub trait BucketApi {
    /// The buckets after `after`, in the order of their ids, at most `limit` of
    /// them (100 without it). None is opened for it: one that was not looked at since
    /// the provider's start is listed as `learning`.
    #[method(name = "list")]
    async fn list(&self, after: Option<Uint>, limit: Option<u32>) -> Result<BucketPage, Error>;

    /// What is known of a bucket.
    #[method(name = "info")]
    async fn info(&self, bucket: Uint) -> Result<BucketInfo, Error>;

    /// The newest commitment, durable and signed, if the provider has signed it
    /// before: the first signature comes with a commit or a checkpoint.
    #[method(name = "commitment")]
    async fn commitment(&self, bucket: Uint) -> Result<SignedCommitmentInfo, Error>;

    /// The provider's signature for a client's checkpoint, over the commitment
    /// that the current tree has at `leafCount` leaves, if the provider has signed
    /// it before.
    #[method(name = "checkpointSignature")]
    async fn checkpoint_signature(
        &self,
        bucket: Uint,
        #[argument(rename = "leafCount")] leaf_count: Uint,
    ) -> Result<SignedCommitmentInfo, Error>;

    /// The peaks of a state, and the root that they have in `pallet-mmr`.
    #[method(name = "peaks")]
    async fn peaks(&self, bucket: Uint, at: Option<AtState>) -> Result<PeaksInfo, Error>;

    /// A leaf of a state.
    #[method(name = "leaf")]
    async fn leaf(
        &self,
        bucket: Uint,
        #[argument(rename = "leafIndex")] leaf_index: Uint,
        at: Option<AtState>,
    ) -> Result<LeafInfo, Error>;

    /// Proves a leaf, in the chain's own dialect.
    #[method(name = "mmrProof")]
    async fn mmr_proof(
        &self,
        bucket: Uint,
        #[argument(rename = "leafIndex")] leaf_index: Uint,
        at: Option<AtState>,
    ) -> Result<MmrProofInfo, Error>;

    /// Proves a chunk of a leaf, without its bytes.
    #[method(name = "chunkProof")]
    async fn chunk_proof(
        &self,
        bucket: Uint,
        #[argument(rename = "leafIndex")] leaf_index: Uint,
        #[argument(rename = "chunkIndex")] chunk_index: Uint,
        at: Option<AtState>,
    ) -> Result<ChunkProofInfo, Error>;

    /// The whole answer to a challenge, ready for the extrinsic, with what the
    /// deployed chain's rule and the strict one say of it. One that is open on
    /// the chain is answered before everything else.
    #[method(name = "challengeResponse")]
    async fn challenge_response(
        &self,
        bucket: Uint,
        #[argument(rename = "leafIndex")] leaf_index: Uint,
        #[argument(rename = "chunkIndex")] chunk_index: Uint,
        at: Option<AtState>,
    ) -> Result<ChallengeResponseInfo, Error>;

    /// Proves leaves in the dialect of `pallet-mmr`, in the shape of
    /// `mmr_generateProof`.
    #[method(name = "generateProof")]
    async fn generate_proof(
        &self,
        bucket: Uint,
        #[argument(rename = "leafIndices")] leaf_indices: Vec<Uint>,
        at: Option<AtState>,
    ) -> Result<LeavesProof, Error>;

    /// Proves that the state with `prevLeafCount` leaves was the beginning of
    /// another, in the shape of `mmr_generateAncestryProof`.
    #[method(name = "ancestryProof")]
    async fn ancestry_proof(
        &self,
        bucket: Uint,
        #[argument(rename = "prevLeafCount")] prev_leaf_count: Uint,
        at: Option<AtState>,
    ) -> Result<AncestryProof, Error>;

    /// Whether leaves are proven by a proof of `bucket_generateProof`, for the
    /// state whose signed root is its `blockHash`: `true`, or an error that says
    /// why not.
    #[method(name = "verifyProof")]
    async fn verify_proof(&self, bucket: Uint, proof: LeavesProof) -> Result<bool, Error>;

    /// Which of these chunks and interior nodes the bucket does not hold, in the
    /// order that they were asked for.
    #[method(name = "exists")]
    async fn exists(&self, bucket: Uint, hashes: Vec<H256>) -> Result<Vec<H256>, Error>;

    /// Content by its hashes, as much as fits into one answer.
    #[method(name = "fetchNodes")]
    async fn fetch_nodes(&self, bucket: Uint, hashes: Vec<H256>) -> Result<FetchedNodes, Error>;

    /// Each commitment that is signed from now on, of one bucket or of all, once
    /// it is durable. Of those that come faster than they are read, the newest.
    #[subscription(
        name = "subscribeCommitments" => "signedCommitment",
        unsubscribe = "unsubscribeCommitments",
        item = CommitmentNews
    )]
    async fn subscribe_commitments(&self, bucket: Option<Uint>) -> SubscriptionResult;
}
