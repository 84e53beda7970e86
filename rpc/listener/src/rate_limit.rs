//! The request rate of one connection.

use cairn_rpc_api::{Code, Error, ErrorData};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// The longest delay of a request. It takes one of its connection's places meanwhile, so that no
/// more of them are read.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The request rate of one connection. Clones share it.
#[derive(Clone)]
pub(crate) struct RateLimit {
    limiter: Arc<DefaultDirectRateLimiter>,
    clock: DefaultClock,
}

impl RateLimit {
    pub(crate) fn new(per_minute: NonZeroU32) -> Self {
        let clock = DefaultClock::default();
        let quota = Quota::per_minute(per_minute);
        let limiter = Arc::new(DefaultDirectRateLimiter::direct_with_clock(quota, &clock));
        Self { limiter, clock }
    }

    /// Delays a request until it is within the rate.
    ///
    /// # Errors
    ///
    /// [`Code::TooOften`] where that would take longer than [`MAX_DELAY`].
    pub(crate) async fn delay(&self) -> Result<(), Error> {
        let since = tokio::time::Instant::now();
        loop {
            let wait = match self.limiter.check() {
                Ok(()) => return Ok(()),
                Err(not_yet) => not_yet.wait_time_from(self.clock.now()),
            };
            if since.elapsed().saturating_add(wait) > MAX_DELAY {
                return Err(too_often(wait));
            }
            tokio::time::sleep(wait).await;
        }
    }
}

fn too_often(retry_after: Duration) -> Error {
    let message = "this connection exceeds its request rate: slow down";
    let data = ErrorData::retry_after(retry_after);
    Error::with_data(Code::TooOften, message, data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn requests_above_the_rate_are_delayed() {
        let rate = RateLimit::new(NonZeroU32::new(600).unwrap());
        let since = Instant::now();
        // A burst of one minute, and two more at a tenth of a second each.
        for _ in 0..602 {
            rate.delay().await.unwrap();
        }
        assert!(since.elapsed() >= Duration::from_millis(100));
        let slow = RateLimit::new(NonZeroU32::MIN);
        slow.delay().await.unwrap();
        assert!(slow.delay().await.is_err());
    }
}
