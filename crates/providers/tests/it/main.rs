//! Providers against programs that speak their protocols.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asks;
mod fake;
mod sim;
mod sim_faults;
mod sim_hooks;
mod stripe;
mod stripe_hooks;
mod toss;
