//! Providers against programs that speak their protocols.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asks;
/// Shared with the server's tests, which need some of it that these do not.
#[allow(dead_code)]
mod fake;
mod sim;
mod sim_faults;
mod sim_hooks;
mod stripe;
mod stripe_hooks;
mod toss;
