//! The route table.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::{Denial, Edge, FacilitatorOptions, admission, health, layers, pages, settle, verify};
use crate::{
    Backend,
    facilitator::{Facilitating, discovery},
};

/// Longer bodies are refused with 413: as much as the protocol's other facilitators take.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// Every endpoint of `facilitating`, to be served at the root or nested under a path. `backend` knows the API keys.
///
/// Serve it with connect info ([`Router::into_make_service_with_connect_info`]), or all callers without a key share one
/// rate limit.
pub fn router(facilitating: Facilitating, backend: Backend, options: FacilitatorOptions) -> Router {
    let edge = Edge::new(facilitating, backend, options);
    let routes = limited()
        .layer(from_fn_with_state(edge.clone(), admission::admit))
        .merge(unlimited())
        .method_not_allowed_fallback(async || Denial::WrongMethod)
        .fallback(async || Denial::NoRoute)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(axum::middleware::from_fn(layers::deadline))
        .layer(CatchPanicLayer::custom(Denial::panicked))
        .layer(from_fn_with_state(edge.clone(), layers::around));
    routes.with_state(edge)
}

/// What operators and their machines look at, as often as they like.
fn unlimited() -> Router<Edge> {
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

fn limited() -> Router<Edge> {
    Router::new()
        .route("/", get(pages::info))
        .route("/info", get(pages::info))
        .route("/supported", get(pages::supported))
        .route("/verify", post(verify::verify).get(pages::verify))
        .route("/settle", post(settle::settle).get(pages::settle))
        .route("/discovery/resources", get(discovery::list_x402))
        .route("/v1/discovery/resources", get(discovery::list_t402))
        .route("/v1/discovery/register", post(discovery::register))
        .route("/v1/discovery/resources/{id}", put(discovery::update).get(discovery::get).delete(discovery::delete))
}
