//! Thousands of buckets in a pool of a hundred, with 16 threads that commit and prove in all of
//! them: nothing fails, the process stays within its budget, and at the end every bucket has the
//! root of a model.
//!
//! `make test` runs this with a thousand buckets for ten seconds, `make soak`
//! with ten thousand for five minutes.

use cairn_bucket::{BasePath, BucketConfig, NewLeaf, StateRef};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, HashingProfile, LeafIndex, MmrLeaf};
use cairn_provider::{BudgetRequest, LeaseRequest, OnCopy, Provider, ProviderOptions, ScrubPlan};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const POOL: u32 = 100;
const THREADS: u64 = 16;
const MEMORY: u64 = 256 << 20;

/// Reads a number from the environment, for the long run.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().unwrap())
}

fn descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64
}

/// Returns the anonymous memory of the process, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.unwrap().trim().strip_suffix("kB").unwrap().trim();
    kib.parse::<u64>().unwrap() << 10
}

/// The commits to one bucket: each leaf's content, by its index.
type Model = Mutex<BTreeMap<u64, u64>>;

fn content(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(4)
}

fn replayed(model: &BTreeMap<u64, u64>) -> (u64, cairn_primitives::H256) {
    let profile = HashingProfile::Plain;
    let mut frontier = Frontier::empty(profile);
    let mut total_size = 0;
    for (place, (index, number)) in model.iter().enumerate() {
        assert_eq!(*index, place as u64, "a leaf is missing");
        let bytes = content(*number);
        total_size += bytes.len() as u64;
        let leaf = MmrLeaf {
            data_root: profile.chunk(&bytes),
            data_size: bytes.len() as u64,
            total_size,
        };
        frontier.append(profile.leaf(&leaf), |_, _| {}).unwrap();
    }
    (frontier.count().get(), frontier.root())
}

#[test]
fn many_buckets_under_a_small_pool_stay_within_budget() {
    let buckets = setting("CAIRN_SOAK_BUCKETS", 1_000);
    let seconds = setting("CAIRN_SOAK_SECONDS", 10);
    let folder = tempfile::tempdir().unwrap();
    let (descriptors_before, memory_before) = (descriptors(), memory());
    let options = ProviderOptions {
        budget: BudgetRequest {
            max_open: Some(POOL),
            memory_bytes: Some(MEMORY),
            ..BudgetRequest::default()
        },
        on_copy: OnCopy::Refuse,
        reindex_on_demand: false,
        allow_read_only: false,
        // Continuous passes.
        scrub: Some(ScrubPlan {
            period: Duration::ZERO,
            ..ScrubPlan::default()
        }),
    };
    let base = BasePath::create(folder.path()).unwrap();
    let provider = Provider::open(base, options).unwrap();
    let budget = *provider.budget();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let id = next.fetch_add(1, Ordering::SeqCst);
                    if id >= buckets {
                        return;
                    }
                    let config = BucketConfig::default();
                    provider.create_bucket(BucketId(id), config).unwrap();
                }
            });
        }
    });

    let models: Vec<Model> = (0..buckets).map(|_| Model::default()).collect();
    let (numbers, proofs) = (AtomicU64::new(0), AtomicU64::new(0));
    let (most_descriptors, most_memory) = (AtomicU64::new(0), AtomicU64::new(0));
    let most_unflushed = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let end = Instant::now() + Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                most_descriptors.fetch_max(descriptors(), Ordering::SeqCst);
                most_memory.fetch_max(memory(), Ordering::SeqCst);
                let unflushed = provider.statistics().unflushed_bytes;
                most_unflushed.fetch_max(unflushed, Ordering::SeqCst);
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let (provider, models, numbers, proofs) = (&provider, &models, &numbers, &proofs);
                scope.spawn(move || {
                    let mut random = ChaCha8Rng::seed_from_u64(worker);
                    while Instant::now() < end {
                        // Half of the operations go to a hundredth of the buckets.
                        let hot = random.gen_bool(0.5);
                        let among = if hot { buckets.div_ceil(100) } else { buckets };
                        let id = random.gen_range(0..among);
                        let model = &models[id as usize];
                        if random.gen_bool(0.5) {
                            let lease = provider
                                .blocking_lease(BucketId(id), LeaseRequest::write())
                                .unwrap();
                            let number = numbers.fetch_add(1, Ordering::SeqCst);
                            let stored = lease
                                .run(|bucket| bucket.ingest(&content(number)[..]))
                                .unwrap();
                            let leaf = NewLeaf {
                                data_root: stored.data_root,
                                data_size: stored.data_size,
                            };
                            let committed = lease
                                .run(|bucket| {
                                    bucket.commit(&[leaf], cairn_engine::Durability::Buffered)
                                })
                                .unwrap();
                            let index = committed.first_leaf.0;
                            let before = model.lock().unwrap().insert(index, number);
                            assert_eq!(before, None);
                        } else {
                            let lease = provider
                                .blocking_lease(BucketId(id), LeaseRequest::read())
                                .unwrap();
                            let proven = lease.run(|bucket| {
                                let view = bucket.view(StateRef::Newest)?;
                                let last = view.count().last_index();
                                let leaf = last.map(|last| LeafIndex(random.gen_range(0..=last.0)));
                                leaf.map(|leaf| view.mmr_proof(leaf)).transpose()
                            });
                            if proven.unwrap().is_some() {
                                proofs.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
    });

    let statistics = provider.statistics();
    let most_descriptors = most_descriptors.into_inner();
    let grown = most_memory.into_inner().saturating_sub(memory_before);
    println!(
        "{buckets} buckets, {seconds} s: {} commits, {} proofs, at most {most_descriptors} \
         descriptors, {grown} bytes more memory, {} unflushed; {statistics:?}",
        numbers.load(Ordering::SeqCst),
        proofs.load(Ordering::SeqCst),
        most_unflushed.load(Ordering::SeqCst),
    );
    let allowed = u64::from(budget.max_open) * budget.descriptors_per_bucket
        + cairn_provider::RESERVED_DESCRIPTORS;
    assert!(most_descriptors <= allowed.max(descriptors_before));
    assert!(
        grown <= budget.memory_bytes,
        "{grown} bytes of {}",
        budget.memory_bytes
    );
    let write_buffer = budget.resources.write_buffer_bytes as u64;
    assert!(most_unflushed.into_inner() <= write_buffer);
    assert_eq!(
        (
            statistics.timeouts,
            statistics.failed_to_open,
            statistics.panics
        ),
        (0, 0, 0)
    );
    assert!(statistics.evictions > buckets, "{statistics:?}");

    // As after a restart, from the index or by opening the bucket.
    drop(provider);
    let base = BasePath::create(folder.path()).unwrap();
    let provider = Provider::open(base, options).unwrap();
    provider.wait_until_indexed();
    for (id, model) in models.iter().enumerate() {
        let id = BucketId(id as u64);
        let (count, root) = replayed(&model.lock().unwrap());
        let record = provider.summary(id).unwrap();
        assert_eq!(
            (
                record.commitment.leaf_count.get(),
                record.commitment.mmr_root
            ),
            (count, root)
        );
        let lease = provider.blocking_lease(id, LeaseRequest::read()).unwrap();
        assert_eq!(lease.commitment(), record.commitment);
    }
}
