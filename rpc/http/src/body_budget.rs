//! A budget for the bodies that are in memory at once.
//!
//! Each route decodes its body as a whole, so a body counts until its request is answered. One
//! source may have a quarter of the budget, and a body that does not come gives its place up.

mod progress;
mod share;

use crate::config::HttpLimits;
use crate::error::HttpError;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;
use progress::Progress;
use share::Shares;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a body waits for its place.
const WAIT: Duration = Duration::from_secs(10);

/// The budget, in KiB. Clones share it.
#[derive(Clone)]
pub(crate) struct BodyBudget {
    kib: Arc<Semaphore>,
    /// The most that one body takes, in KiB.
    largest: u32,
    shares: Shares,
    /// How long a body may make no progress.
    idle: Duration,
    request_time: Duration,
}

impl BodyBudget {
    pub(crate) fn new(limits: &HttpLimits) -> Self {
        let (all_bytes, body_bytes) = (limits.all_body_bytes, limits.body_bytes);
        let largest = body_bytes.div_ceil(1024).max(1);
        // One body of each size must fit.
        let all = all_bytes.div_ceil(1024).max(largest);
        Self {
            kib: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(usize::MAX))),
            largest,
            shares: Shares::new(all, largest),
            idle: limits.idle,
            request_time: limits.request_time,
        }
    }

    /// Returns what a request's body may take, in KiB.
    fn size_of(&self, request: &Request) -> u32 {
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_empty = axum::body::HttpBody::is_end_stream(request.body());
        match length {
            _ if is_empty => 0,
            // Without a length it may grow up to its limit.
            None => self.largest,
            Some(bytes) => {
                let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
                kib.min(self.largest)
            }
        }
    }
}

/// Admits a request once its body has a place, and bounds the time until its response begins.
pub(crate) async fn admit(
    State(budget): State<BodyBudget>,
    request: Request,
    next: Next,
) -> Result<Response, HttpError> {
    let size = budget.size_of(&request);
    if size == 0 {
        let answered = timeout(budget.request_time, next.run(request)).await;
        return answered.map_err(|_| HttpError::TooSlow);
    }
    let share = budget.shares.of(&request);
    let places = async {
        // The source's own first: one that waits for it keeps nobody else from the budget.
        let own = share.kib.acquire_many(size).await;
        (own, budget.kib.acquire_many(size).await)
    };
    let admitted = timeout(WAIT, places).await;
    let _places = admitted.map_err(|_| HttpError::BodiesBusy)?;
    let progress = Progress::default();
    let request = request.map(|body| progress.watch(body));
    let answered = timeout(budget.request_time, next.run(request));
    tokio::select! {
        answered = answered => answered.map_err(|_| HttpError::TooSlow),
        () = progress.stalls(budget.idle) => Err(HttpError::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::Peer;
    use axum::body::Body;

    fn limits(all_body_bytes: u32, body_bytes: u32) -> HttpLimits {
        HttpLimits {
            all_body_bytes,
            body_bytes,
            ..HttpLimits::default()
        }
    }

    #[test]
    fn a_body_without_a_length_counts_as_the_largest() {
        let budget = BodyBudget::new(&limits(4096, 2048));
        let size = |length: Option<&str>, body: Body| {
            let mut request = Request::new(body);
            if let Some(length) = length {
                let length = length.parse().unwrap();
                request.headers_mut().insert(CONTENT_LENGTH, length);
            }
            budget.size_of(&request)
        };
        let stream = || {
            let chunks = futures::stream::iter([Ok::<_, std::io::Error>("chunk")]);
            Body::from_stream(chunks)
        };
        assert_eq!(size(None, Body::empty()), 0);
        assert_eq!(size(None, stream()), 2);
        assert_eq!(size(Some("1"), stream()), 1);
        for long in ["2048", "99999999999", "x"] {
            assert_eq!(size(Some(long), stream()), 2, "{long}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_a_place_is_refused() {
        use axum::{Router, middleware::from_fn_with_state, routing::post};
        use tower::ServiceExt;
        let budget = BodyBudget::new(&limits(1024, 1024));
        let router = Router::new()
            .route("/", post(|| async {}))
            .layer(from_fn_with_state(budget.clone(), admit));
        let ask = || Request::post("/").body(Body::from("body")).unwrap();
        let taken = budget.kib.clone().acquire_many_owned(1).await.unwrap();
        let refused = router.clone().oneshot(ask()).await.unwrap();
        assert_eq!(refused.status(), 503);
        drop(taken);
        assert_eq!(router.oneshot(ask()).await.unwrap().status(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn one_source_has_a_quarter_and_a_body_that_does_not_come_gives_it_up() {
        use axum::{Router, middleware::from_fn_with_state, routing::post};
        use tower::ServiceExt;
        let budget = BodyBudget::new(&limits(8 << 10, 1 << 10));
        let router = Router::new()
            .route("/", post(|_: bytes::Bytes| async {}))
            .layer(from_fn_with_state(budget.clone(), admit));
        let ask = |ip: &str, body: Body| {
            let request = Request::post("/").header(CONTENT_LENGTH, "1024");
            let request = request.extension(Peer(ip.parse().unwrap()));
            router.clone().oneshot(request.body(body).unwrap())
        };
        let silent = || {
            let nothing = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
            Body::from_stream(nothing)
        };
        // Nobody is exempt.
        for ip in ["192.0.2.1", "127.0.0.1"] {
            let held: Vec<_> = (0..2).map(|_| tokio::spawn(ask(ip, silent()))).collect();
            while budget.kib.available_permits() > 6 {
                tokio::task::yield_now().await;
            }
            let busy = ask(ip, Body::from("body")).await.unwrap();
            assert_eq!(busy.status(), 503, "{ip}");
            let other = ask("192.0.2.9", Body::from("body")).await.unwrap();
            assert_eq!(other.status(), 200, "{ip}");
            for one in held {
                assert_eq!(one.await.unwrap().unwrap().status(), 503, "{ip}");
            }
            assert_eq!(ask(ip, Body::from("body")).await.unwrap().status(), 200);
        }
        assert_eq!(budget.shares.sources(), 0);
        assert_eq!(budget.kib.available_permits(), 8);
    }
}
