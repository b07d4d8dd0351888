//! The relay inside an app, for the conformance fixtures: under another prefix, behind a layer of the app's own, beside its
//! routes. usage: mounted UPSTREAM_URL API_TOKEN RELAY_SECRET PREVIOUS_SECRET

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, request::Parts},
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use farebox_client::Client;
use farebox_relay::{Csrf, CustomerIdentity, Identified, Relay};
use farebox_types::Secret;

/// What the app's layer leaves for `identify`.
#[derive(Clone)]
struct Session(CustomerIdentity);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("usage: mounted UPSTREAM_URL API_TOKEN RELAY_SECRET PREVIOUS_SECRET");
    let upstream = next()?;
    let client = Client::builder(Secret::new(next()?)).base_url(&upstream).build()?;
    let csrf = Csrf::signed(Secret::new(next()?)).previous(Secret::new(next()?)).cookie_path("/shop/billing");
    let relay = Relay::builder(client).identify(identify).auto_create_customer(true).csrf(csrf).build()?;

    let billing = relay.router_behind(|routes| routes.layer(from_fn(session)));
    let app = Router::new().route("/", get(async || "the shop")).nest("/shop/billing", billing);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    #[expect(clippy::print_stdout, reason = "says where to look")]
    {
        println!("http://{}/shop/billing", listener.local_addr()?);
    }
    Ok(axum::serve(listener, app).await?)
}

/// Stands for the app's own session middleware.
async fn session(mut request: Request, next: Next) -> Response {
    let identity = named(request.headers());
    request.extensions_mut().insert(Session(identity));
    next.run(request).await
}

fn named(headers: &HeaderMap) -> CustomerIdentity {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
    CustomerIdentity {
        customer_id: header("x-paylera-customer-id"),
        email: header("x-paylera-customer-email"),
        name: header("x-paylera-customer-name"),
        currency: header("x-paylera-customer-currency"),
        tenant_id: header("x-paylera-tenant-id"),
        ..CustomerIdentity::default()
    }
}

async fn identify(head: &Parts) -> Identified {
    Ok(head.extensions.get::<Session>().map(|session| session.0.clone()))
}
