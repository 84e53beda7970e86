//! The pool over fake databases, so that a test can force any order of events.

use super::*;
use parking_lot::RwLock;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// A fake database.
struct Fake {
    id: u64,
    access: Access,
    spoiled: AtomicBool,
    dirty: AtomicBool,
}

type Gate = Arc<Barrier>;

/// Opens fakes. A test that opens one twice fails.
#[derive(Default)]
struct FakeStore {
    open: Mutex<HashMap<u64, u32>>,
    max_open: AtomicU64,
    opened: AtomicU64,
    broken: Mutex<Vec<u64>>,
    /// A bucket that waits for the test when it is opened, or when it is closed.
    slow_to_open: RwLock<Option<(u64, Gate)>>,
    slow_to_close: RwLock<Option<(u64, Gate)>>,
    unflushed: AtomicU64,
    flushed: Mutex<Vec<u64>>,
}

fn wait_at_gate(gate: &RwLock<Option<(u64, Gate)>>, id: u64) {
    let gate = gate.read().clone();
    if let Some((_, gate)) = gate.filter(|(at, _)| *at == id) {
        // First to signal arrival, then to be released.
        gate.wait();
        gate.wait();
    }
}

impl BucketStore for FakeStore {
    type Open = Fake;
    type Error = &'static str;

    fn open(&self, id: BucketId, access: Access) -> Result<Fake, &'static str> {
        {
            let mut open = self.open.lock();
            let handles = open.entry(id.0).or_default();
            *handles += 1;
            assert_eq!(*handles, 1, "bucket {id} is open twice");
            let now: u32 = open.values().sum();
            self.max_open.fetch_max(now.into(), Ordering::SeqCst);
        }
        wait_at_gate(&self.slow_to_open, id.0);
        self.opened.fetch_add(1, Ordering::SeqCst);
        if self.broken.lock().contains(&id.0) {
            *self.open.lock().get_mut(&id.0).unwrap() -= 1;
            return Err("broken");
        }
        Ok(Fake {
            id: id.0,
            access,
            spoiled: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
        })
    }

    fn is_poisoned(open: &Fake) -> bool {
        open.spoiled.load(Ordering::SeqCst)
    }

    fn flush(&self, open: &Fake) -> bool {
        self.flushed.lock().push(open.id);
        if open.dirty.swap(false, Ordering::SeqCst) {
            self.unflushed.fetch_sub(10, Ordering::SeqCst);
        }
        true
    }

    fn unflushed_bytes(&self) -> u64 {
        self.unflushed.load(Ordering::SeqCst)
    }

    fn cached_bytes(&self) -> u64 {
        0
    }

    fn on_write_lease_end(&self, _id: BucketId) {}

    fn close(&self, id: BucketId, open: Fake, _discard: bool) {
        wait_at_gate(&self.slow_to_close, id.0);
        assert_eq!(open.id, id.0);
        *self.open.lock().get_mut(&id.0).unwrap() -= 1;
    }
}

type FakePool = Arc<Pool<FakeStore>>;

fn pool(cap: u32) -> FakePool {
    Arc::new(Pool::new(FakeStore::default(), cap, 80))
}

const SHORT_TIMEOUT: Duration = Duration::from_millis(30);

fn read(pool: &FakePool, id: u64) -> PoolLease<FakeStore> {
    pool.lease(BucketId(id), LeaseRequest::read()).unwrap()
}

fn write(pool: &FakePool, id: u64) -> PoolLease<FakeStore> {
    pool.lease(BucketId(id), LeaseRequest::write()).unwrap()
}

fn is_open(pool: &FakePool, id: u64) -> bool {
    pool.store
        .open
        .lock()
        .get(&id)
        .is_some_and(|open| *open > 0)
}

#[test]
fn concurrent_leases_of_a_closed_bucket_open_it_once() {
    let (pool, start) = (pool(4), Barrier::new(64));
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                start.wait();
                assert_eq!(read(&pool, 7).id, BucketId(7));
            });
        }
    });
    assert_eq!(pool.store.opened.load(Ordering::SeqCst), 1);
    let statistics = pool.statistics();
    assert_eq!((statistics.misses, statistics.leased), (1, 0));
}

#[test]
fn a_reopen_during_a_close_waits_for_it() {
    let pool = pool(1);
    drop(write(&pool, 1));
    let gate = Gate::new(Barrier::new(2));
    *pool.store.slow_to_close.write() = Some((1, gate.clone()));
    let (sender, opened) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(read(&pool, 2)));
        gate.wait();
        scope.spawn(|| {
            let lease = read(&pool, 1);
            sender.send(()).unwrap();
            drop(lease);
        });
        // It cannot be leased before it is closed: the fake would fail the test.
        assert!(opened.recv_timeout(SHORT_TIMEOUT).is_err());
        *pool.store.slow_to_close.write() = None;
        gate.wait();
    });
    opened.recv().unwrap();
    assert_eq!(pool.store.opened.load(Ordering::SeqCst), 3);
}

#[test]
fn a_slow_open_does_not_block_other_buckets() {
    let pool = pool(2);
    let gate = Gate::new(Barrier::new(2));
    *pool.store.slow_to_open.write() = Some((1, gate.clone()));
    std::thread::scope(|scope| {
        scope.spawn(|| drop(read(&pool, 1)));
        gate.wait();
        for _ in 0..10 {
            drop(read(&pool, 2));
        }
        *pool.store.slow_to_open.write() = None;
        gate.wait();
    });
}

#[test]
fn i8_a_leased_bucket_is_not_closed_and_the_cap_holds() {
    let pool = pool(2);
    let (first, second) = (read(&pool, 1), write(&pool, 2));
    let refused = pool.lease(
        BucketId(3),
        LeaseRequest::read().with_timeout(SHORT_TIMEOUT),
    );
    assert!(matches!(refused, Err(LeaseError::Timeout { .. })));
    assert!(
        is_open(&pool, 1) && is_open(&pool, 2),
        "{:?}",
        (first.id, second.id)
    );
    drop(first);
    drop(read(&pool, 3));
    assert!(!is_open(&pool, 1), "the idle one made room");
    assert!(is_open(&pool, 2));
    assert_eq!(pool.store.max_open.load(Ordering::SeqCst), 2);
    let statistics = pool.statistics();
    assert_eq!((statistics.timeouts, statistics.evictions), (1, 1));
}

#[test]
fn the_least_recently_used_bucket_is_evicted() {
    let pool = pool(3);
    for id in [1, 2, 3, 1] {
        drop(read(&pool, id));
    }
    drop(read(&pool, 4));
    assert!(!is_open(&pool, 2) && is_open(&pool, 1) && is_open(&pool, 3));
}

#[test]
fn maintenance_does_not_count_as_use() {
    let pool = pool(2);
    drop(write(&pool, 1));
    drop(write(&pool, 2));
    drop(pool.lease_if_writable(BucketId(1)).unwrap());
    drop(read(&pool, 3));
    assert!(!is_open(&pool, 1) && is_open(&pool, 2));
}

#[test]
fn background_leases_use_one_slot_and_are_evicted_first() {
    let pool = pool(3);
    let background = |id| {
        pool.lease(BucketId(id), LeaseRequest::background())
            .unwrap()
    };
    for id in [1, 2] {
        drop(read(&pool, id));
    }
    // One after another, in the one slot that is left.
    for id in [7, 8, 9] {
        drop(background(id));
        assert!(is_open(&pool, 1) && is_open(&pool, 2), "{id}");
    }
    // One that is open for other callers keeps its place.
    drop(background(1));
    drop(read(&pool, 3));
    assert!(!is_open(&pool, 9) && is_open(&pool, 1));
    drop(read(&pool, 4));
    assert!(!is_open(&pool, 1) && is_open(&pool, 2) && is_open(&pool, 3));
    // One that other callers lease too no longer counts as background.
    drop(background(5));
    assert!(!is_open(&pool, 2));
    drop(read(&pool, 5));
    drop(background(5));
    drop(read(&pool, 6));
    assert!(!is_open(&pool, 3) && is_open(&pool, 4) && is_open(&pool, 5));
}

#[test]
fn a_challenge_is_served_before_all_waiting_callers() {
    let pool = pool(1);
    let held = read(&pool, 1);
    let (sender, order) = mpsc::channel();
    std::thread::scope(|scope| {
        let queue = |name: &'static str, id, wanted: LeaseRequest| {
            let sender = sender.clone();
            let waiting = pool.statistics().waiting;
            let pool = &pool;
            scope.spawn(move || {
                let lease = pool.lease(BucketId(id), wanted).unwrap();
                sender.send(name).unwrap();
                drop(lease);
            });
            while pool.statistics().waiting == waiting {
                std::thread::yield_now();
            }
        };
        queue("background", 5, LeaseRequest::background());
        queue("first reader", 2, LeaseRequest::read());
        queue("second reader", 3, LeaseRequest::read());
        queue("challenge", 4, LeaseRequest::challenge());
        drop(held);
    });
    drop(sender);
    let order: Vec<_> = order.into_iter().collect();
    let expected = ["challenge", "first reader", "second reader", "background"];
    assert_eq!(order, expected);
}

#[test]
fn the_first_writer_reopens_a_bucket_open_for_reading() {
    let pool = pool(4);
    let reader = read(&pool, 1);
    let (sender, written) = mpsc::channel();
    std::thread::scope(|scope| {
        let pool = &pool;
        scope.spawn(move || {
            let lease = write(pool, 1);
            assert_eq!(lease.access, Access::ReadWrite);
            sender.send(()).unwrap();
        });
        assert!(
            written.recv_timeout(SHORT_TIMEOUT).is_err(),
            "a reader has it"
        );
        // Later readers must not starve the writer; a challenge may pass.
        let late = pool.lease(
            BucketId(1),
            LeaseRequest::read().with_timeout(SHORT_TIMEOUT),
        );
        assert!(matches!(late, Err(LeaseError::Timeout { .. })));
        drop(pool.lease(BucketId(1), LeaseRequest::challenge()).unwrap());
        drop(reader);
    });
    written.recv().unwrap();
    let shared = read(&pool, 1);
    assert_eq!(
        pool.store.opened.load(Ordering::SeqCst),
        2,
        "a reader shares it"
    );
    assert_eq!(shared.access, Access::ReadOnly);
}

#[test]
fn a_panic_with_a_lease_poisons_only_that_bucket() {
    let pool = pool(4);
    drop(read(&pool, 2));
    let panicked = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let _lease = write(&pool, 1);
            panic!("injected by the test");
        });
        holder.join()
    });
    assert!(panicked.is_err());
    let before = pool.store.opened.load(Ordering::SeqCst);
    drop(read(&pool, 2));
    assert_eq!(pool.store.opened.load(Ordering::SeqCst), before);
    drop(write(&pool, 1));
    assert_eq!(
        pool.store.opened.load(Ordering::SeqCst),
        before + 1,
        "reopened"
    );
    assert_eq!(pool.statistics().panics, 1);
}

#[test]
fn i9_a_poisoned_bucket_is_reopened_before_the_next_lease() {
    let pool = pool(4);
    let lease = write(&pool, 1);
    lease.spoiled.store(true, Ordering::SeqCst);
    let refused = pool.lease(
        BucketId(1),
        LeaseRequest::write().with_timeout(SHORT_TIMEOUT),
    );
    assert!(refused.is_err(), "it is still leased");
    drop(lease);
    assert!(!write(&pool, 1).spoiled.load(Ordering::SeqCst));
}

#[test]
fn a_failed_open_frees_its_slot() {
    let pool = pool(1);
    pool.store.broken.lock().push(1);
    for _ in 0..3 {
        let refused = pool.lease(BucketId(1), LeaseRequest::read());
        assert!(matches!(refused, Err(LeaseError::Open("broken"))));
    }
    drop(read(&pool, 2));
    assert_eq!(pool.statistics().failed_to_open, 3);
}

#[test]
fn a_reservation_waits_for_leases_and_excludes_others() {
    let pool = pool(2);
    let lease = write(&pool, 1);
    let reserve = |within| pool.reserve(BucketId(1), within, false);
    assert!(matches!(
        reserve(SHORT_TIMEOUT),
        Err(LeaseError::Timeout { .. })
    ));
    // After the timeout it blocks nobody.
    drop(read(&pool, 1));
    let (sender, reserved) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let reservation = pool.reserve(BucketId(1), DEFAULT_LEASE_TIMEOUT, false).ok();
            sender.send(reservation).unwrap();
        });
        assert!(reserved.recv_timeout(SHORT_TIMEOUT).is_err());
        let refused = pool.lease(BucketId(1), LeaseRequest::challenge());
        assert!(matches!(refused, Err(LeaseError::Reserved)));
        drop(lease);
        let reservation = reserved.recv().unwrap().unwrap();
        assert!(!is_open(&pool, 1));
        assert!(matches!(reserve(SHORT_TIMEOUT), Err(LeaseError::Reserved)));
        drop(reservation);
    });
    drop(read(&pool, 1));
    assert_eq!(pool.statistics().open, 1);
}

#[test]
fn lease_if_open_never_opens_or_waits() {
    let pool = pool(2);
    let lease_open = |id| pool.lease_if_open(BucketId(id));
    assert!(lease_open(1).is_none(), "nothing is opened for it");
    let reader = read(&pool, 1);
    assert_eq!(lease_open(1).map(|lease| lease.id), Some(BucketId(1)));
    assert_eq!(pool.statistics().leased, 1);
    std::thread::scope(|scope| {
        // Open for reading, it must be closed before a caller can write.
        let writer = scope.spawn(|| drop(write(&pool, 1)));
        while lease_open(1).is_some() {
            std::thread::yield_now();
        }
        drop(reader);
        writer.join().unwrap();
    });
    let spoiled = write(&pool, 1);
    assert!(lease_open(1).is_some());
    spoiled.spoiled.store(true, Ordering::SeqCst);
    assert!(lease_open(1).is_none(), "it must be reopened");
    drop(spoiled);
    let _reservation = pool
        .reserve(BucketId(1), SHORT_TIMEOUT, false)
        .ok()
        .unwrap();
    assert!(lease_open(1).is_none());
    assert_eq!(pool.store.opened.load(Ordering::SeqCst), 2);
}

#[test]
fn the_flusher_flushes_the_oldest_and_only_as_needed() {
    let pool = pool(8);
    for id in 1..=6 {
        let lease = write(&pool, id);
        lease.dirty.store(true, Ordering::SeqCst);
        pool.store.unflushed.fetch_add(10, Ordering::SeqCst);
    }
    // 60 of 80, with marks at 50 and 40.
    std::thread::scope(|scope| {
        scope.spawn(|| pool.run_flusher());
        while pool.store.unflushed_bytes() > 40 {
            std::thread::yield_now();
        }
        pool.stop();
    });
    assert_eq!(*pool.store.flushed.lock(), [1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// With many threads and few slots, no caller gets another bucket than it asked
    /// for, none is open twice, and never more than the cap are open.
    #[test]
    fn i8_no_bucket_is_open_twice(
        cap in 1u32..5,
        asks in proptest::collection::vec(
            proptest::collection::vec((0u64..8, 0u8..8), 1..60),
            1..8,
        ),
    ) {
        let pool = pool(cap);
        std::thread::scope(|scope| {
            for asks in &asks {
                let pool = &pool;
                scope.spawn(move || {
                    for (id, kind) in asks {
                        let id = BucketId(*id);
                        if *kind == 7 {
                            drop(pool.reserve(id, DEFAULT_LEASE_TIMEOUT, false));
                            continue;
                        }
                        let wanted = match kind {
                            0..3 => LeaseRequest::read(),
                            3..6 => LeaseRequest::write(),
                            _ => LeaseRequest::challenge(),
                        };
                        match pool.lease(id, wanted) {
                            Ok(lease) => {
                                assert_eq!(lease.id, id);
                                assert_eq!((*lease).id, id.0);
                                let writable = lease.open.as_ref().unwrap().access;
                                assert!(wanted.access == Access::ReadOnly
                                    || writable == Access::ReadWrite);
                            }
                            Err(error) => assert!(matches!(error, LeaseError::Reserved)),
                        }
                    }
                });
            }
        });
        prop_assert!(pool.store.max_open.load(Ordering::SeqCst) <= cap.into());
        let statistics = pool.statistics();
        prop_assert_eq!((statistics.leased, statistics.waiting), (0, 0));
        pool.close_idle();
        prop_assert_eq!(pool.statistics().open, 0);
        prop_assert!(pool.store.open.lock().values().all(|open| *open == 0));
    }
}
