//! The accounts, and their agreements on chain.

use super::environment::RunningPrograms;
use crate::chain::{Chain, account};
use crate::dishonest_provider::provider_key;
use crate::error::DemoError;
use cairn_devnode_runtime::{Runtime, RuntimeEvent};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, H256};
use pallet_storage_provider::{Call, Event};
use sp_core::{Pair, sr25519};
use std::time::{Duration, Instant};

/// The stake of each provider, in the chain's smallest unit.
pub(super) const STAKE: u128 = 1_000_000_000_000;

/// The quota of an agreement, in bytes.
const QUOTA: u64 = 1 << 34;

/// The last anchor block of the agreements.
const EXPIRES_AT: u32 = 10_000_000;

/// The time limit for an event on chain.
pub(super) const CHAIN_TIMEOUT: Duration = Duration::from_secs(180);

/// The interval between two queries of the chain.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The accounts.
pub(super) struct Accounts {
    /// Owns the buckets, and submits the challenges.
    admin: sr25519::Pair,
    /// The provider that the node loads.
    loaded: sr25519::Pair,
    /// The standalone provider.
    standalone: sr25519::Pair,
    dishonest: sr25519::Pair,
}

impl Accounts {
    pub(super) fn new() -> Result<Self, DemoError> {
        let named = |suri| {
            sr25519::Pair::from_string(suri, None)
                .map_err(|error| DemoError::Unexpected(error.to_string()))
        };
        Ok(Self {
            admin: named("//Alice")?,
            loaded: named("//Charlie")?,
            standalone: named("//Dave")?,
            dishonest: named("//Eve")?,
        })
    }

    pub(super) fn admin(&self) -> &sr25519::Pair {
        &self.admin
    }

    pub(super) fn dishonest(&self) -> &sr25519::Pair {
        &self.dishonest
    }

    /// Returns the honest providers, in the order of their base paths.
    pub(super) fn honest(&self) -> [AccountId; 2] {
        [account(&self.loaded), account(&self.standalone)]
    }

    /// Registers the providers, creates the buckets and makes the agreements.
    pub(super) async fn set_up_chain(
        &self,
        chain: &Chain,
        running: &RunningPrograms,
        buckets: usize,
    ) -> Result<(), DemoError> {
        for (who, endpoint) in [
            (&self.loaded, running.node_url()),
            (&self.standalone, running.standalone_url()),
        ] {
            self.register(chain, who, endpoint).await?;
        }
        for place in 0..buckets {
            let bucket = self.create_bucket(chain, 2).await?;
            if usize::try_from(bucket.0) != Ok(place) {
                return Err(DemoError::Unexpected(format!(
                    "the chain created bucket {bucket} instead of {place}: is the chain new?"
                )));
            }
            self.make_agreements(chain, bucket, &[&self.loaded, &self.standalone])
                .await?;
        }
        Ok(())
    }

    /// Makes an agreement of the dishonest provider for a bucket of its own.
    pub(super) async fn set_up_dishonest_provider(
        &self,
        chain: &Chain,
    ) -> Result<BucketId, DemoError> {
        self.register(chain, &self.dishonest, "ws://127.0.0.1:1".into())
            .await?;
        let bucket = self.create_bucket(chain, 1).await?;
        self.make_agreements(chain, bucket, &[&self.dishonest])
            .await?;
        Ok(bucket)
    }

    async fn register(
        &self,
        chain: &Chain,
        who: &sr25519::Pair,
        endpoint: String,
    ) -> Result<(), DemoError> {
        let call = Call::<Runtime>::register_provider {
            key: provider_key(who),
            endpoint: endpoint.into_bytes(),
            stake: STAKE,
        };
        chain.submit(who, "register_provider", call).await?;
        Ok(())
    }

    async fn create_bucket(
        &self,
        chain: &Chain,
        min_providers: u32,
    ) -> Result<BucketId, DemoError> {
        let call = Call::<Runtime>::create_bucket {
            min_providers,
            window: None,
        };
        let made = chain.submit(&self.admin, "create_bucket", call).await?;
        made.events
            .iter()
            .find_map(|event| match event {
                RuntimeEvent::StorageProvider(Event::BucketCreated { bucket_id, .. }) => {
                    Some(*bucket_id)
                }
                _ => None,
            })
            .ok_or_else(|| DemoError::Unexpected("a bucket was created without an event".into()))
    }

    async fn make_agreements(
        &self,
        chain: &Chain,
        bucket: BucketId,
        providers: &[&sr25519::Pair],
    ) -> Result<(), DemoError> {
        for provider in providers {
            let request = Call::<Runtime>::request_agreement {
                bucket,
                provider: provider.public().into(),
                max_bytes: QUOTA,
                expires_at: EXPIRES_AT,
            };
            chain
                .submit(&self.admin, "request_agreement", request)
                .await?;
            let accept = Call::<Runtime>::accept_agreement { bucket };
            chain.submit(provider, "accept_agreement", accept).await?;
        }
        Ok(())
    }

    /// Waits until the chain has checkpoints of these roots with both signatures. Returns
    /// their number.
    pub(super) async fn await_checkpoints(
        &self,
        chain: &Chain,
        running: &mut RunningPrograms,
        roots: &[(BucketId, H256)],
    ) -> Result<usize, DemoError> {
        for (bucket, root) in roots {
            let what = format!("a checkpoint of bucket {bucket} at {root:?} signed by both");
            wait_until(&what, running, async || {
                let info = chain.bucket(*bucket).await?;
                let places = self.honest().map(|who| info.primary_index_of(&who));
                Ok(info.snapshot.is_some_and(|snapshot| {
                    snapshot.commitment.mmr_root == *root
                        && places
                            .iter()
                            .all(|place| place.is_some_and(|place| snapshot.signed_by(place)))
                }))
            })
            .await?;
        }
        Ok(roots.len())
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
