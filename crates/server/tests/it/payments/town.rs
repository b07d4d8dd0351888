//! A merchant's payments service, and the provider beside it.

use std::{sync::Arc, time::Duration};

use axum::{Router, http::Method};
use farebox_providers::{
    sim::{Sim, remote::Remote},
    stripe::Stripe,
};
use farebox_server::payments::{PaymentLimits, Payments, reconcile, routes, step};
use farebox_types::{Id, ManualClock, Merchant, Secret, Timestamp};
use serde_json::{Value, json};

use crate::world::{Answer, Person, World, ask, bearer};

pub(crate) const SECRET: &str = "whsec_of_the_test";

pub(crate) struct Town<'a> {
    pub(crate) world: &'a World,
    pub(crate) remote: Arc<Remote>,
    pub(crate) payments: Payments,
    pub(crate) router: Router,
}

impl<'a> Town<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let remote = Arc::new(Remote::in_memory(Arc::<ManualClock>::clone(&world.clock)));
        let payments = service(world, &remote);
        Self { world, remote, router: routes(payments.clone()), payments }
    }

    /// A second service over the same store: it shares no memory of requests with the first. Two processes are in the binary's tests.
    pub(crate) fn another_router(&self) -> Router {
        routes(service(self.world, &self.remote))
    }

    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: Value) -> Answer {
        self.post_as(&self.world.seller, path, key, body).await
    }

    pub(crate) async fn post_as(&self, who: &Person, path: &str, key: Option<&str>, body: Value) -> Answer {
        post_to(self.router.clone(), who, path, key, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.get_as(&self.world.seller, path).await.ok()
    }

    pub(crate) async fn get_as(&self, who: &Person, path: &str) -> Answer {
        ask(self.router.clone(), Method::GET, path, &[("authorization", &bearer(&who.key))], None).await
    }

    /// Pays 49.99 USD with `method`.
    pub(crate) async fn pay(&self, method: &str) -> Answer {
        self.post("/payments", None, order(method)).await
    }

    /// Lets time pass and the worker work until nothing is due any more.
    pub(crate) async fn settle(&self) {
        for _ in 0..12 {
            self.world.pass(60);
            step(&self.payments).await.unwrap();
        }
    }

    /// How many payments the provider made for ours.
    pub(crate) fn charged(&self, id: &str) -> usize {
        let id = format!("{}{}", self.world.merchant.uuid().simple(), id.strip_prefix("pay_").unwrap());
        self.remote.payments_of(&id).len()
    }

    /// What reconciliation finds.
    pub(crate) async fn differences(&self) -> Vec<String> {
        let found = reconcile(&self.payments, self.world.merchant, Timestamp::from_seconds(0)).await.unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn trail(&self, id: &str) -> Vec<String> {
        let events = self.get(&format!("/payments/{id}/events")).await;
        events["data"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// The same over an account at a real provider, whose key begins so; nobody answers there.
pub(crate) fn real(world: &World, home: Id<Merchant>, key: &str) -> Router {
    let key = Secret::new(key.to_owned());
    let stripe = Stripe::new("http://127.0.0.1:9", &key, Duration::from_millis(100)).unwrap();
    routes(Payments::new(world.backend.clone(), home, Arc::new(stripe), Vec::new(), PaymentLimits::default()))
}

fn service(world: &World, remote: &Arc<Remote>) -> Payments {
    let sim = Sim::embedded(Arc::clone(remote), Duration::from_millis(400));
    let secrets = vec![Secret::new(SECRET.to_owned())];
    Payments::new(world.backend.clone(), world.merchant, Arc::new(sim), secrets, PaymentLimits::default())
}

pub(crate) async fn post_to(router: Router, who: &Person, path: &str, key: Option<&str>, body: Value) -> Answer {
    let bearer = bearer(&who.key);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    ask(router, Method::POST, path, &headers, Some(body)).await
}

/// As the seed's own test sends it.
pub(crate) fn order(method: &str) -> Value {
    json!({"customer_id": "cust_123", "amount": 49.99, "currency": "USD", "payment_method_id": method})
}
