//! Typed client of the billing API: connections that are kept, one API version, and the protocol's retry contract.
//!
//! ```no_run
//! use farebox_client::{Client, Error, Holder};
//! use farebox_types::Secret;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // The token's prefix, pl_test_ or pl_live_, says which API is meant; a base URL of one's own wins.
//! let client = Client::builder(Secret::new("pl_test_…".into())).base_url("http://127.0.0.1:3001").build()?;
//! let customer = client.customers().create("ann@example.com").name("Ann").await?;
//! match client.check(Holder::Customer(customer.id), "api_calls".parse()?).await {
//!     Ok(answer) => println!("{:?} left", answer.balance),
//!     Err(Error::NotFound(what)) => println!("{}", what.problem.detail),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every call is made when it is awaited. Reads and writes are repeated when they may succeed next time: a write carries an
//! idempotency key, the same for all of its attempts. [`Client::forward`] makes a call as bytes.

mod call;
mod device;
mod listing;
mod operation;
mod refused;
mod surface;
mod watch;

#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
mod endpoint;
mod error;
mod forward;
mod retry;
mod retry_after;

pub use call::Call;
pub use client::{Client, ClientBuilder};
pub use device::{DeviceError, DeviceFlow};
pub use error::{BadClient, Error};
/// Requests, answers and problem codes, as they are on the wire.
pub use farebox_api as api;
pub use forward::{Forward, Forwarded};
pub use listing::Listing;
pub use refused::Refused;
pub use retry::{Draws, Retry};
pub use surface::*;
