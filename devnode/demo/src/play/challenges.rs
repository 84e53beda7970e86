//! Challenges of the providers, and the times of their answers.

use super::BUCKETS;
use super::cast::{Cast, until};
use super::stage::{House, Running};
use crate::chain::{Chain, Sent};
use crate::error::DemoError;
use crate::liar::created;
use cairn_devnode_runtime::{Runtime, RuntimeCall, RuntimeEvent};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::ChallengeId;
use pallet_storage_provider::{Call, Event};
use rand::Rng;
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

/// Extrinsics in flight at once.
const AT_ONCE: usize = 25;

/// The kinds of challenges to submit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinds {
    /// By checkpoint and by signed commitment, of both providers.
    Both,
    /// By both, of the killed provider.
    AgainstTheKilled,
}

/// The submitted challenges, and the block of each.
#[derive(Default)]
pub(super) struct Asked {
    at: BTreeMap<ChallengeId, u32>,
}

impl Asked {
    pub(super) fn count(&self) -> u64 {
        self.at.len().try_into().unwrap_or(u64::MAX)
    }

    /// Submits `count` random challenges.
    pub(super) async fn ask(
        &mut self,
        chain: &Chain,
        cast: &Cast,
        local_providers: &[House; 2],
        count: u32,
        kinds: Kinds,
        random: &mut impl Rng,
    ) -> Result<(), DemoError> {
        let mut sent = Vec::new();
        for turn in 0..count {
            let place = match kinds {
                Kinds::Both => usize::from(turn % 2 == 1),
                Kinds::AgainstTheKilled => 1,
            };
            let by_checkpoint = turn % 4 < 2;
            let call =
                challenge(chain, cast, local_providers, place, by_checkpoint, random).await?;
            sent.push(chain.send(cast.admin(), "challenge", call).await?);
            if sent.len() == AT_ONCE {
                self.settle(chain, std::mem::take(&mut sent)).await?;
            }
        }
        self.settle(chain, sent).await
    }

    async fn settle(&mut self, chain: &Chain, sent: Vec<Sent>) -> Result<(), DemoError> {
        for sent in sent {
            let settled = chain.settled(sent).await?;
            self.at.insert(created(&settled.events)?, settled.number);
        }
        Ok(())
    }

    /// Waits until no challenge of the honest providers is open.
    pub(super) async fn await_answers(
        &self,
        chain: &Chain,
        cast: &Cast,
        running: &mut Running,
    ) -> Result<(), DemoError> {
        until("an answer to every challenge", running, async || {
            for who in cast.honest() {
                if !chain.open_challenges(who).await?.is_empty() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// Returns the number of blocks from each challenge to its answer's inclusion, sorted.
    pub(super) async fn waits(&self, chain: &Chain, from: u32) -> Result<Vec<u32>, DemoError> {
        let mut waits = Vec::new();
        let last = chain.number(chain.finalized().await?).await?;
        for number in from..=last {
            let block = chain.block_hash(number).await?;
            for record in chain.events(block).await? {
                if let RuntimeEvent::StorageProvider(Event::ChallengeDefended { id, .. }) =
                    record.event
                    && let Some(asked) = self.at.get(&id)
                {
                    waits.push(number.saturating_sub(*asked));
                }
            }
        }
        waits.sort_unstable();
        Ok(waits)
    }
}

async fn challenge(
    chain: &Chain,
    cast: &Cast,
    local_providers: &[House; 2],
    place: usize,
    by_checkpoint: bool,
    random: &mut impl Rng,
) -> Result<RuntimeCall, DemoError> {
    let bucket = BucketId(random.gen_range(0..BUCKETS).try_into().unwrap_or(0));
    let [loaded, standalone] = cast.honest();
    let (local_provider, provider) = match (local_providers, place) {
        ([local_provider, _], 0) => (local_provider, loaded),
        ([_, local_provider], _) => (local_provider, standalone),
    };
    let provider = AccountId32::new(provider.0);
    let promises = local_provider.promises(bucket)?;
    if by_checkpoint {
        let info = chain.bucket(bucket).await?;
        let snapshot = info
            .snapshot
            .ok_or_else(|| DemoError::Wrong(format!("bucket {bucket} has no checkpoint")))?;
        let location = promises.location(&snapshot.commitment, random);
        return Ok(Call::<Runtime>::challenge_checkpoint {
            bucket,
            provider,
            location,
        }
        .into());
    }
    let promise = promises.any(bucket, random)?;
    let location = promises.location(&promise.commitment, random);
    Ok(Call::<Runtime>::challenge_offchain {
        bucket,
        provider,
        commitment: promise.commitment,
        location,
        signature: promise.signature.clone(),
    }
    .into())
}
