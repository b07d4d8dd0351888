//! The facilitator over HTTP, for clients of x402 and of t402.
//!
//! A payment that is not good is answered 200 with a reason. What else goes wrong has a status of 4xx or 5xx and one body
//! that every client can read: a problem (RFC 9457), the peers' `error`, `code` and `message`, and on `/verify` and
//! `/settle` the typed answer too, because known clients parse that whatever the status says.

mod admission;
mod denial;
mod edge;
mod health;
mod layers;
mod metrics;
mod pages;
mod router;
mod settle;
mod verify;

pub(super) use self::{admission::Admitted, denial::Denial, edge::Edge};
pub use self::{edge::FacilitatorOptions, router::router};
