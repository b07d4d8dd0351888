//! Idempotency keys.

use serde_json::json;

use super::shop::Shop;
use crate::world::World;

on_both! {
    async fn a_repeat_is_answered_as_the_first_was_and_another_request_is_a_conflict(world: &World) {
        let shop = Shop::open(world).await;
        let body = json!({"email": "ann@example.com"});
        let first = shop.post_named("/v1/customers", "k", body.clone()).await;
        let again = shop.elsewhere(world).post_named("/v1/customers", "k", body).await;
        assert_eq!((first.status, &first.text), (again.status, &again.text));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let other = shop.post_named("/v1/customers", "k", json!({"email": "bob@example.com"})).await;
        other.refused(409, "paylera.idempotency_conflict");
        let other = shop.post_named("/v1/credits", "k", json!({"email": "ann@example.com"})).await;
        other.refused(409, "paylera.idempotency_conflict");
    }

    async fn a_refusal_is_repeated_too(world: &World) {
        let shop = Shop::open(world).await;
        let (free, _) = shop.stock().await;
        let body = json!({"customer_id": uuid::Uuid::now_v7(), "plan_id": free});
        let first = shop.post_named("/v1/attach", "k", body.clone()).await;
        first.refused(404, "paylera.not_found");
        let again = shop.post_named("/v1/attach", "k", body).await;
        assert_eq!((again.status, &again.text), (404, &first.text));
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }

    async fn a_key_is_one_to_255_visible_characters(world: &World) {
        let shop = Shop::open(world).await;
        for key in ["a b", "é", &"x".repeat(256)] {
            let answer = shop.post_named("/v1/customers", key, json!({"email": "a@b.c"})).await;
            answer.refused(400, "paylera.invalid_idempotency_key");
        }
    }
}
