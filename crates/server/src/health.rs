//! Who this is, whether it runs, whether it can serve.

use std::time::Duration;

use axum::{Json, extract::State};
use farebox_store::{Fault, Retry};
use serde_json::{Value, json};

use crate::{backend::Backend, http::Problem};

/// `GET /`.
pub(crate) async fn info() -> Json<Value> {
    Json(json!({"name": "farebox", "version": env!("CARGO_PKG_VERSION"), "api": farebox_x402::credits::API_PREFIX}))
}

/// `GET /health`: the process runs.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /ready`: the database answers.
pub(crate) async fn ready(State(backend): State<Backend>) -> Result<Json<Value>, Problem> {
    let slow = |_| Fault { what: "the database did not answer in time".into(), retry: Retry::After(PATIENCE) };
    tokio::time::timeout(PATIENCE, backend.store().ping()).await.map_err(slow)??;
    Ok(Json(json!({"status": "ready"})))
}

const PATIENCE: Duration = Duration::from_secs(2);
