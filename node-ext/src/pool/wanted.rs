//! What callers ask the pool for.

use super::Priority;
use crate::engine::Access;
use std::time::Duration;

/// How long callers wait for a bucket unless they say otherwise.
pub const USUAL_WAIT: Duration = Duration::from_secs(30);

/// What is wanted of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whether it is to be written. A bucket that is closed is opened for
    /// reading where that is enough, which is several times faster.
    pub access: Access,
    /// Who goes first when every slot is taken.
    pub priority: Priority,
    /// How long to wait until it can be had.
    pub wait: Duration,
}

impl Wanted {
    /// To read and to prove.
    pub const fn read() -> Self {
        Self {
            access: Access::ReadOnly,
            priority: Priority::Usual,
            wait: USUAL_WAIT,
        }
    }

    /// To store and to commit.
    pub const fn write() -> Self {
        Self {
            access: Access::ReadWrite,
            ..Self::read()
        }
    }

    /// To answer a challenge: before all others.
    pub const fn challenge() -> Self {
        Self {
            priority: Priority::Challenge,
            ..Self::read()
        }
    }

    /// To read what nobody waits for: after all others.
    pub const fn background() -> Self {
        Self {
            priority: Priority::Background,
            ..Self::read()
        }
    }

    /// The same, with another time to wait.
    pub const fn within(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }
}
