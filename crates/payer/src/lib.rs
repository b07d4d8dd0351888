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
//! On chains, from a wallet, with a journal that survives a crash:
//!
//! ```no_run
//! # async fn example(key: farebox_payer::Secret) -> Result<(), Box<dyn std::error::Error>> {
//! use farebox_payer::{Budget, Journal, Payer};
//!
//! let payer = Payer::builder()
//!     .wallet_key(key)
//!     .journal(Journal::open("payer.jsonl")?)
//!     .budget(Budget::default().network("base").per_payment("$0.05".parse()?).per_day("$2".parse()?))
//!     .build()?;
//! for resumed in payer.resume_all().await {
//!     println!("{}: {:?}", resumed.fare, resumed.outcome);
//! }
//! let paid = payer.get("https://api.example/paid").send().await?;
//! println!("{:?} for {:?}", paid.fare(), paid.receipt());
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
#[cfg(feature = "evm")]
mod evm;
#[cfg(not(feature = "evm"))]
#[path = "no_evm.rs"]
mod evm;
mod fare;
mod journal;
mod paid;
mod pay;
mod payer;
mod preview;
mod receipt;
mod request;
mod tries;
mod wire;

pub use authorization::Authorization;
pub use budget::{BadLimit, Budget, Denied, Limit, Rule};
pub use builder::{BadSetup, PayerBuilder};
pub use error::PayError;
pub use fare::Fare;
#[cfg(feature = "evm")]
pub use farebox_evm::Wallet;
pub use farebox_types::{AtomicAmount, Secret};
pub use farebox_x402::{PaymentRequired, Receipt};
pub use journal::{Journal, JournalError};
pub use paid::Paid;
pub use pay::Resumed;
pub use payer::Payer;
pub use preview::Preview;
pub use request::{Request, RequestBuilder};
pub use tries::Tries;
