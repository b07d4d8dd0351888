//! The routes of payments and their webhooks.

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use farebox_providers::sim::remote::{Method, methods};

use super::{Payments, ask, create, read};
use crate::{
    http::{Problem, layers},
    refusal::Refusal,
    webhooks,
};

/// An event carries whole objects, and whatever a merchant has attached to them.
const MAX_EVENT: usize = 512 * 1024;

/// `/payments`, `/customers/{id}/payment-status`, `/webhooks` and `/v1/sim/methods`; to be merged with
/// [`crate::router`], which answers whatever else is asked.
pub fn routes(payments: Payments) -> Router {
    let routes = Router::new()
        .route("/payments", post(create::create).get(read::list))
        .route("/payments/{id}", get(read::get))
        .route("/payments/{id}/events", get(read::events))
        .route("/payments/{id}/confirm", post(ask::confirm))
        .route("/payments/{id}/capture", post(ask::capture))
        .route("/payments/{id}/cancel", post(ask::cancel))
        .route("/payments/{id}/refunds", post(ask::refund))
        .route("/customers/{id}/payment-status", get(read::status))
        .route("/webhooks/{provider}", post(webhooks::receive).layer(DefaultBodyLimit::max(MAX_EVENT)))
        .route("/v1/sim/methods", get(async || -> Json<Vec<Method>> { Json(methods()) }))
        .method_not_allowed_fallback(async || Problem::from(Refusal::WrongMethod));
    layers::around(routes).with_state(payments)
}
