//! W6: many more buckets in use than may be open.

use super::{Setup, filled};
use crate::Fallible;
use crate::data::{Pieces, random, random_below};
use crate::figures::{Bound, Plot, Section, Shape, Table, Target};
use crate::process::descriptors;
use crate::stores::{Kind, Store};
use cairn_engine::Durability;
use cairn_primitives::LeafIndex;
use cairn_provider::{
    Budget, BudgetRequest, DESCRIPTORS_BESIDES_FILES, ProcessLimits, RESERVED_DESCRIPTORS,
};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const STREAM: u64 = 60;
const THREADS: u64 = 4;
const ROUNDS: u64 = 3;
/// The interval between two counts of descriptors.
const COUNT_INTERVAL: Duration = Duration::from_millis(10);
/// The minimum number of open files of a bucket in Cairn.
const MIN_FILES: u64 = 10;

/// The distribution of the next bucket.
#[derive(Clone, Copy)]
enum Access {
    Uniform,
    /// The k-th bucket is k times less frequent than the first.
    Zipf,
}

/// Draws buckets from 1 on.
struct BucketSampler {
    access: Access,
    /// The sum of all weights up to each bucket.
    sums: Vec<f64>,
}

impl BucketSampler {
    fn new(access: Access, buckets: u64) -> Self {
        let weights = (1..=buckets).map(|rank| 1.0 / rank as f64);
        let sums = weights
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        Self { access, sums }
    }

    fn next(&self, rng: &mut ChaCha8Rng) -> Fallible<u64> {
        let buckets = u64::try_from(self.sums.len())?;
        let place = match self.access {
            Access::Uniform => random_below(rng, buckets),
            Access::Zipf => {
                let all = self.sums.last().copied().unwrap_or(0.0);
                let at = random_below(rng, 1 << 53) as f64 / (1_u64 << 53) as f64 * all;
                u64::try_from(self.sums.partition_point(|sum| *sum <= at))?
            }
        };
        Ok(place.min(buckets.saturating_sub(1)).saturating_add(1))
    }
}

/// A store in use.
struct Case {
    name: String,
    kind: Kind,
    max_open: u64,
    buckets: u64,
}

/// The result.
#[derive(Default)]
struct Measured {
    /// Operations a second, for each way of access.
    uniform: f64,
    zipf: f64,
    most_descriptors: u64,
    errors: u64,
    first_error: Option<String>,
}

impl Case {
    fn run(&self, setup: &Setup, pieces: &Pieces) -> Fallible<Measured> {
        let folder = setup.scratch("thrash")?;
        let path = folder.path();
        let max_open = u32::try_from(self.max_open)?;
        let (store, _) = filled::store(self.kind, path, self.buckets, max_open, pieces)?;
        let mut measured = Measured::default();
        if self.max_open >= self.buckets {
            let leaf = filled::leaf(pieces)?;
            for id in 1..=self.buckets {
                store.commit(id, &[leaf], Durability::Buffered)?;
            }
        }
        let lasting = Duration::from_millis(setup.choose(500, 4_000));
        for access in [Access::Uniform, Access::Zipf] {
            let draw = BucketSampler::new(access, self.buckets);
            let mut operations = 0.0;
            let mut seconds = 0.0;
            for round in 0..ROUNDS {
                let start = Instant::now();
                operations += run_load(&*store, &draw, round, lasting, &mut measured)? as f64;
                seconds += start.elapsed().as_secs_f64();
            }
            match access {
                Access::Uniform => measured.uniform = operations / seconds,
                Access::Zipf => measured.zipf = operations / seconds,
            }
        }
        Ok(measured)
    }
}

/// Proves and commits on all threads. Returns the number of operations.
fn run_load(
    store: &dyn Store,
    draw: &BucketSampler,
    round: u64,
    lasting: Duration,
    measured: &mut Measured,
) -> Fallible<u64> {
    let leaf = filled::leaf(&Pieces::new()?)?;
    let start = Instant::now();
    let over = AtomicBool::new(false);
    let errors = AtomicU64::new(0);
    let work = |thread: u64| -> Fallible<(u64, Option<String>)> {
        let stream = round.saturating_mul(THREADS).saturating_add(thread);
        let mut rng = random(STREAM.saturating_add(stream));
        let (mut done, mut first) = (0_u64, None);
        while start.elapsed() < lasting {
            let id = draw.next(&mut rng)?;
            let result = if random_below(&mut rng, 2) == 0 {
                store.prove(id, LeafIndex(0)).map(drop)
            } else {
                store.commit(id, &[leaf], Durability::Synced).map(drop)
            };
            match result {
                Ok(()) => done = done.saturating_add(1),
                Err(error) => {
                    errors.fetch_add(1, Ordering::Relaxed);
                    first = first.or(Some(error.to_string()));
                }
            }
        }
        Ok((done, first))
    };
    let (done, most) = std::thread::scope(|scope| -> Fallible<_> {
        let looking = scope.spawn(|| -> Fallible<u64> {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(descriptors()?);
                std::thread::park_timeout(COUNT_INTERVAL);
            }
            Ok(most)
        });
        let work = &work;
        let running: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        let done: Fallible<Vec<_>> = running
            .into_iter()
            .map(|thread| {
                let ended = thread.join();
                ended.map_err(|_| "a thread of the workload ended")?
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        let most = looking
            .join()
            .map_err(|_| "the counting thread panicked")??;
        Ok((done?, most))
    })?;
    measured.most_descriptors = measured.most_descriptors.max(most);
    measured.errors = measured.errors.saturating_add(errors.into_inner());
    let mut sum = 0_u64;
    for (done, first) in done {
        sum = sum.saturating_add(done);
        measured.first_error = measured.first_error.take().or(first);
    }
    Ok(sum)
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let (buckets, pool) = setup.choose((150, 15), (2_000, 100));
    let allowance = ProcessLimits::of_this_process();
    let of_one = DESCRIPTORS_BESIDES_FILES.saturating_add(MIN_FILES);
    let for_buckets = allowance.descriptors.saturating_sub(RESERVED_DESCRIPTORS);
    let fit = for_buckets / of_one;
    let all_open = buckets.min(fit);
    let pieces = Pieces::new()?;
    let case = |name: &str, kind, max_open, buckets| Case {
        name: name.into(),
        kind,
        max_open,
        buckets,
    };
    let mut done = Vec::new();
    for case in [
        case("cairn", Kind::Cairn, pool, buckets),
        case("cairn, all open", Kind::Cairn, all_open, all_open),
        case("sqlite", Kind::Sqlite, pool, buckets),
        case("sled", Kind::Sled, pool, buckets),
    ] {
        let measured = case.run(setup, &pieces)?;
        done.push((case, measured));
    }
    let request = BudgetRequest {
        max_open: Some(u32::try_from(pool)?),
        ..BudgetRequest::default()
    };
    let of_bucket = Budget::plan(request, allowance)?.descriptors_per_bucket;
    let budget = pool
        .saturating_mul(of_bucket)
        .saturating_add(RESERVED_DESCRIPTORS);
    report(&done, pool, budget)
}

fn report(done: &[(Case, Measured)], pool: u64, budget: u64) -> Fallible<Section> {
    let head = ["store", "buckets", "open at most", "uniform, operations/s"];
    let head = head
        .into_iter()
        .chain(["Zipf, operations/s", "most descriptors", "errors"]);
    let mut table = Table::new("Four threads, half proofs and half durable commits:", head);
    let mut bars = Vec::new();
    let mut remarks = Vec::new();
    for (case, measured) in done {
        table.row([
            case.name.clone(),
            case.buckets.to_string(),
            case.max_open.to_string(),
            format!("{:.0}", measured.uniform),
            format!("{:.0}", measured.zipf),
            measured.most_descriptors.to_string(),
            measured.errors.to_string(),
        ]);
        bars.push((format!("{}: uniform", case.name), measured.uniform));
        bars.push((format!("{}: Zipf", case.name), measured.zipf));
        if let Some(error) = &measured.first_error {
            remarks.push(format!("The first error of {}: {error}.", case.name));
        }
    }
    let [(case, ours), (_, open), peers @ ..] = done else {
        return Err("Cairn was not measured".into());
    };
    remarks.push(format!(
        "With the pool, Cairn does {:.2} of the operations that it does with all buckets open, under \
         uniform access, and {:.2} under Zipf access.",
        ours.uniform / open.uniform,
        ours.zipf / open.zipf
    ));
    for (peer, theirs) in peers.iter().filter(|peer| peer.1.uniform > ours.uniform) {
        remarks.push(format!(
            "Under uniform access, where nearly every operation opens a bucket, {} does {:.2} times \
             Cairn's operations: it opens faster (W4).",
            peer.name,
            theirs.uniform / ours.uniform
        ));
    }
    Ok(Section {
        id: "W6",
        title: "Thrashing",
        method: format!(
            "{} buckets of {} leaves, at most {pool} of them open, which is a budget of {budget} \
             descriptors; the same for stores that open one \
             database for each. Descriptors of the whole process were counted every {COUNT_INTERVAL:?}. \
             All open: as many buckets as the process's descriptors allow, opened before.",
            case.buckets,
            filled::LEAVES
        ),
        targets: vec![
            Target {
                aim: "errors",
                bound: Bound::AtMost(0.0),
                measured: ours.errors as f64,
                unit: "",
            },
            Target {
                aim: "maximum of the counted descriptors, over the budget",
                bound: Bound::AtMost(1.0),
                measured: ours.most_descriptors as f64 / budget as f64,
                unit: "",
            },
        ],
        tables: vec![table],
        plots: vec![Plot {
            file: "w6-thrash",
            title: "Operations a second with more buckets than may be open".into(),
            shape: Shape::Bars {
                along: "operations a second",
                bars,
            },
        }],
        remarks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zipf_prefers_the_first_bucket() {
        let count = |access| {
            let draw = BucketSampler::new(access, 100);
            let mut rng = random(STREAM);
            let drawn: Vec<_> = (0..10_000).map(|_| draw.next(&mut rng).unwrap()).collect();
            assert!(drawn.iter().all(|id| (1..=100).contains(id)));
            drawn.iter().filter(|id| **id == 1).count()
        };
        // One in 100, and one in the harmonic sum of 100, which is 5.2.
        assert!((50..200).contains(&count(Access::Uniform)));
        assert!((1_700..2_200).contains(&count(Access::Zipf)));
    }
}
