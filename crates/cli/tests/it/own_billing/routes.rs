//! All twelve routes, through the process and through a router in this one.

use axum::{Router, http::request::Parts};
use farebox_relay::{Csrf, CustomerIdentity, Identified, Relay};
use farebox_types::Secret;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    page::{Answer, Page},
    shop::Shop,
};
use crate::{relay::SECRET, world::Engine};

async fn by_headers(head: &Parts) -> Identified {
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (email, tenant_id) = (header("x-paylera-customer-email"), header("x-paylera-tenant-id"));
    Ok(email.map(|email| CustomerIdentity { tenant_id, ..CustomerIdentity::email(email) }))
}

/// The router inside an app of the merchant's.
pub(super) async fn mounted(shop: &Shop) -> String {
    let csrf = Csrf::signed(Secret::new(SECRET.to_owned()));
    let relay = Relay::builder(shop.client.clone()).identify(by_headers).auto_create_customer(true).csrf(csrf);
    let app: Router = Router::new().nest("/api/paylera", relay.build().unwrap().router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/paylera", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// One user's life with a plan, route by route.
async fn walk(shop: &Shop, relay: &str) {
    let (ann, nobody) = (Page::open(relay, "ann@example.com").await, Page::open(relay, "").await);
    let customer = found(shop, &ann, &nobody).await;
    let subscription = subscribed(shop, &ann, &customer).await;
    used(shop, &ann, &customer).await;
    read(shop, &ann, &customer, &subscription).await;
    refused(&ann).await;
    let eve = Page::open(relay, "eve@example.com").await;
    others(shop, &eve, &subscription).await;
    changed(shop, &ann, &subscription).await;
}

/// `GET /plans` and `GET /me`.
async fn found(shop: &Shop, ann: &Page, nobody: &Page) -> String {
    same(&nobody.get("/plans").await, shop.ask("/v1/plans").await);
    let first = ann.get("/me").await;
    assert_eq!((first.status, &first.json()["email"]), (201, &json!("ann@example.com")));
    let customer = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(ann.get("/me").await.json()["id"], customer);
    let (_, all) = shop.ask("/v1/customers").await;
    let all: Value = serde_json::from_slice(&all).unwrap();
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "nobody without an e-mail, and ann once");
    customer
}

/// `POST /attach`.
async fn subscribed(shop: &Shop, ann: &Page, customer: &str) -> String {
    let none = ann.get("/entitlements").await.problem();
    assert_eq!(none, (404, "paylera.subscription_not_found".to_owned()));
    let wanted = json!({"plan_id": shop.plan("small").await, "customer_id": "00000000-0000-0000-0000-000000000000"});
    let attached = ann.post("/attach", &wanted).await;
    assert_eq!(attached.status, 200, "{attached:?}");
    let attached = attached.json();
    assert_eq!((&attached["customer_id"], &attached["checkout_url"]), (&json!(customer), &Value::Null));
    attached["subscription_id"].as_str().unwrap().to_owned()
}

/// `POST /check`, `GET /check` and `POST /track`.
async fn used(shop: &Shop, ann: &Page, customer: &str) {
    let check = json!({"feature_code": "api_calls", "required_usage": 8});
    assert_eq!(ann.post("/check", &check).await.json()["allowed"], true);
    let usage = json!({"feature_code": "api_calls", "value": 2.5, "dedup_key": "page-1"});
    for _ in 0..2 {
        let answer = ann.post("/track", &usage).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
    }
    let checked = ann.get("/check?feature_code=api_calls").await.json();
    assert_eq!((checked["balance"].to_string(), checked["usage"].to_string()), ("7.5".into(), "2.5".into()));
    assert_eq!(ann.post("/check", &check).await.json()["allowed"], false, "8 are more than what is left");
    let (_, entries) = shop.ask(&format!("/v1/customers/{customer}/ledger")).await;
    let entries: Value = serde_json::from_slice(&entries).unwrap();
    assert_eq!(entries["data"].as_array().unwrap().len(), 1, "recorded once: {entries}");
}

/// `GET /entitlements`, `GET /invoices` and `POST /billing-portal`.
async fn read(shop: &Shop, ann: &Page, customer: &str, subscription: &str) {
    let entitlements = ann.get("/entitlements").await;
    assert_eq!(entitlements.json()["subscription_id"], subscription);
    same(&entitlements, shop.ask(&format!("/v1/subscriptions/{subscription}/entitlements")).await);
    let query = "status=paid&limit=2";
    same(
        &ann.get(&format!("/invoices?{query}&customer_id=someone-else")).await,
        shop.ask(&format!("/v1/customers/{customer}/invoices?{query}")).await,
    );
    let direct =
        shop.client.customers().billing_portal(customer.parse().unwrap(), "https://acme.example/account").await;
    let portal = ann.post("/billing-portal", &json!({"return_url": "https://acme.example/account"})).await;
    match direct {
        Ok(_) => assert!(portal.json()["url"].as_str().unwrap().starts_with("http"), "{portal:?}"),
        Err(error) => {
            let problem = error.problem().unwrap();
            assert_eq!(portal.problem(), (problem.status, problem.code.clone()), "what the API says passes through");
        }
    }
}

/// Upstream's problems.
async fn refused(ann: &Page) {
    let unknown = ann.post("/check", &json!({"feature_code": "no_such_feature"})).await;
    assert_eq!(unknown.problem(), (404, "paylera.not_found".to_owned()));
    assert!(unknown.json()["request_id"].is_string(), "the API's own document: {unknown:?}");
    let conflict = ann.post("/track", &json!({"feature_code": "api_calls", "value": 3, "dedup_key": "page-1"})).await;
    assert_eq!(conflict.problem(), (409, "paylera.idempotency_conflict".to_owned()));
    let not_a_plan = ann.post("/attach", &json!({"plan_id": "00000000-0000-0000-0000-000000000000"})).await;
    assert_eq!(not_a_plan.status, 404, "{not_a_plan:?}");
}

/// Another customer's subscription.
async fn others(shop: &Shop, eve: &Page, subscription: &str) {
    for (verb, body) in
        [("cancel", json!({"at_period_end": false})), ("upgrade", json!({"new_plan_id": shop.plan("large").await}))]
    {
        let answer = eve.post(&format!("/subscriptions/{subscription}/{verb}"), &body).await;
        assert_eq!(answer.problem(), (404, "paylera.not_found".to_owned()), "{verb}");
    }
    let untouched = shop.client.subscriptions().get(subscription.parse().unwrap()).await.unwrap();
    assert_eq!((untouched.plan_code.as_str(), untouched.canceled_at), ("small", None));
}

/// `POST /subscriptions/{id}/upgrade` and `/cancel`.
async fn changed(shop: &Shop, ann: &Page, subscription: &str) {
    let path = format!("/subscriptions/{subscription}");
    let upgraded = ann.post(&format!("{path}/upgrade"), &json!({"new_plan_id": shop.plan("large").await})).await;
    assert_eq!((upgraded.status, &upgraded.json()["plan_code"]), (200, &json!("large")));
    let left = ann.get("/check?feature_code=api_calls").await.json();
    assert_eq!(left["balance"].to_string(), "97.5", "what was used counts on");
    let ended = ann.post(&format!("{path}/cancel"), &json!({"at_period_end": false, "reason": "enough"})).await;
    assert_eq!((ended.status, &ended.json()["status"]), (200, &json!("canceled")));
    let after = ann.get("/check?feature_code=api_calls").await.json();
    assert_eq!((&after["allowed"], &after["reason"]), (&json!(false), &json!("subscription_inactive")));
    assert_eq!(ann.get("/entitlements").await.status, 404);
}

/// Byte for byte what the API answers to its merchant.
fn same(relayed: &Answer, (status, body): (u16, Vec<u8>)) {
    assert_eq!((relayed.status, String::from_utf8_lossy(&relayed.body)), (status, String::from_utf8_lossy(&body)));
    for internal in ["set-cookie", "request-id", "paylera-api-version", "idempotency-replayed"] {
        assert!(!relayed.headers.contains_key(internal), "{internal} stays inside: {relayed:?}");
    }
}

async fn as_a_process(engine: Engine) {
    let Some(shop) = Shop::open(engine).await else { return };
    let relay = shop.relay(&[], &[]);
    walk(&shop, &relay.url).await;
    shop.close().await;
}

#[tokio::test]
async fn the_relay_as_a_process_serves_all_routes_from_our_own_server_on_sqlite() {
    as_a_process(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_relay_as_a_process_serves_all_routes_from_our_own_server_on_postgres() {
    as_a_process(Engine::Postgres).await;
}

#[tokio::test]
async fn the_relay_as_a_router_serves_all_routes_from_our_own_server() {
    let shop = Shop::open(Engine::Sqlite).await.unwrap();
    let relay = mounted(&shop).await;
    walk(&shop, &relay).await;
    shop.close().await;
}
