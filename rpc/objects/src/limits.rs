//! The limits of uploads, each with its reason.

use std::time::Duration;

/// The part of the pool's slots that uploads leave to other work, above all to answers to
/// challenges: a quarter, and one at least.
const RESERVED_PART: u32 = 4;
/// The stores of one provider: the HTTP API has one, and the S3 dialect.
const STORES: u32 = 2;

/// The limits of uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// The most uploads at once: 32. Each has a thread and some 2 MiB, and holds its bucket open.
    pub uploads: usize,
    /// The most of them by one client: 10, as many as S3 clients send at once by default.
    pub client_uploads: usize,
    /// The most of them in one bucket: 20.
    pub bucket_uploads: usize,
    /// The most bytes of one body: 5 GiB, as in S3. Larger objects come in parts.
    pub object_bytes: u64,
    /// The most bytes of an object in parts: 5 TiB, as in S3.
    pub assembled_bytes: u64,
    /// How long a client may need for as many bytes as a body must bring in that time: 30 seconds.
    pub piece_time: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            uploads: 32,
            client_uploads: 10,
            bucket_uploads: 20,
            object_bytes: 5 << 30,
            assembled_bytes: 5 << 40,
            piece_time: Duration::from_secs(30),
        }
    }
}

impl StoreLimits {
    /// Returns the most uploads at once in a pool of open buckets. An upload holds its bucket open
    /// for as long as its client takes, and an answer to a challenge must not wait for it.
    pub(crate) fn uploads_in(&self, open_buckets: u32) -> usize {
        let reserved = (open_buckets / RESERVED_PART).max(1);
        let free = open_buckets.saturating_sub(reserved) / STORES;
        self.uploads
            .min(usize::try_from(free).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_pool_takes_few_uploads() {
        let of = |open| StoreLimits::default().uploads_in(open);
        assert_eq!([1, 2, 3, 4, 8, 16, 512].map(of), [0, 0, 1, 1, 3, 6, 32]);
    }

    #[test]
    fn uploads_of_both_stores_leave_slots_free() {
        for open in 1..2_000 {
            for uploads in [0, 1, 32, 2_000] {
                let limits = StoreLimits {
                    uploads,
                    ..StoreLimits::default()
                };
                let most = limits.uploads_in(open);
                assert!(most <= uploads, "{open}");
                assert!(2 * most < open as usize, "{open}");
            }
        }
    }
}
