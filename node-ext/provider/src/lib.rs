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
    BucketRecord, DedupReport, DutyKind, Index, IndexError, PAST_OF_WINDOWS, SEEN_FOR_WINDOWS,
    Standing,
};
pub use metrics::{Reading, Readings, Source};
pub use pool::{
    Allowance, Budget, BudgetError, BudgetRequest, DESCRIPTORS_BESIDES_FILES, PoolStatistics,
    Priority, RESERVED_DESCRIPTORS, USUAL_WAIT, Wanted,
};
pub use provider::{
    Found, KnownSigned, Lease, LetGo, Noted, OnCopy, OnOtherChain, Provider, ProviderError,
    ProviderOptions, ScrubPlan, ScrubStatistics, ToldBy, WouldLose, missing,
};
