//! The relay: what stands in a merchant's backend between a browser and the billing API.
//!
//! The browser calls the merchant's own origin; the relay checks that no other site made it do so, asks the merchant's
//! `identify` who is calling, and calls the API with the merchant's token and that caller's customer. The token never leaves
//! the server, and the browser never names a customer.
//!
//! ```
//! use axum::{Router, http::request::Parts};
//! use farebox_client::Client;
//! use farebox_relay::{Csrf, CustomerIdentity, Relay};
//! use farebox_types::Secret;
//!
//! fn app(client: Client, relay_secret: Secret) -> Result<Router, farebox_relay::BadRelay> {
//!     let relay = Relay::builder(client)
//!         .identify(|head: &Parts| {
//!             let email = head.headers.get("x-demo-user").and_then(|it| it.to_str().ok()).map(str::to_owned);
//!             async move { Ok(email.map(CustomerIdentity::email)) }
//!         })
//!         .auto_create_customer(true)
//!         .csrf(Csrf::signed(relay_secret))
//!         .build()?;
//!     Ok(Router::new().nest("/api/paylera", relay.router()))
//! }
//! ```
//!
//! What it forwards, what it refuses, and what it does not promise stands in the crate's README.

mod builder;
mod csrf;
mod customer;
mod extract;
mod identity;
mod input;
mod memory;
mod problem;
mod relay;
mod route;
mod router;
mod routes;
mod serve;
mod span;
mod upstream;

pub use builder::{BadRelay, RelayBuilder};
pub use csrf::{BadCsrf, CSRF_COOKIE, CSRF_HEADER, Csrf, NoRandomness, SameSite};
pub use extract::{NoCustomer, ResolvedCustomer};
pub use identity::{CustomerIdentity, Identified, Identify, IdentifyError, IdentifyFn};
pub use relay::Relay;
pub use route::{Access, RelayRoute};
pub use router::not_found;
