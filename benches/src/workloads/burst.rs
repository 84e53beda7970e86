//! W12: a thousand challenges due at one deadline, on a real chain, while
//! clients upload.

mod chain;

use super::Setup;
use crate::Fallible;
use crate::data::random_bytes;
use crate::figures::{Bound, Section, Table, Target};
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::BucketId;
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use chain::Chain;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Leaves of each bucket.
const LEAVES: u64 = 24;
/// Threads that upload during the burst.
const CLIENTS: u64 = 2;
/// Bytes of each upload.
const UPLOAD: usize = 64 << 10;
/// The time between blocks of a quick run, in which the waits are counted in blocks alone.
const QUICK_BLOCK_TIME: Duration = Duration::from_millis(300);
/// The time between blocks, as on the real chain. In less, the pool of the node does not validate a
/// thousand extrinsics again for each block, and few are included.
const BLOCK_TIME: Duration = Duration::from_secs(2);
/// The provider's secret.
const SURI: &str = "//Charlie";

/// The result of a burst.
struct Measured {
    challenges: usize,
    /// Blocks with challenges.
    asked_in: u32,
    /// For each answer, the blocks since the first block with challenges, ascending.
    waits: Vec<u32>,
    uploads: u64,
    /// Answers in a later block than an answer with a later deadline.
    out_of_order: usize,
    lost: u64,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let buckets = setup.choose(40, 200);
    let challenges = setup.choose(200, 1_000);
    let chunk = setup.choose(16 << 10, 64 << 10);
    let block_time = setup.choose(QUICK_BLOCK_TIME, BLOCK_TIME);
    let folder = setup.scratch("burst")?;
    let signed_roots = create_buckets(folder.path(), buckets, chunk)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure(
        folder.path(),
        &signed_roots,
        challenges,
        block_time,
    ))?;
    report(&measured, buckets, chunk, block_time)
}

/// Creates buckets with signed leaves, before the node opens the base path.
fn create_buckets(folder: &Path, buckets: u64, chunk: usize) -> Fallible<Vec<SignedCommitment>> {
    let base = BasePath::create(folder)?;
    base.keys().insert(SURI)?;
    let signer = base.keys().signer(None)?;
    let provider = Provider::open(base, ProviderOptions::default())?;
    let mut signed_roots = Vec::new();
    for id in 0..buckets {
        provider.create_bucket(BucketId(id), BucketConfig::default())?;
        let bucket = provider.blocking_lease(BucketId(id), LeaseRequest::write())?;
        let mut leaves = Vec::new();
        for leaf in 0..LEAVES {
            let stream = id.saturating_mul(LEAVES).saturating_add(leaf);
            let stored = bucket.run(|bucket| bucket.ingest(&random_bytes(stream, chunk)[..]))?;
            leaves.push(NewLeaf {
                data_root: stored.data_root,
                data_size: stored.data_size,
            });
        }
        signed_roots.push(bucket.commit_signed(&leaves, &signer)?.1);
    }
    Ok(signed_roots)
}

async fn measure(
    folder: &Path,
    signed_roots: &[SignedCommitment],
    challenges: usize,
    block_time: Duration,
) -> Fallible<Measured> {
    let chain = Chain::open(folder, SURI, signed_roots.len(), block_time).await?;
    let uploading = Uploading::start(chain.provider()?, signed_roots.len())?;
    let mut random = ChaCha8Rng::seed_from_u64(12);
    let places = (0..challenges).map(|_| {
        let bucket = random.gen_range(0..signed_roots.len());
        (bucket, random.gen_range(0..LEAVES))
    });
    let (asked_at, asked_until) = chain
        .submit_challenges(signed_roots, places.collect())
        .await?;
    chain.await_answers().await?;
    let uploads = uploading.stop()?;
    let answered = chain.answered(asked_at).await?;
    let lost = chain.lost().await?;
    chain.close().await?;
    Ok(Measured {
        challenges,
        asked_in: asked_until.saturating_sub(asked_at).saturating_add(1),
        out_of_order: out_of_order(&answered),
        waits: answered.into_iter().map(|(wait, _)| wait).collect(),
        uploads,
        lost,
    })
}

/// Counts the answers in a later block than an answer with a later deadline. Within a block the
/// order does not matter. Takes the block and the deadline of each answer, by block.
fn out_of_order(answered: &[(u32, u32)]) -> usize {
    let mut count = 0;
    let mut latest_before = 0;
    for block in answered.chunk_by(|one, next| one.0 == next.0) {
        let late = block
            .iter()
            .filter(|(_, deadline)| *deadline < latest_before);
        count += late.count();
        let latest = block.iter().map(|(_, deadline)| *deadline).max();
        latest_before = latest_before.max(latest.unwrap_or_default());
    }
    count
}

/// Clients that store and commit until they are stopped.
struct Uploading {
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<Fallible<()>>>,
    done: Arc<AtomicU64>,
}

impl Uploading {
    fn start(provider: Arc<Provider>, buckets: usize) -> Fallible<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let buckets = u64::try_from(buckets)?;
        let threads = (0..CLIENTS).map(|client| {
            let (over, done, provider) = (over.clone(), done.clone(), provider.clone());
            std::thread::spawn(move || {
                let signer = provider.keys().signer(None)?;
                let mut random = ChaCha8Rng::seed_from_u64(client);
                while !over.load(Ordering::Relaxed) {
                    let bucket = BucketId(random.gen_range(0..buckets));
                    upload(&provider, bucket, &signer, random.r#gen())?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        });
        Ok(Self {
            threads: threads.collect(),
            over,
            done,
        })
    }

    fn stop(self) -> Fallible<u64> {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}

fn upload(provider: &Provider, bucket: BucketId, signer: &Signer, stream: u64) -> Fallible<()> {
    let stored = {
        let lease = provider.blocking_lease(bucket, cairn_provider::LeaseRequest::write())?;
        lease.run(|bucket| bucket.ingest(&random_bytes(stream, UPLOAD)[..]))?
    };
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    provider.commit_signed(bucket, &[leaf], signer)?;
    Ok(())
}

fn report(
    measured: &Measured,
    buckets: u64,
    chunk: usize,
    block_time: Duration,
) -> Fallible<Section> {
    let waits = &measured.waits;
    let at = |part: usize| {
        let place = waits.len().saturating_sub(1).saturating_mul(part) / 100;
        waits.get(place).copied().unwrap_or_default()
    };
    let mut table = Table::new(
        "From the first block with challenges:",
        [
            "challenges",
            "blocks with challenges",
            "p50",
            "p99",
            "last",
            "uploads meanwhile",
        ],
    );
    table.row([
        measured.challenges.to_string(),
        measured.asked_in.to_string(),
        format!("{} blocks", at(50)),
        format!("{} blocks", at(99)),
        format!("{} blocks", at(100)),
        measured.uploads.to_string(),
    ]);
    let missing = measured.challenges.saturating_sub(waits.len());
    let unanswered = u64::try_from(missing)?.saturating_add(measured.lost);
    Ok(Section {
        id: "W12",
        title: "A burst of challenges",
        method: format!(
            "{} challenges of signed commitments submitted to the pool at once, over \
             {buckets} buckets of {LEAVES} leaves of {} KiB, none of them open. A light node in this \
             process runs the runtime in WASM and has loaded Cairn; a block every {} ms. {CLIENTS} clients store \
             and commit {} KiB at a time in the same buckets meanwhile.",
            measured.challenges,
            chunk >> 10,
            block_time.as_millis(),
            UPLOAD >> 10
        ),
        targets: vec![
            Target {
                aim: "challenges that were not defended",
                bound: Bound::AtMost(0.0),
                measured: unanswered as f64,
                unit: "",
            },
            Target {
                aim: "answers in a later block than an answer with a later deadline",
                bound: Bound::AtMost(0.0),
                measured: measured.out_of_order as f64,
                unit: "",
            },
        ],
        tables: vec![table],
        plots: vec![],
        remarks: vec![
            "A block holds about 3.75 MB of extrinsics: the size of an answer limits how many \
             are in one."
                .into(),
        ],
    })
}
