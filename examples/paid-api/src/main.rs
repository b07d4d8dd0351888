//! An API that is paid on a chain, through any x402 facilitator.
//!
//! ```sh
//! cargo run -p paid-api -- --facilitator http://127.0.0.1:4020 --pay-to 0x… --network eip155:84532
//! ```

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use clap::Parser;
use farebox::{
    Gate, Route,
    gate::{Actual, PaymentContext},
    types::{AtomicAmount, Secret},
    x402::client::{ChainFacilitator, FacilitatorClient, FacilitatorConfig},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Parser)]
struct Args {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Who checks and settles the payments.
    #[arg(long)]
    facilitator: String,
    /// The address that is paid.
    #[arg(long)]
    pay_to: String,
    /// Where it is paid: `eip155:84532`, `base`.
    #[arg(long, default_value = "eip155:84532")]
    network: String,
    /// The facilitator's API key, if it wants one; better in the environment, where other users cannot read it.
    #[arg(long, env = "FAREBOX_FACILITATOR_KEY", hide_env_values = true)]
    api_key: Option<Secret>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let args = Args::parse();
    let app = app(args.facilitator, args.api_key, args.pay_to, args.network)?;
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, app).await?;
    Ok(())
}

fn app(facilitator: String, api_key: Option<Secret>, pay_to: String, network: String) -> anyhow::Result<Router> {
    let mut config = FacilitatorConfig::new(facilitator);
    if let Some(key) = api_key {
        config = config.api_key(key);
    }
    let facilitator = ChainFacilitator::new([FacilitatorClient::new(config)?]);
    let gate = Gate::builder()
        .chain(Arc::new(facilitator))
        .pay_to(pay_to)
        .network(network)
        .route("GET /paid", Route::exact("$0.01").description("Some content").mime_type("application/json"))
        .route("GET /fail", Route::exact("$0.01").description("Nothing, and for nothing"))
        .route("GET /upto", Route::upto("$0.10").description("Words, by their number"))
        .build()?;
    Ok(Router::new()
        .route("/paid", get(paid))
        .route("/fail", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "out of order") }))
        .route("/upto", get(words))
        .route("/free", get(|| async { "free content" }))
        .layer(gate))
}

async fn paid(payment: PaymentContext) -> Json<Value> {
    Json(json!({ "content": "paid content", "payer": payment.payer(), "amount": payment.amount().to_string() }))
}

#[derive(Deserialize)]
struct Words {
    #[serde(default = "twelve")]
    words: u64,
}

const fn twelve() -> u64 {
    12
}

/// A tenth of a cent for each word. What was authorized is the most that is taken.
async fn words(Query(Words { words }): Query<Words>) -> Response {
    let words = words.min(100);
    let text = vec!["word"; usize::try_from(words).unwrap_or_default()].join(" ");
    (Extension(Actual::Units(AtomicAmount::from(words * 1_000))), format!("metered content: {text}")).into_response()
}
