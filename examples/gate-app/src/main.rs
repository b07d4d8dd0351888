//! Every way a gate can charge for a request in credits, in one app.
//!
//! ```sh
//! cargo run -p gate-app -- --backend http://127.0.0.1:3001 --plan 4711 --seller-key local:…
//! ```

mod handlers;
mod prices;

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use clap::Parser;
use farebox::{
    Farebox, Gate,
    gate::Paywall,
    types::{Mode, Secret},
};

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
    /// The agent that `POST /agents/:agentId/task` is for.
    #[arg(long)]
    agent: Option<String>,
    /// `test` or `live`.
    #[arg(long, default_value = "test")]
    mode: Mode,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    let gate = gate(&args)?;
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    announce(&listener)?;
    axum::serve(listener, app().layer(gate)).with_graceful_shutdown(asked_to_stop()).await?;
    Ok(())
}

fn gate(args: &Args) -> anyhow::Result<Gate> {
    let farebox = Farebox::credits(&args.backend, args.seller_key.clone())?.plan(&*args.plan).mode(args.mode);
    let one = || farebox.route("1 credit");
    let agent = |route: farebox::Route| match &args.agent {
        Some(agent) => route.agent_id(agent),
        None => route,
    };
    let gate = farebox
        .gate()
        .receipts("/payments")
        .paywall(Paywall::new().app_name("Everything for sale"))
        .route("POST /ask", one().description("An answer").mime_type("application/json"))
        .route("POST /generate", one().price_fn(prices::by_tokens).description("A credit for 100 tokens"))
        .route("POST /analyze", one().price_fn(prices::by_priority))
        .route("GET /users/:id", one())
        .route("POST /agents/:agentId/task", agent(farebox.route("2 credits")))
        .route("GET /status/:code", one())
        .route("GET /boom", one())
        .route("GET /stream", one().streaming())
        .route("GET /slow", one().hold(Duration::from_secs(30)))
        .route("GET /streamfail", one())
        .route("GET /cookies", one())
        .route("GET /context", agent(one()))
        .route("GET /expensive", farebox.route("1000000 credits"))
        .route("GET /badprice", one().price_fn(prices::broken));
    Ok(gate.build()?)
}

fn app() -> Router {
    Router::new()
        .route("/ask", post(handlers::ask))
        .route("/generate", post(handlers::echo))
        .route("/analyze", post(handlers::echo))
        .route("/users/{id}", get(handlers::user))
        .route("/agents/{agent}/task", post(handlers::task))
        .route("/status/{code}", get(handlers::status))
        .route("/boom", get(handlers::boom))
        .route("/stream", get(handlers::stream))
        .route("/slow", get(handlers::slow))
        .route("/streamfail", get(handlers::broken_stream))
        .route("/cookies", get(handlers::cookies))
        .route("/context", get(handlers::context))
        .route("/expensive", get(|| async { "for the rich" }))
        .route("/badprice", get(|| async { "at no price" }))
        .route("/health", get(|| async { "ok" }))
}

/// For whoever started it, on standard output.
fn announce(listener: &tokio::net::TcpListener) -> anyhow::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(())
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
