//! W19: uploads and reads over the HTTP API, compared with a file server of the same chunks in the
//! same run; and a proof while others upload.

mod clients;
mod exchange;
mod files;
mod fixture;
mod proofs;

use super::Setup;
use crate::Fallible;
use crate::figures::{Bound, Section, Table, Target};
use crate::stats::{Samples, Summary, count};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use clients::Sent;
use exchange::{Chunks, Compared, Exchange, WINDOW};
use files::FileServer;
use fixture::Serving;
use proofs::Proofs;
use std::time::Duration;

/// The turns of each comparison, the first of which warms up.
const ROUNDS: usize = 6;
/// The connections of each upload and each read.
const CONNECTIONS: usize = 4;

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    // Whole windows for each connection.
    let chunks = setup.choose(2, 6) * WINDOW * CONNECTIONS;
    let lasting = Duration::from_secs(setup.choose(2, 8));
    let leaves = setup.choose(1_000, 10_000);
    let provider = Serving::start(setup.scratch("http")?, usize::try_from(leaves)?)?;
    let files = FileServer::start(setup.scratch("files")?)?;
    let clients = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut exchanged = Exchange::default();
    for round in 0..ROUNDS {
        let made = Chunks::make(round, chunks)?;
        let addresses = (provider.address(), files.address());
        let stored = clients.block_on(exchange::run_round(addresses, &made, round % 2 == 0))?;
        if round > 0 {
            exchanged.add(stored);
        }
    }
    let proofs = clients.block_on(proofs::measure(provider.address(), leaves, lasting))?;
    // It closes the clients' connections.
    drop(clients);
    files.stop();
    provider.stop()?;
    report(&exchanged, &proofs, chunks, leaves)
}

fn report(all: &Exchange, proofs: &Proofs, chunks: usize, leaves: u64) -> Fallible<Section> {
    let mut targets = Vec::new();
    for (aim, compared) in [
        ("upload of a chunk, over a file server", &all.upload),
        ("read of one chunk, over a file server", &all.read),
        ("read of 16 chunks at once, over a file server", &all.window),
    ] {
        targets.push(Target {
            aim,
            bound: Bound::AtLeast(0.7),
            measured: compared.ratios.summary()?.p50,
            unit: "",
        });
    }
    targets.push(Target {
        aim: "p99 of a proof while others upload, over idle",
        bound: Bound::AtMost(3.0),
        measured: p99(&proofs.storm.times)? / p99(&proofs.idle.times)?,
        unit: "",
    });
    Ok(Section {
        id: "W19",
        title: "Over HTTP",
        method: "A provider behind its HTTP API and a file server, each with two threads of its \
                 own, and clients in this process, on the same two cores. The file server does \
                 what a simple static one does: a handler of `axum` writes a body to a file, or \
                 reads a file and answers with all of it, on a thread that may block. In the \
                 comparison with it, requests are made before they are timed. Each is answered \
                 before the next of its connection is sent, and answers are not parsed. Both are \
                 asked in turns, and what was just stored is read. Limits are the library's."
            .to_owned(),
        targets,
        tables: vec![rates(all, chunks)?, times(proofs, leaves)?],
        plots: Vec::new(),
        remarks: Vec::new(),
    })
}

/// Returns the p99, or the slowest of a few.
fn p99(times: &Samples) -> Fallible<f64> {
    Ok(times.summary()?.p99.unwrap_or_else(|| times.slowest()))
}

fn rates(all: &Exchange, chunks: usize) -> Fallible<Table> {
    let head = ["what", "who", "chunks a second", "MiB/s of content"];
    let title = format!(
        "{chunks} chunks of 256 KiB over {CONNECTIONS} connections, in {} turns of each; the times \
         are of one request:",
        ROUNDS - 1
    );
    let mut table = Table::new(&title, head.into_iter().chain(Summary::HEAD));
    let rows: [(&str, &Compared); 3] = [
        ("upload", &all.upload),
        ("read, a chunk at a time", &all.read),
        ("read, 16 chunks a request to Cairn", &all.window),
    ];
    for (what, compared) in rows {
        for (who, sent) in [("Cairn", &compared.cairn), ("files", &compared.files)] {
            let mib = sent.rate() * CHUNK_BYTES as f64 / f64::from(1 << 20);
            let start = [
                what.to_owned(),
                who.to_owned(),
                format!("{:.0}", sent.rate()),
                format!("{mib:.0}"),
            ];
            table.row(start.into_iter().chain(sent.times.summary()?.cells()));
        }
    }
    Ok(table)
}

fn times(proofs: &Proofs, leaves: u64) -> Fallible<Table> {
    let title = format!(
        "Proofs of random leaves of a bucket of {} leaves, over one connection, idle and while \
         {CONNECTIONS} others upload to another bucket ({:.0} chunks a second, which the clients \
         make, hash and encode on the same cores):",
        count(leaves),
        proofs.uploads.rate()
    );
    let mut table = Table::new(&title, ["load"].into_iter().chain(Summary::HEAD));
    let rows: [(&str, &Sent); 2] = [("idle", &proofs.idle), ("uploads", &proofs.storm)];
    for (load, sent) in rows {
        let start = [load.to_owned()];
        table.row(start.into_iter().chain(sent.times.summary()?.cells()));
    }
    Ok(table)
}
