//! The steps of one payment. Each consumes the one before: [`Offered`] → [`Presented`] → [`Verified`] → [`Settled`],
//! [`Refused`] or [`Unknown`].
//!
//! The [`Gate`](crate::Gate) walks these steps for you; they are here for servers that are not tower services.
//!
//! ```
//! # use farebox_gate::flow::{Outcome, Presented};
//! # use farebox_x402::Hold;
//! # use std::time::Duration;
//! async fn sell(presented: Presented) -> Option<http::Response<&'static str>> {
//!     let mut verified = presented.verify(Hold { ttl: Duration::from_secs(60) }).await.ok()?;
//!     verified.begin();
//!     let answer = http::Response::new("what was paid for");
//!     match verified.settle().await {
//!         Outcome::Settled(settled) => Some(settled.serve(answer)),
//!         Outcome::Refused(_) | Outcome::Unknown(_) => None,
//!     }
//! }
//! ```
//!
//! What is not verified cannot be served:
//!
//! ```compile_fail,E0599
//! # use farebox_gate::flow::Presented;
//! fn give_away(presented: Presented) -> http::Response<&'static str> {
//!     presented.serve(http::Response::new("not paid for"))
//! }
//! ```
//!
//! What is verified can be settled once:
//!
//! ```compile_fail,E0382
//! # use farebox_gate::flow::Verified;
//! async fn charge_twice(verified: Verified) {
//!     verified.settle().await;
//!     verified.settle().await;
//! }
//! ```
//!
//! And what is verified cannot be served before it is settled:
//!
//! ```compile_fail,E0599
//! # use farebox_gate::flow::Verified;
//! fn serve_on_credit(verified: Verified) -> http::Response<&'static str> {
//!     verified.serve(http::Response::new("not settled"))
//! }
//! ```

mod facts;
mod offered;
mod outcome;
mod verified;

pub(crate) use facts::Facts;
pub use offered::{Declined, Offered, Presented};
pub use outcome::{Outcome, Refused, Settled, Unknown};
pub use verified::Verified;
