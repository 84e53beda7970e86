//! Guards the free space of a disk: clients cannot use the last part of it.
//!
//! Signed roots, duties, windows and answers need little space, at moments that others
//! choose. A provider that cannot write them loses its stake. So everything that clients
//! and operators bring stops before it uses a *reserve* of free space, and resumes when
//! there is space again.
//!
//! The disk is not queried for each chunk. A query grants credit, which writes use up, and
//! which expires after a second, since other programs write to the same disk. Unflushed
//! memory counts as used.

use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Default reserve, in bytes: enough to compact a large tree, for some hundred logs of
/// buckets, and for years of duties and signed roots.
const DEFAULT_RESERVE_BYTES: u64 = 1 << 30;
/// The default reserve is at least this fraction (1/n) of the disk, since large disks have
/// large buckets.
const DEFAULT_RESERVE_DIVISOR: u64 = 100;
/// The default reserve is at most this fraction (1/n) of the disk, to leave a small disk
/// usable.
const MAX_RESERVE_DIVISOR: u64 = 10;
/// Bytes that are written before the disk is queried again.
const CREDIT_BYTES: u64 = 64 << 20;
/// Lifetime of credit.
const CREDIT_DURATION: Duration = Duration::from_secs(1);
/// Uploads that were stopped resume when the reserve and this fraction (1/n) of it are
/// free, so that they do not stop and resume with each small change.
const RESUME_DIVISOR: u64 = 16;

/// The space on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskFree {
    /// Free space available to this process.
    pub free: u64,
    /// Total size of the disk.
    pub total: u64,
}

/// The error of a write that would use the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk is too full: {free} bytes are free, and {reserve} bytes are reserved for \
     signatures, duties and answers; uploads resume when there is space"
)]
pub struct DiskReserved {
    /// Bytes to be written.
    pub needed: u64,
    /// Free bytes.
    pub free: u64,
    /// Reserved bytes.
    pub reserve: u64,
}

/// The state of a disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskReading {
    /// Free space.
    pub free: u64,
    /// Space reserved from clients.
    pub reserve: u64,
    /// Set while writes of clients are rejected.
    pub is_stopped: bool,
}

type QueryFree = dyn Fn() -> std::io::Result<DiskFree> + Send + Sync;

/// The guard of a disk's reserve.
pub struct DiskGuard {
    query_free: Box<QueryFree>,
    reserve: Option<u64>,
    max_credit: u64,
    /// Bytes that may be written before the disk is queried again.
    credit: AtomicU64,
    /// When the credit expires, in milliseconds since `since`.
    expires_ms: AtomicU64,
    since: Instant,
    is_stopped: Mutex<bool>,
}

impl std::fmt::Debug for DiskGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskGuard")
            .field("reserve", &self.reserve)
            .finish_non_exhaustive()
    }
}

impl DiskGuard {
    /// Guards the disk that `path` is on. `reserve` is in bytes; `None` selects the default:
    /// 1 GiB or 1/100 of the disk, whichever is more, and at most 1/10 of it.
    pub fn for_path(path: &Path, reserve: Option<u64>) -> Self {
        let path = path.to_owned();
        Self::with_query(move || free_at(&path), reserve)
    }

    /// Guards a disk whose free space `ask` returns.
    pub fn with_query(
        ask: impl Fn() -> std::io::Result<DiskFree> + Send + Sync + 'static,
        reserve: Option<u64>,
    ) -> Self {
        Self {
            query_free: Box::new(ask),
            reserve,
            max_credit: CREDIT_BYTES,
            credit: AtomicU64::new(0),
            expires_ms: AtomicU64::new(0),
            since: Instant::now(),
            is_stopped: Mutex::new(false),
        }
    }

    /// Makes every admission query the disk.
    #[cfg(any(test, feature = "testing"))]
    pub fn without_credit(self) -> Self {
        Self {
            max_credit: 0,
            ..self
        }
    }

    /// Admits `bytes` more from clients, if that leaves the reserve free. `unwritten` returns
    /// the number of bytes that are not flushed yet.
    pub fn admit(&self, bytes: u64, unwritten: impl FnOnce() -> u64) -> Result<(), DiskReserved> {
        let is_lapsed = self.now_ms() >= self.expires_ms.load(Ordering::Relaxed);
        if !is_lapsed {
            let order = Ordering::Relaxed;
            let spent = self
                .credit
                .fetch_update(order, order, |credit| credit.checked_sub(bytes));
            if spent.is_ok() {
                return Ok(());
            }
        }
        self.renew_credit(bytes, unwritten()).map(drop)
    }

    /// Checks that `bytes` more would leave the reserve free. Does not affect other writers.
    pub fn check_fits(&self, bytes: u64, unwritten: u64) -> Result<(), DiskReserved> {
        self.check_leaves(bytes, unwritten, |reserve| reserve)
    }

    /// Admits `bytes` that may use half of the reserve, for work that frees space later.
    pub fn admit_into_reserve(&self, bytes: u64, unwritten: u64) -> Result<(), DiskReserved> {
        self.check_leaves(bytes, unwritten, |reserve| reserve.div_ceil(2))
    }

    /// Checks that `bytes` more would leave the given part of the reserve free.
    fn check_leaves(
        &self,
        bytes: u64,
        unwritten: u64,
        of_reserve: impl FnOnce(u64) -> u64,
    ) -> Result<(), DiskReserved> {
        let Some((free, reserve)) = self.query() else {
            return Ok(());
        };
        let needed = bytes.saturating_add(unwritten);
        if needed.saturating_add(of_reserve(reserve)) <= free {
            return Ok(());
        }
        Err(DiskReserved {
            needed: bytes,
            free,
            reserve,
        })
    }

    /// Returns the current state of the disk.
    pub fn reading(&self, unwritten: u64) -> DiskReading {
        let Some((free, reserve)) = self.query() else {
            return DiskReading::default();
        };
        let room = room(free, reserve, unwritten);
        let mut is_stopped = self.is_stopped.lock();
        // Stop now if the next upload would be rejected.
        self.update_stopped(&mut is_stopped, room, 1, free, reserve);
        DiskReading {
            free,
            reserve,
            is_stopped: *is_stopped,
        }
    }

    /// Queries the disk, and grants new credit.
    fn renew_credit(&self, bytes: u64, unwritten: u64) -> Result<(), DiskReserved> {
        let mut is_stopped = self.is_stopped.lock();
        // If the disk cannot be queried, the write itself reports the fault.
        let Some((free, reserve)) = self.query() else {
            return Ok(());
        };
        let room = room(free, reserve, unwritten);
        self.update_stopped(&mut is_stopped, room, bytes, free, reserve);
        if *is_stopped {
            self.credit.store(0, Ordering::Relaxed);
            return Err(DiskReserved {
                needed: bytes,
                free,
                reserve,
            });
        }
        let credit = room.saturating_sub(bytes).min(self.max_credit);
        self.credit.store(credit, Ordering::Relaxed);
        let lasts = u64::try_from(CREDIT_DURATION.as_millis()).unwrap_or(u64::MAX);
        let lapses = self.now_ms().saturating_add(lasts);
        self.expires_ms.store(lapses, Ordering::Relaxed);
        Ok(())
    }

    /// Stops or resumes uploads, and logs each change once.
    fn update_stopped(
        &self,
        is_stopped: &mut bool,
        room: u64,
        bytes: u64,
        free: u64,
        reserve: u64,
    ) {
        if !*is_stopped && room < bytes {
            *is_stopped = true;
            tracing::error!(
                free,
                reserve,
                "the disk is too full: uploads stop, so that signatures, duties and answers \
                 have space; they resume when there is space"
            );
        } else if *is_stopped && room >= bytes.max(reserve.saturating_div(RESUME_DIVISOR)) {
            *is_stopped = false;
            tracing::info!(free, reserve, "the disk has space again: uploads resume");
        }
    }

    /// Returns free and reserved bytes; `None` if the disk cannot be queried.
    fn query(&self) -> Option<(u64, u64)> {
        match (self.query_free)() {
            Ok(DiskFree { free, total }) => Some((free, self.reserve_of(total))),
            Err(error) => {
                tracing::warn!(%error, "the free space of the disk cannot be queried");
                None
            }
        }
    }

    fn reserve_of(&self, total: u64) -> u64 {
        self.reserve.unwrap_or_else(|| {
            let part = |of| total.checked_div(of).unwrap_or(0);
            DEFAULT_RESERVE_BYTES
                .max(part(DEFAULT_RESERVE_DIVISOR))
                .min(part(MAX_RESERVE_DIVISOR))
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn room(free: u64, reserve: u64, unwritten: u64) -> u64 {
    free.saturating_sub(reserve).saturating_sub(unwritten)
}

/// Returns the space of the disk that a path is on.
///
/// # Errors
///
/// The operating system's error.
pub fn free_at(path: &Path) -> std::io::Result<DiskFree> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(DiskFree {
        // Blocks reserved for root are not available to a provider.
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    const MIB: u64 = 1 << 20;
    const TOTAL: u64 = 100 * MIB;

    /// A disk with a settable amount of free space.
    fn disk(free: u64, reserve: Option<u64>) -> (Arc<AtomicU64>, DiskGuard) {
        let free = Arc::new(AtomicU64::new(free));
        let reported_free = free.clone();
        let ask = move || {
            Ok(DiskFree {
                free: reported_free.load(Ordering::Relaxed),
                total: TOTAL,
            })
        };
        (free, DiskGuard::with_query(ask, reserve))
    }

    #[test]
    fn s10_uploads_stop_at_the_reserve_and_resume() {
        let all = 16 * MIB + 4096;
        let (free, guard) = disk(all, Some(16 * MIB));
        let guard = guard.without_credit();
        assert_eq!(guard.admit(4096, || 0), Ok(()));
        assert!(!guard.reading(0).is_stopped);
        let refused = guard.admit(4097, || 0).unwrap_err();
        assert_eq!((refused.free, refused.reserve), (all, 16 * MIB));
        assert!(guard.reading(0).is_stopped);
        // While little more than the reserve is free, even a write that would fit is rejected.
        free.store(16 * MIB + 1, Ordering::Relaxed);
        assert!(guard.admit(1, || 0).is_err());
        free.store(17 * MIB, Ordering::Relaxed);
        assert_eq!(guard.admit(MIB, || 0), Ok(()));
        let reading = guard.reading(0);
        assert_eq!((reading.free, reading.is_stopped), (17 * MIB, false));
    }

    #[test]
    fn s10_unflushed_bytes_count_as_used() {
        let (_, guard) = disk(20 * MIB, Some(16 * MIB));
        assert!(guard.admit(MIB, || 3 * MIB + 1).is_err());
        let (_, guard) = disk(20 * MIB, Some(16 * MIB));
        assert_eq!(guard.admit(MIB, || 3 * MIB), Ok(()));
    }

    #[test]
    fn s10_work_that_frees_space_may_use_half_of_the_reserve() {
        let (_, guard) = disk(16 * MIB, Some(16 * MIB));
        assert_eq!(guard.admit_into_reserve(8 * MIB, 0), Ok(()));
        assert!(guard.admit_into_reserve(8 * MIB + 1, 0).is_err());
        assert!(guard.admit_into_reserve(8 * MIB, 1).is_err());
    }

    #[test]
    fn the_default_reserve_depends_on_the_disk_size() {
        let guard = DiskGuard::with_query(|| Err(std::io::ErrorKind::Other.into()), None);
        let gib = 1u64 << 30;
        for (total, reserve) in [
            (60 * MIB, 6 * MIB),
            (5 * gib, gib / 2),
            (20 * gib, gib),
            (10_000 * gib, 100 * gib),
            (0, 0),
        ] {
            assert_eq!(guard.reserve_of(total), reserve, "{total}");
        }
        // A failed query does not cause a rejection.
        assert_eq!(guard.admit(u64::MAX, || 0), Ok(()));
    }

    #[test]
    fn the_disk_of_a_path_is_queried() {
        let folder = tempfile::tempdir().unwrap();
        let DiskFree { free, total } = free_at(folder.path()).unwrap();
        assert!(free <= total && total > 0);
        let guard = DiskGuard::for_path(folder.path(), Some(u64::MAX));
        assert!(guard.admit(1, || 0).is_err());
    }

    proptest! {
        /// In any order of requests and credit, the sum of all admitted bytes leaves the reserve
        /// free, if nobody else writes.
        #[test]
        fn s10_no_order_of_uploads_uses_the_reserve(
            start in 0u64..200 * MIB,
            reserve in 0u64..100 * MIB,
            uploads in proptest::collection::vec((0u64..9 * MIB, any::<bool>()), 0..60),
        ) {
            let (free, guard) = disk(start, Some(reserve));
            for (bytes, unwritten) in uploads {
                if guard.admit(bytes, || if unwritten { MIB } else { 0 }).is_ok() {
                    let left = free.load(Ordering::Relaxed);
                    prop_assert!(bytes == 0 || left.saturating_sub(bytes) >= reserve);
                    free.store(left - bytes, Ordering::Relaxed);
                }
            }
        }
    }
}
