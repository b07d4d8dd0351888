//! The typed calls, against our own server: answers are read, and what they say has happened.

use farebox_client::{
    Buyer, Client, DeviceError, Error, Holder,
    api::{
        Amount, BatchStatus, Code, GrantValue, OnInsufficient, Properties, ReservationState, SubscriptionStatus, Track,
    },
};
use farebox_types::Secret;
use futures_util::TryStreamExt;
use uuid::Uuid;

use super::{page::http, shop::Shop};
use crate::world::Engine;

fn calls() -> Code {
    "api_calls".parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

async fn left(client: &Client, customer: Uuid) -> String {
    client.check(Holder::Customer(customer), calls()).await.unwrap().balance.unwrap().to_string()
}

async fn walk(engine: Engine) {
    let Some(shop) = Shop::open(engine).await else { return };
    let (customer, subscription) = subscribed(&shop.client).await;
    used(&shop.client, customer).await;
    held(&shop.client, customer).await;
    granted(&shop.client, customer).await;
    changed(&shop.client, subscription).await;
    listed(&shop.client, customer).await;
    refused(&shop, customer).await;
    let_in(&shop).await;
    shop.close().await;
}

async fn subscribed(client: &Client) -> (Uuid, Uuid) {
    let ann = client.customers().create("ann@example.com").name("Ann").external_id("7").await.unwrap();
    assert_eq!(client.customers().create("Ann@Example.com").await.unwrap().id, ann.id);
    assert_eq!(client.customers().update(ann.id).name(None).await.unwrap().name, None);
    assert_eq!(client.customers().list().email("ann@example.com").await.unwrap().data[0].id, ann.id);
    let plans = client.plans().list().await.unwrap().data;
    let small = plans.iter().find(|plan| plan.code.as_str() == "small").unwrap();
    let attached = client.attach(Buyer::Customer(ann.id), small.id).await.unwrap();
    assert_eq!((attached.customer_id, attached.checkout_url), (ann.id, None));
    let entitlements = client.subscriptions().entitlements(attached.subscription_id).await.unwrap();
    assert_eq!(entitlements.subscription_id, attached.subscription_id);
    (ann.id, attached.subscription_id)
}

/// Check, track, batch and consume.
async fn used(client: &Client, customer: Uuid) {
    let ann = Holder::Customer(customer);
    let track = client.track(ann, calls(), amount("1.5")).dedup_key("first".parse().unwrap());
    assert_eq!(track.with_balance().await.unwrap().balance, Some(amount("8.5")));
    let event = |key: &str, value: &str| Track {
        customer_id: Some(customer),
        subscription_id: None,
        feature_code: calls(),
        value: amount(value),
        properties: Properties::default(),
        dedup_key: Some(key.parse().unwrap()),
        occurred_at: None,
        on_insufficient: Some(OnInsufficient::Reject),
    };
    let events = vec![event("second", "1"), event("second", "1"), event("third", "100")];
    let results = client.track_batch(events).await.unwrap().results;
    let statuses: Vec<BatchStatus> = results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [BatchStatus::Recorded, BatchStatus::Duplicate, BatchStatus::Rejected]);
    assert!(client.consume(customer, calls(), amount("0.5")).await.unwrap().allowed);
    assert!(!client.consume(customer, calls(), amount("50")).await.unwrap().allowed);
    assert_eq!(left(client, customer).await, "7");
}

async fn held(client: &Client, customer: Uuid) {
    let one = client.reservations().create(customer, calls(), amount("3"), 60).await.unwrap();
    let two = client.reservations().create(customer, calls(), amount("2"), 60).await.unwrap();
    assert_eq!((one.state, left(client, customer).await), (ReservationState::Held, "2".to_owned()));
    let one = client.reservations().commit(one.id).amount(amount("1")).await.unwrap();
    assert_eq!((one.state, one.committed_amount), (ReservationState::Committed, Some(amount("1"))));
    assert_eq!(client.reservations().release(two.id).await.unwrap().state, ReservationState::Released);
    assert_eq!(left(client, customer).await, "6");
}

async fn granted(client: &Client, customer: Uuid) {
    client.credits().create(customer, calls(), amount("5")).priority(3).await.unwrap();
    assert_eq!(left(client, customer).await, "11");
    let seats: Code = "premium".parse().unwrap();
    let config = serde_json::from_str(r#"{"code":"premium","kind":"boolean"}"#).unwrap();
    assert!(client.admin().features().put(&seats, config).await.unwrap().changed);
    client.overrides().put(customer, seats.clone()).value(GrantValue::Boolean(true)).await.unwrap();
    assert!(client.check(Holder::Customer(customer), seats).await.unwrap().allowed);
}

async fn changed(client: &Client, subscription: Uuid) {
    let plans: Vec<_> = client.plans().list().limit(1).stream().try_collect().await.unwrap();
    let large = plans.iter().find(|plan| plan.code.as_str() == "large").unwrap();
    let changed = client.subscriptions().change_plan(subscription, large.id).await.unwrap();
    assert_eq!(changed.plan_code.as_str(), "large");
    assert!(client.subscriptions().cancel(subscription).await.unwrap().cancel_at_period_end);
    assert!(!client.subscriptions().uncancel(subscription).await.unwrap().cancel_at_period_end);
    assert_eq!(client.subscriptions().pause(subscription).await.unwrap().status, SubscriptionStatus::Paused);
    assert_eq!(client.subscriptions().resume(subscription).await.unwrap().status, SubscriptionStatus::Active);
}

async fn listed(client: &Client, customer: Uuid) {
    for at in 0..5 {
        client.customers().create(format!("user{at}@example.com")).await.unwrap();
    }
    let all: Vec<_> = client.customers().list().limit(2).stream().try_collect().await.unwrap();
    assert_eq!((all.len(), all.last().unwrap().id), (6, customer), "newest first, each once");
    let balances = client.customers().balances(customer).await.unwrap().data;
    assert!(balances.iter().any(|balance| balance.feature_code == calls()));
    let entries: Vec<_> = client.customers().ledger(customer).limit(2).stream().try_collect().await.unwrap();
    assert!(entries.len() >= 4, "{entries:?}");
    assert!(client.customers().invoices(customer).await.unwrap().data.is_empty(), "free plans");
    let audited: Vec<_> = client.audit_events().list().stream().try_collect().await.unwrap();
    assert!(audited.len() > 10 && audited.iter().all(|line| !line.hash.is_empty()));
}

/// Each error is the one that the status says.
async fn refused(shop: &Shop, customer: Uuid) {
    let client = &shop.client;
    let nowhere = client.subscriptions().get(Uuid::nil()).await.unwrap_err();
    assert!(matches!(&nowhere, Error::NotFound(what) if what.problem.code == "paylera.not_found"), "{nowhere:?}");
    assert!(nowhere.request_id().is_some() && !nowhere.is_retryable());
    let track = |value: &str| {
        let key = "taken".parse().unwrap();
        client.track(Holder::Customer(customer), calls(), amount(value)).idempotency_key(key)
    };
    track("1").await.unwrap();
    track("1").await.unwrap();
    assert!(matches!(track("2").await, Err(Error::IdempotencyConflict(_))));
    let at = |token: &str| Client::builder(Secret::new(token.to_owned())).base_url(&shop.server.url).build().unwrap();
    assert!(matches!(at("pl_test_forged").plans().list().await, Err(Error::Authentication(_))));

    let reader = client.api_tokens().create("reader").scope("billing:read").await.unwrap();
    let reading = at(&reader.token.unwrap());
    assert_eq!(reading.customers().get(customer).await.unwrap().id, customer);
    assert!(matches!(reading.customers().create("x@example.com").await, Err(Error::Authorization(_))));
    client.api_tokens().revoke(reader.id).await.unwrap();
    let tokens = client.api_tokens().list().await.unwrap().data;
    assert!(tokens.iter().any(|token| token.id == reader.id && token.revoked_at.is_some()), "{tokens:?}");
}

/// A program without a browser asks for a token, somebody lets it have one, and it works once.
async fn let_in(shop: &Shop) {
    let public = Client::public(&shop.server.url).build().unwrap();
    let flow = public.device_flow("a-program");
    let device = flow.begin().scope("billing:read").await.unwrap();
    assert!(matches!(flow.poll(&device.device_code).await, Err(DeviceError::Pending)));
    assert!(matches!(flow.poll(&device.device_code).await, Err(DeviceError::SlowDown)));
    assert!(matches!(flow.poll("no-such-code").await, Err(DeviceError::InvalidGrant)));
    assert!(device.verification_uri.starts_with(&shop.server.url), "{}", device.verification_uri);
    let page = http().get(&device.verification_uri).send().await.unwrap();
    assert_eq!(page.status(), 200, "whoever decides is shown a page");
}

#[tokio::test]
async fn the_typed_calls_work_against_our_own_server_on_sqlite() {
    walk(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_typed_calls_work_against_our_own_server_on_postgres() {
    walk(Engine::Postgres).await;
}
