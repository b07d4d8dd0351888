//! A tower layer that charges for requests over HTTP 402.
//!
//! A request without payment gets an offer; with one, the amount is reserved, the handler runs, and a success is settled
//! before its answer goes out. Anything else gives the reservation back. In two lines with the test rail:
//!
//! ```
//! use axum::{Router, routing::get};
//! use farebox_gate::Farebox;
//!
//! let farebox = Farebox::test();
//! let app: Router = Router::new().route("/joke", get(|| async { "…" }).layer(farebox.price("1 credit")));
//! ```
//!
//! Or one gate for a whole router, with a table of routes: see [`Gate`]. Needs a tokio runtime with time enabled.
//!
//! Features: `axum` ([`PaymentContext`] as an extractor; gates in nested routers), `client`
//! (`Farebox::credits`: a backend over HTTP). What is promised, and what is not, stands in the crate's README.

mod actual;
mod agent;
mod answer;
pub mod answers;
mod asked;
mod body;
mod builder;
mod context;
#[cfg(feature = "axum")]
mod extract;
mod fare;
mod farebox;
mod finish;
pub mod flow;
mod gate;
mod headers;
mod hooks;
mod key;
mod matching;
mod menu;
mod meter;
mod paying;
#[cfg(feature = "paywall")]
mod paywall;
#[cfg(not(feature = "paywall"))]
#[path = "no_paywall.rs"]
mod paywall;
mod price;
mod pricing;
mod rails;
mod readings;
mod reconcile;
mod route;
mod service;
mod settle;
mod subscribers;
mod table;
mod test_rail;
mod way;
mod work;

pub use actual::{Actual, BadActual};
pub use agent::{AgentRequest, Observability};
pub use asked::Asked;
pub use body::GateBody;
pub use builder::{BadGate, BadRoute, GateBuilder, Problem};
pub use context::PaymentContext;
#[cfg(feature = "axum")]
pub use extract::NotGated;
pub use fare::BadFare;
pub use farebox::Farebox;
pub use farebox_engine::charge::{CannotWork, UnknownPolicy};
pub use gate::Gate;
pub use hooks::{HookError, Hooks, PaymentError};
pub use key::BadKey;
pub use meter::Meter;
#[cfg(feature = "paywall")]
pub use paywall::{BadPaywall, Means, OwnPage, Paywall, PaywallFacts, WayToPay};
pub use price::{BadPrice, IntoChainPrice, IntoPrice, Price};
pub use pricing::Priced;
pub use route::Route;
pub use service::{GateFuture, Gated};
pub use subscribers::{Pass, Subscribers};
pub use test_rail::TestRail;
pub use way::BadWay;
