//! The provider of many buckets, with its pool of open databases and its Global Index.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod index;
mod metrics;
mod pool;
mod provider;

pub use index::{
    BucketRecord, BucketStatus, DedupReport, DutyKind, Index, IndexError, WINDOWS_COMPLETE_SINCE,
    WINDOWS_LAST_SEEN,
};
pub use metrics::{MetricGroup, MetricSpec, StatisticsSource};
pub use pool::{
    Budget, BudgetError, BudgetRequest, DEFAULT_LEASE_TIMEOUT, DESCRIPTORS_BESIDES_FILES,
    LeaseRequest, PoolStatistics, Priority, ProcessLimits, RESERVED_DESCRIPTORS,
};
pub use provider::{
    BucketTombstones, IndexedBucket, KnownSignature, Lease, MissingSignedRoots, OnCopy,
    OnOtherChain, Provider, ProviderError, ProviderOptions, ScrubPlan, ScrubStatistics,
    SignatureSource, SignedRootState, missing_root_reason,
};
