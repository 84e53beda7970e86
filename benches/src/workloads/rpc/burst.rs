//! W12 over the wire: the maximum number of open challenges with one deadline, each requested by a
//! challenger, while clients upload.

use super::clients::{RequestStats, connect, run_requests};
use super::fixture::Fixture;
use crate::Fallible;
use crate::data::{random, random_below, random_bytes};
use crate::figures::{Bound, Section, Table, Target};
use crate::stats::{Samples, Summary, duration};
use crate::workloads::Setup;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{BucketId, ChunkIndex, HashingProfile, LeafIndex};
use cairn_testing::StaticChain;
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use sp_core::Bytes;
use std::time::{Duration, Instant};

const LEAVES: u64 = 24;
const CONTENT: usize = 64 << 10;
const CHALLENGERS: usize = 8;
const CLIENTS: usize = 2;

/// Returns an upload of new content.
fn upload(number: u64, buckets: u64) -> (&'static str, Value) {
    let bytes = random_bytes(number, CONTENT);
    let hash = HashingProfile::Plain.chunk(&bytes);
    let bucket = number % buckets;
    (
        "cairnWrite_v1_putChunk",
        json!([bucket, hash, Bytes(bytes)]),
    )
}

fn question(challenge: &OpenChallenge) -> Value {
    let ChunkLocation {
        leaf_index,
        chunk_index,
    } = challenge.location;
    let at = json!({ "root": challenge.mmr_root, "startSeq": challenge.start_seq.0 });
    json!([challenge.bucket_id.0, leaf_index.0, chunk_index.0, at])
}

pub(super) fn measure(setup: &Setup, section: &mut Section) -> Fallible<()> {
    let buckets = setup.choose(20, 200);
    let challenges = setup.choose(100, 1_000);
    let mut table = Table::new(
        &format!(
            "W12 over the wire: {challenges} answers of 64 KiB from {buckets} buckets, asked for over \
             {CHALLENGERS} connections while {CLIENTS} clients send content:"
        ),
        ["asked for", "all answered in"]
            .into_iter()
            .chain(Summary::HEAD)
            .chain(["uploads meanwhile"]),
    );
    let mut wrong = 0;
    for (name, is_open) in [("open on the chain", true), ("not open", false)] {
        let burst = burst(setup, buckets, challenges, is_open)?;
        wrong += burst.wrong;
        let start = [name.to_owned(), duration(burst.lasted.as_secs_f64() * 1e9)];
        let end = [burst.uploads.times.len().to_string()];
        table.row(
            start
                .into_iter()
                .chain(burst.times.summary()?.cells())
                .chain(end),
        );
    }
    section.tables.push(table);
    section.targets.push(Target {
        aim: "missing answers over the wire, and answers that the strict rule refuses",
        bound: Bound::AtMost(0.0),
        measured: f64::from(wrong),
        unit: "",
    });
    Ok(())
}

struct Burst {
    times: Samples,
    lasted: Duration,
    uploads: RequestStats,
    wrong: u32,
}

fn burst(setup: &Setup, buckets: u64, challenges: u16, is_open: bool) -> Fallible<Burst> {
    let ground = Fixture::new(setup.scratch("rpc-burst")?)?;
    let mut signed = Vec::new();
    for id in 0..buckets {
        signed.push(ground.bucket(id, usize::try_from(LEAVES)?, CONTENT)?.1);
    }
    let mut rng = random(12);
    let mut asked = Vec::new();
    for index in 0..challenges {
        let bucket = random_below(&mut rng, buckets);
        let signed_root = signed
            .get(usize::try_from(bucket)?)
            .ok_or("no such bucket")?;
        let commitment = signed_root.payload.commitment;
        asked.push(OpenChallenge {
            id: ChallengeId {
                deadline: StaticChain::CHALLENGE_PERIOD,
                index,
            },
            bucket_id: BucketId(bucket),
            provider: ground.account(),
            challenger: AccountId([9; 32]),
            mmr_root: commitment.mmr_root,
            start_seq: commitment.start_seq,
            leaf_count: Some(commitment.leaf_count),
            location: ChunkLocation {
                leaf_index: LeafIndex(random_below(&mut rng, LEAVES)),
                chunk_index: ChunkIndex(0),
            },
            asked_at: 1,
        });
    }
    let open = if is_open { asked.clone() } else { Vec::new() };
    let serving = ground.serve(open, RpcModule::new(()))?;
    let clients = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let measured = clients.block_on(async {
        let url = serving.url();
        let challengers = connect(&url, CHALLENGERS).await?;
        let uploaders = connect(&url, CLIENTS).await?;
        let over = std::sync::atomic::AtomicBool::new(false);
        let uploading = async {
            let mut all = RequestStats::default();
            let mut first = 0u64;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let begin = first;
                let ask = move |number: u64| upload(begin.saturating_add(number), buckets);
                all.add(run_requests(&uploaders, Duration::from_millis(50), ask).await?);
                first = first.saturating_add(1 << 20);
            }
            Fallible::Ok(all)
        };
        let since = Instant::now();
        let answering = (0..).zip(&challengers).map(|(place, client)| {
            let mine = asked.iter().skip(place).step_by(CHALLENGERS);
            async move {
                let (mut times, mut wrong) = (Samples::default(), 0u32);
                for challenge in mine {
                    let start = Instant::now();
                    let answer = client
                        .request("cairnBucket_v1_challengeResponse", question(challenge))
                        .await;
                    times.push(start.elapsed().as_secs_f64() * 1e9);
                    let is_right = answer.is_ok_and(|answer| {
                        answer.get().contains(r#""strictRule":{"accepted":true"#)
                    });
                    wrong = wrong.saturating_add(u32::from(!is_right));
                }
                (times, wrong)
            }
        });
        let answering = async {
            let all = futures::future::join_all(answering).await;
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            (all, since.elapsed())
        };
        let ((answered, lasted), uploads) = tokio::join!(answering, uploading);
        let mut burst = Burst {
            times: Samples::default(),
            lasted,
            uploads: uploads?,
            wrong: 0,
        };
        for (times, wrong) in answered {
            burst.times.append(times);
            burst.wrong = burst.wrong.saturating_add(wrong);
        }
        Fallible::Ok(burst)
    });
    let burst = measured?;
    serving.stop()?;
    Ok(burst)
}
