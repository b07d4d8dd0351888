//! The route table.

use axum::{
    Router,
    routing::{get, post},
};

use super::{Problem, layers};
use crate::{
    backend::Backend,
    credits::{agents, delegations, plans, requests, x402},
    health,
    refusal::Refusal,
};

/// Every route of `backend`: the credits API under `/api/v1`, `/` (who this is), `/health` and `/ready`.
pub fn router(backend: Backend) -> Router {
    let routes = Router::new()
        .route("/", get(health::info))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .nest("/api/v1/x402", payments())
        .nest("/api/v1/protocol/plans", plan_routes())
        .nest("/api/v1/protocol/agents", agent_routes())
        .route("/api/v1/protocol/plans", post(plans::register).get(plans::list))
        .route("/api/v1/protocol/agents", post(agents::register).get(agents::list))
        .route("/api/v1/delegation/create", post(delegations::create))
        .route("/api/v1/delegation", get(delegations::list))
        .route("/api/v1/payment-methods", get(delegations::methods))
        .route("/api/v1/protocol/agent-sub-tasks", post(requests::track))
        .method_not_allowed_fallback(async || Problem::from(Refusal::WrongMethod))
        .fallback(async || Problem::from(Refusal::NoRoute));
    layers::around(routes).with_state(backend)
}

fn payments() -> Router<Backend> {
    Router::new()
        .route("/permissions", post(x402::permissions))
        .route("/verify", post(x402::verify))
        .route("/settle", post(x402::settle))
        .route("/release", post(x402::release))
}

fn plan_routes() -> Router<Backend> {
    Router::new()
        .route("/mint", post(plans::mint))
        .route("/mintExpirable", post(plans::mint_expirable))
        .route("/burn", post(plans::burn))
        .route("/{plan}", get(plans::get))
        .route("/{plan}/order", post(plans::order))
        .route("/{plan}/balance/{holder}", get(plans::balance))
        .route("/{plan}/agents", get(plans::agents))
}

fn agent_routes() -> Router<Backend> {
    Router::new()
        .route("/plans", post(agents::register_with_plan))
        .route("/simulate/start", post(requests::start))
        .route("/simulate/finish", post(requests::finish))
        .route("/{agent}", get(agents::get).put(agents::update))
        .route("/{agent}/plans", get(agents::plans))
        .route("/{agent}/plan/{plan}", post(agents::link).delete(agents::unlink))
}
