//! A repeat is answered to the letter, whatever has happened since; and after a day it is a request of its own.

use axum::http::Method;
use serde_json::{Value, json};

use super::{customers::futures_join, shop::Shop};
use crate::world::World;

const DAY: u64 = 24 * 60 * 60;

fn one(customer: &str, value: u64) -> Value {
    json!({"customer_id": customer, "feature_code": "calls", "value": value})
}

on_both! {
    async fn a_consumption_sent_a_thousand_times_at_two_servers_is_one_with_the_same_bytes(world: &World) {
        let shop = Shop::open(world).await;
        let elsewhere = shop.elsewhere(world);
        let (customer, _) = shop.subscribed(10_000).await;
        let asking = (0..1000).map(|at| {
            let (shop, body) = (if at % 2 == 0 { &shop } else { &elsewhere }, one(&customer, 3));
            async move { shop.post_named("/v1/consume", "same", body).await }
        });
        let answers = futures_join(asking).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text));
        let fresh = answers.iter().filter(|answer| !answer.headers.contains_key("idempotency-replayed")).count();
        assert_eq!((fresh, &answers[0].json()["balance"], &answers[0].json()["usage"]), (1, &json!(9_997), &json!(3)));
        assert_eq!(shop.check(&customer, "calls", 0).await["usage"], 3);
        let ledger = shop.get(&format!("/v1/customers/{customer}/ledger")).await.is(200);
        assert_eq!(ledger["data"].as_array().unwrap().len(), 1);
    }

    async fn a_repeat_says_what_was_said_though_plan_balance_and_holds_have_changed(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, subscription) = shop.subscribed(10).await;
        let first = shop.post_named("/v1/consume", "k", one(&customer, 2)).await;
        let bearer = format!("Bearer {}", shop.token);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "t"), ("prefer", "return=representation")];
        let track = async || shop.send(Method::POST, "/v1/track", &headers, Some(&one(&customer, 1).to_string())).await;
        let tracked = track().await;
        assert_eq!((tracked.is(200)["balance"].clone(), &tracked.json()["usage"]), (json!(7), &json!(3)));
        let reserve = json!({"customer_id": customer, "feature_code": "calls", "amount": 4, "ttl_seconds": 60});
        shop.post("/v1/reservations", reserve).await.is(201);
        let more = shop.plan("bigger", 500).await;
        shop.post(&format!("/v1/subscriptions/{subscription}/change-plan"), json!({"new_plan_id": more})).await.is(200);
        let again = shop.elsewhere(world).post_named("/v1/consume", "k", one(&customer, 2)).await;
        assert_eq!((again.status, &again.text), (200, &first.text));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(track().await.text, tracked.text);
        let check = shop.check(&customer, "calls", 0).await;
        assert_eq!((&check["included_usage"], &check["usage"]), (&json!(500), &json!(3)));
    }

    async fn a_refused_consumption_is_refused_again_under_its_key_and_not_under_another(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(1).await;
        let refused = shop.post_named("/v1/consume", "k", one(&customer, 2)).await;
        assert_eq!(refused.is(200)["allowed"], false);
        let credit = json!({"customer_id": customer, "feature_code": "calls", "amount": 5});
        shop.post("/v1/credits", credit).await.is(201);
        let again = shop.post_named("/v1/consume", "k", one(&customer, 2)).await;
        assert_eq!((&again.text, again.headers["idempotency-replayed"].to_str().unwrap()), (&refused.text, "true"));
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 6);
        assert_eq!(shop.post_named("/v1/consume", "l", one(&customer, 2)).await.is(200)["balance"], 4);
    }

    async fn a_key_is_free_again_after_a_day_though_a_use_keeps_its_name(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10).await;
        let credit = |amount: u64| json!({"customer_id": customer, "feature_code": "calls", "amount": amount});
        let first = shop.post_named("/v1/credits", "k", credit(1)).await;
        shop.track(&customer, json!(1), "use").await.is(204);
        shop.post_named("/v1/credits", "k", credit(2)).await.refused(409, "paylera.idempotency_conflict");
        world.pass(DAY - 10);
        worked(world).await;
        assert_eq!(shop.post_named("/v1/credits", "k", credit(1)).await.text, first.text);
        world.pass(20);
        worked(world).await;
        let later = shop.post_named("/v1/credits", "k", credit(2)).await;
        assert_eq!((&later.is(201)["amount"], later.headers.contains_key("idempotency-replayed")), (&json!(2), false));
        assert_eq!(shop.track(&customer, json!(1), "use").await.headers["idempotency-replayed"], "true");
    }
}

/// One beat of the worker.
async fn worked(world: &World) {
    let beat = tokio::time::sleep(std::time::Duration::from_millis(300));
    farebox_server::worker::run(world.backend.clone(), beat).await;
}
