//! The scenario, step by step.

mod cast;
mod challenges;
mod stage;

use crate::chain::Chain;
use crate::error::DemoError;
use crate::{files, liar};
use cairn_primitives::challenge::SlashReason;
use cast::Cast;
use challenges::{Asked, Kinds};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use stage::{House, Stage};
use std::path::PathBuf;
use std::time::Instant;

/// The number of buckets.
const BUCKETS: usize = 3;

/// The scale of the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The maximum number of files to store.
    pub most_files: usize,
    /// The maximum number of bytes to store.
    pub most_bytes: u64,
    /// The number of challenges, of both kinds, in three parts.
    pub challenges: u32,
    /// The time between blocks, in milliseconds.
    pub block_ms: u64,
    /// True if the chain binds a leaf to its index, as the newer pallet does.
    pub strict: bool,
}

/// The programs, files and settings of the scenario.
pub struct Play {
    /// The command line of Cairn.
    pub cairn: PathBuf,
    /// The node that loads Cairn.
    pub devnode: PathBuf,
    /// An empty folder for all data.
    pub folder: PathBuf,
    /// The folder whose files are stored.
    pub files: PathBuf,
    /// The scale.
    pub scale: Scale,
    /// The seed of all random choices.
    pub seed: u64,
    /// Called with a line for each step and its result.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
}

/// The chain's records at the end.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Challenges of the honest providers.
    pub asked: u64,
    /// Challenges that the chain counts as defended.
    pub defended: u64,
    /// Challenges that the chain counts as lost.
    pub lost: u64,
    /// True if the stake of the honest providers is unchanged.
    pub stake_untouched: bool,
    /// Buckets whose checkpoint has both signatures.
    pub checkpointed: usize,
    /// For each answer, the number of anchor blocks from the challenge to its inclusion,
    /// sorted.
    pub waits: Vec<u32>,
    /// The reason and the amount of the dishonest provider's slash.
    pub liar: (SlashReason, u128),
}

impl Play {
    /// Runs the scenario.
    ///
    /// # Errors
    ///
    /// Returns a [`DemoError`] for the first unexpected result.
    pub async fn play(&self) -> Result<Summary, DemoError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let cast = Cast::new()?;
        let stage = Stage::new(self)?;

        self.say("Real files become leaves, in the same buckets at two providers");
        let found = files::below(&self.files, self.scale.most_files, self.scale.most_bytes)?;
        if found.len() < 8 * BUCKETS {
            return Err(DemoError::Wrong(format!(
                "{} has too few files: name another folder",
                self.files.display()
            )));
        }
        // A quarter is stored after the prune.
        let later = found.len() / 4;
        let (first, second) = found.split_at(found.len() - later);
        let hands = files::deal(first.to_vec(), BUCKETS);
        let mut local_providers = [
            stage.local_provider("node")?,
            stage.local_provider("standalone")?,
        ];
        for (local_provider, suri) in local_providers.iter_mut().zip(["//Charlie", "//Dave"]) {
            local_provider.furnish(suri, &hands)?;
        }
        self.say(&format!(
            "  {} files in {BUCKETS} buckets; both have signed each root",
            first.len()
        ));

        self.say("A node that loads Cairn, and a standalone provider that follows it");
        let mut running = stage.open(&local_providers).await?;
        let chain = running.chain().await?;
        self.say(&format!("  {}", crate::chain::runtime_name()));
        cast.agree(&chain, &running, BUCKETS).await?;

        self.say("Checkpoints, signed by both");
        let roots = local_providers
            .first()
            .map(House::newest_roots)
            .unwrap_or_default();
        let mut checkpointed = cast.await_checkpoints(&chain, &mut running, &roots).await?;
        self.say(&format!("  {checkpointed} of {BUCKETS} buckets"));

        let begun = Instant::now();
        let first_block = chain.number(chain.finalized().await?).await?;
        let third = self.scale.challenges / 3;
        self.say(&format!(
            "{third} challenges, of both kinds, of old and new roots"
        ));
        let mut asked = Asked::default();
        asked
            .ask(
                &chain,
                &cast,
                &local_providers,
                third,
                Kinds::Both,
                &mut random,
            )
            .await?;
        asked.await_answers(&chain, &cast, &mut running).await?;
        self.say(&format!(
            "  all answered, {:.1} s",
            begun.elapsed().as_secs_f64()
        ));

        self.say(&format!(
            "A provider is killed; {third} more challenges; the node stops; both prune; both restart"
        ));
        running.kill_standalone()?;
        asked
            .ask(
                &chain,
                &cast,
                &local_providers,
                third,
                Kinds::AgainstTheKilled,
                &mut random,
            )
            .await?;
        drop(chain);
        running.stop_node()?;
        for local_provider in &mut local_providers {
            local_provider.prune(cast.admin())?;
            local_provider.store(&files::deal(second.to_vec(), BUCKETS))?;
        }
        running.return_all(&stage, &local_providers).await?;
        let chain = running.chain().await?;
        asked.await_answers(&chain, &cast, &mut running).await?;
        self.say("  all answered, from retired trees");
        let roots = local_providers
            .first()
            .map(House::newest_roots)
            .unwrap_or_default();
        checkpointed += cast.await_checkpoints(&chain, &mut running, &roots).await?;
        self.say("  and the new trees have checkpoints with both signatures");

        let rest = self.scale.challenges - 2 * third;
        self.say(&format!(
            "{rest} challenges, of roots from before and after the prune"
        ));
        asked
            .ask(
                &chain,
                &cast,
                &local_providers,
                rest,
                Kinds::Both,
                &mut random,
            )
            .await?;
        asked.await_answers(&chain, &cast, &mut running).await?;

        self.say("A dishonest provider");
        let bucket = cast.agree_with_the_liar(&chain).await?;
        let liar = liar::lie(&chain, cast.admin(), cast.liar(), bucket).await?;
        self.say(&format!("  lost {} for {:?}", liar.1, liar.0));

        let summary = self
            .account(&chain, &cast, &asked, first_block, checkpointed, liar)
            .await?;
        running.stop_all()?;
        Ok(summary)
    }

    fn say(&self, what: &str) {
        (self.say)(what);
    }

    async fn account(
        &self,
        chain: &Chain,
        cast: &Cast,
        asked: &Asked,
        first_block: u32,
        checkpointed: usize,
        liar: (SlashReason, u128),
    ) -> Result<Summary, DemoError> {
        let mut summary = Summary {
            asked: asked.count(),
            defended: 0,
            lost: 0,
            stake_untouched: true,
            checkpointed,
            waits: asked.waits(chain, first_block).await?,
            liar,
        };
        for who in cast.honest() {
            let info = chain.provider(who).await?;
            summary.defended += info.defended;
            summary.lost += info.lost;
            summary.stake_untouched &= info.stake == cast::STAKE;
        }
        Ok(summary)
    }
}
