//! The background scrub of a provider.

use super::super::workers::INDEX_WRITE_INTERVAL;
use super::*;
use cairn_bucket::{Scrub, ScrubPass};
use cairn_engine::layout;
use std::num::NonZeroU64;

const HOUR: Duration = Duration::from_secs(3600);

/// Opens a provider that scrubs without a rate limit.
fn open_scrubbing(path: &Path, every: Duration) -> Provider {
    let plan = ScrubPlan {
        bytes_per_second: NonZeroU64::MAX,
        period: every,
    };
    let options = ProviderOptions {
        scrub: Some(plan),
        ..ProviderOptions::default()
    };
    start_with(path, options)
}

fn wait_for_passes(provider: &Provider, rounds: u64) -> ScrubStatistics {
    let mut work = provider.inner.work.lock();
    loop {
        let done = provider.scrub_statistics();
        if done.passes >= rounds {
            return done;
        }
        // A pass that ends before the wait is seen at the next notification or timeout.
        provider
            .inner
            .work_changed
            .wait_for(&mut work, INDEX_WRITE_INTERVAL);
    }
}

/// The counts of a pass over this number of buckets: two chunks, and two leaves with the
/// node above them, in each.
fn pass_over(buckets: u64) -> ScrubStatistics {
    ScrubStatistics {
        passes: 1,
        buckets,
        records: 5 * buckets,
        bytes: 3_013 * buckets,
        findings: 0,
    }
}

#[test]
fn a_scrub_reads_all_buckets_and_quarantines_damage() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 6);
    let signed_root = put(&provider, 3, b"is damaged");
    let others: Vec<_> = (1..=6).map(|id| put(&provider, id, b"one more")).collect();
    provider.close();

    // Wrong bytes with a valid RocksDB checksum.
    let path = folder_of(folder.path(), 3);
    let (access, log) = (Access::ReadWrite, cairn_engine::DamagedLog::Refuse);
    let engine =
        cairn_engine::Engine::open(&path, access, &SharedResources::default(), log).unwrap();
    let mut batch = engine.batch();
    let hash = HashingProfile::Plain.chunk(b"is damaged");
    let family = cairn_engine::Family::Content;
    batch.put(family, layout::chunk_key(&hash), b"is DAMAGED");
    engine
        .write(batch, cairn_engine::Durability::Synced)
        .unwrap();
    drop(engine);

    let provider = open_scrubbing(folder.path(), HOUR);
    let done = wait_for_passes(&provider, 1);
    assert_eq!((done.passes, done.buckets, done.findings), (1, 6, 1));
    let quarantined = provider.quarantined();
    assert_eq!(quarantined.len(), 1);
    let (id, reason) = &quarantined[0];
    assert_eq!(*id, BucketId(3));
    let place = format!("a scrub found damage: chunk {hash:?}: its bytes do not hash to it");
    assert_eq!(*reason, place);
    // Undamaged content is proven, also from the damaged bucket.
    for (id, signed) in (1..).zip(&others) {
        assert_answers(&provider, id, signed);
    }
    assert_answers(&provider, 3, &signed_root);
    let refused = provider
        .blocking_lease(BucketId(3), LeaseRequest::write())
        .unwrap_err();
    assert!(
        matches!(refused, ProviderError::Quarantined { .. }),
        "{refused}"
    );
}

#[test]
fn a_pass_runs_once_per_period_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    provider.close();

    let provider = open_scrubbing(folder.path(), HOUR);
    assert_eq!(wait_for_passes(&provider, 1), pass_over(5));
    provider.close();
    let provider = open_scrubbing(folder.path(), HOUR);
    provider.wait_until_indexed();
    provider.close();
    // No pass has started: the saved one is the completed one.
    let base = BasePath::create(folder.path()).unwrap();
    assert!(base.scrub_pass().unwrap().unwrap().is_over());
    drop(base);
    let provider = open_scrubbing(folder.path(), Duration::ZERO);
    wait_for_passes(&provider, 1);
}

#[test]
fn a_pass_resumes_where_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    provider.close();

    // The state after a stop at the first record of bucket 3.
    let base = BasePath::create(folder.path()).unwrap();
    let shared = SharedResources::default();
    let bucket = base.open_bucket(BucketId(3), &shared).unwrap();
    let step = Scrub::new(None).step(&bucket, 0).unwrap();
    assert_eq!(step.records, 1);
    bucket.close().unwrap();
    base.save_scrub_point(BucketId(3), step.point.as_ref())
        .unwrap();
    let mut round = ScrubPass::starting_at(HOUR);
    round.mark_read(BucketId(2));
    base.save_scrub_pass(&round).unwrap();
    // A position saved by an earlier pass is not used.
    base.save_scrub_point(BucketId(4), step.point.as_ref())
        .unwrap();
    drop(base);

    let provider = open_scrubbing(folder.path(), HOUR * 24 * 365 * 1000);
    let rest = pass_over(3);
    let done = wait_for_passes(&provider, 1);
    assert_eq!((done.passes, done.buckets), (1, 3));
    assert_eq!(done.records, rest.records - 1);
    assert_eq!(done.bytes, rest.bytes - step.bytes);
    provider.close();
    let base = BasePath::create(folder.path()).unwrap();
    for id in [3, 4] {
        assert_eq!(base.scrub_point(BucketId(id)).unwrap(), None);
    }
}

#[test]
fn a_scrub_yields_to_callers_and_stops_with_the_provider() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    provider.close();

    let provider = open_scrubbing(folder.path(), Duration::ZERO);
    wait_for_passes(&provider, 1);
    let wanted = LeaseRequest::read();
    let leases: Vec<_> = (1..=4)
        .map(|id| provider.blocking_lease(BucketId(id), wanted).unwrap())
        .collect();
    // Bucket 5 is not available; a pass may have read it before.
    let before = provider.scrub_statistics().passes;
    while provider.statistics().waiting == 0 {
        std::thread::yield_now();
    }
    assert!(provider.scrub_statistics().passes <= before + 1);
    // Waits of the scrub are not counted as timeouts.
    assert_eq!(provider.statistics().timeouts, 0);
    drop(leases);
    wait_for_passes(&provider, before + 2);
    // Dropped while the scrub runs.
    provider.close();
}
