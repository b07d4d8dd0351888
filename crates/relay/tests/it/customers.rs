//! Customers that are created on the way.

use std::{collections::BTreeSet, time::Duration};

use axum::{Router, routing::get};
use farebox_relay::{Relay, ResolvedCustomer};
use serde_json::json;

use crate::world::{PREFIX, World, by_headers, serve, signed, upstream};

const ANN: &[(&str, &str)] = &[("x-email", " Ann@Example.com "), ("x-name", "Ann"), ("x-tenant", "acme")];

async fn creating() -> World {
    World::with(|relay| relay.auto_create_customer(true)).await
}

#[tokio::test]
async fn the_first_request_creates_a_customer_under_the_protocols_key() {
    let world = creating().await;
    let answer = world.get("/me", ANN).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!({"id": "cus_1", "email": "ann@example.com"})));
    let seen = world.billing.last();
    assert_eq!(seen.line, "POST /v1/customers");
    assert_eq!(seen.header("idempotency-key"), Some("paylera-relay-autocreate:acme:ann@example.com"));
    assert_eq!(seen.json(), json!({"email": "ann@example.com", "name": "Ann", "currency": "USD"}));
}

#[tokio::test]
async fn without_a_tenant_or_with_the_default_one_the_key_has_two_parts() {
    for tenant in [None, Some("default")] {
        let world = creating().await;
        let mut who = vec![("x-email", "ann@example.com")];
        who.extend(tenant.map(|tenant| ("x-tenant", tenant)));
        world.get("/me", &who).await;
        let seen = world.billing.last();
        assert_eq!(seen.header("idempotency-key"), Some("paylera-relay-autocreate:ann@example.com"));
    }
}

#[tokio::test]
async fn every_route_goes_on_with_the_new_customer() {
    let world = creating().await;
    world.post("/track", ANN, r#"{"feature_code":"a","value":1}"#).await;
    assert_eq!(world.billing.last().json()["customer_id"], "cus_1");
    world.post("/attach", ANN, r#"{"plan_id":"p"}"#).await;
    assert_eq!(world.billing.last().body, r#"{"customer_id":"cus_1","plan_id":"p"}"#);
    world.get("/invoices", ANN).await;
    assert_eq!(world.billing.last().line, "GET /v1/customers/cus_1/invoices");
}

#[tokio::test]
async fn a_caller_whose_id_is_known_is_not_created() {
    let world = creating().await;
    world.get("/me", &[("x-customer", "cus_ann"), ("x-email", "ann@example.com")]).await;
    assert_eq!(world.billing.lines(), ["GET /v1/customers/cus_ann"]);
}

#[tokio::test]
async fn first_requests_on_four_instances_at_once_meet_in_one_customer() {
    let world = creating().await;
    world.billing.slow(Duration::from_millis(120));
    let mut instances = vec![World::at(&world, world.addr)];
    for _ in 0..3 {
        let relay = Relay::builder(upstream(world.billing.addr)).identify(by_headers).csrf(signed());
        let relay = relay.auto_create_customer(true).clock(world.clock.clone()).build().unwrap();
        instances.push(World::at(&world, serve(Router::new().nest(PREFIX, relay.router())).await));
    }
    let requests = instances.into_iter().cycle_each(4).map(|instance| {
        tokio::spawn(async move { instance.get("/me", ANN).await.json()["id"].as_str().unwrap().to_owned() })
    });
    let mut ids = BTreeSet::new();
    for request in requests.collect::<Vec<_>>() {
        ids.insert(request.await.unwrap());
    }
    assert_eq!(Vec::from_iter(ids), ["cus_1"]);
    assert_eq!(world.billing.customers(), ["cus_1"]);
    let waits = world.billing.lines().len();
    assert!(waits > 16, "some came while another was at work: {waits} calls for 16 requests");
}

#[tokio::test]
async fn a_user_with_a_new_name_is_the_same_customer() {
    let world = creating().await;
    world.get("/me", ANN).await;
    let renamed = &[ANN[0], ("x-name", "Ann Lee"), ANN[2]];
    let answer = world.get("/me", renamed).await;
    assert_eq!(answer.json()["line"], "GET /v1/customers/cus_1");
    assert_eq!(world.billing.customers(), ["cus_1"]);
}

#[tokio::test]
async fn what_upstream_says_against_a_customer_is_passed_on() {
    let world = creating().await;
    let body = br#"{"type":"paylera.invalid_request","status":422}"#.to_vec();
    let headers = vec![("content-type", "application/problem+json")];
    world.billing.answer("POST /v1/customers", (422, headers, body.clone()));
    let answer = world.post("/track", ANN, r#"{"feature_code":"a","value":1}"#).await;
    assert_eq!((answer.status.as_u16(), answer.body.to_vec()), (422, body));
    assert_eq!(world.billing.lines(), ["POST /v1/customers"], "no usage without a customer");
}

#[tokio::test]
async fn an_id_from_upstream_that_is_none_is_not_built_into_a_path() {
    let world = creating().await;
    let headers = vec![("content-type", "application/json")];
    for body in [br#"{"id":"../plans"}"#.to_vec(), b"<html>".to_vec(), b"{}".to_vec()] {
        world.billing.answer("POST /v1/customers", (201, headers.clone(), body));
        world.get("/invoices", ANN).await.assert_problem(502, "paylera.upstream_unavailable");
    }
    assert!(world.billing.lines().iter().all(|line| line == "POST /v1/customers"));
}

#[tokio::test]
async fn the_apps_own_handlers_learn_the_customer_and_ask_once() {
    async fn report(one: ResolvedCustomer, two: ResolvedCustomer) -> String {
        format!("{} {} {:?}", one.id(), two.id(), one.identity().name)
    }
    let options = |relay: farebox_relay::RelayBuilder| relay.auto_create_customer(true);
    let world = World::mounted(options, |relay| {
        let app = Router::new().route(&format!("{PREFIX}/report"), get(report));
        app.layer(relay.customers())
    })
    .await;
    let answer = world.get("/report", ANN).await;
    assert_eq!(answer.body, "cus_1 cus_1 Some(\"Ann\")");
    assert_eq!(world.billing.lines(), ["POST /v1/customers"]);
    world.get("/report", &[]).await.assert_problem(401, "paylera.unauthenticated");
}

#[tokio::test]
async fn whoever_has_an_address_that_was_anothers_is_not_taken_for_the_other() {
    let world = creating().await;
    let json =
        |body: serde_json::Value| (200, vec![("content-type", "application/json")], body.to_string().into_bytes());
    let line = "POST /v1/customers";
    let before = |id: &str| {
        let headers = vec![("content-type", "application/json"), ("idempotency-replayed", "true")];
        (201, headers, json!({"id": id, "email": "ann@example.com"}).to_string().into_bytes())
    };
    // The first Ann is Bob by now, and nobody has her old address yet: the second one is created under another key.
    world.billing.answer("GET /v1/customers/cus_old", json(json!({"id": "cus_old", "email": "bob@example.com"})));
    world.billing.answer(line, before("cus_old"));
    world.get("/invoices", ANN).await.assert_problem(504, "paylera.upstream_unavailable");
    let keys: BTreeSet<_> =
        world.billing.seen().iter().filter_map(|seen| Some(seen.header("idempotency-key")?.to_owned())).collect();
    let second = "paylera-relay-autocreate:acme:ann@example.com:after:cus_old";
    assert!(keys.contains("paylera-relay-autocreate:acme:ann@example.com") && keys.contains(second), "{keys:?}");
    assert!(!world.billing.lines().iter().any(|line| line.contains("cus_old/invoices")));

    // Once she is there, she is found.
    world.billing.answer("GET /v1/customers?email=ann%40example.com", json(json!({"data": [{"id": "cus_new"}]})));
    world.billing.forget();
    world.get("/invoices", ANN).await;
    assert_eq!(world.billing.last().line, "GET /v1/customers/cus_new/invoices");

    // An answer from before says nothing of today; the customer itself does.
    world.billing.answer(line, before("cus_same"));
    world.billing.answer(
        "GET /v1/customers/cus_same",
        json(json!({"id": "cus_same", "email": "Ann@Example.com", "name": "Lee"})),
    );
    assert_eq!(world.get("/me", ANN).await.json()["name"], "Lee");
}

/// Each item so many times, one after the other.
trait CycleEach: Iterator<Item = World> + Sized {
    fn cycle_each(self, times: usize) -> impl Iterator<Item = World> {
        self.flat_map(move |world| (0..times).map(move |_| World::at(&world, world.addr)).collect::<Vec<_>>())
    }
}

impl<I: Iterator<Item = World>> CycleEach for I {}
