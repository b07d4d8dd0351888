//! A gate in front of real axum servers on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod disconnect;
mod fake;
mod handler;
mod harness;
mod layer;
mod parallel;
mod paths;
#[cfg(feature = "client")]
mod remote;
mod settle;
mod spans;
mod unpaid;
mod verify;
