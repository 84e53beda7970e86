//! W13: a restart after a kill during commits.

use super::{Setup, filled};
use crate::Fallible;
use crate::children::{Restart, Signed};
use crate::data::Pieces;
use crate::figures::{Bound, Section, Table, Target};
use crate::stats::{Samples, Summary};
use crate::stores::{CairnStore, Kind, check_proof};
use cairn_bucket::StateRef;
use cairn_primitives::{Commitment, LeafIndex, Sequence};
use cairn_provider::LeaseRequest;
use std::path::Path;
use std::time::Instant;

/// The results of all rounds.
#[derive(Default)]
struct Measured {
    started: Samples,
    first_proof: Samples,
    known: Samples,
    signed: usize,
    lost: usize,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let buckets = setup.choose(100, 1_000);
    let max_open = setup.choose(50, 200);
    let rounds = setup.choose(3, 5);
    let signatures = setup.choose(300, 2_000);
    let folder = setup.scratch("restart")?;
    let pieces = Pieces::new()?;
    let (store, _) = filled::store(Kind::Cairn, folder.path(), buckets, max_open, &pieces)?;
    drop(store);
    let mut measured = Measured::default();
    for round in 0..rounds {
        let signed = Restart::run_and_kill(folder.path(), buckets, max_open, round, signatures)?;
        start_again(folder.path(), max_open, &signed, &mut measured)?;
    }
    let head = ["until"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new("From opening the base path:", head);
    for (name, samples) in [
        ("provider open", &measured.started),
        ("first proof", &measured.first_proof),
        ("all buckets indexed", &measured.known),
    ] {
        let start = [name.to_owned()];
        table.row(start.into_iter().chain(samples.summary()?.cells()));
    }
    Ok(Section {
        id: "W13",
        title: "Restart",
        method: format!(
            "{buckets} buckets of {} leaves, at most {max_open} of them open. Another process \
             commits one leaf at a time to random buckets on two threads and prints each commitment \
             that it has signed; after {signatures} of them it is killed by SIGKILL. Then the base \
             path is opened, a proof is made of the last signed bucket, and every printed commitment \
             is checked: the root, its leaf count, and a proof of its last leaf that verifies. \
             {rounds} rounds. The process was killed, not the machine, so unsynced writes \
             are still there.",
            filled::LEAVES
        ),
        targets: vec![Target {
            aim: "signed commitments that are lost",
            bound: Bound::AtMost(0.0),
            measured: measured.lost as f64,
            unit: "",
        }],
        tables: vec![table],
        plots: vec![],
        remarks: vec![format!(
            "{} commitments were signed before the kills; all but {} were found and proven.",
            measured.signed, measured.lost
        )],
    })
}

fn start_again(
    folder: &Path,
    max_open: u32,
    signed: &[Signed],
    measured: &mut Measured,
) -> Fallible<()> {
    let last = signed.last().ok_or("nothing was signed")?;
    let start = Instant::now();
    let elapsed = || start.elapsed().as_secs_f64() * 1e9;
    let store = CairnStore::open(folder, max_open)?;
    measured.started.push(elapsed());
    if is_provable(&store, last)? {
        measured.first_proof.push(elapsed());
    }
    store.provider.wait_until_indexed();
    measured.known.push(elapsed());
    for one in signed {
        measured.lost += usize::from(!is_provable(&store, one)?);
    }
    measured.signed += signed.len();
    Ok(())
}

/// Returns true if a commitment can still be proven.
fn is_provable(store: &CairnStore, signed: &Signed) -> Fallible<bool> {
    let lease = store
        .provider
        .blocking_lease(signed.bucket, LeaseRequest::challenge())?;
    let at = StateRef::Root(signed.root);
    if lease.run(|bucket| bucket.view(at).map(|_| ())).is_err() {
        return Ok(false);
    }
    let leaf = LeafIndex(signed.count.get().saturating_sub(1));
    let commitment = Commitment {
        mmr_root: signed.root,
        start_seq: Sequence(0),
        leaf_count: signed.count,
    };
    let proven = lease.run(|bucket| bucket.view(at)?.mmr_proof(leaf))?;
    Ok(check_proof(proven.proof(), leaf, &commitment).is_ok())
}
