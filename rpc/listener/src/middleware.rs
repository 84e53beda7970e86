//! The middleware before the methods: applies the request rate, the limit of requests in flight
//! and the limits of memory, and counts requests.

use crate::backpressure::Backpressure;
use crate::limits::ConnectionLimits;
use crate::metrics::RpcMetrics;
use crate::rate_limit::RateLimit;
use cairn_rpc_api::Error;
use futures::FutureExt;
use futures::future::BoxFuture;
use jsonrpsee::MethodResponse;
use jsonrpsee::server::middleware::rpc::RpcServiceT;
use jsonrpsee::types::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When to retry after a limit of the connection was reached.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The method that is answered even when memory is scarce.
const ALWAYS_ANSWERED: &str = "cairnBucket_v1_challengeResponse";

/// Adds the limits of one connection to the methods.
#[derive(Clone)]
pub(crate) struct LimitLayer {
    in_flight: u32,
    backpressure: Arc<Backpressure>,
    rate: RateLimit,
    metrics: Option<RpcMetrics>,
}

impl LimitLayer {
    pub(crate) fn new(
        limits: &ConnectionLimits,
        backpressure: Arc<Backpressure>,
        rate: RateLimit,
        metrics: Option<RpcMetrics>,
    ) -> Self {
        Self {
            in_flight: limits.in_flight,
            backpressure,
            rate,
            metrics,
        }
    }

    /// Counts a response while its request is still in flight, so that no other one is admitted
    /// in between.
    fn counted(&self, response: MethodResponse, was_reserved: bool) -> MethodResponse {
        let length = response.as_result().len();
        self.backpressure.add_response(length, was_reserved);
        response
    }
}

impl<S> tower_layer::Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, methods: S) -> LimitService<S> {
        LimitService {
            methods,
            limits: self.clone(),
        }
    }
}

/// The methods behind the limits of one connection.
#[derive(Clone)]
pub(crate) struct LimitService<S> {
    methods: S,
    limits: LimitLayer,
}

impl<'a, S> RpcServiceT<'a> for LimitService<S>
where
    S: RpcServiceT<'a> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Future = BoxFuture<'a, MethodResponse>;

    fn call(&self, request: Request<'a>) -> Self::Future {
        let Self { methods, limits } = self.clone();
        async move {
            let since = Instant::now();
            let id = request.id();
            let method = request.method_name().to_owned();
            let refused = |error: Error| MethodResponse::error(id.clone(), error);
            let response = match limits.backpressure.admit() {
                None => {
                    let resource = format!("the {} requests of one connection", limits.in_flight);
                    limits.counted(refused(Error::busy(&resource, RETRY_DELAY)), false)
                }
                Some(_in_flight) => match limits.rate.delay().await {
                    Err(too_often) => limits.counted(refused(too_often), false),
                    Ok(())
                        if limits.backpressure.is_memory_scarce() && method != ALWAYS_ANSWERED =>
                    {
                        let resource = "responses that clients have not read";
                        limits.counted(refused(Error::busy(resource, RETRY_DELAY)), false)
                    }
                    Ok(()) if !limits.backpressure.reserve_response().await => {
                        let resource = "responses that this connection has not read";
                        limits.counted(refused(Error::busy(resource, RETRY_DELAY)), false)
                    }
                    Ok(()) => limits.counted(methods.call(request.clone()).await, true),
                },
            };
            if let Some(metrics) = &limits.metrics {
                metrics.record_call(&method, since.elapsed(), response.as_error_code());
            }
            response
        }
        .boxed()
    }
}
