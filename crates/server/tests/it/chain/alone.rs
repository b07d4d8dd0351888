//! What is wrong with one payment stops no other.

use std::time::Duration;

use farebox_engine::settlement::{Outcome, PaymentKey, SlotId};
use farebox_evm::Payment;
use farebox_server::facilitator::{ChainOptions, Facilitating};
use farebox_store::{Conclusion, SlotStep};
use farebox_types::{Clock, SystemClock};
use farebox_x402::facilitation::SettleResponse;
use serde_json::{Value, json};

use super::{
    node::Node,
    people::request,
    town::{Running, Town},
};

fn key(pay: &Value) -> PaymentKey {
    let request = request(pay);
    let payload = serde_json::from_str(request.payload.payload.get()).unwrap();
    PaymentKey::from_bytes(Payment::read(&payload, None, &request.requirements).unwrap().key())
}

/// Asks until there is an outcome, for a while.
async fn ask(facilitating: Facilitating, pay: Value) -> SettleResponse {
    for _ in 0..200 {
        match facilitating.settle(request(&pay), None).await {
            Ok(settled) if settled.response.error_reason.as_deref() != Some("settlement_pending") => {
                return settled.response;
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("the outcome stayed unknown");
}

/// Where a payment rides, once it does.
async fn slot(town: &Town, pay: &Value) -> SlotId {
    loop {
        if let Some(row) = town.store.settlement(town.merchant, key(pay)).await.unwrap() {
            return row.slot.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Two payments, each in a transaction of its own, that no block has yet.
async fn two_in_flight(town: &Town, running: &Running) -> [Value; 2] {
    let pays = [town.pay(1_000), town.pay(2_000)];
    town.rpc("evm_setAutomine", json!([false])).await;
    for pay in &pays {
        tokio::spawn(ask(running.facilitating.clone(), pay.clone()));
        slot(town, pay).await;
    }
    pays
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_contradicts_what_another_process_wrote_keeps_no_other_from_its_own() {
    let Some(town) = Town::with_a_chain_of_its_own().await else { return };
    let running = town.open_with(ChainOptions { batch: 1, ..town.options() });
    let [contradicted, sound] = two_in_flight(&town, &running).await;
    let conclusion = Conclusion {
        tenant: town.merchant,
        key: key(&contradicted),
        outcome: Outcome::Failed { reason: "invalid_transaction_state".into() },
        command: None,
    };
    let step = SlotStep {
        tenant: town.merchant,
        slot: slot(&town, &contradicted).await,
        attempt: None,
        conclusions: vec![conclusion],
        closes: false,
        at: SystemClock.now(),
    };
    town.store.step(vec![step]).await.unwrap();
    town.rpc("evm_setAutomine", json!([true])).await;
    town.rpc("evm_mine", json!([])).await;

    assert!(ask(running.facilitating.clone(), sound).await.success);
    let other = ask(running.facilitating.clone(), contradicted).await;
    assert_eq!((other.success, other.error_reason.as_deref()), (false, Some("invalid_transaction_state")));
    running.stop();
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_about_which_the_node_has_no_answer_keeps_no_other_waiting() {
    let Some(town) = Town::with_a_chain_of_its_own().await else { return };
    let rival = town.beside().await;
    let (url, node) = Node::without(&town.url, "eth_getLogs").await;
    let running = town.open_with(ChainOptions { batch: 1, rpc_urls: vec![url], ..town.options() });
    let [rivalled, sound] = two_in_flight(&town, &running).await;
    // Ours is lost on its way, and somebody else's is first.
    let ours = town.store.slot(town.merchant, slot(&town, &rivalled).await).await.unwrap().unwrap();
    while town.rpc("anvil_dropTransaction", json!([ours.attempts[0].hash.to_string()])).await.is_null() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let theirs = rival.open();
    town.rpc("evm_setAutomine", json!([true])).await;
    let paid = ask(theirs.facilitating.clone(), rivalled.clone()).await;
    assert!(paid.success, "{paid:?}");

    assert!(ask(running.facilitating.clone(), sound).await.success);
    node.met().await;
    assert_eq!(town.store.settlement(town.merchant, key(&rivalled)).await.unwrap().unwrap().outcome, Outcome::Unknown);
    node.answer_all();
    let told = ask(running.facilitating.clone(), rivalled).await;
    assert_eq!((told.success, told.transaction), (true, paid.transaction));
    assert_eq!(town.takings().await, 3_000);
    theirs.stop();
    running.stop();
    rival.finish().await;
    town.finish().await;
}
