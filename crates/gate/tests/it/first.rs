//! Routes that are paid before they are served.

use axum::{Router, routing::get};
use farebox_gate::UnknownPolicy;
use farebox_x402::Retry;
use http::StatusCode;
use serde_json::json;

use crate::{
    fake::{Act, Fake},
    harness::Server,
};

async fn server(fake: Fake) -> Server {
    let fail = get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "own failure") });
    let app = Router::new().route("/{name}", get(|| async { "goods" })).route("/fail", fail);
    let app = app.route("/boom", get(|| async { if true { panic!("the handler panics") } else { "" } }));
    Server::with_route(fake, "GET /:name", app, |route| route.settle_first().on_unknown(UnknownPolicy::Serve)).await
}

#[tokio::test]
async fn the_money_is_taken_before_the_handler_runs() {
    let server = server(Fake::default().settling([Act::Refuse("no_money")])).await;
    let refused = server.pay("/x").await;
    assert_eq!((refused.status, server.runs.count()), (StatusCode::PAYMENT_REQUIRED, 0));
    let answer = server.pay("/x").await;
    assert_eq!((answer.status, &*answer.body, server.runs.count()), (StatusCode::OK, &b"goods"[..], 1));
    assert!(answer.receipt().unwrap().success);
    assert_eq!(server.fake.counts(), [2, 2, 0]);
}

#[tokio::test]
async fn a_handler_that_fails_afterwards_is_paid_and_its_answer_says_so() {
    let server = server(Fake::default()).await;
    let answer = server.pay("/fail").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::INTERNAL_SERVER_ERROR, &b"own failure"[..]));
    assert!(answer.receipt().unwrap().success);
    let answer = server.pay("/boom").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.message().contains("was paid for before"));
    assert!(answer.receipt().unwrap().success);
    assert_eq!(server.fake.counts(), [2, 2, 0]);
}

#[tokio::test]
async fn while_nobody_knows_whether_it_is_paid_no_handler_runs() {
    let server = server(Fake::default().settling([(); 3].map(|()| Act::Fail(Retry::Unknown)))).await;
    let answer = server.pay("/x").await;
    assert_eq!((answer.status, answer.offer()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(server.runs.count(), 0);
    // The token can pay again: nothing is taken for the request that was not served.
    server.fake.saw("release", 1).await;
    let again = server.pay("/x").await;
    assert_eq!((again.status, server.runs.count()), (StatusCode::OK, 1));
    assert_eq!(server.fake.counts(), [2, 4, 1]);
    assert_ne!(server.fake.calls()[0].request_id, server.fake.calls().last().unwrap().request_id);
}

/// Good for one payment.
fn single_use() -> String {
    let token = json!({"x402Version": 2, "accepted": {"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": "7"},
        "payload": {"signature": "0xabc", "authorization": {"from": "0x1", "nonce": "0x99"}}});
    farebox_x402::header::encode_token(&token)
}

#[tokio::test]
async fn a_payment_that_was_taken_after_nobody_knew_is_served_when_it_comes_again() {
    let server = server(Fake::default().settling([(); 3].map(|()| Act::Fail(Retry::Unknown)))).await;
    let payment = single_use();
    let headers = [("payment-signature", &*payment)];
    let pay = || server.send(http::Method::GET, "/x", &headers);
    let answer = pay().await;
    assert_eq!((answer.status, answer.offer()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(server.runs.count(), 0);
    for _ in 0..2 {
        let again = pay().await;
        assert_eq!((again.status, &*again.body), (StatusCode::OK, &b"goods"[..]));
        assert!(again.receipt().unwrap().success);
    }
    assert_eq!((server.runs.count(), server.fake.count("verify")), (1, 1));
    let settles = server.fake.calls().into_iter().filter(|call| call.what == "settle");
    let charges: std::collections::HashSet<_> = settles.map(|call| call.request_id).collect();
    assert_eq!(charges.len(), 1, "{charges:?}");
}

#[tokio::test]
async fn a_client_that_leaves_while_it_pays_is_served_when_it_comes_again() {
    let server = server(Fake::default().settling([Act::Slow(std::time::Duration::from_millis(300))])).await;
    let payment = single_use();
    let mut client = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET /x HTTP/1.1\r\nHost: x\r\npayment-signature: {payment}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut client, request.as_bytes()).await.unwrap();
    server.fake.saw("settle", 1).await;
    drop(client);
    let again = server.send(http::Method::GET, "/x", &[("payment-signature", &payment)]).await;
    assert_eq!((again.status, &*again.body, server.runs.count()), (StatusCode::OK, &b"goods"[..], 1));
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn what_is_paid_first_is_made_and_kept_though_its_client_leaves() {
    let slow = get(|| async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        "goods"
    });
    let app = Router::new().route("/x", slow);
    let server = Server::with_route(Fake::default(), "GET /x", app, farebox_gate::Route::settle_first).await;
    let token = single_use();
    let mut client = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET /x HTTP/1.1\r\nHost: x\r\npayment-signature: {token}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut client, request.as_bytes()).await.unwrap();
    server.fake.saw("settled", 1).await;
    drop(client);
    let again = server.send(http::Method::GET, "/x", &[("payment-signature", &token)]).await;
    assert_eq!((again.status, &*again.body, server.runs.count()), (StatusCode::OK, &b"goods"[..], 1));
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}
