//! Payments through Toss Payments: the payer begins in its window, nothing is signed, and the order's id is in the browser.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use farebox_providers::toss::Toss;
use farebox_server::payments::{PaymentLimits, Payments, routes, step};
use farebox_types::Secret;
use serde_json::{Value, json};

use crate::{
    fake::{FakeToss, Wrong},
    payments::town::post_to,
    world::{Answer, World, ask, bearer, send},
};

const DAY: u64 = 24 * 3600;

struct Shop<'a> {
    world: &'a World,
    fake: FakeToss,
    payments: Payments,
}

impl<'a> Shop<'a> {
    async fn new(world: &'a World) -> Self {
        let fake = FakeToss::start().await;
        let key = Secret::new("test_sk_right".to_owned());
        let toss = Toss::new(&fake.url, &key, Duration::from_secs(2)).unwrap();
        let (backend, limits) = (world.backend.clone(), PaymentLimits::default());
        let payments = Payments::new(backend, world.merchant, Arc::new(toss), Vec::new(), limits);
        Self { world, fake, payments }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        post_to(routes(self.payments.clone()), &self.world.seller, path, None, body).await
    }

    async fn get(&self, id: &str) -> Value {
        let (router, path) = (routes(self.payments.clone()), format!("/payments/{id}"));
        ask(router, Method::GET, &path, &[("authorization", &bearer(&self.world.seller.key))], None).await.ok()
    }

    /// An order of 15,000 won that waits for its payer: our id and the order's.
    async fn ordered(&self) -> (String, String) {
        let body = json!({"customer_id": "c", "amount": 15000, "currency": "KRW", "payment_method_id": "card"});
        let answer = self.post("/payments", body).await.ok();
        assert_eq!((&answer["status"], &answer["action"]["type"]), (&json!("requires_action"), &json!("widget")));
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("id"), text("payment_id"))
    }

    /// Anybody's word that there is news.
    async fn told(&self, body: Value, transmission: usize) -> Answer {
        let transmission = transmission.to_string();
        let headers = [("tosspayments-webhook-transmission-id", transmission.as_str())];
        send(routes(self.payments.clone()), Method::POST, "/webhooks/toss", &headers, body.to_string()).await
    }

    async fn works(&self, seconds: u64) {
        self.world.pass(seconds);
        step(&self.payments).await.unwrap();
    }
}

on_both! {
    async fn an_order_that_nobody_pays_is_asked_after_ever_more_seldom_and_given_up_after_a_week(world: &World) {
        let shop = Shop::new(world).await;
        let (id, _) = shop.ordered().await;
        for _ in 0..120 {
            shop.works(30).await;
        }
        let looks = shop.fake.looks();
        assert!((1..=10).contains(&looks), "{looks} within an hour");
        assert_eq!(shop.get(&id).await["status"], "requires_action");
        shop.works(7 * DAY).await;
        assert_eq!(shop.get(&id).await["status"], "canceled");
        let looks = shop.fake.looks();
        shop.works(DAY).await;
        assert_eq!(shop.fake.looks(), looks, "nobody asks any more");
    }

    async fn a_flood_of_unsigned_events_is_one_row_and_a_few_looks(world: &World) {
        let shop = Shop::new(world).await;
        let (_, order) = shop.ordered().await;
        let event = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": "x", "orderId": order}});
        for at in 0..200 {
            assert_eq!(shop.told(event.clone(), at).await.status, 200);
            if at % 4 == 0 {
                shop.works(1).await;
            }
        }
        assert_eq!(world.count("provider_event").await, 1);
        let looks = shop.fake.looks();
        assert!((1..=12).contains(&looks), "{looks} looks");
        for _ in 0..40 {
            shop.works(3600).await;
        }
        let looks = shop.fake.looks();
        assert!(looks <= 60, "{looks}: the order's own looks, and no more");
    }

    async fn an_unsigned_event_about_nothing_of_ours_is_not_kept(world: &World) {
        let shop = Shop::new(world).await;
        let unknown = format!("{}{}", world.merchant.uuid().simple(), uuid::Uuid::now_v7().simple());
        for (at, order) in [unknown.as_str(), "order-1", "\u{0}", &"f".repeat(64)].into_iter().enumerate() {
            let event = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": "x", "orderId": order}});
            assert_eq!(shop.told(event, at).await.status, 200, "{order:?}");
        }
        assert_eq!(shop.told(json!({"eventType": "METHOD_UPDATED", "data": {}}), 9).await.status, 200);
        assert_eq!(world.count("provider_event").await, 0);
        shop.works(1).await;
        assert_eq!(shop.fake.looks(), 0);
    }

    async fn an_unsigned_event_of_ours_is_a_reason_to_look(world: &World) {
        let shop = Shop::new(world).await;
        let (id, order) = shop.ordered().await;
        let key = shop.fake.payer_pays(&order, 15_000);
        shop.post(&format!("/payments/{id}/confirm"), json!({"token": key})).await.ok();
        shop.fake.refund_by_hand(&order, 4_000);
        let event = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": key, "orderId": order}});
        shop.told(event.clone(), 1).await;
        shop.works(1).await;
        assert_eq!(shop.get(&id).await["refunded_minor"], 4_000);
        shop.fake.refund_by_hand(&order, 1_000);
        shop.told(event, 2).await;
        shop.works(10).await;
        assert_eq!(shop.get(&id).await["refunded_minor"], 5_000, "and so is the next one");
    }

    async fn a_payer_who_pays_again_is_confirmed_with_the_new_key(world: &World) {
        let shop = Shop::new(world).await;
        let (id, order) = shop.ordered().await;
        let path = format!("/payments/{id}/confirm");
        let stale = shop.post(&path, json!({"token": "tgen_stale"})).await.ok();
        assert_eq!((&stale["status"], &stale["failure"]["code"]), (&json!("requires_action"), &json!("NOT_FOUND_PAYMENT_SESSION")));
        let key = shop.fake.payer_pays(&order, 15_000);
        let paid = shop.post(&path, json!({"token": key})).await.ok();
        assert_eq!((&paid["status"], &paid["captured_minor"]), (&json!("succeeded"), &json!(15_000)));
    }

    async fn a_confirm_whose_answer_was_lost_is_made_once_more_under_its_key(world: &World) {
        let shop = Shop::new(world).await;
        let (id, order) = shop.ordered().await;
        let key = shop.fake.payer_pays(&order, 15_000);
        shop.fake.break_next(Wrong::FailBefore);
        let asked = shop.post(&format!("/payments/{id}/confirm"), json!({"token": key})).await;
        assert_eq!(asked.status, 202);
        // Meanwhile no other call can be made.
        let other = shop.post(&format!("/payments/{id}/confirm"), json!({"token": "another"})).await;
        other.refused(409, "FBX.PAYMENT.BUSY");
        for _ in 0..3 {
            shop.works(60).await;
        }
        let read = shop.get(&id).await;
        assert_eq!((&read["status"], &read["captured_minor"]), (&json!("succeeded"), &json!(15_000)));
        assert_eq!(shop.fake.keys(), 1, "one key, one charge");
    }
}
