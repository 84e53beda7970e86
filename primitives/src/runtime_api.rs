//! What a node asks a runtime with the storage pallet, and has it sign.
//!
//! The runtime answers for the block that it is asked at. Extrinsics are built
//! and signed inside it, with the node's keystore (key type `stor`), so that a
//! node needs to know neither the runtime's calls nor its transaction
//! extensions; the node submits what it gets.

#![expect(
    clippy::too_many_arguments,
    reason = "in what the macro writes beside the trait"
)]

use crate::challenge::{AccountId, ChallengeId, ChallengeResponse};
use crate::commitment::Commitment;
use crate::ids::BucketId;
use crate::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo, ResponseRefusal,
};
use alloc::vec::Vec;

sp_api::decl_runtime_apis! {
    /// The storage pallet, as a provider's node sees it.
    pub trait StorageProviderApi {
        /// The number of the anchor block that deadlines count in.
        fn anchor_block() -> u32;

        /// What the chain holds a provider to.
        fn limits() -> Limits;

        /// A provider, if the account is one.
        fn provider(account: AccountId) -> Option<ProviderInfo>;

        /// The open challenges against an account, in the order of their deadlines.
        fn open_challenges(account: AccountId) -> Vec<OpenChallenge>;

        /// A bucket, if there is one.
        fn bucket(bucket: BucketId) -> Option<BucketInfo>;

        /// The buckets that an account has an agreement with, or is primary in.
        fn buckets_of(account: AccountId) -> Vec<BucketId>;

        /// What became of challenges and checkpoints in this block.
        fn outcomes() -> Vec<Outcome>;

        /// How a response would be judged now, without submitting it.
        fn judge_response(
            account: AccountId,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> Result<(), ResponseRefusal>;

        /// `respond_to_challenge`, signed for `account` with `nonce`; `None`
        /// where the keystore has no key for the account.
        fn sign_response(
            account: AccountId,
            nonce: u32,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> Option<Block::Extrinsic>;

        /// A checkpoint, signed for `account` with `nonce`: `checkpoint`, or in
        /// a window `provider_checkpoint`; `None` where the keystore has no key.
        fn sign_checkpoint(
            account: AccountId,
            nonce: u32,
            bucket: BucketId,
            commitment: Commitment,
            window: Option<u64>,
            signatures: Vec<PrimarySignature>,
        ) -> Option<Block::Extrinsic>;

        /// The next nonce of an account.
        fn nonce(account: AccountId) -> u32;
    }
}
