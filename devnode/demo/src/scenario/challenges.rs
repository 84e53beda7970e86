//! Challenges of the providers, and the times of their answers.

use super::accounts::{Accounts, wait_until};
use super::environment::{LocalProvider, RunningPrograms};
use crate::error::DemoError;
use cairn_devnode_user::{Chain, ChallengeId, Sent};
use rand::Rng;

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
    at: Vec<(ChallengeId, u32)>,
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
        // Where commitments have nonces, or the chain takes no leaf count, what was signed
        // before the chain began is challenged by its checkpoint only.
        let by_signature = chain
            .has_argument("challenge_offchain", "commitment")
            .await?
            && !chain.signs_nonces().await?;
        let mut sent = Vec::new();
        for turn in 0..count {
            let place = match kinds {
                ChallengeTargets::Both => usize::from(turn % 2 == 1),
                ChallengeTargets::KilledProvider => 1,
            };
            let by_signature = by_signature && turn % 4 >= 2;
            sent.push(challenge(chain, cast, local_providers, place, by_signature, random).await?);
            if sent.len() == MAX_IN_FLIGHT {
                self.await_finalized(chain, std::mem::take(&mut sent))
                    .await?;
            }
        }
        self.await_finalized(chain, sent).await
    }

    async fn await_finalized(&mut self, chain: &Chain, sent: Vec<Sent>) -> Result<(), DemoError> {
        for sent in sent {
            let included = chain.included(&sent).await?;
            let created = included.storage_event("ChallengeCreated")?;
            self.at
                .push((ChallengeId::of_event(created)?, included.number));
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
                if chain.open_challenges(who).await? > 0 {
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
        for (number, event) in chain.storage_events(from, "ChallengeDefended").await? {
            let id = ChallengeId::of_event(&event)?;
            // On the deployed chain the index is a place among those that are left. All of a
            // deadline were made in one block there.
            let asked = self.at.iter().find(|(known, _)| *known == id).or_else(|| {
                self.at
                    .iter()
                    .find(|(known, _)| known.deadline == id.deadline)
            });
            if let Some((_, asked)) = asked {
                waits.push(number.saturating_sub(*asked));
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
    by_signature: bool,
    random: &mut impl Rng,
) -> Result<Sent, DemoError> {
    let [loaded, standalone] = cast.honest();
    let (local_provider, provider) = match (local_providers, place) {
        ([local_provider, _], 0) => (local_provider, loaded),
        ([_, local_provider], _) => (local_provider, standalone),
    };
    let buckets: Vec<_> = local_provider.buckets().collect();
    let place = random.gen_range(0..buckets.len().max(1));
    let (bucket, signed_roots) = buckets
        .get(place)
        .ok_or_else(|| DemoError::Unexpected("a provider has no buckets".into()))?;
    if by_signature {
        let signed_root = signed_roots.random_root(*bucket, random)?;
        let location = signed_roots.random_location(&signed_root.commitment, random);
        let sent = chain.challenge_offchain(
            cast.admin(),
            *bucket,
            provider,
            &signed_root.commitment,
            None,
            &signed_root.signature,
            location,
        );
        return Ok(sent.await?);
    }
    let snapshot = chain
        .snapshot(*bucket)
        .await?
        .ok_or_else(|| DemoError::Unexpected(format!("bucket {bucket} has no checkpoint")))?;
    let location = signed_roots.random_location(&snapshot, random);
    let sent = chain.challenge_checkpoint(cast.admin(), *bucket, provider, location);
    Ok(sent.await?)
}
