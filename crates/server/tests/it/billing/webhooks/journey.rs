//! From a payment to the merchant's own program, and again.

use axum::http::Method;
use serde_json::{Value, json};

use super::super::shop::id_of;
use super::street::{Inbox, Manner, Street, until};
use crate::world::World;

on_both! {
    async fn a_payment_that_succeeds_is_told_signed_and_our_own_receiver_accepts_it(world: &World) {
        let street = Street::new(world).await;
        let (inbox, endpoint) = street.inbox(&["payment.succeeded"]).await;
        let worker = street.worker();
        let id = street.pay("pm_sim_ok").await;
        until("the event", async || inbox.handled().len() == 1).await;
        worker.stop().await;

        let (kind, object) = inbox.handled().remove(0);
        assert_eq!(kind, "payment.succeeded");
        assert_eq!(object, street.town.get(&format!("/payments/{id}")).await, "the payment as GET shows it");
        let (headers, body) = inbox.posts().remove(0);
        assert_eq!(headers["content-type"], "application/json");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((body["sequence"].as_u64(), body["api_version"].as_str()), (Some(1), Some("2026-05-01")));

        let delivery = street.only_delivery().await;
        assert_eq!((delivery["status"].as_str(), delivery["attempts"].as_u64()), (Some("succeeded"), Some(1)));
        assert_eq!((&delivery["event_id"], &delivery["endpoint_id"]), (&body["id"], &json!(endpoint)));
        assert_eq!((delivery["response_status"].as_u64(), &delivery["failure"]), (Some(200), &Value::Null));
        assert_eq!(delivery["next_attempt_at"], Value::Null);
    }

    async fn a_merchant_without_endpoints_costs_no_row_and_its_outbox_is_emptied(world: &World) {
        let street = Street::new(world).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("an empty outbox", async || street.outbox().await == 0).await;
        worker.stop().await;
        world.pass(3_600);
        assert_eq!(street.outbox().await, 0, "past every lease");
        // Made afterwards, it hears nothing of what was before.
        let (inbox, _) = street.inbox(&["*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_decline").await;
        until("the failure", async || !inbox.handled().is_empty()).await;
        worker.stop().await;
        assert_eq!(inbox.kinds(), ["payment.failed"]);
    }

    async fn each_endpoint_gets_what_it_asked_for_and_events_are_numbered(world: &World) {
        let street = Street::new(world).await;
        let (all, _) = street.inbox(&["*"]).await;
        let (failures, _) = street.inbox(&["payment.failed", "payment.disputed"]).await;
        let off = Inbox::open(Manner::Answer(200)).await;
        let (disabled, _) = street.endpoint(&off.url, &["*"]).await;
        street.patch(&disabled, json!({"enabled": false})).await;
        street.pay("pm_sim_ok").await;
        // Lines of one instant have no order.
        world.clock.advance(std::time::Duration::from_millis(3));
        street.pay("pm_sim_decline").await;
        let worker = street.worker();
        until("both", async || all.handled().len() == 2 && failures.handled().len() == 1).await;
        worker.stop().await;
        assert_eq!(failures.kinds(), ["payment.failed"]);
        assert!(off.posts().is_empty());
        let mut numbers: Vec<(u64, String)> = all.posts().iter().map(|(_, body)| {
            let body: Value = serde_json::from_slice(body).unwrap();
            (body["sequence"].as_u64().unwrap(), body["type"].as_str().unwrap().to_owned())
        }).collect();
        numbers.sort();
        assert_eq!(numbers, [(1, "payment.succeeded".to_owned()), (2, "payment.failed".to_owned())]);
        assert_eq!(street.deliveries("").await.len(), 3);
    }

    async fn two_workers_send_each_event_once_and_keep_the_order_of_the_numbers(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        let workers = [street.worker(), street.worker()];
        for _ in 0..12 {
            street.pay("pm_sim_ok").await;
            world.clock.advance(std::time::Duration::from_millis(3));
        }
        until("all", async || inbox.handled().len() == 12).await;
        for worker in workers {
            worker.stop().await;
        }
        assert_eq!(inbox.posts().len(), 12, "nothing failed, so nothing was sent twice");
        let mut sent: Vec<(u64, i64, String)> = inbox.posts().iter().map(|(_, body)| {
            let body: Value = serde_json::from_slice(body).unwrap();
            let object = &body["data"]["object"];
            (body["sequence"].as_u64().unwrap(), object["updated_at"].as_i64().unwrap(), object["id"].as_str().unwrap().to_owned())
        }).collect();
        sent.sort();
        assert_eq!(sent.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
        assert!(sent.windows(2).all(|pair| pair[0].2 < pair[1].2), "numbers follow the commits: {sent:?}");
    }

    async fn a_replay_is_a_new_delivery_of_the_same_event_and_has_no_second_effect(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("the event", async || inbox.handled().len() == 1).await;
        let first = street.only_delivery().await;
        let path = format!("/v1/webhook-deliveries/{}/replay", id_of(&first));
        let again = street.shop.call(Method::POST, &path, "again", None).await.is(201);
        let repeated = street.shop.call(Method::POST, &path, "again", None).await;
        assert_eq!(repeated.headers["idempotency-replayed"], "true");
        assert_eq!(repeated.is(201), again, "one key, one replay");
        assert_ne!(again["id"], first["id"]);
        assert_eq!((&again["event_id"], &again["status"]), (&first["event_id"], &json!("pending")));
        until("the replay", async || inbox.posts().len() == 2).await;
        until("its end", async || street.deliveries("&status=succeeded").await.len() == 2).await;
        worker.stop().await;
        assert_eq!(inbox.posts()[0].1, inbox.posts()[1].1, "the same bytes");
        assert_eq!(inbox.handled().len(), 1, "the receiver knows the event");
        assert_eq!(world.count("webhook_delivery_replayed").await, 1);

        street.shop.call(Method::POST, "/v1/webhook-deliveries/nothing/replay", "", None).await.refused(404, "paylera.not_found");
        let endpoint = first["endpoint_id"].as_str().unwrap();
        street.patch(endpoint, json!({"enabled": false})).await;
        street.shop.call(Method::POST, &path, "later", None).await.refused(422, "paylera.invalid_state");
    }

    async fn a_new_secret_and_the_one_before_it_both_sign_for_a_while(world: &World) {
        let street = Street::new(world).await;
        let inbox = Inbox::open(Manner::Accept).await;
        let (endpoint, old) = street.endpoint(&inbox.url, &["payment.*"]).await;
        let path = format!("/v1/webhook-endpoints/{endpoint}/rotate-secret");
        let rotated = street.shop.call(Method::POST, &path, "r1", Some(json!({"grace_seconds": 600}))).await.is(200);
        let new = rotated["secret"].as_str().unwrap().to_owned();
        assert_ne!(new, old);
        let repeated = street.shop.call(Method::POST, &path, "r1", Some(json!({"grace_seconds": 600}))).await.is(200);
        assert_eq!(repeated["secret"], Value::Null, "shown once");
        let worker = street.worker();
        for (secret, count) in [(&old, 1), (&new, 2)] {
            inbox.trust(world, &[secret]);
            street.pay("pm_sim_ok").await;
            until("an event under either secret", async || inbox.handled().len() == count).await;
        }
        world.pass(600);
        inbox.trust(world, &[&old]);
        street.pay("pm_sim_ok").await;
        until("a refusal of the old secret", async || !street.deliveries("&status=waiting").await.is_empty()).await;
        assert_eq!(inbox.handled().len(), 2);
        inbox.trust(world, &[&new]);
        world.pass(60);
        until("the same under the new one", async || inbox.handled().len() == 3).await;
        worker.stop().await;
    }
}
