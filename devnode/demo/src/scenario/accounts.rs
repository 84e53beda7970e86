//! The accounts, their agreements on chain, and the checkpoints of their buckets.

use super::environment::{LocalProvider, RunningPrograms};
use crate::error::DemoError;
use crate::provider_rpc::ProviderRpc;
use cairn_devnode_user::{AccountId, Chain, Key, Signed};
use std::time::{Duration, Instant};

/// The stake of each provider, in the chain's smallest unit: a thousand coins.
pub(super) const STAKE: u128 = 1_000_000_000_000_000;

/// The quota of an agreement, in bytes.
const QUOTA: u64 = 1 << 34;

/// Anchor blocks of an agreement.
const DURATION: u32 = 10_000_000;

/// The time limit for an event on chain.
pub(super) const CHAIN_TIMEOUT: Duration = Duration::from_secs(180);

/// The interval between two queries of the chain.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The accounts.
pub(super) struct Accounts {
    /// Owns the buckets, submits the checkpoints and the challenges.
    admin: Key,
    /// The provider that the node loads, and the standalone provider.
    honest: [Key; 2],
    dishonest: Key,
}

impl Accounts {
    pub(super) fn new() -> Result<Self, DemoError> {
        Ok(Self {
            admin: Key::new("//Alice")?,
            honest: [Key::new("//Charlie")?, Key::new("//Dave")?],
            dishonest: Key::new("//Eve")?,
        })
    }

    pub(super) fn admin(&self) -> &Key {
        &self.admin
    }

    pub(super) fn dishonest(&self) -> &Key {
        &self.dishonest
    }

    /// Returns the honest providers, in the order of their base paths.
    pub(super) fn honest(&self) -> [AccountId; 2] {
        [0, 1].map(|place| self.honest.get(place).map_or([0; 32], Key::account))
    }

    /// Registers the providers, and makes an agreement for each bucket that they have.
    pub(super) async fn set_up_chain(
        &self,
        chain: &Chain,
        running: &RunningPrograms,
        local_providers: &[LocalProvider; 2],
    ) -> Result<(), DemoError> {
        let all = self.honest.iter().zip(running.endpoints());
        for ((who, endpoint), local_provider) in all.zip(local_providers) {
            self.register(chain, who, &endpoint).await?;
            for (id, _) in local_provider.buckets() {
                let bucket = self.agree(chain, who).await?;
                if bucket != id {
                    return Err(DemoError::Unexpected(format!(
                        "the chain made bucket {bucket} instead of {id}: is the chain new?"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Makes an agreement of the dishonest provider for a bucket of its own.
    pub(super) async fn set_up_dishonest_provider(&self, chain: &Chain) -> Result<u64, DemoError> {
        self.register(chain, &self.dishonest, "/ip4/127.0.0.1/tcp/1")
            .await?;
        self.agree(chain, &self.dishonest).await
    }

    async fn register(&self, chain: &Chain, who: &Key, endpoint: &str) -> Result<(), DemoError> {
        chain
            .register_provider(who, &who.public(), endpoint, STAKE)
            .await?;
        chain.update_settings(who, &Default::default()).await?;
        Ok(())
    }

    async fn agree(&self, chain: &Chain, who: &Key) -> Result<u64, DemoError> {
        let made = chain.agree(&self.admin, who.account(), who, QUOTA, DURATION);
        Ok(made.await?)
    }

    /// Asks the providers for their signatures of the newest roots, and makes checkpoints.
    /// Returns their number.
    pub(super) async fn make_checkpoints(
        &self,
        chain: &Chain,
        running: &mut RunningPrograms,
        local_providers: &[LocalProvider; 2],
    ) -> Result<usize, DemoError> {
        let mut made = 0usize;
        let all = self.honest().into_iter().zip(running.provider_urls());
        for ((account, url), local_provider) in all.zip(local_providers) {
            let provider = connect(&url, running).await?;
            for (bucket, newest) in local_provider.newest_commitments() {
                let signed = signature(&provider, bucket, newest.leaf_count, running).await?;
                let signatures = [(account, signed.signature)];
                chain
                    .checkpoint(
                        &self.admin,
                        bucket,
                        &signed.commitment,
                        signed.nonce,
                        &signatures,
                    )
                    .await?;
                if chain.snapshot(bucket).await? != Some(*newest) {
                    return Err(DemoError::Unexpected(format!(
                        "the checkpoint of bucket {bucket} has another root"
                    )));
                }
                made = made.saturating_add(1);
            }
        }
        Ok(made)
    }
}

/// Asks a provider for a signature, until it gives one: after a start it first compares what
/// the chain has of it.
async fn signature(
    provider: &ProviderRpc,
    bucket: u64,
    leaf_count: u64,
    running: &mut RunningPrograms,
) -> Result<Signed, DemoError> {
    let begun = Instant::now();
    loop {
        match provider.checkpoint_signature(bucket, leaf_count).await {
            Ok(signed) => return Ok(signed),
            Err(error) if begun.elapsed() > CHAIN_TIMEOUT => return Err(error),
            Err(_) => running.check()?,
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Connects to a provider, as soon as it answers.
async fn connect(url: &str, running: &mut RunningPrograms) -> Result<ProviderRpc, DemoError> {
    let begun = Instant::now();
    loop {
        match ProviderRpc::connect(url).await {
            Ok(provider) => return Ok(provider),
            Err(error) if begun.elapsed() > CHAIN_TIMEOUT => return Err(error),
            Err(_) => running.check()?,
        }
        // A program does not signal when it begins to listen.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits for a condition, and fails if a running program ends.
pub(super) async fn wait_until(
    what: &str,
    running: &mut RunningPrograms,
    holds: impl AsyncFn() -> Result<bool, DemoError>,
) -> Result<(), DemoError> {
    let begun = Instant::now();
    while !holds().await? {
        running.check()?;
        if begun.elapsed() > CHAIN_TIMEOUT {
            return Err(DemoError::TimedOut {
                what: format!("{what}\n{}", running.log_tails()),
                seconds: CHAIN_TIMEOUT.as_secs(),
            });
        }
        // The condition depends on other processes, which send no notification.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
