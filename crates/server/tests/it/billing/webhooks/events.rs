//! What is told of payments and billing: the wire's own shapes, as they were then.

use farebox_providers::sim::types::SimDispute;
use serde_json::{Value, json};

use super::super::shop::id_of;
use super::street::{Street, until};
use crate::world::World;

/// Type, state, and what was paid back.
fn states(handled: &[(String, Value)]) -> Vec<(&str, &str, i64)> {
    let number = |object: &Value| object["refunded_minor"].as_i64().unwrap();
    handled.iter().map(|(kind, object)| (kind.as_str(), object["status"].as_str().unwrap(), number(object))).collect()
}

on_both! {
    async fn each_event_of_a_payment_shows_it_as_it_was_then(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        let id = street.pay("pm_sim_ok").await;
        for amount in ["10.00", "39.99"] {
            let body = json!({"amount": serde_json::from_str::<Value>(amount).unwrap()});
            street.town.post(&format!("/payments/{id}/refunds"), None, body).await.ok();
        }
        // All three are told only now, when the payment is refunded whole.
        let worker = street.worker();
        until("three events", async || inbox.handled().len() == 3).await;
        worker.stop().await;
        let mut handled = inbox.handled();
        handled.sort_by_key(|(_, object)| object["refunded_minor"].as_i64());
        assert_eq!(states(&handled), [
            ("payment.succeeded", "succeeded", 0),
            ("payment.refunded", "partially_refunded", 1_000),
            ("payment.refunded", "refunded", 4_999),
        ]);
        assert!(handled.iter().all(|(_, object)| object["captured_minor"] == 4_999 && object["id"] == id));
    }

    async fn a_payer_who_must_act_is_told_without_what_is_for_the_payer_alone(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.requires_action", "payment.failed"]).await;
        let worker = street.worker();
        street.pay("pm_sim_3ds").await;
        street.pay("pm_sim_decline").await;
        until("both", async || inbox.handled().len() == 2).await;
        worker.stop().await;
        for (kind, object) in inbox.handled() {
            match kind.as_str() {
                "payment.requires_action" => {
                    assert_eq!(object["status"], "requires_action");
                    assert_eq!(object["action"]["client_secret"], Value::Null, "{object}");
                }
                _ => assert!(object["failure"]["code"].is_string(), "{object}"),
            }
        }
        let posts = inbox.posts();
        let texts: Vec<_> = posts.iter().map(|(_, body)| std::str::from_utf8(body).unwrap()).collect();
        assert!(texts.iter().all(|text| !text.contains("pending") && !text.contains("next_check")), "{texts:?}");
    }

    async fn a_dispute_and_its_end_are_told(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        street.town.listening().await;
        let answer = street.town.pay("pm_sim_ok").await.ok();
        let worker = street.worker();
        for (dispute, count) in [(SimDispute::Open, 2), (SimDispute::Won, 3)] {
            street.town.remote.dispute(answer["payment_id"].as_str().unwrap(), dispute).unwrap();
            street.town.delivered().await;
            until("the event", async || inbox.handled().len() == count).await;
        }
        worker.stop().await;
        assert_eq!(states(&inbox.handled()), [
            ("payment.succeeded", "succeeded", 0),
            ("payment.disputed", "disputed", 0),
            ("payment.dispute_closed", "succeeded", 0),
        ]);
    }

    async fn customers_and_subscriptions_are_told_as_the_api_shows_them(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["customer.*", "subscription.*"]).await;
        let shop = &street.shop;
        let (customer, subscription) = shop.subscribed(10).await;
        let path = format!("/v1/subscriptions/{subscription}");
        let began = shop.get(&path).await.is(200);
        shop.post(&format!("{path}/cancel"), json!({"at_period_end": true})).await.is(200);
        let ending = shop.get(&path).await.is(200);
        shop.post(&format!("{path}/uncancel"), json!({})).await.is(200);
        shop.post(&format!("{path}/cancel"), json!({"at_period_end": false})).await.is(200);
        let over = shop.get(&path).await.is(200);
        let worker = street.worker();
        until("five events", async || inbox.handled().len() == 5).await;
        worker.stop().await;
        let handled = inbox.handled();
        let of = |kind: &str| -> Vec<&Value> {
            handled.iter().filter(|(name, _)| name == kind).map(|(_, object)| object).collect()
        };
        assert_eq!(of("customer.created"), [&shop.get(&format!("/v1/customers/{customer}")).await.is(200)]);
        assert_eq!(of("subscription.created"), [&began]);
        assert!(of("subscription.updated").contains(&&ending));
        assert_eq!(of("subscription.canceled"), [&over]);
    }

    async fn a_renewal_that_time_brings_is_told(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["subscription.renewed"]).await;
        let (_, subscription) = street.shop.subscribed(10).await;
        let worker = street.worker();
        world.pass(32 * 24 * 60 * 60);
        until("the renewal", async || inbox.handled().len() == 1).await;
        worker.stop().await;
        let shown = street.shop.get(&format!("/v1/subscriptions/{subscription}")).await.is(200);
        assert_eq!(inbox.handled()[0].1, shown);
    }

    async fn a_checkout_that_is_left_is_told_with_the_subscription_it_was_for(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["checkout.*", "subscription.updated"]).await;
        let shop = &street.shop;
        let body = json!({"code": "pro", "name": "Pro", "prices": [{"amount": 900, "currency": "USD", "interval": "month"}], "features": {}});
        let plan = id_of(&shop.put("/v1/admin/plans/pro", body).await.is(201));
        let customer = shop.customer("ann@example.com").await;
        let body = json!({"customer_id": customer, "plan_id": plan, "success_url": "https://example.com/yes", "cancel_url": "https://example.com/no"});
        let attached = shop.post("/v1/attach", body).await.is(200);
        let worker = street.worker();
        world.pass(3 * 24 * 60 * 60);
        until("both events", async || inbox.handled().len() == 2).await;
        worker.stop().await;
        let handled = inbox.handled();
        let of = |kind: &str| &handled.iter().find(|(name, _)| name == kind).unwrap().1;
        let checkout = of("checkout.expired");
        assert_eq!((&checkout["status"], &checkout["customer_id"]), (&json!("expired"), &json!(customer)));
        assert_eq!(checkout["subscription_id"], attached["subscription_id"]);
        assert_eq!(of("subscription.updated")["status"], "incomplete_expired");
        let members = ["id", "customer_id", "subscription_id", "status", "payment_id", "expires_at"];
        assert!(checkout.as_object().unwrap().keys().all(|name| members.contains(&name.as_str())), "{checkout}");
    }
}
