//! A request for a lease: access, priority and timeout.

use super::Priority;
use cairn_engine::Access;
use std::time::Duration;

/// The default time to wait for a bucket.
pub const DEFAULT_LEASE_TIMEOUT: Duration = Duration::from_secs(30);

/// A request for a lease of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// For reading, or for reading and writing. A closed bucket opens several times
    /// faster for reading.
    pub access: Access,
    /// The caller's priority when every slot is taken.
    pub priority: Priority,
    /// How long to wait for the bucket.
    pub timeout: Duration,
}

impl LeaseRequest {
    /// Requests a lease for reading and proving.
    pub const fn read() -> Self {
        Self {
            access: Access::ReadOnly,
            priority: Priority::Normal,
            timeout: DEFAULT_LEASE_TIMEOUT,
        }
    }

    /// Requests a lease for storing and committing.
    pub const fn write() -> Self {
        Self {
            access: Access::ReadWrite,
            ..Self::read()
        }
    }

    /// Requests a lease for answering a challenge, with the highest priority.
    pub const fn challenge() -> Self {
        Self {
            priority: Priority::Challenge,
            ..Self::read()
        }
    }

    /// Requests a lease for reading in the background, with the lowest priority.
    pub const fn background() -> Self {
        Self {
            priority: Priority::Background,
            ..Self::read()
        }
    }

    /// Returns the request with another time to wait.
    pub const fn with_timeout(self, wait: Duration) -> Self {
        Self {
            timeout: wait,
            ..self
        }
    }
}
