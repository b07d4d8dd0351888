//! Client of the billing API: connections that are kept, one API version, and the protocol's retry contract.
//!
//! ```
//! use farebox_client::Client;
//! use farebox_types::Secret;
//!
//! # fn client() -> Result<Client, farebox_client::BadClient> {
//! // The token's prefix, pl_test_ or pl_live_, says which API is meant; a base URL of one's own wins.
//! let client = Client::builder(Secret::new("pl_test_…".into())).base_url("http://127.0.0.1:3001").build();
//! # let client = Client::builder(Secret::new("pl_test_x".into())).base_url("http://127.0.0.1:3001").build();
//! # client
//! # }
//! # assert!(client().is_ok());
//! ```

mod client;
mod endpoint;
mod error;
mod forward;
mod retry;
mod retry_after;

pub use client::{Client, ClientBuilder};
pub use error::{BadClient, Error};
pub use forward::{Forward, Forwarded};
pub use retry::{Draws, Retry};
