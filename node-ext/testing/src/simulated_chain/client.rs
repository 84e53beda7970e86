//! A client of a simulated chain, whose connection a test can break.

use super::ChainState;
use super::pool::submission_bytes;
use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, Funds, Head, OpenChallenges, RegistrationClient,
    RegistrationRules, Submission, SubmittedExtrinsic,
};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo, TermsRules,
};
use cairn_primitives::{BucketId, H256};
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

/// The state of a client's connection.
pub struct Connection {
    is_up: bool,
    has_key: bool,
    /// The number of next calls that fail.
    calls_to_fail: u32,
    /// Methods that the runtime lacks.
    missing_methods: HashSet<&'static str>,
    /// Methods that panic.
    panicking_methods: HashSet<&'static str>,
    subscribers: Vec<UnboundedSender<Head>>,
}

impl Connection {
    pub fn notify(&mut self, head: Head) {
        self.subscribers
            .retain(|listener| listener.unbounded_send(head).is_ok());
    }
}

/// A client of a simulated chain for one account.
pub struct SimulatedClient {
    pub(super) chain: Arc<Mutex<ChainState>>,
    connection: Arc<Mutex<Connection>>,
    pub(super) account: AccountId,
}

impl SimulatedClient {
    pub(super) fn new(chain: Arc<Mutex<ChainState>>, account: AccountId) -> Self {
        let connection = Connection {
            is_up: true,
            has_key: true,
            calls_to_fail: 0,
            missing_methods: HashSet::new(),
            panicking_methods: HashSet::new(),
            subscribers: Vec::new(),
        };
        Self {
            chain,
            connection: Arc::new(Mutex::new(connection)),
            account,
        }
    }

    /// Returns the state of the connection, to change it.
    pub fn connection(&self) -> Arc<Mutex<Connection>> {
        self.connection.clone()
    }

    /// Breaks the connection: streams end, and calls fail.
    pub fn disconnect(&self) {
        let mut connection = self.connection.lock();
        connection.is_up = false;
        connection.subscribers.clear();
        drop(connection);
        self.chain.lock().pool.end_streams_of(self.account);
    }

    /// Restores the connection for later calls.
    pub fn connect(&self) {
        self.connection.lock().is_up = true;
    }

    /// Makes the next `calls` calls fail; no stream ends.
    pub fn fail_next(&self, calls: u32) {
        self.connection.lock().calls_to_fail = calls;
    }

    /// Removes these methods from the runtime, and restores all others.
    pub fn remove_methods(&self, methods: &[&'static str]) {
        self.connection.lock().missing_methods = methods.iter().copied().collect();
    }

    /// Makes calls of these methods panic.
    pub fn panic_in(&self, methods: &[&'static str]) {
        self.connection.lock().panicking_methods = methods.iter().copied().collect();
    }

    pub(super) fn check_method(&self, method: &str) -> Result<(), ChainError> {
        let connection = self.connection.lock();
        let breaks_off = connection.panicking_methods.contains(method);
        let lacks = connection.missing_methods.contains(method);
        drop(connection);
        assert!(!breaks_off, "{method} panics, as the test demands");
        match lacks {
            true => Err(ChainError::Unsupported(format!("there is no {method}"))),
            false => Ok(()),
        }
    }

    /// Sets whether the keystore has the account's key. By default it does.
    pub fn set_key_present(&self, holds: bool) {
        self.connection.lock().has_key = holds;
    }

    fn check_connection(&self) -> Result<(), ChainError> {
        let mut connection = self.connection.lock();
        if !connection.is_up {
            return Err(ChainError::Unreachable("disconnected by the test".into()));
        }
        if connection.calls_to_fail > 0 {
            connection.calls_to_fail -= 1;
            return Err(ChainError::Unreachable("for this one call".into()));
        }
        Ok(())
    }

    pub(super) fn read_block<T>(
        &self,
        hash: H256,
        read: impl FnOnce(&super::Block) -> T,
    ) -> Result<T, ChainError> {
        self.check_connection()?;
        let chain = self.chain.lock();
        let block = chain.blocks.get(&hash);
        block.map(read).ok_or_else(|| ChainError::NoSuchBlock {
            block: hex::encode(hash),
            reason: "it is not kept".into(),
        })
    }
}

#[async_trait]
impl ChainClient for SimulatedClient {
    fn account(&self) -> AccountId {
        self.account
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.check_connection()?;
        Ok(self.chain.lock().genesis)
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        self.check_method("is_syncing")?;
        self.check_connection()?;
        Ok(self.chain.lock().is_syncing)
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        self.check_connection()?;
        let (sender, heads) = unbounded();
        let now = self.chain.lock().finalized().head;
        let _ = sender.unbounded_send(now);
        self.connection.lock().subscribers.push(sender);
        Ok(heads.boxed())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.check_connection()?;
        Ok(self.chain.lock().best().head)
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.check_method("limits")?;
        self.read_block(at, |block| block.state.limits)
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.check_method("provider")?;
        self.read_block(at, |block| {
            block.state.providers.get(&self.account.0).cloned()
        })
    }

    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError> {
        self.check_method("terms_rules")?;
        self.read_block(at, |block| block.state.terms_rules(&self.account))
    }

    async fn funds(&self, at: H256) -> Result<Funds, ChainError> {
        self.check_method("funds")?;
        self.read_block(at, |block| block.state.funds_of(&self.account))
    }

    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError> {
        self.check_method("fee")?;
        self.check_connection()?;
        let bytes = submission_bytes(submission);
        Ok(self.chain.lock().best().state.fee_of(bytes))
    }

    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError> {
        self.check_method("open_challenges")?;
        self.read_block(at, |block| {
            let ours = |challenge: &&OpenChallenge| challenge.provider == self.account;
            let is_unreadable =
                |challenge: &&OpenChallenge| block.state.unreadable.contains(&challenge.id);
            let open = block.state.open.values();
            let (unreadable, challenges): (Vec<_>, Vec<_>) =
                open.filter(ours).partition(is_unreadable);
            OpenChallenges {
                challenges: challenges.into_iter().copied().collect(),
                unreadable: unreadable.first().map(|challenge| ChainError::Undecodable {
                    item: format!("StorageProvider.Challenges {:?}", challenge.id),
                    reason: "as the test has it".into(),
                }),
            }
        })
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.read_block(at, |block| block.state.buckets.get(&bucket).cloned())
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.check_method("buckets")?;
        self.read_block(at, |block| {
            let buckets = block.state.buckets.iter();
            buckets
                .filter(|(id, info)| {
                    info.primary_index_of(&self.account).is_some()
                        || block.state.replica_agreement(**id, &self.account).is_some()
                })
                .map(|(id, _)| *id)
                .collect()
        })
    }

    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        self.check_method("agreements")?;
        self.read_block(at, |block| {
            let own = |(id, info): (&BucketId, &BucketInfo)| {
                let agreement = match info.primary_index_of(&self.account) {
                    Some(place) => info.primary_providers[place].agreement,
                    None => block.state.replica_agreement(*id, &self.account),
                };
                Some((*id, agreement?))
            };
            block.state.buckets.iter().filter_map(own).collect()
        })
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.check_method("outcomes")?;
        self.read_block(at, |block| block.outcomes.clone())
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        self.check_connection()?;
        let chain = self.chain.lock();
        if !chain.offers_dry_run {
            return Ok(DryRunResult::NotOffered);
        }
        let judged = chain.best().state.judge(self.account, id, response);
        Ok(match judged {
            Ok(_) => DryRunResult::Accepted,
            Err(refusal) => DryRunResult::Refused(refusal),
        })
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.check_connection()?;
        if !self.connection.lock().has_key {
            return Err(ChainError::NoKey {
                account: hex::encode(self.account.0),
            });
        }
        let mut chain = self.chain.lock();
        let best = chain.best().state.clone();
        chain.pool.submit(self.account, submission, &best)
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        let submitted = self.submit(submission).await?;
        self.chain.lock().pool.record.urgent += 1;
        Ok(submitted)
    }
}

#[async_trait]
impl RegistrationClient for SimulatedClient {
    async fn registration_rules(&self, at: H256) -> Result<RegistrationRules, ChainError> {
        self.check_method("registration_rules")?;
        self.read_block(at, |block| block.state.registration)
    }

    /// The submission as text: this chain has no encoding of calls.
    async fn call_data(&self, submission: &Submission) -> Result<Vec<u8>, ChainError> {
        self.check_method("call_data")?;
        self.check_connection()?;
        Ok(format!("{submission:?}").into_bytes())
    }
}
