//! Charge for HTTP requests: an API takes a credit per call, end to end.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use farebox::Farebox;
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let farebox = Farebox::test();
//!     let app = Router::new().route("/joke", get(joke).layer(farebox.price("1 credit")));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await
//! }
//!
//! async fn joke() -> &'static str {
//!     "exact change only"
//! }
//! ```
//!
//! ```sh
//! curl -i localhost:3000/joke                                # 402, with an offer
//! curl -i -H "payment-signature: test" localhost:3000/joke   # 200, with a receipt
//! ```
//!
//! For real credits, name a backend and a plan; for a whole router, one gate with a table of routes:
//!
//! ```
//! # use axum::{Router, routing::{get, post}};
//! use farebox::{Farebox, PaymentContext, types::Secret};
//!
//! # fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! # let (seller_key, plan_id) = (Secret::new("local:key".into()), "4711");
//! let farebox = Farebox::credits("https://credits.example", seller_key)?.plan(plan_id);
//! let gate = farebox
//!     .gate()
//!     .route("POST /ask", farebox.route("1 credit"))
//!     .route("GET /users/:id", farebox.route("5 credits").description("One user"))
//!     .build()?;
//!
//! let app = Router::new()
//!     .route("/ask", post(|payment: PaymentContext| async move { payment.request_id().to_owned() }))
//!     .route("/users/{id}", get(|| async { "…" }))
//!     .layer(gate);
//! # Ok(app)
//! # }
//! # app().unwrap();
//! ```
//!
//! | feature | what |
//! |---|---|
//! | `gate` (default) | [`Farebox`], [`Gate`]: charge for requests |
//! | `payer` | the paying side |
//! | `store` | answers kept in a database, so that many servers run one handler for one payment |
//! | `paywall` | a page for browsers that have not paid |
//! | `relay` | the relay: a browser's door to the billing API |
//! | `client` | the billing API's client (part of `relay`) |
//! | `webhook` | receives the billing API's events |
//! | `telemetry` | the names of spans, metrics and attributes, for dashboards and tests |

#[cfg(feature = "client")]
pub use farebox_client as client;
#[cfg(feature = "gate")]
pub use farebox_gate::{self as gate, Farebox, Gate, PaymentContext, Price, Route, TestRail, UnknownPolicy};
#[cfg(feature = "payer")]
pub use farebox_payer as payer;
#[cfg(feature = "relay")]
pub use farebox_relay as relay;
#[cfg(feature = "store")]
pub use farebox_store as store;
#[cfg(feature = "telemetry")]
pub use farebox_telemetry as telemetry;
pub use farebox_types as types;
#[cfg(feature = "webhook")]
pub use farebox_webhook as webhook;
pub use farebox_x402 as x402;

/// The guides, compiled as the user reads them.
#[cfg(all(doctest, feature = "gate", feature = "payer"))]
mod guides {
    #[doc = include_str!("../../../docs/guides/charge-for-a-route.md")]
    mod charge_for_a_route {}
    #[doc = include_str!("../../../docs/guides/facilitator-client.md")]
    mod facilitator_client {}
    #[cfg(feature = "relay")]
    #[doc = include_str!("../../../docs/guides/mount-the-relay.md")]
    mod mount_the_relay {}
    #[cfg(feature = "webhook")]
    #[doc = include_str!("../../../docs/guides/receive-webhooks.md")]
    mod receive_webhooks {}
    #[cfg(feature = "client")]
    #[doc = include_str!("../../../docs/guides/use-the-client.md")]
    mod use_the_client {}
    #[doc = include_str!("../../../docs/guides/pay-for-a-request.md")]
    mod pay_for_a_request {}
    #[doc = include_str!("../../../README.md")]
    mod readme {}
}
