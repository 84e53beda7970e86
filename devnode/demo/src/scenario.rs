//! The scenario, step by step.

mod accounts;
mod challenges;
mod environment;

use crate::error::DemoError;
use crate::{Verdict, dishonest_provider, files};
use accounts::Accounts;
use cairn_devnode_user::{Chain, values};
use challenges::{ChallengeTargets, SubmittedChallenges};
use environment::Environment;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::PathBuf;
use std::time::Instant;

/// The buckets of each provider.
const BUCKETS: usize = 3;

/// The scale of the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The maximum number of files to store.
    pub max_files: usize,
    /// The maximum number of bytes to store.
    pub max_bytes: u64,
    /// The number of challenges, of both kinds, in three parts.
    pub challenges: u32,
    /// The time between blocks, in milliseconds.
    pub block_ms: u64,
}

/// The programs, files and settings of the scenario.
pub struct Scenario {
    /// The command line of Cairn.
    pub cairn: PathBuf,
    /// The node that loads Cairn.
    pub devnode: PathBuf,
    /// An empty folder for all data.
    pub folder: PathBuf,
    /// The folder whose files are stored.
    pub files: PathBuf,
    /// The variant of the chain: `deployed`, `nonce`, `current` or `leaf-binding`.
    pub variant: String,
    /// The scale.
    pub scale: Scale,
    /// The seed of all random choices.
    pub seed: u64,
    /// Called with a line for each step and its result.
    pub report: Box<dyn Fn(&str) + Send + Sync>,
}

/// The chain's records at the end.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Challenges of the honest providers.
    pub challenges: u64,
    /// Challenges that the chain counts as defended.
    pub defended: u64,
    /// Challenges that the chain counts as lost.
    pub lost: u64,
    /// The decrease of the honest providers' stakes, in the chain's smallest unit.
    pub stake_decrease: u128,
    /// The part of the deposits that the chain took from these stakes for answers, as the older
    /// variants do: the later an answer, the more.
    pub stake_for_answers: u128,
    /// Checkpoints that were made.
    pub checkpoints: usize,
    /// For each answer, the number of blocks from the challenge to its inclusion, sorted.
    pub answer_delays: Vec<u32>,
    /// The verdict on the dishonest provider's answer.
    pub verdict: Verdict,
}

impl Scenario {
    /// Runs the scenario.
    ///
    /// # Errors
    ///
    /// Returns a [`DemoError`] for the first unexpected result.
    pub async fn run(&self) -> Result<Summary, DemoError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let cast = Accounts::new()?;
        let stage = Environment::new(self)?;

        self.report_step("Real files become leaves, in buckets of two providers");
        let found = files::list_files(&self.files, self.scale.max_files, self.scale.max_bytes)?;
        if found.len() < 8 * BUCKETS {
            return Err(DemoError::Unexpected(format!(
                "{} has too few files: name another folder",
                self.files.display()
            )));
        }
        // A quarter is stored after the prune.
        let later = found.len() / 4;
        let (first, second) = found.split_at(found.len() - later);
        let hands = files::distribute(first.to_vec(), BUCKETS);
        let mut local_providers = [
            stage.local_provider("node", 0),
            stage.local_provider("standalone", BUCKETS as u64),
        ];
        for (local_provider, suri) in local_providers.iter_mut().zip(["//Charlie", "//Dave"]) {
            local_provider.set_up(suri, &hands)?;
        }
        self.report_step(&format!(
            "  {} files in {BUCKETS} buckets of each; each root is signed",
            first.len()
        ));

        self.report_step("A node that loads Cairn, and a standalone provider that follows it");
        let mut running = stage.start_all(&local_providers).await?;
        let chain = running.chain().await?;
        let version = chain.spec_version().await?;
        self.report_step(&format!("  {}, spec version {version}", self.variant));
        cast.set_up_chain(&chain, &running, &local_providers)
            .await?;

        self.report_step("Checkpoints, signed by the providers and submitted by the owner");
        let mut checkpointed = cast
            .make_checkpoints(&chain, &mut running, &local_providers)
            .await?;
        self.report_step(&format!("  {checkpointed} of {} buckets", 2 * BUCKETS));

        let begun = Instant::now();
        let first_block = chain.finalized().await?;
        let third = self.scale.challenges / 3;
        self.report_step(&format!(
            "{third} challenges, of both kinds, of old and new roots"
        ));
        let mut asked = SubmittedChallenges::default();
        asked
            .submit(
                &chain,
                &cast,
                &local_providers,
                third,
                ChallengeTargets::Both,
                &mut random,
            )
            .await?;
        asked.await_answers(&chain, &cast, &mut running).await?;
        self.report_step(&format!(
            "  all answered, {:.1} s",
            begun.elapsed().as_secs_f64()
        ));

        self.report_step(&format!(
            "A provider is killed; {third} more challenges; the node stops; both prune; both restart"
        ));
        running.kill_standalone()?;
        asked
            .submit(
                &chain,
                &cast,
                &local_providers,
                third,
                ChallengeTargets::KilledProvider,
                &mut random,
            )
            .await?;
        drop(chain);
        running.stop_node()?;
        for local_provider in &mut local_providers {
            local_provider.prune(cast.admin())?;
            local_provider.store(&files::distribute(second.to_vec(), BUCKETS))?;
        }
        running.start_missing(&stage, &local_providers).await?;
        let chain = running.chain().await?;
        asked.await_answers(&chain, &cast, &mut running).await?;
        self.report_step("  all answered, from retired trees");
        checkpointed += cast
            .make_checkpoints(&chain, &mut running, &local_providers)
            .await?;
        self.report_step("  and the new trees have checkpoints");

        let rest = self.scale.challenges - 2 * third;
        self.report_step(&format!(
            "{rest} challenges, of roots from before and after the prune"
        ));
        asked
            .submit(
                &chain,
                &cast,
                &local_providers,
                rest,
                ChallengeTargets::Both,
                &mut random,
            )
            .await?;
        asked.await_answers(&chain, &cast, &mut running).await?;

        self.report_step("A dishonest provider");
        let bucket = cast.set_up_dishonest_provider(&chain).await?;
        let verdict =
            dishonest_provider::answer_falsely(&chain, cast.admin(), cast.dishonest(), bucket)
                .await?;
        self.report_step(&format!("  {verdict:?}"));

        let summary = self
            .summarize(&chain, &cast, &asked, first_block, checkpointed, verdict)
            .await?;
        running.stop_all()?;
        Ok(summary)
    }

    fn report_step(&self, what: &str) {
        (self.report)(what);
    }

    async fn summarize(
        &self,
        chain: &Chain,
        cast: &Accounts,
        asked: &SubmittedChallenges,
        first_block: u32,
        checkpointed: usize,
        verdict: Verdict,
    ) -> Result<Summary, DemoError> {
        let mut summary = Summary {
            challenges: asked.count(),
            defended: 0,
            lost: 0,
            stake_decrease: 0,
            stake_for_answers: 0,
            checkpoints: checkpointed,
            answer_delays: asked.answer_delays(chain, first_block).await?,
            verdict,
        };
        let honest = cast.honest();
        let answers_cost_stake = ["deployed", "nonce"].contains(&self.variant.as_str());
        for (count, name) in [
            (&mut summary.defended, "ChallengeDefended"),
            (&mut summary.lost, "ChallengeSlashed"),
        ] {
            for (_, event) in chain.storage_events(first_block, name).await? {
                let provider = values::bytes32(values::inside(&event.fields, "provider")?)?;
                if !honest.contains(&provider) {
                    continue;
                }
                *count += 1;
                if name == "ChallengeDefended" && answers_cost_stake {
                    summary.stake_for_answers += values::number_in(&event.fields, "provider_cost")?;
                }
            }
        }
        for who in honest {
            summary.stake_decrease += accounts::STAKE.saturating_sub(chain.stake(who).await?);
        }
        Ok(summary)
    }
}
