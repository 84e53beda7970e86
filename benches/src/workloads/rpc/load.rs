//! W7 over the wire: a load of chunks and commits on one bucket, and its effect on another one's
//! clients.

use super::clients::{RequestStats, connect, leaf, run_requests};
use super::fixture::Fixture;
use crate::Fallible;
use crate::data::{random, random_below, random_bytes};
use crate::figures::{Section, Table};
use crate::stats::{Summary, count};
use crate::workloads::Setup;
use cairn_bucket::NewLeaf;
use cairn_primitives::HashingProfile;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use sp_core::Bytes;
use std::time::Duration;

const LOADED: u64 = 1;
const QUIET: u64 = 2;

/// Returns a request with a new chunk.
fn chunk(number: u64) -> (&'static str, Value) {
    let mut bytes = random_bytes(7, CHUNK_BYTES);
    if let Some(start) = bytes.first_chunk_mut() {
        *start = number.to_le_bytes();
    }
    let hash = HashingProfile::Plain.chunk(&bytes);
    (
        "cairnWrite_v1_putChunk",
        json!([LOADED, hash, Bytes(bytes)]),
    )
}

fn commit(content: NewLeaf) -> (&'static str, Value) {
    let leaf = json!({ "dataRoot": content.data_root, "dataSize": content.data_size });
    ("cairnWrite_v1_commit", json!([LOADED, [leaf]]))
}

pub(super) fn measure(setup: &Setup, section: &mut Section) -> Fallible<()> {
    let leaves = setup.choose(1_000, 10_000);
    let lasting = Duration::from_millis(setup.choose(800, 8_000));
    let ground = Fixture::new(setup.scratch("rpc-storm")?)?;
    let (content, _) = ground.bucket(LOADED, usize::try_from(leaves)?, 1_024)?;
    ground.bucket(QUIET, usize::try_from(leaves)?, 1_024)?;
    let serving = ground.serve(Vec::new(), RpcModule::new(()))?;
    let clients = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let proof = |number| {
        (
            "cairnBucket_v1_mmrProof",
            leaf(QUIET, random_below(&mut random(number), leaves)),
        )
    };
    let signed = |_| ("cairnBucket_v1_commitment", json!([QUIET]));
    let measured = clients.block_on(async {
        let url = serving.url();
        let (quiet, storm) = (connect(&url, 1).await?, connect(&url, 2).await?);
        let more = connect(&url, 2).await?;
        let mut felt = Vec::new();
        felt.push(("proof", "idle", run_requests(&quiet, lasting, proof).await?));
        felt.push((
            "signed commitment",
            "idle",
            run_requests(&quiet, lasting, signed).await?,
        ));
        let mut stormed = [RequestStats::default(), RequestStats::default()];
        for what in ["proof", "signed commitment"] {
            let asked = async {
                match what {
                    "proof" => run_requests(&quiet, lasting, proof).await,
                    _ => run_requests(&quiet, lasting, signed).await,
                }
            };
            let (asked, commits, chunks) = tokio::try_join!(
                asked,
                run_requests(&storm, lasting, |_| commit(content)),
                run_requests(&more, lasting, chunk),
            )?;
            felt.push((what, "storm", asked));
            let [all_commits, all_chunks] = &mut stormed;
            all_commits.add(commits);
            all_chunks.add(chunks);
        }
        Fallible::Ok((felt, stormed))
    });
    let (felt, [commits, chunks]) = measured?;
    serving.stop()?;
    let title = format!(
        "W7 over the wire: one client on a bucket of {} leaves, while two commit a leaf at a time \
         and two send chunks of 256 KiB to another bucket ({:.0} commits and {:.0} chunks a second, \
         which the clients make, hash and write as hex on the same cores):",
        count(leaves),
        commits.rate(),
        chunks.rate()
    );
    let mut table = Table::new(&title, ["what", "load"].into_iter().chain(Summary::HEAD));
    for (what, load, asked) in &felt {
        let start = [*what, *load].map(str::to_owned);
        table.row(start.into_iter().chain(asked.times.summary()?.cells()));
    }
    section.tables.push(table);
    Ok(())
}
