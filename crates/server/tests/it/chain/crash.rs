//! Crashes and hostile nodes at every exchange of settling: one transfer or none, and the ledger agrees with the chain.

use std::{sync::Arc, time::Duration};

use farebox_server::facilitator::{ChainOptions, Facilitating};
use farebox_x402::facilitation::SettleResponse;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    node::{Fate, Node},
    people::request,
    town::Town,
};

/// More than a settle needs: the last ones are never reached, and then nothing crashes.
const EXCHANGES: usize = 7;

/// Asks until the outcome is known.
async fn ask(facilitating: &Facilitating, pay: &Value) -> SettleResponse {
    for _ in 0..60 {
        match facilitating.settle(request(pay), None).await {
            Ok(settled) if settled.response.error_reason.as_deref() != Some("settlement_pending") => {
                return settled.response;
            }
            Ok(_) => {}
            Err(failure) => {
                tracing::debug!("{failure}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    panic!("the outcome stayed unknown");
}

#[rstest]
#[case(Fate::Swallowed)]
#[case(Fate::Unanswered)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_exchange_is_taken_over_and_pays_once(#[case] fate: Fate) {
    let dying = (0..EXCHANGES).map(|at| tokio::spawn(die_at(at, fate)));
    for one in dying.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

async fn die_at(at: usize, fate: Fate) {
    let Some(town) = Town::new().await else { return };
    let (url, node) = Node::start(&town.url, at, fate).await;
    let pay = town.pay(10_000);
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (store, clock, merchant) = (Arc::clone(&town.store), town.clock(), town.merchant);
    let options = ChainOptions { rpc_urls: vec![url], ..town.options() };
    let paid = pay.clone();
    let settling = process.spawn(async move {
        let facilitating = Facilitating::new(store, clock, merchant, vec![options]).unwrap();
        facilitating.settle(request(&paid), None).await
    });
    // Dies with the exchange under way; or, when there is no such exchange, right after it was done.
    let answered = tokio::select! {
        () = node.met() => None,
        answered = settling => Some(answered.unwrap().unwrap().response),
    };
    process.shutdown_background();
    town.pass(Duration::from_secs(20));

    let after = town.open();
    let settled = ask(&after.facilitating, &pay).await;
    assert!(settled.success, "exchange {at}, {fate:?}: {settled:?}");
    if let Some(before) = answered.filter(|answer| answer.success) {
        assert_eq!(before, settled);
    }
    assert_eq!(town.takings().await, 10_000, "exchange {at}, {fate:?}");
    after.stop();
    town.finish().await;
}

#[rstest]
#[case(Fate::Swallowed)]
#[case(Fate::Unanswered)]
#[case(Fate::BadGateway)]
#[case(Fate::Nonsense)]
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_at_any_exchange_never_makes_a_payment_twice(#[case] fate: Fate) {
    let failing = (0..EXCHANGES).map(|at| tokio::spawn(fail_at(at, fate)));
    for one in failing.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

async fn fail_at(at: usize, fate: Fate) {
    let Some(town) = Town::new().await else { return };
    let (url, _node) = Node::start(&town.url, at, fate).await;
    let running = town.open_with(ChainOptions { rpc_urls: vec![url], ..town.options() });
    let pay = town.pay(10_000);
    let settled = ask(&running.facilitating, &pay).await;
    assert!(settled.success, "exchange {at}, {fate:?}: {settled:?}");
    assert_eq!((town.takings().await, town.sent().await), (10_000, 1), "exchange {at}, {fate:?}");
    assert_eq!(ask(&running.facilitating, &pay).await, settled);
    running.stop();
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_is_undone_takes_the_payment_along_and_the_same_bytes_bring_it_back() {
    let Some(town) = Town::with_a_chain_of_its_own().await else { return };
    let running = town.open();
    let before = town.rpc("evm_snapshot", json!([])).await;
    let pay = town.pay(10_000);
    let settled = ask(&running.facilitating, &pay).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(town.takings().await, 10_000);

    assert_eq!(town.rpc("evm_revert", json!([before])).await, json!(true));
    assert_eq!(town.takings().await, 0);
    for _ in 0..200 {
        if town.takings().await == 10_000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((town.takings().await, town.sent().await), (10_000, 1));
    assert_eq!(ask(&running.facilitating, &pay).await, settled);
    let receipt = town.rpc("eth_getTransactionReceipt", json!([settled.transaction])).await;
    assert_eq!(receipt["status"], "0x1");
    running.stop();
    town.finish().await;
}
