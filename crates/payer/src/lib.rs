//! The paying side of HTTP 402: sends a request, pays when asked to, and never pays twice for one request.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use farebox_payer::{Budget, Payer, Secret};
//!
//! let payer = Payer::builder()
//!     .credits("http://127.0.0.1:3001", Secret::new("local:…".into()))
//!     .budget(Budget::default().plan("7").payments(100))
//!     .build()?;
//! let paid = payer.get("http://127.0.0.1:8080/joke").send().await?;
//! println!("{:?}: {:?}", paid.receipt(), paid.body());
//! # Ok(())
//! # }
//! ```
//!
//! The README beside this crate says what is promised and what is not.

mod answer;
mod authorization;
mod backend;
mod budget;
mod builder;
mod cache;
mod challenge;
mod error;
mod paid;
mod payer;
mod request;
mod tries;
mod wire;

pub use authorization::Authorization;
pub use budget::Budget;
pub use builder::{BadSetup, PayerBuilder};
pub use error::PayError;
pub use farebox_types::Secret;
pub use farebox_x402::{PaymentRequired, Receipt};
pub use paid::Paid;
pub use payer::Payer;
pub use request::{Request, RequestBuilder};
pub use tries::Tries;
