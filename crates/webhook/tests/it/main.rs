//! The receiver, behind a real server, before senders that are honest, impatient, early, late and false.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forgery;
mod once;
mod spans;
mod world;
