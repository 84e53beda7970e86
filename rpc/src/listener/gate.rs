//! The gate before the methods: how often one connection asks, how much it has
//! in hand, and what is counted of its requests.

use super::metrics::RpcMetrics;
use super::valve::Valve;
use crate::error::Error;
use crate::limits::ConnectionLimits;
use futures::FutureExt;
use futures::future::BoxFuture;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use jsonrpsee::MethodResponse;
use jsonrpsee::server::middleware::rpc::RpcServiceT;
use jsonrpsee::types::Request;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a request waits for its connection's pace, at most: it holds one of
/// its connection's places meanwhile, so that no more of them are read.
const PATIENCE: Duration = Duration::from_secs(5);
/// When to ask again where a connection has too much in hand.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// What is answered also when all else has to wait.
const ALWAYS: &str = "bucket_challengeResponse";

/// The pace of one connection.
#[derive(Clone)]
pub(super) struct Pace {
    limiter: Arc<DefaultDirectRateLimiter>,
    clock: DefaultClock,
}

impl Pace {
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        let clock = DefaultClock::default();
        let quota = Quota::per_minute(per_minute);
        let limiter = Arc::new(DefaultDirectRateLimiter::direct_with_clock(quota, &clock));
        Self { limiter, clock }
    }

    /// Waits until one more request is within the pace.
    async fn keep(&self) -> Result<(), Error> {
        let since = tokio::time::Instant::now();
        loop {
            let wait = match self.limiter.check() {
                Ok(()) => return Ok(()),
                Err(not_yet) => not_yet.wait_time_from(self.clock.now()),
            };
            if since.elapsed().saturating_add(wait) > PATIENCE {
                return Err(Error::too_often(wait));
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// Puts a gate before the methods.
#[derive(Clone)]
pub(super) struct GateLayer {
    in_flight: u32,
    valve: Arc<Valve>,
    pace: Pace,
    metrics: Option<RpcMetrics>,
}

impl GateLayer {
    pub(super) fn new(
        limits: &ConnectionLimits,
        valve: Arc<Valve>,
        pace: Pace,
        metrics: Option<RpcMetrics>,
    ) -> Self {
        Self {
            in_flight: limits.in_flight,
            valve,
            pace,
            metrics,
        }
    }
}

impl GateLayer {
    /// Counts an answer before its request is let go, so that nothing is let in
    /// in between.
    fn counted(&self, response: MethodResponse, room: bool) -> MethodResponse {
        self.valve.answered(response.as_result().len(), room);
        response
    }
}

impl<S> tower_layer::Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, methods: S) -> Gate<S> {
        Gate {
            methods,
            gate: self.clone(),
        }
    }
}

/// The methods behind their gate.
#[derive(Clone)]
pub(super) struct Gate<S> {
    methods: S,
    gate: GateLayer,
}

impl<'a, S> RpcServiceT<'a> for Gate<S>
where
    S: RpcServiceT<'a> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Future = BoxFuture<'a, MethodResponse>;

    fn call(&self, request: Request<'a>) -> Self::Future {
        let Self { methods, gate } = self.clone();
        async move {
            let since = Instant::now();
            let id = request.id();
            let method = request.method_name().to_owned();
            let refused = |error: Error| MethodResponse::error(id.clone(), error);
            let response = match gate.valve.enter() {
                None => {
                    let what = format!("the {} requests of one connection", gate.in_flight);
                    gate.counted(refused(Error::busy(&what, RETRY_AFTER)), false)
                }
                Some(_in_flight) => match gate.pace.keep().await {
                    Err(too_often) => gate.counted(refused(too_often), false),
                    Ok(()) if gate.valve.is_tight() && method != ALWAYS => {
                        let what = "answers that wait to be read";
                        gate.counted(refused(Error::busy(what, RETRY_AFTER)), false)
                    }
                    Ok(()) if !gate.valve.take_room().await => {
                        let what = "answers of one connection that it has not read";
                        gate.counted(refused(Error::busy(what, RETRY_AFTER)), false)
                    }
                    Ok(()) => gate.counted(methods.call(request.clone()).await, true),
                },
            };
            if let Some(metrics) = &gate.metrics {
                metrics.called(&method, since.elapsed(), response.as_error_code());
            }
            response
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_faster_than_the_pace_waits_for_it() {
        let pace = Pace::new(NonZeroU32::new(600).unwrap());
        let since = Instant::now();
        // What is saved up over a minute, and two more at a tenth of a second each.
        for _ in 0..602 {
            pace.keep().await.unwrap();
        }
        assert!(since.elapsed() >= Duration::from_millis(100));
        let slow = Pace::new(NonZeroU32::MIN);
        slow.keep().await.unwrap();
        assert!(slow.keep().await.is_err());
    }
}
