//! What the provider tells us by itself, and what it does not.

use std::time::Duration;

use serde_json::json;

use super::street::{Street, approve, on_both_streets};
use crate::world::Engine;

on_both_streets! {
    async fn webhooks_twice_late_and_out_of_order_change_nothing_twice(street: &Street) {
        let caller = street.caller();
        let mut ids = Vec::new();
        for method in ["pm_sim_ok", "pm_sim_webhook_duplicate", "pm_sim_webhook_late", "pm_sim_webhook_out_of_order"] {
            ids.push(caller.pay(method).await.id());
        }
        // One, two, one that comes 5 s late, and two of which the older comes last.
        until_delivered(street, 6).await;
        tokio::time::sleep(Duration::from_millis(800)).await;
        for id in &ids {
            assert_eq!(caller.get(&format!("/payments/{id}")).await.body["status"], "succeeded");
            assert_eq!(caller.trail(id).await, ["payment_created", "provider_answered"]);
            assert_eq!(street.charges(id).await, 1);
        }
    }

    async fn a_webhook_moves_a_payment_that_waits_for_its_payer(street: &Street) {
        let caller = street.caller();
        let said = caller.pay("pm_sim_3ds").await;
        assert_eq!((said.status, &said.body["status"]), (200, &json!("requires_action")));
        approve(said.body["action"]["url"].as_str().unwrap()).await;
        caller.until(&said.id(), "succeeded").await;
        assert_eq!(caller.trail(&said.id()).await, ["payment_created", "provider_answered", "provider_answered"]);
        let events = caller.get(&format!("/payments/{}/events", said.id())).await.body;
        assert_eq!(events["data"][2]["actor"], "provider:sim", "the webhook did it, not the worker's clock");
    }

    async fn a_lost_webhook_is_made_up_for_by_asking(street: &Street) {
        let caller = street.caller();
        let thinks = caller.pay("pm_sim_processing_webhook_lost").await;
        assert_eq!(thinks.status, 202);
        let waits = caller.pay("pm_sim_3ds_webhook_lost").await;
        approve(waits.body["action"]["url"].as_str().unwrap()).await;
        for said in [thinks, waits] {
            caller.until(&said.id(), "succeeded").await;
            let events = caller.get(&format!("/payments/{}/events", said.id())).await.body;
            assert_eq!(events["data"][2]["actor"], "worker");
        }
        assert_eq!(street.delivered(), 0);
    }

    async fn a_forged_webhook_is_turned_away_and_moves_nothing(street: &Street) {
        let caller = street.caller();
        let said = caller.pay("pm_sim_3ds_webhook_lost").await;
        let object = json!({"id": said.body["payment_id"], "object": "payment_intent", "status": "succeeded"});
        let forged = json!({"id": "evt_forged", "type": "payment_intent.succeeded", "created": 1, "data": {"object": object}});
        for path in ["/webhooks/sim", "/webhooks/payments"] {
            let answer = caller.post(path, None, &forged).await.unwrap();
            assert_eq!((answer.status, &answer.body["code"]), (400, &json!("FBX.WEBHOOK.FORGED")), "{answer:?}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(caller.get(&format!("/payments/{}", said.id())).await.body["status"], "requires_action");
    }

    async fn a_refund_that_was_made_at_the_provider_is_taken_over(street: &Street) {
        let caller = street.caller();
        let said = caller.pay("pm_sim_ok").await;
        let path = format!("/payments/{}/refunds", said.id());
        caller.post(&path, None, &json!({"amount_minor": 1000})).await.unwrap();
        refund_there(street, said.body["payment_id"].as_str().unwrap(), 500).await;
        let read = caller.until(&said.id(), "partially_refunded").await;
        assert_eq!(read["captured_minor"], 4999);
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if caller.get(&format!("/payments/{}", said.id())).await.body["refunded_minor"] == 1500 {
                break;
            }
        }
        assert_eq!(caller.get(&format!("/payments/{}", said.id())).await.body["refunded_minor"], 1500);
        let more = caller.post(&path, None, &json!({"amount_minor": 3500})).await.unwrap();
        assert_eq!((more.status, &more.body["code"]), (422, &json!("FBX.PAYMENT.TOO_MUCH")), "{more:?}");
    }
}

/// Reconciliation finds what was planted, and that alone.
#[rstest::rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_nobody_told_us_of_is_the_one_difference(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(street) = Street::new(engine).await else { return };
    let caller = street.caller();
    caller.pay("pm_sim_ok").await;
    let said = caller.pay("pm_sim_webhook_lost").await;
    refund_there(&street, said.body["payment_id"].as_str().unwrap(), 500).await;
    street.finish_with("we have 0 refunded, the provider 500").await;
}

#[rstest::rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_we_know_nothing_of_is_the_one_difference(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(street) = Street::new(engine).await else { return };
    street.caller().pay("pm_sim_ok").await;
    let foreign = json!({
        "our_id": "by hand", "customer_id": "c", "minor": 100, "currency": "USD", "method": "pm_sim_ok",
        "manual_capture": false, "return_url": null,
    });
    let made = street.provider().post("/v1/payments", Some("by hand"), &foreign).await.unwrap();
    assert_eq!(made.status, 200, "{made:?}");
    street.finish_with("the provider has it, we do not").await;
}

/// Somebody at the provider's own dashboard.
async fn refund_there(street: &Street, provider_id: &str, minor: i64) {
    let body = json!({"minor": minor, "our_refund": ""});
    let made = street.provider().post(&format!("/v1/payments/{provider_id}/refunds"), Some("by hand"), &body).await;
    assert_eq!(made.unwrap().status, 200);
}

async fn until_delivered(street: &Street, count: usize) {
    for _ in 0..100 {
        if street.delivered() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} of {count} webhooks came", street.delivered());
}
