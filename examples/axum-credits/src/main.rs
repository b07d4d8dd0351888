//! An API that charges credits of a plan: one gate in front of a whole router, with a table of routes.
//!
//! ```sh
//! cargo run -p axum-credits -- --backend http://127.0.0.1:3001 --plan 4711 --seller-key local:…
//! ```

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use clap::Parser;
use farebox::{
    Farebox, PaymentContext,
    types::{Mode, Secret},
};
use serde_json::{Value, json};

#[derive(Parser)]
struct Args {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The credits backend.
    #[arg(long)]
    backend: String,
    /// The plan whose credits pay.
    #[arg(long)]
    plan: String,
    /// The seller's API key; better in the environment, where other users of the machine cannot read it.
    #[arg(long, env = "FAREBOX_SELLER_KEY", hide_env_values = true)]
    seller_key: Secret,
    /// `test` or `live`.
    #[arg(long, default_value = "test")]
    mode: Mode,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let args = Args::parse();

    let farebox = Farebox::credits(&args.backend, args.seller_key)?.plan(args.plan).mode(args.mode);
    let gate = farebox
        .gate()
        .route("POST /ask", farebox.route("1 credit").description("An answer"))
        .route("GET /users/:id", farebox.route("5 credits").mime_type("application/json"))
        .build()?;

    let app = Router::new()
        .route("/ask", post(ask))
        .route("/users/{id}", get(user))
        .route("/health", get(|| async { "ok" }))
        .layer(gate);
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn ask(payment: PaymentContext, Json(question): Json<Value>) -> Json<Value> {
    let text = question["query"].as_str().unwrap_or_default();
    Json(json!({
        "response": format!("You asked: {text}"),
        "credits": payment.amount().to_string(),
        "request": payment.request_id(),
    }))
}

async fn user(Path(id): Path<String>) -> Json<Value> {
    Json(json!({ "id": id }))
}
