//! The paid API: two routes, one of them behind the gate.

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, Router, routing::get};
use farebox_gate::{Gate, PaymentContext, Route};
use farebox_types::{Mode, Secret};
use farebox_x402::client::CreditsClient;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::failure::failure;

/// Serves the API; returns its base URL. It ends with the process.
pub(super) async fn start(listen: SocketAddr, backend: &str, seller: Secret, plan: &str) -> anyhow::Result<String> {
    let gate = Gate::builder()
        .facilitator(Arc::new(CreditsClient::new(backend, seller)?))
        .mode(Mode::Test)
        .route("GET /joke", Route::credits(plan).price("1 credit").description("One joke"))
        .build()?;
    let app = Router::new().route("/joke", get(joke)).route("/health", get(async || "ok")).layer(gate);
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        failure(format!("cannot listen on {listen}: {error}"), "choose another address with --listen")
    })?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

async fn joke(payment: PaymentContext) -> Json<Value> {
    let joke = "A ledger walks into a bar. Nobody is charged twice.";
    Json(json!({"joke": joke, "paid_by": payment.payer()}))
}
