//! The payer against sellers and backends that speak the wire, and misbehave on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backend;
#[cfg(feature = "evm")]
mod chain;
mod limits;
mod offers;
mod paying;
mod seller;
mod unknown;

use std::time::Duration;

use farebox_payer::{Payer, PayerBuilder, Secret, Tries};

use crate::backend::Backend;

const KEY: &str = "local:buyer-key";

/// Short waits, so that a test of three tries takes no time to speak of.
const TRIES: Tries = Tries { most: 3, first_wait: Duration::from_millis(5), longest_wait: Duration::from_secs(2) };

fn builder(backend: &Backend) -> PayerBuilder {
    Payer::builder()
        .credits(backend.url(), Secret::new(KEY.into()))
        .tries(TRIES)
        .timeout(Duration::from_millis(700))
        .connect_timeout(Duration::from_millis(500))
}

fn payer(backend: &Backend) -> Payer {
    builder(backend).build().unwrap()
}
