//! Subscriptions in time, and through a checkout.

use axum::http::Method;
use serde_json::json;

use super::shop::Shop;
use crate::world::World;

on_both! {
    async fn a_cancelled_subscription_gives_on_until_its_period_ends_and_can_be_taken_back(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, id) = shop.subscribed(10).await;
        let path = format!("/v1/subscriptions/{id}");
        let ended = shop.post(&format!("{path}/cancel"), json!({"reason": "too dear"})).await.is(200);
        assert_eq!((&ended["status"], &ended["cancel_at_period_end"]), (&json!("active"), &json!(true)));
        assert_eq!(shop.check(&customer, "export", 0).await["allowed"], true);
        let back = shop.call(Method::POST, &format!("{path}/uncancel"), "", None).await.is(200);
        assert_eq!((&back["cancel_at_period_end"], &back["canceled_at"]), (&json!(false), &json!(null)));
        shop.call(Method::POST, &format!("{path}/uncancel"), "", None).await.refused(422, "paylera.invalid_state");
        let paused = shop.call(Method::POST, &format!("{path}/pause"), "", None).await.is(200);
        assert_eq!(paused["status"], "paused");
        let check = shop.check(&customer, "export", 0).await;
        assert_eq!((&check["allowed"], &check["reason"]), (&json!(false), &json!("subscription_inactive")));
        assert_eq!(shop.call(Method::POST, &format!("{path}/resume"), "", None).await.is(200)["status"], "active");
        let now = shop.post(&format!("{path}/cancel"), json!({"at_period_end": false})).await.is(200);
        assert_eq!(now["status"], "canceled");
        assert_eq!(shop.check(&customer, "export", 0).await["allowed"], false);
    }

    async fn a_test_clock_moves_periods_from_the_original_anchor(world: &World) {
        let shop = Shop::open(world).await;
        let clock = shop.post("/v1/test-clocks", json!({"frozen_time": "2028-01-31T12:00:00Z"})).await.is(201);
        let (customer, id) = shop.subscribed(10).await;
        shop.track(&customer, json!(10), "all").await.is(204);
        let advance = format!("/v1/test-clocks/{}/advance", clock["id"].as_str().unwrap());
        for (to, end) in [("2028-03-01T00:00:00Z", "2028-03-31T12:00:00Z"), ("2028-03-31T12:00:00Z", "2028-04-30T12:00:00Z")] {
            let moved = shop.post(&advance, json!({"frozen_time": to})).await.is(200);
            assert_eq!((&moved["frozen_time"], &moved["status"]), (&json!(to), &json!("ready")));
            let subscription = shop.get(&format!("/v1/subscriptions/{id}")).await.is(200);
            assert_eq!(subscription["current_period_end"], end);
        }
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 10);
        shop.post(&advance, json!({"frozen_time": "2028-01-01T00:00:00Z"})).await.refused(422, "paylera.invalid");
        shop.post("/v1/test-clocks", json!({"frozen_time": "2028-01-31T12:00:00Z"})).await.refused(409, "paylera.conflict");
    }
}
