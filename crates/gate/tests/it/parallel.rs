//! Many requests at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use http::{Method, StatusCode};
use tokio::task::JoinSet;

use crate::{
    fake::{Act, Fake},
    harness::Server,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_requests_on_50_credits_50_are_served() {
    let app = Router::new().route("/x", get(|| async { "goods" }));
    let server = Arc::new(Server::start(Fake::with_credits(50), "GET /x", app).await);
    let mut requests = JoinSet::new();
    for at in 0..200 {
        let server = Arc::clone(&server);
        requests.spawn(async move {
            let answer = server.send(Method::GET, "/x", &[("payment-signature", &format!("t-{at}"))]).await;
            (answer.status, answer.receipt().is_some_and(|receipt| receipt.success), answer.body == "goods")
        });
    }
    let answers = requests.join_all().await;
    let count = |wanted| answers.iter().filter(|answer| **answer == wanted).count();
    assert_eq!(count((StatusCode::OK, true, true)), 50);
    assert_eq!(count((StatusCode::PAYMENT_REQUIRED, false, false)), 150);
    assert_eq!(server.runs.count(), 50);
    assert_eq!(server.fake.counts(), [200, 50, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_200_parallel_payments_gets_its_own_receipt() {
    let app = Router::new().route(
        "/x",
        get(|payment: http::HeaderMap| async move { payment["payment-signature"].to_str().unwrap().to_owned() }),
    );
    let server = Arc::new(Server::start(Fake::default(), "GET /x", app).await);
    let mut requests = JoinSet::new();
    for at in 0..200 {
        let server = Arc::clone(&server);
        requests.spawn(async move {
            let token = format!("t-{at}");
            let answer = server.send(Method::GET, "/x", &[("payment-signature", &token)]).await;
            assert_eq!(answer.body, token);
            answer.receipt().unwrap().transaction
        });
    }
    let receipts = requests.join_all().await;
    let distinct: std::collections::HashSet<_> = receipts.iter().collect();
    assert_eq!(distinct.len(), 200);
    assert_eq!(server.fake.counts(), [200, 200, 0]);
}

#[tokio::test]
async fn a_slow_facilitator_holds_up_nobody_else() {
    let app = Router::new().route("/x", get(|| async { "goods" })).route("/health", get(|| async { "ok" }));
    let slow = Fake::default().verifying([Act::Slow(Duration::from_millis(800))]);
    let server = Arc::new(Server::start(slow, "GET /x", app).await);
    let paying = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.pay("/x").await }
    });
    server.fake.saw("verify", 1).await;
    let started = Instant::now();
    assert_eq!(server.get("/health").await.status, StatusCode::OK);
    assert_eq!(server.pay("/x").await.status, StatusCode::OK);
    assert!(!paying.is_finished(), "the slow one is still being verified after {:?}", started.elapsed());
    assert_eq!(paying.await.unwrap().status, StatusCode::OK);
}
