//! The gate with a credits backend reached over HTTP.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::OriginalUri, http::HeaderMap, routing::get, routing::post};
use farebox_gate::Farebox;
use farebox_types::{Mode, Secret};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::Server;

type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A backend that takes one kind of token, and what it was asked.
async fn backend() -> (String, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let answer = move |OriginalUri(uri): OriginalUri, headers: HeaderMap, Json(body): Json<Value>| async move {
        assert_eq!(headers["authorization"], "Bearer local:seller");
        let call = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        seen.lock().unwrap().push((call.clone(), body.clone()));
        match (&*call, body["x402AccessToken"].as_str()) {
            ("verify", Some("good")) => Json(json!({"isValid": true, "agentRequestId": "r-1", "payer": "0x1"})),
            ("verify", _) => {
                Json(json!({"isValid": false, "invalidReason": "no credits", "invalidCode": "BCK.CREDITS.0003"}))
            }
            ("settle", _) => {
                Json(json!({"success": true, "transaction": "trf_1", "network": "n", "creditsRedeemed": "1"}))
            }
            _ => Json(json!({"released": true})),
        }
    };
    let app = Router::new().route("/api/v1/x402/{call}", post(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (format!("http://{addr}"), calls)
}

async fn server(backend: &str) -> Server {
    let farebox = Farebox::credits(backend, Secret::new("local:seller".into())).unwrap().plan("7").mode(Mode::Test);
    let gate = farebox
        .gate()
        .route("GET /ask", farebox.route("2 credits"))
        .route("GET /broken", farebox.route("2 credits"))
        .build()
        .unwrap();
    let app = |_| {
        Router::new()
            .route("/ask", get(|| async { "goods" }))
            .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .layer(gate)
    };
    Server::serve(Arc::default(), app).await
}

async fn pay(server: &Server, path: &str, token: &str) -> crate::harness::Answer {
    server.send(http::Method::GET, path, &[("payment-signature", token)]).await
}

#[tokio::test]
async fn a_remote_payment_is_held_then_settled_under_one_name() {
    let (url, calls) = backend().await;
    let answer = pay(&server(&url).await, "/ask", "good").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"goods"[..]));
    assert_eq!(answer.receipt().unwrap().transaction, "trf_1");
    let calls = calls.lock().unwrap();
    let [(verify, held), (settle, taken)] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((&**verify, &**settle), ("verify", "settle"));
    assert_eq!((&held["maxAmount"], &held["hold"]["ttlSeconds"]), (&json!("2"), &json!(120)));
    assert_eq!(held["paymentRequired"]["resource"]["url"], "/ask");
    assert_eq!(taken["agentRequestId"], "r-1");
}

#[tokio::test]
async fn a_remote_refusal_reaches_the_payer() {
    let (url, _) = backend().await;
    let answer = pay(&server(&url).await, "/ask", "poor").await;
    assert_eq!((answer.status, &*answer.message()), (StatusCode::PAYMENT_REQUIRED, "no credits"));
}

#[tokio::test]
async fn a_failed_handler_gives_a_remote_hold_back() {
    let (url, calls) = backend().await;
    let answer = pay(&server(&url).await, "/broken", "good").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let calls = calls.lock().unwrap();
    assert_eq!(calls.iter().map(|(call, _)| &**call).collect::<Vec<_>>(), ["verify", "release"]);
    assert_eq!(calls[1].1["agentRequestId"], "r-1");
}

#[tokio::test]
async fn a_backend_that_is_down_is_503_and_is_not_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let answer = pay(&server(&format!("http://{addr}")).await, "/ask", "good").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.offer(), None);
    assert!(!String::from_utf8_lossy(&answer.body).contains(&addr.port().to_string()));
}

#[test]
fn an_address_that_cannot_be_used_is_a_start_up_error() {
    assert!(Farebox::credits("credits.example", Secret::new("local:seller".into())).is_err());
}
