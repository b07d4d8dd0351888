//! A gate in front of real axum servers on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[cfg(feature = "store")]
mod answers_sql;
#[cfg(feature = "client")]
mod breaking;
#[cfg(feature = "paywall")]
mod browser;
#[cfg(feature = "client")]
mod chain;
mod changed;
mod disconnect;
mod fake;
#[cfg(feature = "client")]
mod fares;
#[cfg(feature = "client")]
mod fault_table;
mod first;
mod handler;
mod harness;
mod hooks;
mod layer;
#[cfg(feature = "client")]
mod open_fares;
mod parallel;
mod paths;
#[cfg(feature = "paywall")]
mod paywall;
mod prices;
#[cfg(feature = "client")]
mod remote;
#[cfg(feature = "client")]
mod replay;
mod settle;
mod spans;
mod streams;
mod subscribers;
mod unpaid;
#[cfg(feature = "client")]
mod upto;
mod verify;
