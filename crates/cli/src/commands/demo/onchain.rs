//! The walk's step on a chain: a development chain in this process, a facilitator beside it, a payment in dollars.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, ensure};
use axum::{Router, routing::get};
use farebox_evm::{
    Wallet,
    devchain::{DevChain, DevOptions, TOKEN},
    eip3009_payload,
    primitives::{Address as EvmAddress, U256},
    typed::{Domain, TransferAuthorization},
};
use farebox_gate::{Gate, Route};
use farebox_payer::{Journal, Payer, Secret};
use farebox_types::{Address, Clock, Mode, SystemClock};
use farebox_x402::client::ChainFacilitator;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::backend::Backend;
use crate::output::Output;

const NETWORK: &str = "eip155:84532";
const PRICE: &str = "$0.01";
/// The price in the token's atomic units.
const UNITS: u64 = 10_000;
const PARALLEL: usize = 12;

pub(super) async fn walk(backend: &Backend, output: &Output) -> anyhow::Result<()> {
    output.line("5. A request paid on a chain, and one authorization settled twelve times");
    let chain = DevChain::start(DevOptions::default()).await?;
    let (signer, buyer, seller) = (fresh_key()?, Wallet::new(&fresh_key()?)?, Wallet::new(&fresh_key()?)?.address());
    let funded = "a development chain refused";
    chain.fund(&Wallet::new(&signer)?.address(), 1_000_000_000_000_000_000).await.context(funded)?;
    chain.mint(&buyer.address(), (10 * UNITS).into()).await.context(funded)?;
    let (mut facilitator, url) = backend.facilitator(chain.url(), signer.expose()).await?;
    let api = api(&url, seller).await?;

    let payer = Payer::builder().wallet(buyer).journal(Journal::memory()).build()?;
    let paid = payer.get(&format!("{api}/page")).send().await?;
    let receipt = paid.receipt().cloned().context("a paid answer without a receipt")?;
    ensure!(paid.status() == 200 && receipt.success, "a paid request was answered {}", paid.status());
    let earned = chain.balance(&seller).await.context(funded)?;
    ensure!(earned == UNITS.into(), "the seller has {earned} atomic units");
    output.line(format!("   GET /page, paying       200, {PRICE} moved from the buyer to the seller"));
    output.line(format!("                           transaction {}", receipt.transaction));

    let before = sent(&chain).await?;
    settle_many(&url, &chain, seller).await?;
    let transactions = sent(&chain).await? - before;
    ensure!(transactions == 1, "one authorization took {transactions} transactions");
    output.line(format!("   settled {PARALLEL} times        {PARALLEL} equal answers, 1 transaction\n"));
    drop(facilitator.stdin.take());
    facilitator.wait().await?;
    Ok(())
}

/// A page for a cent.
async fn api(facilitator: &str, seller: Address) -> anyhow::Result<String> {
    let gate = Gate::builder()
        .chain(Arc::new(ChainFacilitator::at(facilitator)?))
        .mode(Mode::Test)
        .pay_to(seller.to_string())
        .network(NETWORK)
        .route("GET /page", Route::exact(PRICE))
        .build()?;
    let app = Router::new().route("/page", get(async || "one page")).layer(gate);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

/// One authorization of a fresh buyer, settled many times at once: every answer names the same transaction.
async fn settle_many(facilitator: &str, chain: &DevChain, seller: Address) -> anyhow::Result<()> {
    let buyer = Wallet::new(&fresh_key()?)?;
    chain.mint(&buyer.address(), UNITS.into()).await.context("a development chain refused")?;
    let body = authorized(&buyer, seller)?;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let settle = || tokio::spawn(http.post(format!("{facilitator}/settle")).json(&body).send());
    let mut transactions = BTreeSet::new();
    for settling in (0..PARALLEL).map(|_| settle()).collect::<Vec<_>>() {
        let answer: Value = settling.await??.json().await?;
        ensure!(answer["success"] == json!(true), "a settle was answered {answer}");
        transactions.insert(answer["transaction"].to_string());
    }
    ensure!(transactions.len() == 1, "one authorization has {} transactions", transactions.len());
    Ok(())
}

/// What a client sends to `/settle`.
fn authorized(buyer: &Wallet, seller: Address) -> anyhow::Result<Value> {
    let address = |one: Address| EvmAddress::new(*one.bytes());
    let transfer = TransferAuthorization {
        from: address(buyer.address()),
        to: address(seller),
        value: U256::from(UNITS),
        valid_after: U256::ZERO,
        valid_before: U256::from(SystemClock.now().seconds() + 300),
        nonce: random()?.into(),
    };
    let domain = Domain::token("USDC", "2", 84_532, TOKEN);
    let payload = eip3009_payload(&transfer, &buyer.sign(transfer.digest(&domain)));
    let required = json!({
        "scheme": "exact", "network": NETWORK, "amount": UNITS.to_string(), "asset": TOKEN.to_string(),
        "payTo": seller.to_string(), "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"},
    });
    Ok(json!({
        "x402Version": 2,
        "paymentPayload": {"x402Version": 2, "accepted": required, "payload": payload},
        "paymentRequirements": required,
    }))
}

/// The chain's blocks: each has one transaction.
async fn sent(chain: &DevChain) -> anyhow::Result<u64> {
    let head = chain.call("eth_blockNumber", json!([])).await.context("a development chain refused")?;
    let digits = head.as_str().and_then(|text| text.strip_prefix("0x")).context("a block without a number")?;
    Ok(u64::from_str_radix(digits, 16)?)
}

fn fresh_key() -> anyhow::Result<Secret> {
    Ok(Secret::new(hex::encode(random()?)))
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gave no random numbers: {error}"))?;
    Ok(bytes)
}
