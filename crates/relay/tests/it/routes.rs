//! What each of the twelve routes makes of a good request.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOW, World};

const ANN: &[(&str, &str)] = &[("x-customer", "cus_ann"), ("x-email", "ann@example.com")];

#[rstest]
#[case("/attach", json!({"plan_id": "p", "success_url": "https://a/s", "cancel_url": "https://a/c"}), "/v1/attach")]
#[case("/check", json!({"feature_code": "api", "required_usage": 2.5}), "/v1/check")]
#[case("/track", json!({"feature_code": "api", "value": 1}), "/v1/track")]
#[tokio::test]
async fn a_write_goes_up_with_the_callers_customer_in_its_body(
    #[case] path: &str,
    #[case] body: Value,
    #[case] upstream: &str,
) {
    let world = World::new().await;
    let answer = world.post(path, ANN, body.to_string()).await;
    assert!(answer.status.is_success(), "{answer:?}");
    let seen = world.billing.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line, format!("POST {upstream}"));
    let mut expected = body;
    expected["customer_id"] = json!("cus_ann");
    assert_eq!(seen[0].json(), expected);
}

#[tokio::test]
async fn every_write_goes_up_as_the_merchant_with_a_key_and_a_version() {
    let world = World::new().await;
    world.post("/check", ANN, r#"{"feature_code":"api"}"#).await;
    let seen = world.billing.last();
    assert_eq!(seen.header("authorization"), Some("Bearer pl_test_the-merchants-own-token"));
    assert_eq!(seen.header("paylera-api-version"), Some("2026-05-01"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let key: uuid::Uuid = seen.header("idempotency-key").unwrap().parse().unwrap();
    assert_eq!(key.get_version_num(), 7);
    for name in ["cookie", "paylera-csrf-token", "x-customer", "x-email"] {
        assert_eq!(seen.header(name), None, "{name} stays here");
    }
}

#[tokio::test]
async fn the_browsers_key_is_kept_else_a_tracks_dedup_key_else_a_fresh_one() {
    let world = World::new().await;
    let track = r#"{"feature_code":"api","value":1,"dedup_key":"request-1"}"#;
    world.post("/track", ANN, track).await;
    assert_eq!(world.billing.last().header("idempotency-key"), Some("request-1"));
    assert_eq!(world.billing.last().json()["dedup_key"], "request-1");

    let keyed = [ANN, &[("idempotency-key", "Mine:1")]].concat();
    world.post("/track", &keyed, track).await;
    assert_eq!(world.billing.last().header("idempotency-key"), Some("Mine:1"));

    let odd = world.post("/track", ANN, r#"{"feature_code":"api","value":1,"dedup_key":"with a blank"}"#).await;
    odd.assert_problem(400, "paylera.invalid_idempotency_key");
}

#[tokio::test]
async fn a_check_without_a_body_is_a_check() {
    let world = World::new().await;
    let answer = world.get("/check?feature_code=api%20calls&customer_id=cus_eve", ANN).await;
    assert_eq!(answer.status, 200);
    let seen = world.billing.last();
    assert_eq!(seen.line, "POST /v1/check");
    assert_eq!(seen.json(), json!({"customer_id": "cus_ann", "feature_code": "api calls", "required_usage": 0}));
    assert!(seen.header("idempotency-key").is_some());
    world.get("/check?feature_code=api&required_usage=3", ANN).await;
    assert_eq!(world.billing.last().json()["required_usage"], 3);
    world.get("/check?feature_code=api&required_usage=-3", ANN).await.assert_problem(422, "paylera.invalid_request");
}

#[rstest]
#[case("/me", "/v1/customers/cus_ann")]
#[case("/invoices", "/v1/customers/cus_ann/invoices")]
#[case(
    "/invoices?status=open&limit=5&cursor=a%2Fb&x=1",
    "/v1/customers/cus_ann/invoices?status=open&limit=5&cursor=a%2Fb"
)]
#[case("/plans?product_id=p&status=active", "/v1/plans?product_id=p&status=active")]
#[tokio::test]
async fn a_read_goes_up_for_the_callers_customer(#[case] path: &str, #[case] upstream: &str) {
    let world = World::new().await;
    let answer = world.get(path, ANN).await;
    assert_eq!(answer.json()["line"], format!("GET {upstream}"));
    assert_eq!(world.billing.lines(), [format!("GET {upstream}")]);
}

#[tokio::test]
async fn plans_are_for_anybody_and_name_no_customer() {
    let world = World::new().await;
    let answer = world.get("/plans?customer_id=cus_eve", &[]).await;
    assert_eq!(answer.status, 200);
    let seen = world.billing.last();
    assert_eq!(seen.line, "GET /v1/plans");
    assert_eq!(seen.body, "");
    assert_eq!(answer.header("cache-control"), None, "the same for everybody");
}

#[tokio::test]
async fn entitlements_are_of_the_newest_subscription_that_is_in_force() {
    let world = World::new().await;
    world.billing.subscribe("cus_ann", "sub_old", "active");
    world.billing.subscribe("cus_ann", "sub_trial", "trialing");
    world.billing.subscribe("cus_ann", "sub_over", "canceled");
    world.billing.subscribe("cus_ann", "sub_unpaid", "pending_activation");
    let answer = world.get("/entitlements", ANN).await;
    assert_eq!(answer.json()["line"], "GET /v1/subscriptions/sub_trial/entitlements");

    let named = [ANN, &[("x-subscription", "sub_old")]].concat();
    world.billing.forget();
    world.get("/entitlements", &named).await;
    assert_eq!(world.billing.lines(), ["GET /v1/subscriptions/sub_old/entitlements"], "the app said which one");

    let bob = world.get("/entitlements", &[("x-customer", "cus_bob")]).await;
    bob.assert_problem(404, "paylera.subscription_not_found");
}

#[tokio::test]
async fn the_search_for_a_subscription_goes_on_to_the_next_page() {
    let world = World::new().await;
    let page = json!({"data": [{"id": "s1", "status": "canceled"}], "has_more": true, "next_cursor": "a/b="});
    let headers = vec![("content-type", "application/json")];
    let first = "GET /v1/customers/cus_ann/subscriptions?limit=100";
    world.billing.answer(first, (200, headers.clone(), page.to_string().into_bytes()));
    let page = json!({"data": [{"id": "s2", "status": "active"}], "has_more": false, "next_cursor": null});
    world.billing.answer(&format!("{first}&cursor=a%2Fb%3D"), (200, headers, page.to_string().into_bytes()));
    let answer = world.get("/entitlements", ANN).await;
    assert_eq!(answer.json()["line"], "GET /v1/subscriptions/s2/entitlements");
}

#[tokio::test]
async fn the_portal_is_the_callers_own() {
    let world = World::new().await;
    let answer = world.post("/billing-portal", ANN, r#"{"return_url":"https://a/","customer_id":"cus_eve"}"#).await;
    assert_eq!(answer.status, 200);
    let seen = world.billing.last();
    assert_eq!(seen.line, "POST /v1/customers/cus_ann/billing-portal-sessions");
    assert_eq!(seen.json(), json!({"return_url": "https://a/"}));
}

#[rstest]
#[case("upgrade", "change-plan", json!({"new_plan_id": "p2", "billing_cycle_anchor": "now"}))]
#[case("cancel", "cancel", json!({"at_period_end": false, "reason": "too dear"}))]
#[tokio::test]
async fn a_subscription_of_the_caller_is_changed(#[case] verb: &str, #[case] upstream: &str, #[case] body: Value) {
    let world = World::new().await;
    world.billing.subscribe("cus_ann", "sub_1", "active");
    let answer = world.post(&format!("/subscriptions/sub_1/{verb}"), ANN, body.to_string()).await;
    assert_eq!(answer.status, 200);
    let lines = world.billing.lines();
    assert_eq!(lines, ["GET /v1/subscriptions/sub_1".to_owned(), format!("POST /v1/subscriptions/sub_1/{upstream}")]);
    assert_eq!(world.billing.last().json(), body);
}

#[tokio::test]
async fn a_token_comes_in_body_and_cookie_and_from_here_alone() {
    let world = World::new().await;
    let answer = world.get("/csrf-token", &[]).await;
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(token.split('.').nth(1).unwrap(), (NOW + 86_400).to_string());
    assert_eq!(answer.json()["expires_at"], "2027-01-16T08:00:00Z");
    let cookie = format!("paylera_csrf={token}; Path=/api/paylera; SameSite=Lax; Max-Age=86400");
    assert_eq!(answer.header("set-cookie"), Some(cookie.as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn head_goes_with_get() {
    let world = World::new().await;
    let answer = world.send(Method::HEAD, "/api/paylera/me", ANN, "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
}
