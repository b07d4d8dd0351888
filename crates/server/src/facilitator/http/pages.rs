//! What the facilitator says of itself.

use axum::{Json, extract::State};
use farebox_x402::facilitation::Supported;
use serde_json::{Value, json};

use super::Edge;

/// `GET /supported`.
pub(super) async fn supported(State(edge): State<Edge>) -> Json<Supported> {
    Json(edge.facilitating().supported())
}

/// `GET /` and `GET /info`.
pub(super) async fn info(State(edge): State<Edge>) -> Json<Value> {
    let supported = edge.facilitating().supported();
    let networks: Vec<&String> = supported.signers.keys().collect();
    Json(json!({
        "name": "farebox facilitator",
        "version": env!("CARGO_PKG_VERSION"),
        "protocols": {"x402": [1, 2], "t402": [1, 2]},
        "networks": networks,
        "endpoints": [
            {"method": "GET", "path": "/supported", "description": "what is settled here"},
            {"method": "POST", "path": "/verify", "description": "whether a payment would settle now"},
            {"method": "POST", "path": "/settle", "description": "settle a payment, once; takes Idempotency-Key"},
            {"method": "GET", "path": "/discovery/resources", "description": "what can be paid for (x402)"},
            {"method": "GET", "path": "/v1/discovery/resources", "description": "what can be paid for (t402)"},
            {"method": "POST", "path": "/v1/discovery/register", "description": "list a resource"},
            {"method": "GET", "path": "/health", "description": "the process runs"},
            {"method": "GET", "path": "/ready", "description": "it can settle"},
            {"method": "GET", "path": "/metrics", "description": "Prometheus text"},
        ],
    }))
}

/// `GET /verify`.
pub(super) async fn verify() -> Json<Value> {
    Json(json!({
        "endpoint": "/verify",
        "description": "POST a payment to learn whether it would settle now; nothing is written, no gas is spent",
        "body": body(),
        "answer": {"isValid": "boolean", "invalidReason": "string, when it is not", "payer": "string or null"},
    }))
}

/// `GET /settle`.
pub(super) async fn settle() -> Json<Value> {
    Json(json!({
        "endpoint": "/settle",
        "description": "POST a payment to settle it; the same payment always gets the same answer",
        "headers": {"Idempotency-Key": "optional, 1 to 64 of A-Z, a-z, 0-9, - and _"},
        "body": body(),
        "answer": {
            "success": "boolean",
            "errorReason": "string, when it is not; settlement_pending: send the same request again",
            "transaction": "string",
            "network": "string",
            "payer": "string or null",
        },
    }))
}

/// What `/verify` and `/settle` take.
fn body() -> Value {
    json!({
        "x402Version": "1 or 2, or t402Version; optional",
        "paymentPayload": "object: what the payer presented",
        "paymentRequirements": "object: what it has to satisfy",
    })
}
