//! The routes, and what is around all of them: CORS, rates, sizes, times, counts and tracing.

mod objects;

use crate::app::App;
use crate::auth::CONTEXT;
use crate::body_budget::{self, BodyBudget};
use crate::config::{AllowedOrigins, HttpConfig};
use crate::host;
use crate::metrics;
use crate::openapi::{Answer, Api, Operation, Parts};
use crate::rate_limit::{self, Admission, SourceRates};
use crate::routes::{
    buckets, commit, commitment, delete, info, negotiate, nodes, proofs, read, replica, subtree,
};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{from_fn, from_fn_with_state};
use bytes::Bytes;
use cairn_rpc_server::{ProviderRpc, Right};
use serde_json::Value;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::{Level, Span};

/// Returns the routes over a provider. A server adds a [`Peer`](crate::Peer) to each request.
pub fn router(rpc: ProviderRpc, config: HttpConfig) -> Router {
    let cors = cors(&config.origins);
    let limits = config.limits;
    let counts = config.metrics.clone();
    let budget = BodyBudget::new(&limits);
    let body_bytes = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
    let admission = Admission {
        rates: SourceRates::new(limits.rate()),
        metrics: counts.clone(),
    };
    let Parts {
        routes,
        streamed,
        document,
    } = api().into_parts();
    if let Some(counts) = &counts {
        begin_counts(counts, &document);
    }
    let document = Bytes::from(document.to_string());
    routes
        .layer(from_fn_with_state(budget, body_budget::admit))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(body_bytes))
        // Their bodies are not held in memory, have a limit of their own, and may take longer.
        .merge(streamed.layer(DefaultBodyLimit::disable()))
        .layer(from_fn(host::admit))
        .layer(from_fn_with_state(admission, rate_limit::admit))
        .layer(from_fn_with_state(counts, metrics::record))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                // A failure has its own event, and strangers can cause those that may be retried.
                .on_failure(DefaultOnFailure::new().level(Level::DEBUG)),
        )
        .layer(cors)
        .with_state(App::new(rpc, config, document))
}

/// Returns the OpenAPI document, which `GET /openapi.json` serves too.
pub fn document() -> Value {
    api().into_parts().document
}

/// Returns all routes, with the document that describes them. A group of further routes is a
/// function that adds them.
fn api() -> Api {
    let api = of_replicas(of_commitments(of_content(of_provider(Api::new()))));
    objects::of_files(objects::of_keys(api))
}

fn of_provider(api: Api) -> Api {
    api.get(
        "/health",
        info::health,
        Operation::new(
            "Says that the process serves requests",
            Answer::of::<info::Health>(),
        ),
    )
    .get(
        "/info",
        info::info,
        Operation::new(
            "Returns the provider's record on chain and its readiness",
            Answer::of::<info::Info>(),
        ),
    )
    .get(
        "/stats",
        buckets::stats,
        Operation::new(
            "Returns how much each bucket holds, and all together",
            Answer::list::<buckets::Totals, buckets::BucketStats>("buckets"),
        ),
    )
    .get(
        "/buckets",
        buckets::buckets,
        Operation::new(
            "Lists the buckets with their newest commitments",
            Answer::list::<buckets::NoTotals, buckets::ListedBucket>("buckets"),
        ),
    )
    .post(
        "/negotiate",
        negotiate::negotiate,
        Operation::new(
            "Signs terms of an agreement at the provider's price",
            Answer::of::<negotiate::Signed>(),
        )
        .body::<negotiate::Negotiate>()
        .errors(&[403, 422, 429]),
    )
    .get(
        "/openapi.json",
        info::document,
        Operation::new("Returns this document", Answer::of::<info::Document>()),
    )
}

fn of_content(api: Api) -> Api {
    api.get(
        "/node",
        nodes::get_node,
        Operation::new(
            "Returns a chunk or a node by its hash",
            Answer::of::<nodes::Node>(),
        )
        .query::<nodes::NodeQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
    .put(
        "/node",
        nodes::put_node,
        Operation::new(
            "Stores a chunk or a node",
            Answer::of::<nodes::NodeStored>(),
        )
        .body::<nodes::PutNode>()
        .by(Right::Write)
        .errors(&[404, 507]),
    )
    .post(
        "/exists",
        nodes::exists,
        Operation::new(
            "Tells what a bucket holds",
            Answer::of::<nodes::Existence>(),
        )
        .body::<nodes::Hashes>()
        .by(Right::Read),
    )
    .post(
        "/fetch_nodes",
        nodes::fetch_nodes,
        Operation::new(
            "Returns chunks and nodes by their hashes",
            Answer::of::<nodes::FetchedNodes>(),
        )
        .body::<nodes::Hashes>()
        .by(Right::Read),
    )
    .get(
        "/read",
        read::read,
        Operation::new(
            "Returns the whole chunks that hold a range of content",
            Answer::list::<buckets::NoTotals, read::Chunk>("chunks"),
        )
        .query::<read::ReadQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
    .get(
        "/chunk_proof",
        proofs::chunk_proof,
        Operation::new(
            "Returns a chunk with its proof under a data root",
            Answer::of::<proofs::ChunkProof>(),
        )
        .query::<proofs::ChunkQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
}

fn of_commitments(api: Api) -> Api {
    let signed = || {
        Operation::new(
            "Returns the newest commitment with its signature",
            Answer::of::<commitment::Signed>(),
        )
        .query::<commitment::BucketQuery>()
        .by(Right::Read)
        .errors(&[404])
    };
    api.post(
        "/commit",
        commit::commit,
        Operation::new(
            "Makes content leaves, and signs the new commitment",
            Answer::of::<commit::Committed>(),
        )
        .body::<commit::Commit>()
        .by(Right::Write)
        .errors(&[404, 507]),
    )
    .post(
        "/delete",
        delete::delete,
        Operation::new(
            "Drops the leaves before a sequence, and signs the commitment to the rest",
            Answer::of::<delete::Deleted>(),
        )
        .body::<delete::Delete>()
        .by(Right::Admin)
        .errors(&[404, 507]),
    )
    .get("/commitment", commitment::commitment, signed())
    // The same fields and the same payload: both sign the newest commitment.
    .get("/checkpoint-signature", commitment::commitment, signed())
    .get(
        "/mmr_peaks",
        proofs::mmr_peaks,
        Operation::new(
            "Returns the peaks of a bucket",
            Answer::of::<proofs::Peaks>(),
        )
        .query::<commitment::BucketQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
    .get(
        "/mmr_subtree",
        subtree::mmr_subtree,
        Operation::new(
            "Returns the upper nodes of a peak's tree",
            Answer::of::<subtree::Subtree>(),
        )
        .query::<subtree::SubtreeQuery>()
        .by(Right::Read)
        .errors(&[404, 413]),
    )
    .get(
        "/mmr_proof",
        proofs::mmr_proof,
        Operation::new(
            "Returns a leaf with its proof",
            Answer::of::<proofs::LeafProof>(),
        )
        .query::<proofs::LeafQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
}

fn of_replicas(api: Api) -> Api {
    api.get(
        "/replica/historical_roots",
        replica::historical_roots,
        Operation::new(
            "Returns the roots that the chain compares a replica's confirmation with",
            Answer::of::<replica::HistoricalRoots>(),
        )
        .query::<commitment::BucketQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
    .get(
        "/replica/sync_status",
        replica::sync_status,
        Operation::new(
            "Returns what this provider has of a bucket",
            Answer::of::<replica::SyncStatus>(),
        )
        .query::<commitment::BucketQuery>()
        .by(Right::Read)
        .errors(&[404]),
    )
}

/// Makes the counts of all routes appear before the first request.
fn begin_counts(counts: &metrics::HttpMetrics, document: &Value) {
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, operations) in paths.into_iter().flatten() {
        for method in operations
            .as_object()
            .into_iter()
            .flat_map(|all| all.keys())
        {
            counts.begin_route(path, &method.to_uppercase());
        }
    }
}

/// Names a request in the log by its route, and not by what a stranger has written.
fn span(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(metrics::NO_ROUTE, MatchedPath::as_str);
    let method = metrics::method_label(request.method());
    tracing::debug_span!("http", method, route)
}

fn cors(origins: &AllowedOrigins) -> CorsLayer {
    let AllowedOrigins::Listed(listed) = origins else {
        return CorsLayer::permissive();
    };
    let listed: Vec<HeaderValue> = listed.iter().filter_map(|one| one.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(listed)
        .allow_methods([
            Method::GET,
            Method::PUT,
            Method::POST,
            Method::DELETE,
            Method::HEAD,
        ])
        // Today's provider leaves its own context header out, so that a page cannot send it.
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static(CONTEXT),
        ])
}
