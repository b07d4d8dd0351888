//! An app whose browser page asks what its user may do, records usage, and shows what is left: the relay at `/api/paylera`.
//!
//! ```sh
//! PAYLERA_API_TOKEN=pl_test_… cargo run -p relay-app -- --upstream-url http://127.0.0.1:3001
//! ```
//!
//! `/webhooks/paylera` hears from the billing API what was paid and what has ended; `/account` shows it.
//!
//! Signing in is a header, `X-Demo-User`, which anybody can send. A real app asks its session instead.

mod standing;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, request::Parts},
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use clap::Parser;
use farebox::{
    client::Client,
    relay::{Csrf, CustomerIdentity, Identified, Relay, ResolvedCustomer},
    types::Secret,
};

use standing::Standings;

#[derive(Parser)]
struct Args {
    /// Where the app listens.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The billing API.
    #[arg(long)]
    upstream_url: String,
    /// The merchant's token; in the environment, where other users of the machine cannot read it.
    #[arg(long, env = "PAYLERA_API_TOKEN", hide_env_values = true)]
    api_token: Secret,
    /// Signs the pages' tokens; without it they end with this process.
    #[arg(long, env = "PAYLERA_RELAY_SECRET", hide_env_values = true)]
    relay_secret: Option<Secret>,
    /// What the billing API signs its events with; without it there is no receiver.
    #[arg(long, env = "PAYLERA_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<Secret>,
}

/// Whoever has signed in.
#[derive(Clone)]
struct User(String);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    let client = Client::builder(args.api_token).base_url(&args.upstream_url).build()?;
    let relay = Relay::builder(client)
        .identify(identify)
        .auto_create_customer(true)
        .csrf(args.relay_secret.map_or_else(Csrf::of_this_process, Csrf::signed))
        .build()?;

    let standings = Standings::default();
    let mut app = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/account", get(account).layer(relay.customers()).layer(from_fn(require_user)))
        .nest("/api/paylera", relay.router_behind(|routes| routes.layer(from_fn(require_user))));
    if let Some(secret) = args.webhook_secret {
        app = app.route_service("/webhooks/paylera", standings.receiver(secret)?);
    }
    let app = app.with_state(standings);
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    #[expect(clippy::print_stdout, reason = "says where to look")]
    {
        println!("http://{}", listener.local_addr()?);
    }
    axum::serve(listener, app).await?;
    Ok(())
}

/// The app's own sign-in: it leaves the user in the request's extensions.
async fn require_user(mut request: Request, next: Next) -> Response {
    let name = request.headers().get("x-demo-user").and_then(|name| name.to_str().ok()).unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return (StatusCode::UNAUTHORIZED, "sign in first").into_response();
    }
    let user = User(name.to_owned());
    request.extensions_mut().insert(user);
    next.run(request).await
}

/// Who that is to the billing API: a customer by e-mail, created at the first request.
async fn identify(head: &Parts) -> Identified {
    let user = head.extensions.get::<User>();
    Ok(user.map(|User(name)| CustomerIdentity {
        name: Some(name.clone()),
        ..CustomerIdentity::email(format!("{name}@example.com"))
    }))
}

/// A handler of the app that needs the customer.
async fn account(customer: ResolvedCustomer, State(standings): State<Standings>) -> String {
    let standing = standings.of(customer.id());
    let (number, paid, ended) = (customer.id(), standing.paid.len(), standing.ended.len());
    format!("your customer number is {number}; invoices paid: {paid}; subscriptions ended: {ended}\n")
}
