//! Proofs compared with echoes on the same server. One echo returns the same prepared answer: both
//! include the wire, the listener and JSON, so the difference is the proof. The other echo is a
//! text of the same size.

use super::clients::{RequestStats, connect, leaf, run_requests};
use super::fixture::Fixture;
use crate::Fallible;
use crate::data::{random, random_below};
use crate::figures::{Bound, Section, Table, Target};
use crate::stats::{Samples, Summary, count};
use crate::workloads::Setup;
use cairn_rpc_api::MmrProofInfo;
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const ANSWER: &str = "echo_answer";
const TEXT: &str = "echo_text";
const BUCKET: u64 = 1;
/// A bucket with chunks of the full size.
const CHUNKS: u64 = 2;
const CONNECTIONS: [usize; 2] = [1, 16];
const ROUNDS: usize = 7;
const GOALS: [&str; 2] = [
    "proofs from 1 connection, over an echo of the same answer",
    "proofs from 16 connections, over an echo of the same answer",
];

/// Returns a leaf for the number of a request.
fn some_leaf(number: u64, leaves: u64) -> u64 {
    random_below(&mut random(number), leaves)
}

pub(super) fn measure(setup: &Setup, section: &mut Section) -> Fallible<()> {
    let leaves = setup.choose(1_000, 100_000);
    let lasting = Duration::from_millis(setup.choose(300, 2_000));
    let ground = Fixture::new(setup.scratch("rpc-echo")?)?;
    ground.bucket(BUCKET, usize::try_from(leaves)?, 1_024)?;
    ground.bucket(CHUNKS, 8, 1 << 20)?;
    let held = Arc::new(OnceLock::<(MmrProofInfo, String)>::new());
    let mut more = RpcModule::new(());
    let answer = held.clone();
    more.register_method(ANSWER, move |_, (), _| {
        answer.get().map(|(answer, _)| answer.clone())
    })?;
    let text = held.clone();
    more.register_method(TEXT, move |_, (), _| {
        text.get().map(|(_, text)| text.clone())
    })?;
    let serving = ground.serve(Vec::new(), more)?;
    let clients = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let measured = clients.block_on(async {
        let one = connect(&serving.url(), 1).await?;
        let first = one.first().ok_or("no connection")?;
        let answer = first
            .request("cairnBucket_v1_mmrProof", leaf(BUCKET, leaves / 2))
            .await?;
        let length = answer.get().len();
        // Without the two quotes.
        let text = "x".repeat(length.saturating_sub(2));
        let _ = held.set((serde_json::from_str(answer.get())?, text));
        drop(one);
        let mut all = Vec::new();
        for count in CONNECTIONS {
            all.push(compare(&serving.url(), count, leaves, lasting).await?);
        }
        let chunks = connect(&serving.url(), 4).await?;
        let answers = run_requests(&chunks, lasting, |number| {
            let (leaf, chunk) = (number % 8, number % 4);
            (
                "cairnBucket_v1_challengeResponse",
                json!([CHUNKS, leaf, chunk]),
            )
        });
        Fallible::Ok((all, length, answers.await?))
    });
    let (all, length, answers) = measured?;
    serving.stop()?;
    report(section, &all, leaves, length, &answers)
}

/// The result for one number of connections.
struct Compared {
    connections: usize,
    proofs: RequestStats,
    answers: RequestStats,
    texts: RequestStats,
    /// For each round, the rate of proofs over that of each echo.
    over_answers: Samples,
    over_texts: Samples,
}

async fn compare(
    url: &str,
    connections: usize,
    leaves: u64,
    lasting: Duration,
) -> Fallible<Compared> {
    let clients = connect(url, connections).await?;
    let mut compared = Compared {
        connections,
        proofs: RequestStats::default(),
        answers: RequestStats::default(),
        texts: RequestStats::default(),
        over_answers: Samples::default(),
        over_texts: Samples::default(),
    };
    for round in 0..ROUNDS {
        let proof = |number| {
            (
                "cairnBucket_v1_mmrProof",
                leaf(BUCKET, some_leaf(number, leaves)),
            )
        };
        // The same work in the client: the number selects the leaf.
        let echo = |method| {
            move |number| {
                std::hint::black_box(leaf(BUCKET, some_leaf(number, leaves)));
                (method, Value::Null)
            }
        };
        let proofs = run_requests(&clients, lasting, proof).await?;
        let answers = run_requests(&clients, lasting, echo(ANSWER)).await?;
        let texts = run_requests(&clients, lasting, echo(TEXT)).await?;
        // The first round is a warm-up.
        if round > 0 {
            compared.over_answers.push(proofs.rate() / answers.rate());
            compared.over_texts.push(proofs.rate() / texts.rate());
            compared.proofs.add(proofs);
            compared.answers.add(answers);
            compared.texts.add(texts);
        }
    }
    Ok(compared)
}

fn report(
    section: &mut Section,
    all: &[Compared],
    leaves: u64,
    length: usize,
    answers: &RequestStats,
) -> Fallible<()> {
    let head = ["connections", "what", "a second"]
        .into_iter()
        .chain(Summary::HEAD);
    let title = format!(
        "Random leaves of a bucket of {} leaves, {length} bytes an answer, in {} turns of each:",
        count(leaves),
        ROUNDS - 1
    );
    let mut table = Table::new(&title, head);
    for compared in all {
        for (what, asked) in [
            ("cairnBucket_v1_mmrProof", &compared.proofs),
            ("echo of the same answer", &compared.answers),
            ("echo of a text", &compared.texts),
        ] {
            let start = [
                compared.connections.to_string(),
                what.to_owned(),
                format!("{:.0}", asked.rate()),
            ];
            table.row(start.into_iter().chain(asked.times.summary()?.cells()));
        }
    }
    section.tables.push(table);
    for (compared, aim) in all.iter().zip(GOALS) {
        section.targets.push(Target {
            aim,
            bound: Bound::AtLeast(0.7),
            measured: compared.over_answers.summary()?.p50,
            unit: "",
        });
    }
    for compared in all {
        section.remarks.push(format!(
            "From {} connections, the rate of proofs is {:.2} of that of a text of their size.",
            compared.connections,
            compared.over_texts.summary()?.p50
        ));
    }
    let mib = answers.bytes as f64 / 2.0 / f64::from(1 << 20) / answers.lasted.as_secs_f64();
    section.remarks.push(format!(
        "Answers with a chunk of 256 KiB over 4 connections: {:.0} per second, {mib:.0} MiB/s of \
         SCALE.",
        answers.rate()
    ));
    Ok(())
}
