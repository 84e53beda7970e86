//! Challenges of the providers, and the times of their answers.

use super::BUCKETS;
use super::accounts::{Accounts, wait_until};
use super::environment::{LocalProvider, RunningPrograms};
use crate::chain::{Chain, SubmittedExtrinsic};
use crate::dishonest_provider::created_challenge;
use crate::error::DemoError;
use cairn_devnode_runtime::{Runtime, RuntimeCall, RuntimeEvent};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::ChallengeId;
use pallet_storage_provider::{Call, Event};
use rand::Rng;
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

/// Extrinsics in flight at once.
const MAX_IN_FLIGHT: usize = 25;

/// The kinds of challenges to submit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ChallengeTargets {
    /// By checkpoint and by signed commitment, of both providers.
    Both,
    /// By both, of the killed provider.
    KilledProvider,
}

/// The submitted challenges, and the block of each.
#[derive(Default)]
pub(super) struct SubmittedChallenges {
    at: BTreeMap<ChallengeId, u32>,
}

impl SubmittedChallenges {
    pub(super) fn count(&self) -> u64 {
        self.at.len().try_into().unwrap_or(u64::MAX)
    }

    /// Submits `count` random challenges.
    pub(super) async fn submit(
        &mut self,
        chain: &Chain,
        cast: &Accounts,
        local_providers: &[LocalProvider; 2],
        count: u32,
        kinds: ChallengeTargets,
        random: &mut impl Rng,
    ) -> Result<(), DemoError> {
        let mut sent = Vec::new();
        for turn in 0..count {
            let place = match kinds {
                ChallengeTargets::Both => usize::from(turn % 2 == 1),
                ChallengeTargets::KilledProvider => 1,
            };
            let by_checkpoint = turn % 4 < 2;
            let call =
                challenge(chain, cast, local_providers, place, by_checkpoint, random).await?;
            sent.push(chain.send(cast.admin(), "challenge", call).await?);
            if sent.len() == MAX_IN_FLIGHT {
                self.await_finalized(chain, std::mem::take(&mut sent))
                    .await?;
            }
        }
        self.await_finalized(chain, sent).await
    }

    async fn await_finalized(
        &mut self,
        chain: &Chain,
        sent: Vec<SubmittedExtrinsic>,
    ) -> Result<(), DemoError> {
        for sent in sent {
            let settled = chain.await_finalized(sent).await?;
            self.at
                .insert(created_challenge(&settled.events)?, settled.number);
        }
        Ok(())
    }

    /// Waits until no challenge of the honest providers is open.
    pub(super) async fn await_answers(
        &self,
        chain: &Chain,
        cast: &Accounts,
        running: &mut RunningPrograms,
    ) -> Result<(), DemoError> {
        wait_until("an answer to every challenge", running, async || {
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
    pub(super) async fn answer_delays(
        &self,
        chain: &Chain,
        from: u32,
    ) -> Result<Vec<u32>, DemoError> {
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
    cast: &Accounts,
    local_providers: &[LocalProvider; 2],
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
    let signed_roots = local_provider.signed_roots(bucket)?;
    if by_checkpoint {
        let info = chain.bucket(bucket).await?;
        let snapshot = info
            .snapshot
            .ok_or_else(|| DemoError::Unexpected(format!("bucket {bucket} has no checkpoint")))?;
        let location = signed_roots.random_location(&snapshot.commitment, random);
        return Ok(Call::<Runtime>::challenge_checkpoint {
            bucket,
            provider,
            location,
        }
        .into());
    }
    let signed_root = signed_roots.random_root(bucket, random)?;
    let location = signed_roots.random_location(&signed_root.commitment, random);
    Ok(Call::<Runtime>::challenge_offchain {
        bucket,
        provider,
        commitment: signed_root.commitment,
        location,
        signature: signed_root.signature.clone(),
    }
    .into())
}
