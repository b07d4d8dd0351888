//! Payments through Stripe, where the payer's page holds a secret that goes on working.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use farebox_engine::payment::{Command, EventKey, ProviderEvent};
use farebox_providers::stripe::Stripe;
use farebox_server::payments::{PaymentLimits, Payments, reconcile, routes, step};
use farebox_types::{Secret, Timestamp};
use serde_json::{Value, json};

use crate::{
    fake::{FakeStripe, Wrong},
    payments::town::{order, post_to},
    world::{Answer, World, ask, bearer},
};

pub(crate) struct Shop<'a> {
    world: &'a World,
    pub(crate) fake: FakeStripe,
    payments: Payments,
}

impl<'a> Shop<'a> {
    pub(crate) async fn new(world: &'a World) -> Self {
        let fake = FakeStripe::start().await;
        let key = Secret::new("sk_test_right".to_owned());
        let stripe = Stripe::new(&fake.url, &key, Duration::from_secs(2)).unwrap();
        let (backend, limits) = (world.backend.clone(), PaymentLimits::default());
        let payments = Payments::new(backend, world.merchant, Arc::new(stripe), Vec::new(), limits);
        Self { world, fake, payments }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        post_to(routes(self.payments.clone()), &self.world.seller, path, None, body).await
    }

    pub(crate) fn router(&self) -> axum::Router {
        routes(self.payments.clone())
    }

    pub(crate) async fn get(&self, id: &str) -> Value {
        let (router, path) = (routes(self.payments.clone()), format!("/payments/{id}"));
        ask(router, Method::GET, &path, &[("authorization", &bearer(&self.world.seller.key))], None).await.ok()
    }

    pub(crate) async fn works(&self, seconds: u64) {
        self.world.pass(seconds);
        step(&self.payments).await.unwrap();
    }

    /// One that the payer's bank must be asked about: our id and Stripe's.
    async fn at_the_bank(&self) -> (String, String) {
        let answer = self.post("/payments", order("pm_card_threeDSecureRequired")).await.ok();
        assert_eq!(answer["status"], "requires_action");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("id"), text("payment_id"))
    }

    /// An event has come, verified and written down.
    async fn hears(&self, event: &str, kind: &str, intent: &str) {
        let key = EventKey { tenant: self.world.merchant, provider: "stripe".to_owned(), id: event.to_owned() };
        let (kind, provider_id, now) = (kind.to_owned(), Some(intent.to_owned()), self.world.now());
        let (our_id, applied_at, next_try) = (None, None, Some(now));
        let row = ProviderEvent { key, kind, our_id, provider_id, received_at: now, applied_at, next_try, tries: 0 };
        self.world.store.pay(Command::Arrive(Box::new(row))).await.unwrap();
    }

    async fn differences(&self) -> Vec<String> {
        let found = reconcile(&self.payments, self.world.merchant, Timestamp::from_seconds(0)).await.unwrap();
        found.iter().map(ToString::to_string).collect()
    }
}

on_both! {
    async fn a_payment_that_has_failed_cannot_be_paid_from_the_page_that_is_still_open(world: &World) {
        let shop = Shop::new(world).await;
        let (id, intent) = shop.at_the_bank().await;
        shop.fake.fails_at_the_bank(&intent);
        // As long as it cannot be closed, nobody says that it is over.
        shop.fake.break_next("/cancel", Wrong::FailBefore);
        shop.works(60).await;
        assert_eq!(shop.get(&id).await["status"], "requires_action");
        shop.works(60).await;
        let read = shop.get(&id).await;
        assert_eq!((&read["status"], &read["failure"]["code"]), (&json!("failed"), &json!("payment_intent_authentication_failure")));
        assert!(!shop.fake.pays_with_another_card(&intent), "it is over there too");
        shop.works(3600).await;
        assert_eq!((&shop.get(&id).await["captured_minor"], shop.differences().await), (&json!(0), vec![]));
    }

    async fn an_event_that_tells_of_the_failure_closes_it_before_it_is_over(world: &World) {
        let shop = Shop::new(world).await;
        let (id, intent) = shop.at_the_bank().await;
        shop.fake.fails_at_the_bank(&intent);
        shop.fake.break_next("/cancel", Wrong::FailBefore);
        shop.hears("evt_1", "payment_intent.payment_failed", &intent).await;
        shop.works(0).await;
        assert_eq!(shop.get(&id).await["status"], "requires_action", "it could still be paid");
        shop.works(30).await;
        assert_eq!(shop.get(&id).await["status"], "failed");
        assert!(!shop.fake.pays_with_another_card(&intent), "it is over there too");
    }

    async fn who_confirms_after_the_bank_has_said_no_closes_it_as_well(world: &World) {
        let shop = Shop::new(world).await;
        let (id, intent) = shop.at_the_bank().await;
        shop.fake.fails_at_the_bank(&intent);
        let answer = shop.post(&format!("/payments/{id}/confirm"), json!({})).await.ok();
        assert_eq!(answer["status"], "failed");
        assert!(!shop.fake.pays_with_another_card(&intent));
    }

    async fn a_payer_who_was_faster_with_another_card_has_paid(world: &World) {
        let shop = Shop::new(world).await;
        let (id, intent) = shop.at_the_bank().await;
        shop.fake.fails_at_the_bank(&intent);
        assert!(shop.fake.pays_with_another_card(&intent));
        shop.works(60).await;
        let read = shop.get(&id).await;
        assert_eq!((&read["status"], &read["captured_minor"]), (&json!("succeeded"), &json!(4999)));
        assert_eq!(shop.differences().await, Vec::<String>::new());
    }
}
