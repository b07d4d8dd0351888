//! Requests without a payment, and payments that cannot be read.

use axum::{Router, routing::get};
use http::{Method, StatusCode};
use serde_json::json;

use crate::{fake::Fake, harness::Server};

fn app() -> Router {
    Router::new().route("/ask", get(|| async { "paid" })).route("/health", get(|| async { "ok" }))
}

async fn server() -> Server {
    Server::start(Fake::default(), "GET /ask", app()).await
}

#[tokio::test]
async fn a_free_route_is_untouched() {
    let server = server().await;
    let answer = server.get("/health").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ok"[..]));
    assert_eq!(answer.header("cache-control"), None);
    assert_eq!(answer.header("payment-response"), None);
    assert_eq!(server.fake.counts(), [0; 3]);
}

#[tokio::test]
async fn a_free_route_ignores_a_payment() {
    let server = server().await;
    let answer = server.pay("/health").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(server.fake.counts(), [0; 3]);
}

#[tokio::test]
async fn an_unpaid_request_gets_an_offer_and_asks_nobody() {
    let server = server().await;
    let answer = server.get("/ask?q=1").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json(),
        json!({"error": "Payment Required",
               "message": "Missing x402 payment token. Send token in payment-signature header."})
    );
    let offer = answer.offer().unwrap();
    assert_eq!(offer.resource.url, "/ask");
    let accept = offer.accepts[0].credits().unwrap();
    assert_eq!((&*accept.scheme, &*accept.network, &*accept.plan_id), ("nvm:erc4337", "eip155:84532", "7"));
    assert_eq!(accept.extra.http_verb.as_deref(), Some("GET"));
    assert_eq!(server.runs.count(), 0);
    assert_eq!(server.fake.counts(), [0; 3]);
}

#[tokio::test]
async fn an_empty_payment_header_is_no_payment() {
    let server = server().await;
    let answer = server.send(Method::GET, "/ask", &[("payment-signature", ""), ("payment-signature", " ")]).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(answer.message().starts_with("Missing"));
}

#[tokio::test]
async fn the_first_payment_that_holds_something_is_presented() {
    let server = server().await;
    let headers = [("payment-signature", ""), ("payment-signature", "one"), ("payment-signature", "two")];
    assert_eq!(server.send(Method::GET, "/ask", &headers).await.status, StatusCode::OK);
    assert_eq!(server.fake.calls()[0].token, "one");
}

#[tokio::test]
async fn a_payment_that_cannot_be_read_says_why_and_asks_nobody() {
    let server = server().await;
    let long = "a".repeat(16_385);
    let answer = server.send(Method::GET, "/ask", &[("payment-signature", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(answer.message().contains("longer than 16384 bytes"), "{}", answer.message());
    assert!(answer.offer().unwrap().error.unwrap().contains("16384"));

    let answer =
        server.raw("GET /ask HTTP/1.1\r\nHost: x\r\nConnection: close\r\npayment-signature: \u{e9}\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "UTF-8 is text: {answer}");
    assert_eq!(server.runs.count(), 1);
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn bytes_that_are_not_text_are_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = server().await;
    let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let request = b"GET /ask HTTP/1.1\r\nHost: x\r\nConnection: close\r\npayment-signature: \xff\xfe\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 402") && answer.contains("not text"), "{answer}");
    assert_eq!(server.fake.counts(), [0; 3]);
}
