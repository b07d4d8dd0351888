//! Payments on the simulated provider, which keeps a state of its own as a remote would.

mod amounts;
mod edges;
mod faults;
mod flows;
mod stripe;
mod toss;
pub(crate) mod town;
mod webhooks;
