//! A request for a lease: access, priority and timeout.

use super::Priority;
use cairn_engine::Access;
use std::time::Duration;

/// The default time to wait for a bucket.
pub const USUAL_WAIT: Duration = Duration::from_secs(30);

/// A request for a lease of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// For reading, or for reading and writing. A closed bucket opens several times
    /// faster for reading.
    pub access: Access,
    /// The caller's priority when every slot is taken.
    pub priority: Priority,
    /// How long to wait for the bucket.
    pub wait: Duration,
}

impl Wanted {
    /// Requests a lease for reading and proving.
    pub const fn read() -> Self {
        Self {
            access: Access::ReadOnly,
            priority: Priority::Usual,
            wait: USUAL_WAIT,
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
    pub const fn within(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }
}
