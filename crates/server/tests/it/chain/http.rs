//! The HTTP API on a real chain.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use farebox_server::{Backend, Keyring, facilitator::router};
use farebox_types::SystemClock;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    people::in_version_1,
    town::{Running, Town},
};

fn door(town: &Town, running: &Running) -> Router {
    let backend = Backend::new(Arc::clone(&town.store), Arc::new(SystemClock), Keyring::new([7; 32]));
    router(running.facilitating.clone(), backend, Default::default())
}

async fn post(door: &Router, path: &str, name: Option<&str>, body: &Value) -> (u16, HeaderMap, Value) {
    let mut request = Request::post(path);
    if let Some(name) = name {
        request = request.header("idempotency-key", name);
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (parts, body) = door.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
}

/// The same body as t402 writes it.
fn as_t402(body: &Value) -> Value {
    let text = body.to_string().replace("x402Version", "t402Version");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_is_verified_and_settled_with_one_answer() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let door = door(&town, &running);
    let pay = town.pay(10_000);
    let mut transactions = Vec::new();
    for body in [pay.clone(), as_t402(&pay), in_version_1(&pay), as_t402(&in_version_1(&pay))] {
        if transactions.is_empty() {
            let (status, _, verified) = post(&door, "/verify", None, &body).await;
            assert_eq!((status, &verified["isValid"]), (200, &json!(true)), "{verified}");
            assert_eq!(verified["payer"], town.payer.address().to_string());
        }
        let (status, _, settled) = post(&door, "/settle", None, &body).await;
        assert_eq!((status, &settled["success"]), (200, &json!(true)), "{settled}");
        transactions.push(settled["transaction"].as_str().unwrap().to_owned());
    }
    transactions.dedup();
    assert_eq!((transactions.len(), town.takings().await, town.sent().await), (1, 10_000, 1));
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_replays_its_answer_and_says_so_and_stands_for_nothing_else() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let door = door(&town, &running);
    let pay = town.pay(10_000);
    let (_, headers, first) = post(&door, "/settle", Some("order-7"), &pay).await;
    assert!(first["success"] == true && !headers.contains_key("x-idempotency-replayed"), "{first}");
    // The same content in another order and spacing.
    let shuffled: Value = serde_json::from_str(&serde_json::to_string_pretty(&pay).unwrap()).unwrap();
    let (status, headers, again) = post(&door, "/settle", Some("order-7"), &shuffled).await;
    assert_eq!((status, &again, &headers["x-idempotency-replayed"]), (200, &first, &"true".parse().unwrap()));
    let (status, headers, other) = post(&door, "/settle", Some("order-7"), &town.pay(10_000)).await;
    assert_eq!((status, &other["code"], &other["success"]), (409, &json!("PAYLOAD_MISMATCH"), &json!(false)));
    assert_eq!((&other["network"], headers.contains_key("x-idempotency-replayed")), (&json!("eip155:84532"), false));
    assert_eq!(town.sent().await, 1);
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facilitator_with_its_chain_is_ready_and_counts_its_settlements() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let door = door(&town, &running);
    let get = async |path: &str| {
        let answer = door.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().into()).unwrap())
    };
    let (status, ready) = get("/ready").await;
    assert!(status == 200 && ready.contains("\"status\":\"healthy\""), "{ready}");
    post(&door, "/settle", None, &town.pay(10_000)).await;
    let (_, metrics) = get("/metrics").await;
    let line = "facilitator_settle_total{network=\"eip155:84532\",scheme=\"exact\",result=\"success\"} 1";
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
    town.finish().await;
}
