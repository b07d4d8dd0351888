//! A gate in front of real axum servers on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "client")]
mod chain;
mod disconnect;
mod fake;
#[cfg(feature = "client")]
mod fares;
mod handler;
mod harness;
mod layer;
#[cfg(feature = "client")]
mod open_fares;
mod parallel;
mod paths;
#[cfg(feature = "paywall")]
mod paywall;
#[cfg(feature = "client")]
mod remote;
mod settle;
mod spans;
mod unpaid;
#[cfg(feature = "client")]
mod upto;
mod verify;
