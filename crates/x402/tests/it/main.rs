//! The client against a backend that misbehaves on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod backend;
mod connections;
mod dialects;
mod fares;
mod remote;
mod secrets;
mod vectors;

use std::{sync::Arc, time::Duration};

use farebox_types::{Quantity, Secret};
use farebox_x402::{
    Fault, Hold, Offer, Payment, PaymentRequired,
    client::{ClientOptions, CreditsClient},
};

const KEY: &str = "local:seller-key";
const TOKEN: &str = "buyer-token";
const HOLD: Option<Hold> = Some(Hold { ttl: Duration::from_secs(60) });

/// Times short enough for a test, long enough for a busy machine.
const OPTIONS: ClientOptions = ClientOptions {
    timeout: Duration::from_millis(700),
    connect_timeout: Duration::from_millis(500),
    max_answer: 64 * 1024,
};

fn client(base_url: &str) -> CreditsClient {
    CreditsClient::with_options(base_url, Secret::new(KEY.into()), OPTIONS).unwrap()
}

fn payment() -> Payment {
    let required: PaymentRequired = serde_json::from_str(
        r#"{"x402Version":2,"resource":{"url":"/joke"},
            "accepts":[{"scheme":"nvm:erc4337","network":"eip155:84532","planId":"7"}]}"#,
    )
    .unwrap();
    Payment::credits(TOKEN.into(), Arc::new(Offer::new(required)), Quantity::ONE)
}

/// Everything a log could print of a fault.
fn printed(fault: &Fault) -> String {
    let mut text = format!("{fault} {fault:?}");
    let mut cause = std::error::Error::source(fault);
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}
