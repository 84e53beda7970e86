//! The background scrub of a provider.

use super::super::inner::INDEX_EVERY;
use super::*;
use cairn_bucket::{Scrub, ScrubRound};
use cairn_engine::layout;
use std::num::NonZeroU64;

const HOUR: Duration = Duration::from_secs(3600);

/// Opens a provider that scrubs without a rate limit.
fn scrubbing(path: &Path, every: Duration) -> Provider {
    let plan = ScrubPlan {
        bytes_per_second: NonZeroU64::MAX,
        every,
    };
    let options = ProviderOptions {
        scrub: Some(plan),
        ..ProviderOptions::default()
    };
    start_with(path, options)
}

fn wait_for_rounds(provider: &Provider, rounds: u64) -> ScrubStatistics {
    let mut work = provider.inner.work.lock();
    loop {
        let done = provider.scrubbed();
        if done.rounds >= rounds {
            return done;
        }
        // A pass that ends before the wait is seen at the next notification or timeout.
        provider.inner.changed.wait_for(&mut work, INDEX_EVERY);
    }
}

/// The counts of a pass over this number of buckets: two chunks, and two leaves with the
/// node above them, in each.
fn round_of(buckets: u64) -> ScrubStatistics {
    ScrubStatistics {
        rounds: 1,
        buckets,
        records: 5 * buckets,
        bytes: 3_013 * buckets,
        findings: 0,
    }
}

#[test]
fn all_buckets_are_read_and_one_that_is_damaged_is_set_apart() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 6);
    let promise = put(&provider, 3, b"is damaged");
    let others: Vec<_> = (1..=6).map(|id| put(&provider, id, b"one more")).collect();
    provider.close();

    // Wrong bytes with a valid RocksDB checksum.
    let path = folder_of(folder.path(), 3);
    let (access, log) = (Access::ReadWrite, cairn_engine::DamagedLog::Refuse);
    let engine = cairn_engine::Engine::open(&path, access, &Shared::default(), log).unwrap();
    let mut batch = engine.batch();
    let hash = HashingProfile::Plain.chunk(b"is damaged");
    let family = cairn_engine::Family::Content;
    batch.put(family, layout::chunk_key(&hash), b"is DAMAGED");
    engine
        .write(batch, cairn_engine::Durability::Synced)
        .unwrap();
    drop(engine);

    let provider = scrubbing(folder.path(), HOUR);
    let done = wait_for_rounds(&provider, 1);
    assert_eq!((done.rounds, done.buckets, done.findings), (1, 6, 1));
    let quarantined = provider.quarantined();
    assert_eq!(quarantined.len(), 1);
    let (id, reason) = &quarantined[0];
    assert_eq!(*id, BucketId(3));
    let place = format!("a scrub found damage: chunk {hash:?}: its bytes do not hash to it");
    assert_eq!(*reason, place);
    // Undamaged content is proven, also from the damaged bucket.
    for (id, signed) in (1..).zip(&others) {
        answers(&provider, id, signed);
    }
    answers(&provider, 3, &promise);
    let refused = provider.lease(BucketId(3), Wanted::write()).unwrap_err();
    assert!(
        matches!(refused, ProviderError::Quarantined { .. }),
        "{refused}"
    );
}

#[test]
fn a_round_is_read_once_in_its_period_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    provider.close();

    let provider = scrubbing(folder.path(), HOUR);
    assert_eq!(wait_for_rounds(&provider, 1), round_of(5));
    provider.close();
    let provider = scrubbing(folder.path(), HOUR);
    provider.wait_until_known();
    provider.close();
    // No pass has started: the saved one is the completed one.
    let base = BasePath::create(folder.path()).unwrap();
    assert!(base.scrub_round().unwrap().unwrap().is_over());
    drop(base);
    let provider = scrubbing(folder.path(), Duration::ZERO);
    wait_for_rounds(&provider, 1);
}

#[test]
fn a_round_goes_on_where_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    provider.close();

    // The state after a stop at the first record of bucket 3.
    let base = BasePath::create(folder.path()).unwrap();
    let shared = Shared::default();
    let bucket = base.open_bucket(BucketId(3), &shared).unwrap();
    let step = Scrub::new(None).step(&bucket, 0).unwrap();
    assert_eq!(step.records, 1);
    bucket.close().unwrap();
    base.keep_scrub_point(BucketId(3), step.point.as_ref())
        .unwrap();
    let mut round = ScrubRound::beginning(HOUR);
    round.pass(BucketId(2));
    base.keep_scrub_round(&round).unwrap();
    // A position saved by an earlier pass is not used.
    base.keep_scrub_point(BucketId(4), step.point.as_ref())
        .unwrap();
    drop(base);

    let provider = scrubbing(folder.path(), HOUR * 24 * 365 * 1000);
    let rest = round_of(3);
    let done = wait_for_rounds(&provider, 1);
    assert_eq!((done.rounds, done.buckets), (1, 3));
    assert_eq!(done.records, rest.records - 1);
    assert_eq!(done.bytes, rest.bytes - step.bytes);
    provider.close();
    let base = BasePath::create(folder.path()).unwrap();
    for id in [3, 4] {
        assert_eq!(base.scrub_point(BucketId(id)).unwrap(), None);
    }
}

#[test]
fn a_scrub_waits_for_others_and_ends_with_the_provider() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    provider.close();

    let provider = scrubbing(folder.path(), Duration::ZERO);
    wait_for_rounds(&provider, 1);
    let wanted = Wanted::read();
    let leases: Vec<_> = (1..=4)
        .map(|id| provider.lease(BucketId(id), wanted).unwrap())
        .collect();
    // Bucket 5 is not available; a pass may have read it before.
    let before = provider.scrubbed().rounds;
    while provider.statistics().waiting == 0 {
        std::thread::yield_now();
    }
    assert!(provider.scrubbed().rounds <= before + 1);
    // Waits of the scrub are not counted as timeouts.
    assert_eq!(provider.statistics().timeouts, 0);
    drop(leases);
    wait_for_rounds(&provider, before + 2);
    // Dropped while the scrub runs.
    provider.close();
}
