//! The runtime API of a chain with the storage pallet: queries, and extrinsics to sign.
//!
//! The runtime answers for the block of the call. It builds and signs extrinsics with the
//! node's keystore (key type `stor`). So a node needs to know neither the runtime's calls
//! nor its transaction extensions; it submits the returned extrinsics.

#![expect(
    clippy::too_many_arguments,
    reason = "in code that the macro generates"
)]

use crate::challenge::{AccountId, ChallengeId, ChallengeResponse};
use crate::commitment::Commitment;
use crate::ids::BucketId;
use crate::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo, ResponseRefusal,
};
use alloc::vec::Vec;

sp_api::decl_runtime_apis! {
    /// The storage pallet's API for a provider's node.
    pub trait StorageProviderApi {
        /// Returns the number of the anchor block, in which deadlines are counted.
        fn anchor_block() -> u32;

        /// Returns the chain's limits for providers.
        fn limits() -> Limits;

        /// Returns a provider, if the account is one.
        fn provider(account: AccountId) -> Option<ProviderInfo>;

        /// Returns the open challenges against an account, in the order of their deadlines.
        fn open_challenges(account: AccountId) -> Vec<OpenChallenge>;

        /// Returns a bucket, if it exists.
        fn bucket(bucket: BucketId) -> Option<BucketInfo>;

        /// Returns the buckets for which an account has an agreement or is a primary
        /// provider.
        fn buckets_of(account: AccountId) -> Vec<BucketId>;

        /// Returns the outcomes of challenges and checkpoints in this block.
        fn outcomes() -> Vec<Outcome>;

        /// Judges a response as if it were submitted now.
        fn judge_response(
            account: AccountId,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> Result<(), ResponseRefusal>;

        /// Returns `respond_to_challenge`, signed for `account` with `nonce`; `None` if the
        /// keystore has no key for the account.
        fn sign_response(
            account: AccountId,
            nonce: u32,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> Option<Block::Extrinsic>;

        /// Returns a checkpoint, signed for `account` with `nonce`: `checkpoint`, or
        /// `provider_checkpoint` in a window; `None` if the keystore has no key.
        fn sign_checkpoint(
            account: AccountId,
            nonce: u32,
            bucket: BucketId,
            commitment: Commitment,
            window: Option<u64>,
            signatures: Vec<PrimarySignature>,
        ) -> Option<Block::Extrinsic>;

        /// Returns the next nonce of an account.
        fn nonce(account: AccountId) -> u32;
    }
}
