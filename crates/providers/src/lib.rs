//! Card providers behind one trait.
//!
//! [`Provider`] is what the payments service asks; [`sim`], [`stripe`] and [`toss`] answer it. Three rules hold for all:
//!
//! - Every write carries our own idempotency key and our own id, so that [`Provider::lookup`] finds it whatever happened.
//! - An [`Outcome`] never guesses: what may have happened is `Unknown`, what cannot have is `NotDone`.
//! - A webhook is verified over its raw bytes before it is parsed; where a provider does not sign, an event only says "look".

mod event;
mod outcome;
mod payment;
mod provider;
mod signature;
mod wire;

pub mod sim;
pub mod stripe;
pub mod toss;

pub use event::{About, Event, Forged};
pub use outcome::{Fault, Outcome, Refusal, RefusalClass};
pub use payment::{Action, Dispute, Disputed, ProviderPayment, ProviderRefund, ProviderState, RefundState};
pub use provider::{
    Cancel, Capabilities, Capture, CaptureMode, Confirm, Create, IN_BROWSER, Page, Provider, Refund, Whose,
};
pub use wire::BadBaseUrl;
