//! The relay on a real server, a browser's requests before it, a billing server that writes everything down behind it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod billing;
mod customers;
mod forgery;
mod hostile;
mod identity;
mod memory;
mod mounting;
mod passing;
mod routes;
mod secrets;
mod spans;
mod world;
