//! The routes, and what is around all of them: CORS, sizes, times and tracing.

use crate::app::App;
use crate::auth::CONTEXT;
use crate::body_budget::{BodyBudget, admit};
use crate::config::{AllowedOrigins, HttpConfig};
use crate::routes::{commit, commitment, info, negotiate, nodes, proofs, read};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use cairn_rpc_server::ProviderRpc;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::TraceLayer;

/// Returns the routes over a provider. A server adds a [`Peer`](crate::Peer) to each request.
pub fn router(rpc: ProviderRpc, config: HttpConfig) -> Router {
    let cors = cors(&config.origins);
    let limits = config.limits;
    let budget = BodyBudget::new(
        limits.all_body_bytes,
        limits.body_bytes,
        limits.request_time,
    );
    let body_bytes = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
    Router::new()
        .route("/health", get(info::health))
        .route("/info", get(info::info))
        .route("/node", get(nodes::get_node).put(nodes::put_node))
        .route("/exists", post(nodes::exists))
        .route("/fetch_nodes", post(nodes::fetch_nodes))
        .route("/commit", post(commit::commit))
        .route("/read", get(read::read))
        .route("/commitment", get(commitment::commitment))
        // The same fields and the same payload: both sign the newest commitment.
        .route("/checkpoint-signature", get(commitment::commitment))
        .route("/mmr_peaks", get(proofs::mmr_peaks))
        .route("/mmr_proof", get(proofs::mmr_proof))
        .route("/chunk_proof", get(proofs::chunk_proof))
        .route("/negotiate", post(negotiate::negotiate))
        .layer(from_fn_with_state(budget, admit))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(body_bytes))
        .layer(TraceLayer::new_for_http())
        .layer(cors)
        .with_state(App::new(rpc, config))
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
