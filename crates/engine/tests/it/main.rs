//! The ledger, judged from outside: examples that read as rules, properties over random histories, and an auditor that
//! believes only the rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod auditor;
mod examples;
mod properties;
mod world;
