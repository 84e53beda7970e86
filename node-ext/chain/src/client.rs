//! The interface to a chain: everything that the schedulers need from one, independent
//! of how it is reached.
//!
//! Queries name a block, so that values used in one decision belong to one state. The
//! implementations are a node's own client, a remote node, and two chains in memory for
//! tests, a simulated one and a static one.

use crate::{ChainError, SyncConfirmation};
use async_trait::async_trait;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo,
    ProviderSettings, RegisteredKey, ResponseRefusal, TermsRules,
};
use cairn_primitives::{BucketId, Commitment, H256};
use futures::stream::BoxStream;

/// A block, with its anchor block, in which deadlines are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The block's hash.
    pub hash: H256,
    /// The block's number on its own chain.
    pub number: u32,
    /// The anchor block as of this block; the same as `number` on a solo chain.
    pub anchor: u32,
}

/// A submission of a provider, as an extrinsic signed by its account.
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
        /// The commitment.
        commitment: Commitment,
        /// The checkpoint window; `None` outside of windows.
        window: Option<u64>,
        /// The nonce of the payload that was signed, on chains whose payloads have one;
        /// `None` in a window.
        nonce: Option<u64>,
        /// The signatures with their signers' accounts, each account once.
        signatures: Vec<PrimarySignature>,
    },
    /// A replica's confirmation of what it has.
    ConfirmSync(Box<SyncConfirmation>),
    /// A call by which a provider registers, changes its record, or leaves.
    Provider(ProviderCall),
}

/// A call by which a provider registers, changes its record, or leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderCall {
    /// `register_provider`.
    Register {
        /// The endpoint: a multiaddr in its text form.
        multiaddr: String,
        /// The key that signs commitments.
        public_key: RegisteredKey,
        /// The stake to hold, in the chain's smallest unit.
        stake: u128,
    },
    /// `add_stake`, by an amount in the chain's smallest unit.
    AddStake(u128),
    /// `update_provider_settings`.
    UpdateSettings(ProviderSettings),
    /// `update_provider_multiaddr`, to a multiaddr in its text form.
    UpdateMultiaddr(String),
    /// `deregister_provider`: announces it. New agreements are refused from then on.
    AnnounceDeregister,
    /// `complete_deregister`, once no agreement is left and the notice has passed.
    CompleteDeregister,
    /// `cancel_deregister`.
    CancelDeregister,
    /// `claim_expired_agreement`: takes the payment for an agreement that has ended.
    ClaimExpiredAgreement(BucketId),
    /// `set_extensions_blocked`.
    SetExtensionsBlocked {
        /// The bucket.
        bucket: BucketId,
        /// True to refuse extensions of its agreement.
        blocked: bool,
    },
}

/// The funds of an account, in the chain's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// The balance that can pay fees: free, and not frozen.
    pub spendable: u128,
    /// The balance on hold, which includes a provider's stake.
    pub held: u128,
}

/// A status of a submitted extrinsic. A final one ends the stream. So does losing the
/// connection, which says nothing about the extrinsic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtrinsicStatus {
    /// A block of this hash includes it; it may still be retracted.
    InBlock(H256),
    /// The block that included it left the best chain.
    Retracted(H256),
    /// A finalized block of this hash includes it. The block's outcomes and state show
    /// the result. Final.
    Finalized(H256),
    /// It will not be included, for this reason: it was dropped, is invalid, or has
    /// expired. Final.
    Dropped(String),
}

/// A submitted extrinsic.
pub struct SubmittedExtrinsic {
    /// The extrinsic's hash.
    pub hash: H256,
    /// Its status from now on.
    pub statuses: BoxStream<'static, ExtrinsicStatus>,
}

impl std::fmt::Debug for SubmittedExtrinsic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// The result of a dry run of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRunResult {
    /// The chain would accept the response.
    Accepted,
    /// The chain would refuse it.
    Refused(ResponseRefusal),
    /// The chain offers no dry run.
    NotOffered,
}

/// The open challenges against an account, as far as they can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenChallenges {
    /// Those that can be read, in the order of their deadlines.
    pub challenges: Vec<OpenChallenge>,
    /// The error of a row that cannot be read, which names it. It may be another challenge of
    /// the account, so one that is not in the list need not be closed.
    pub unreadable: Option<ChainError>,
}

impl OpenChallenges {
    /// Returns the challenges if there is no other one.
    ///
    /// # Errors
    ///
    /// The error of the row that cannot be read.
    pub fn complete(self) -> Result<Vec<OpenChallenge>, ChainError> {
        match self.unreadable {
            None => Ok(self.challenges),
            Some(error) => Err(error),
        }
    }
}

impl From<Vec<OpenChallenge>> for OpenChallenges {
    fn from(challenges: Vec<OpenChallenge>) -> Self {
        Self {
            challenges,
            unreadable: None,
        }
    }
}

/// A chain with a storage pallet, for one provider's account.
///
/// No method blocks its thread. Each implementation has a timeout of its own, after
/// which a method returns an error; reading many rows has one for each request. No method
/// has a default: a client that wraps another would forget to forward it.
#[async_trait]
pub trait ChainClient: Send + Sync + 'static {
    /// Returns the account for which this client queries and submits.
    fn account(&self) -> AccountId;

    /// Returns the hash of the chain's first block, which identifies the chain.
    async fn genesis(&self) -> Result<H256, ChainError>;

    /// True while the node imports old blocks, so that its finalized head may be far behind the
    /// chain's.
    async fn is_syncing(&self) -> Result<bool, ChainError>;

    /// Subscribes to finalized heads, starting with the current one. Blocks may be left
    /// out if several are finalized at once. The stream ends when the connection is
    /// lost; another call reconnects.
    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError>;

    /// Returns the best block, which need not become final.
    async fn best_head(&self) -> Result<Head, ChainError>;

    /// Returns the chain's limits for providers.
    async fn limits(&self, at: H256) -> Result<Limits, ChainError>;

    /// Returns the account's provider record, if it is registered.
    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError>;

    /// Returns the chain's rules for terms that the account signs, and the nonces of terms that
    /// are redeemed. [`ChainError::Unsupported`] if the chain's `AgreementTerms` have other
    /// fields than [`AgreementTerms`](cairn_primitives::terms::AgreementTerms).
    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError>;

    /// Returns the funds of the account.
    async fn funds(&self, at: H256) -> Result<Funds, ChainError>;

    /// Returns the fee of a submission in the best block, without a tip, in the chain's
    /// smallest unit.
    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError>;

    /// Returns the open challenges against the account.
    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError>;

    /// Returns a bucket.
    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError>;

    /// Returns the buckets for which the account has an agreement, as a primary provider or
    /// as a replica, whether the agreement holds or has expired.
    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError>;

    /// Returns the account's agreements with their buckets, also those that have expired.
    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError>;

    /// Returns the outcomes of challenges and checkpoints in one block.
    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError>;

    /// Makes a dry run of a response in the best block.
    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError>;

    /// Signs a submission for the account and submits it to the transaction pool. Success
    /// means only that the pool took it.
    ///
    /// A submission that is submitted twice must not take effect twice. The pallet
    /// ensures that for responses: it accepts one answer for a challenge.
    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError>;

    /// Submits as [`ChainClient::submit`] when little time is left: with a tip, if the
    /// operator allows one and the chain supports it.
    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError>;
}
