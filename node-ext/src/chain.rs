//! The seam to a chain: all that the schedulers ask of one, and nothing of how
//! it is reached.
//!
//! Whoever implements it answers for a named block, so that what is decided
//! together was true together. Three do: a node's own client (feature
//! `substrate`), a remote node (feature `subxt`), and a scripted chain that
//! tests are played on. For those of other crates one that stands still is
//! enough (feature `still-chain`).

mod error;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(feature = "still-chain")]
mod still;
#[cfg(feature = "substrate")]
mod substrate;
#[cfg(feature = "subxt")]
mod subxt_client;

pub use error::ChainError;
#[cfg(feature = "still-chain")]
pub use still::StillChain;
#[cfg(feature = "substrate")]
pub use substrate::SubstrateClient;
#[cfg(feature = "subxt")]
pub use subxt_client::SubxtClient;

use async_trait::async_trait;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, Commitment, H256};
use futures::stream::BoxStream;

/// A block, with the anchor block that deadlines count in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The block's hash.
    pub hash: H256,
    /// The block's number on its own chain.
    pub number: u32,
    /// The anchor block as of this block; the same as `number` on a solo chain.
    pub anchor: u32,
}

/// What a provider submits, as an extrinsic signed by its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// The answer to a challenge.
    Response {
        /// The challenge.
        id: ChallengeId,
        /// The answer.
        response: Box<ChallengeResponse>,
    },
    /// A checkpoint of a bucket.
    Checkpoint {
        /// The bucket.
        bucket: BucketId,
        /// What is promised.
        commitment: Commitment,
        /// The window that it is for; outside of windows, none.
        window: Option<u64>,
        /// By their places among the primary providers, each place once.
        signatures: Vec<PrimarySignature>,
    },
}

/// What becomes of a submitted extrinsic. The last of these ends the stream, as
/// does losing the chain, which says nothing of the extrinsic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A block of this hash includes it; it may still be retracted.
    InBlock(H256),
    /// The block that had included it is not of the best chain any more.
    Retracted(H256),
    /// A finalized block of this hash includes it. How it was judged is told by
    /// the block's outcomes and state. The last.
    Finalized(H256),
    /// It will not be included, for the reason given: dropped, invalid, or
    /// outlived. The last.
    Gone(String),
}

/// A submitted extrinsic.
pub struct Ticket {
    /// The extrinsic's hash.
    pub hash: H256,
    /// What becomes of it.
    pub progress: BoxStream<'static, Progress>,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// How a chain that is asked beforehand would judge a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would take it.
    Accepted,
    /// It would not.
    Refused(ResponseRefusal),
    /// It cannot be asked.
    NotOffered,
}

/// A chain with a storage pallet, for one provider's account.
///
/// No method blocks its thread, and each ends within a time of the
/// implementation's own, with an error if need be.
#[async_trait]
pub trait ChainClient: Send + Sync + 'static {
    /// The account that is asked about and submitted for.
    fn account(&self) -> AccountId;

    /// The hash of the chain's first block, by which it is told from others.
    async fn genesis(&self) -> Result<H256, ChainError>;

    /// The finalized heads from now on, the present one first. Blocks may be
    /// left out where several are finalized at once. It ends when the chain is
    /// lost; asking again connects again.
    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError>;

    /// The best block, which need not become final.
    async fn best_head(&self) -> Result<Head, ChainError> {
        Err(ChainError::Unsupported(
            "of its best block it does not tell".into(),
        ))
    }

    /// What the chain holds a provider to.
    async fn limits(&self, at: H256) -> Result<Limits, ChainError>;

    /// The provider itself, as the chain knows it.
    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError>;

    /// All open challenges against the account, in the order of their deadlines.
    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError>;

    /// A bucket.
    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError>;

    /// The buckets that the account has an agreement with, or is primary in.
    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError>;

    /// What became of challenges and checkpoints in one block.
    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError>;

    /// How the chain would judge a response in its best block.
    async fn judge(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError>;

    /// Signs a submission for the account and hands it to the chain's pool. To
    /// have been handed over is all that success means.
    ///
    /// The same submission handed over twice must not take effect twice; the
    /// pallet sees to that, since it takes one answer for a challenge.
    async fn submit(&self, submission: Submission) -> Result<Ticket, ChainError>;

    /// The same where little time is left: with a tip, if the operator has
    /// allowed one and the chain takes it.
    async fn submit_urgently(&self, submission: Submission) -> Result<Ticket, ChainError> {
        self.submit(submission).await
    }
}
