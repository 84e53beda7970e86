//! The budget: how many buckets may be open at once, and their memory and file
//! descriptors, derived from the process's limits before anything is opened.

use cairn_engine::Resources;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for everything that is not a bucket: the index, keys, logs
/// and connections.
pub const RESERVED_DESCRIPTORS: u64 = 96;

/// Descriptors of a bucket besides its table and blob files: its database's lock,
/// its own log, its manifest, its write-ahead log and two folders; the journal;
/// and the outputs of a flush and of a compaction.
pub const DESCRIPTORS_BESIDES_FILES: u64 = 10;

/// The fewest table and blob files that RocksDB may keep open for a database.
const MIN_OPEN_FILES: u16 = 10;
/// The most files open for a database: more do not help a bucket that shares its machine.
const MAX_OPEN_FILES: u16 = 54;
/// With fewer, challenges could not be answered while buckets are written.
const MIN_OPEN_BUCKETS: u64 = 4;
/// Buckets open at once by default.
const DEFAULT_OPEN_BUCKETS: u64 = 512;

/// Memory of an open bucket, in bytes: as measured with 64 leaves, open for writing,
/// plus a reserve.
const OPEN_BUCKET_BYTES: u64 = 288 << 10;
/// Memory of the index, in bytes: each of its five tables has a cache and up to
/// two write buffers of 2 MiB.
const INDEX_BYTES: u64 = 30 << 20;
/// With less, databases would flush all the time.
const MIN_MEMORY_BYTES: u64 = 64 << 20;
/// Memory by default, in bytes, if a quarter of the machine's is not less.
const DEFAULT_MEMORY_BYTES: u64 = 2 << 30;
/// Memory of one cached node, in bytes, with the table's overhead.
const CACHED_NODE_BYTES: u64 = 64;
/// The most nodes cached for one bucket; more do not make proofs faster.
const MAX_CACHED_NODES: u64 = 1 << 15;
/// The first blocks of both column families; see `ARENA_BLOCK_BYTES` in the engine's options.
const BUCKET_ARENA_BYTES: u64 = 2 * (16 << 10);

/// An operator's request. `None` chooses a value that fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetRequest {
    /// Buckets that may be open at once.
    pub max_open: Option<u32>,
    /// Memory for caches, unflushed writes and open buckets, in bytes.
    pub memory_bytes: Option<u64>,
    /// Connections that may be open at once. Each takes a descriptor in addition to
    /// [`RESERVED_DESCRIPTORS`].
    pub connections: u32,
}

/// The limits of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// The most descriptors that it may have.
    pub descriptors: u64,
    /// Memory of the machine or of the process's control group, whichever is less, in
    /// bytes.
    pub memory_bytes: u64,
}

/// The planned budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Buckets that may be open at once.
    pub max_open: u32,
    /// Descriptors that one bucket may take.
    pub descriptors_per_bucket: u64,
    /// The most descriptors that the process may have.
    pub descriptors: u64,
    /// Memory for all of this, in bytes.
    pub memory_bytes: u64,
    /// The resources of the databases.
    pub resources: Resources,
}

/// An error of planning: the limits of the process are too low.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// The process may have too few descriptors.
    #[error(
        "this process may have {have} open files, but {needed} are needed to keep {buckets} buckets \
         open: raise the limit (`ulimit -n {needed}`, or LimitNOFILE={needed} in its unit){}",
        if *.asked { ", or ask for fewer open buckets" } else { "" }
    )]
    Descriptors {
        /// The most descriptors that the process may have.
        have: u64,
        /// The descriptors that it needs.
        needed: u64,
        /// The number of buckets to keep open at once.
        buckets: u64,
        /// True if the operator asked for that number.
        asked: bool,
    },
    /// The memory is too small.
    #[error(
        "{have} bytes of memory are allowed, but {needed} are needed to keep {buckets} buckets \
         open: allow more, or ask for fewer open buckets"
    )]
    Memory {
        /// The bytes allowed.
        have: u64,
        /// The bytes needed.
        needed: u64,
        /// The number of buckets to keep open at once.
        buckets: u64,
    },
}

impl ProcessLimits {
    /// Raises the process's soft limit of descriptors to its hard limit, and returns
    /// the limits that then hold.
    pub fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let mut descriptors = limit.current.unwrap_or(u64::MAX);
        if limit.current != limit.maximum {
            let raised = Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            };
            // If that fails, the limit stays as it was.
            if setrlimit(Resource::Nofile, raised).is_ok() {
                descriptors = limit.maximum.unwrap_or(u64::MAX);
            }
        }
        Self {
            descriptors,
            memory_bytes: machine_memory(),
        }
    }
}

/// Returns the machine's memory or the limit of its control group, whichever is less, in
/// bytes.
fn machine_memory() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let of_machine = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib.saturating_mul(1 << 10));
    let of_group = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    of_group.map_or(of_machine, |group: u64| group.min(of_machine))
}

impl Budget {
    /// Plans a budget within the limits.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] with the limit to raise, if the request or the useful minimum
    /// does not fit.
    pub fn plan(request: BudgetRequest, allowance: ProcessLimits) -> Result<Self, BudgetError> {
        let reserved = RESERVED_DESCRIPTORS.saturating_add(request.connections.into());
        let free = allowance.descriptors.saturating_sub(reserved);
        let least_each = DESCRIPTORS_BESIDES_FILES.saturating_add(MIN_OPEN_FILES.into());
        let memory_bytes = request
            .memory_bytes
            .unwrap_or_else(|| DEFAULT_MEMORY_BYTES.min(allowance.memory_bytes / 4));
        let asked = request.max_open.map(u64::from);
        // Of eight parts: two and a half for cached blocks, one for unflushed writes,
        // two for open buckets and their cached nodes; and two and a half for what the
        // allocator keeps while buckets open and close, of which the soak test needs two.
        let eighth = memory_bytes.saturating_sub(INDEX_BYTES) / 8;
        let for_open = eighth.saturating_mul(2);
        let fit_in_memory =
            (for_open / OPEN_BUCKET_BYTES).min(eighth.saturating_mul(7) / 8 / BUCKET_ARENA_BYTES);
        let buckets = asked.unwrap_or_else(|| {
            DEFAULT_OPEN_BUCKETS
                .min(free / least_each)
                .min(fit_in_memory)
                .max(MIN_OPEN_BUCKETS)
        });
        let buckets = buckets.max(1);
        if free / buckets < least_each {
            return Err(BudgetError::Descriptors {
                have: allowance.descriptors,
                needed: buckets.saturating_mul(least_each).saturating_add(reserved),
                buckets,
                asked: asked.is_some(),
            });
        }
        let needed = buckets
            .saturating_mul(OPEN_BUCKET_BYTES)
            .saturating_mul(4)
            .saturating_add(INDEX_BYTES)
            .max(MIN_MEMORY_BYTES);
        if fit_in_memory < buckets || memory_bytes < MIN_MEMORY_BYTES {
            return Err(BudgetError::Memory {
                have: memory_bytes,
                needed,
                buckets,
            });
        }
        let files = (free / buckets).saturating_sub(DESCRIPTORS_BESIDES_FILES);
        let open_files = u16::try_from(files).map_or(MAX_OPEN_FILES, |files| {
            files.clamp(MIN_OPEN_FILES, MAX_OPEN_FILES)
        });
        let for_nodes = for_open.saturating_sub(buckets.saturating_mul(OPEN_BUCKET_BYTES));
        let cached_nodes = (for_nodes / CACHED_NODE_BYTES / buckets).min(MAX_CACHED_NODES);
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(Self {
            max_open: u32::try_from(buckets).unwrap_or(u32::MAX),
            descriptors_per_bucket: DESCRIPTORS_BESIDES_FILES.saturating_add(open_files.into()),
            descriptors: allowance.descriptors,
            memory_bytes,
            resources: Resources {
                cache_bytes: bytes(eighth.saturating_mul(5) / 2),
                write_buffer_bytes: bytes(eighth),
                open_files,
                cached_nodes: bytes(cached_nodes),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AMPLE_LIMITS: ProcessLimits = ProcessLimits {
        descriptors: 21_000,
        memory_bytes: 16 << 30,
    };

    fn with_descriptors(descriptors: u64) -> ProcessLimits {
        ProcessLimits {
            descriptors,
            ..AMPLE_LIMITS
        }
    }

    #[test]
    fn too_few_descriptors_are_refused_with_the_needed_limit() {
        let budget = Budget::plan(BudgetRequest::default(), with_descriptors(256)).unwrap();
        assert!(budget.max_open >= 4, "{budget:?}");
        let error = Budget::plan(BudgetRequest::default(), with_descriptors(32)).unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.contains("may have 32 open files"), "{sentence}");
        assert!(sentence.contains("ulimit -n 176"), "{sentence}");
    }

    #[test]
    fn a_request_is_granted_in_full_or_refused() {
        let ask = |max_open| BudgetRequest {
            max_open: Some(max_open),
            ..BudgetRequest::default()
        };
        assert_eq!(
            Budget::plan(ask(1000), AMPLE_LIMITS).unwrap().max_open,
            1000
        );
        let refused = Budget::plan(ask(1000), with_descriptors(1024)).unwrap_err();
        assert!(matches!(
            refused,
            BudgetError::Descriptors { asked: true, .. }
        ));
        let poor = BudgetRequest {
            max_open: Some(1000),
            memory_bytes: Some(64 << 20),
            ..BudgetRequest::default()
        };
        let refused = Budget::plan(poor, AMPLE_LIMITS).unwrap_err();
        assert!(matches!(refused, BudgetError::Memory { .. }), "{refused}");
    }

    proptest! {
        /// Every plan fits the limits.
        #[test]
        fn a_plan_fits_the_process_limits(
            descriptors in 0u64..70_000,
            memory_bytes in 0u64..(64 << 30),
            max_open in proptest::option::of(0u32..5_000),
            asked_bytes in proptest::option::of(0u64..(8 << 30)),
            connections in 0u32..2_000,
        ) {
            let request = BudgetRequest { max_open, memory_bytes: asked_bytes, connections };
            let allowance = ProcessLimits { descriptors, memory_bytes };
            if let Ok(budget) = Budget::plan(request, allowance) {
                let buckets = u64::from(budget.max_open);
                prop_assert!(buckets > 0);
                let taken = buckets * budget.descriptors_per_bucket
                    + RESERVED_DESCRIPTORS
                    + u64::from(connections);
                prop_assert!(taken <= descriptors);
                let given = budget.resources;
                let arenas = buckets * BUCKET_ARENA_BYTES;
                prop_assert!(arenas <= given.write_buffer_bytes as u64 * 7 / 8);
                let open = buckets * (OPEN_BUCKET_BYTES + given.cached_nodes as u64 * CACHED_NODE_BYTES);
                let all = given.cache_bytes as u64 + given.write_buffer_bytes as u64 + open;
                prop_assert!(all + INDEX_BYTES <= budget.memory_bytes);
            }
        }
    }
}
