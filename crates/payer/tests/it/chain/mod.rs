//! Payments on a chain, to sellers that read them as a facilitator would.

mod hostile;
mod journal;
mod pays;
mod permit2;
mod rules;
mod unknown;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::http::HeaderValue;
use farebox_evm::{Authorization, Payment, Phase, Signature, Wallet, typed::Domain};
use farebox_payer::{Payer, PayerBuilder, Secret};
use farebox_types::{ManualClock, Timestamp};
use farebox_x402::{PaymentPayload, Requirements, header};
use serde_json::{Value, json};

use crate::{
    TRIES,
    seller::{Act, Seller},
};

/// The first development key of every development chain.
pub(crate) const WALLET_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub(crate) const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
pub(crate) const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
const FACILITATOR: &str = "0xFAc1000000000000000000000000000000000001";
/// When the tests' clock starts.
const START: i64 = 1_800_000_000;

/// `exact`, 0.01 USDC on Base Sepolia, to be paid within a minute.
pub(crate) fn exact() -> Value {
    json!({"scheme": "exact", "network": "eip155:84532", "amount": "10000", "asset": USDC, "payTo": PAY_TO,
           "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"}})
}

/// `upto` 0.10.
fn upto() -> Value {
    with(
        exact(),
        &json!({"scheme": "upto", "amount": "100000",
        "extra": {"name": "USDC", "version": "2", "assetTransferMethod": "permit2", "facilitatorAddress": FACILITATOR}}),
    )
}

/// Members replaced.
fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// An offer of these ways to pay for `/joke`.
fn offer(accepts: &[Value]) -> Value {
    json!({"x402Version": 2, "resource": {"url": "https://jokes.example/joke"}, "accepts": accepts, "extensions": {}})
}

fn asks(accepts: &[Value]) -> Option<HeaderValue> {
    Some(header::encode(&offer(accepts)))
}

async fn selling(accept: Value, script: impl IntoIterator<Item = Act>) -> Seller {
    Seller::offering(asks(&[accept]), script).await
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_seconds(START)))
}

fn builder(clock: &Arc<ManualClock>) -> PayerBuilder {
    Payer::builder()
        .wallet_key(Secret::new(WALLET_KEY.into()))
        .clock(Arc::clone(clock) as _)
        .tries(TRIES)
        .timeout(Duration::from_millis(700))
        .connect_timeout(Duration::from_millis(500))
}

fn payer() -> Payer {
    builder(&clock()).build().unwrap()
}

fn address() -> String {
    Wallet::new(&Secret::new(WALLET_KEY.into())).unwrap().address().to_string()
}

/// A payment, read as a facilitator reads it, for what the seller asked; its signature is the wallet's.
fn read(token: &str, asked: &Value) -> (PaymentPayload, Payment) {
    let payload = PaymentPayload::from_header(token.as_bytes()).unwrap();
    let requirements: Requirements = serde_json::from_value(asked.clone()).unwrap();
    let object: Value = serde_json::from_str(payload.payload.get()).unwrap();
    let payment = Payment::read(&object, Some(&payload.extensions), &requirements).unwrap();
    let signers = [FACILITATOR.parse().unwrap()];
    payment.check(&requirements, &signers, Phase::Verify, Timestamp::from_seconds(START)).unwrap();
    let digest = match payment.authorization() {
        Authorization::Transfer(transfer) => {
            transfer.digest(&Domain::token("USDC", "2", 84_532, USDC.parse().unwrap()))
        }
        Authorization::Permit2(transfer) => transfer.digest(&Domain::permit2(84_532)),
    };
    let signature = hex::decode(object["signature"].as_str().unwrap().trim_start_matches("0x")).unwrap();
    let signer = Signature::read(&signature).unwrap().recover(digest).unwrap();
    assert_eq!(signer.to_string().to_lowercase(), address());
    assert_eq!(payment.payer().to_string(), address());
    (payload, payment)
}

/// How many different authorizations the seller saw, in how many requests.
fn seen(seller: &Seller) -> (usize, usize) {
    let tokens = seller.tokens();
    let keys: BTreeSet<_> = tokens.iter().map(|token| key(token)).collect();
    (keys.len(), tokens.len())
}

/// The authorization's nonce.
fn key(token: &str) -> String {
    let payload = PaymentPayload::from_header(token.as_bytes()).unwrap();
    let object: Value = serde_json::from_str(payload.payload.get()).unwrap();
    let nonce = [&object["authorization"]["nonce"], &object["permit2Authorization"]["nonce"]];
    nonce.into_iter().find_map(Value::as_str).unwrap().to_owned()
}
