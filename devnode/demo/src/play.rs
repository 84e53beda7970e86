//! The play itself, act by act.

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

/// How many buckets are played with.
const BUCKETS: usize = 3;

/// How much of the play is played.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The most files that are stored.
    pub most_files: usize,
    /// The most bytes that are stored.
    pub most_bytes: u64,
    /// How many challenges are asked, of both kinds, in three parts.
    pub challenges: u32,
    /// How often a block is made, in milliseconds.
    pub block_ms: u64,
    /// Whether the chain binds a leaf to its index, as a newer one does.
    pub strict: bool,
}

/// What is played, with what, and where.
pub struct Play {
    /// The command line of Cairn.
    pub cairn: PathBuf,
    /// The node that loads Cairn.
    pub devnode: PathBuf,
    /// A folder for everything, which must be empty.
    pub folder: PathBuf,
    /// The folder whose files are stored.
    pub files: PathBuf,
    /// How much.
    pub scale: Scale,
    /// What is drawn by lot is drawn from this.
    pub seed: u64,
    /// Told of each act, and of what it showed.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
}

/// What the chain says at the end.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Challenges that were asked of the honest providers.
    pub asked: u64,
    /// How many of them the chain counts as defended.
    pub defended: u64,
    /// How many it counts as lost.
    pub lost: u64,
    /// Whether the stake of the honest providers is what it was.
    pub stake_untouched: bool,
    /// Buckets whose checkpoint carries both signatures.
    pub checkpointed: usize,
    /// For each answer, how many anchor blocks after the challenge it was
    /// included, in order.
    pub waits: Vec<u32>,
    /// Why the liar lost, and how much.
    pub liar: (SlashReason, u128),
}

impl Play {
    /// Plays it.
    ///
    /// # Errors
    ///
    /// [`DemoError`] with the first thing that is not as it should be.
    pub async fn play(&self) -> Result<Summary, DemoError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let cast = Cast::new()?;
        let stage = Stage::new(self)?;

        self.say("Real files become leaves, in the same buckets at two providers");
        let found = files::below(&self.files, self.scale.most_files, self.scale.most_bytes)?;
        if found.len() < 8 * BUCKETS {
            return Err(DemoError::Wrong(format!(
                "{} has too few files to play with: name another folder",
                self.files.display()
            )));
        }
        // A quarter is kept for later.
        let later = found.len() / 4;
        let (first, second) = found.split_at(found.len() - later);
        let hands = files::deal(first.to_vec(), BUCKETS);
        let mut houses = [stage.house("node")?, stage.house("standalone")?];
        for (house, suri) in houses.iter_mut().zip(["//Charlie", "//Dave"]) {
            house.furnish(suri, &hands)?;
        }
        self.say(&format!(
            "  {} files in {BUCKETS} buckets, each root of which both have signed",
            first.len()
        ));

        self.say("A node that loads Cairn, and a provider of its own that follows it");
        let mut running = stage.open(&houses).await?;
        let chain = running.chain().await?;
        self.say(&format!("  {}", crate::chain::runtime_name()));
        cast.agree(&chain, &running, BUCKETS).await?;

        self.say("Checkpoints, signed by both");
        let roots = houses.first().map(House::newest_roots).unwrap_or_default();
        let mut checkpointed = cast.await_checkpoints(&chain, &mut running, &roots).await?;
        self.say(&format!("  {checkpointed} of {BUCKETS} buckets"));

        let begun = Instant::now();
        let first_block = chain.number(chain.finalized().await?).await?;
        let third = self.scale.challenges / 3;
        self.say(&format!(
            "{third} challenges, of both kinds, to old roots and new"
        ));
        let mut asked = Asked::default();
        asked
            .ask(&chain, &cast, &houses, third, Kinds::Both, &mut random)
            .await?;
        asked.await_answers(&chain, &cast, &mut running).await?;
        self.say(&format!(
            "  all answered, {:.1} s",
            begun.elapsed().as_secs_f64()
        ));

        self.say(&format!(
            "A provider is killed; {third} more challenges; the node stops; both prune; both return"
        ));
        running.kill_standalone()?;
        asked
            .ask(
                &chain,
                &cast,
                &houses,
                third,
                Kinds::AgainstTheKilled,
                &mut random,
            )
            .await?;
        drop(chain);
        running.stop_node()?;
        for house in &mut houses {
            house.prune(cast.admin())?;
            house.store(&files::deal(second.to_vec(), BUCKETS))?;
        }
        running.return_all(&stage, &houses).await?;
        let chain = running.chain().await?;
        asked.await_answers(&chain, &cast, &mut running).await?;
        self.say("  all answered, from trees that are pruned");
        let roots = houses.first().map(House::newest_roots).unwrap_or_default();
        checkpointed += cast.await_checkpoints(&chain, &mut running, &roots).await?;
        self.say("  and the new trees have checkpoints with both signatures");

        let rest = self.scale.challenges - 2 * third;
        self.say(&format!(
            "{rest} challenges, to roots of before the prune and after"
        ));
        asked
            .ask(&chain, &cast, &houses, rest, Kinds::Both, &mut random)
            .await?;
        asked.await_answers(&chain, &cast, &mut running).await?;

        self.say("A provider that lies");
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
