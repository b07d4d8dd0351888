//! Who is calling.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::http::request::Parts;
use farebox_relay::CustomerIdentity;
use rstest::rstest;

use crate::world::World;

const READS: [&str; 4] = ["/me", "/invoices", "/entitlements", "/check?feature_code=a"];

#[tokio::test]
async fn nobody_is_401_on_every_route_that_needs_somebody() {
    let world = World::new().await;
    for path in READS {
        world.get(path, &[]).await.assert_problem(401, "paylera.unauthenticated");
    }
    for path in
        ["/attach", "/check", "/track", "/billing-portal", "/subscriptions/s/cancel", "/subscriptions/s/upgrade"]
    {
        world.post(path, &[], "{}").await.assert_problem(401, "paylera.unauthenticated");
    }
    assert!(world.billing.lines().is_empty());
}

#[rstest]
#[case(&[("x-name", "Ann")])]
#[case(&[("x-customer", ""), ("x-email", " ")])]
#[case(&[("x-subscription", "sub_1")])]
#[tokio::test]
async fn somebody_without_id_and_email_is_nobody(#[case] who: &[(&str, &str)]) {
    let world = World::with(|relay| relay.auto_create_customer(true)).await;
    world.get("/me", who).await.assert_problem(401, "paylera.unauthenticated");
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn a_failure_to_find_out_is_ours_and_says_nothing() {
    let broken = |_: &Parts| async { Err("postgres://admin:hunter2@db is down".into()) };
    let world = World::with(|relay| relay.identify(broken)).await;
    let answer = world.get("/me", &[]).await;
    answer.assert_problem(500, "paylera.identity_unavailable");
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
    world.post("/track", &[], "{}").await.assert_problem(500, "paylera.identity_unavailable");
}

#[tokio::test]
async fn a_caller_is_asked_for_once_a_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let identify = move |_: &Parts| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(Some(CustomerIdentity::customer("cus_ann"))) }
    };
    let world = World::with(|relay| relay.identify(identify)).await;
    world.billing.subscribe("cus_ann", "sub_1", "active");
    world.post("/subscriptions/sub_1/cancel", &[], "{}").await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    world.get("/plans", &[]).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the catalogue is for anybody");
}

#[tokio::test]
async fn without_a_customer_only_attach_goes_on() {
    let world = World::new().await;
    let ann = &[("x-email", "ann@example.com"), ("x-name", "Ann")];
    for path in READS {
        world.get(path, ann).await.assert_problem(404, "paylera.customer_not_found");
    }
    for path in ["/check", "/track", "/billing-portal", "/subscriptions/s/cancel"] {
        world.post(path, ann, "{}").await.assert_problem(404, "paylera.customer_not_found");
    }
    assert!(world.billing.lines().is_empty());
    world.post("/attach", ann, r#"{"plan_id":"p","customer_email":"eve@x"}"#).await;
    let body = world.billing.last().body;
    assert_eq!(body, r#"{"customer_email":"ann@example.com","customer_name":"Ann","plan_id":"p"}"#);
}

#[tokio::test]
async fn a_subscription_that_the_app_names_stands_in_for_a_customer() {
    let world = World::new().await;
    let ann = &[("x-email", "ann@example.com"), ("x-subscription", "sub_1")];
    world.post("/track", ann, r#"{"feature_code":"a","value":1}"#).await;
    assert_eq!(world.billing.last().body, r#"{"subscription_id":"sub_1","feature_code":"a","value":1}"#);
    world.get("/entitlements", ann).await;
    assert_eq!(world.billing.last().line, "GET /v1/subscriptions/sub_1/entitlements");
}
