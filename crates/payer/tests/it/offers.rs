//! Offers that are not paid, and backends that give no token.

use axum::http::HeaderValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_payer::PayError;
use farebox_x402::header;
use serde_json::{Value, json};

use crate::{
    KEY,
    backend::Backend,
    builder, payer,
    seller::{Act, Seller, offer},
};

/// What a payer says to an offer of these bytes; it must not have asked for a token.
async fn refusal(value: Option<HeaderValue>) -> PayError {
    let (backend, seller) = (Backend::start().await, Seller::offering(value, []).await);
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(backend.asked().is_empty() && seller.tokens().is_empty());
    error
}

/// The proper offer with one member replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut offer = serde_json::to_value(offer()).unwrap();
    *offer.pointer_mut(pointer).unwrap() = value;
    offer
}

fn raw(text: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(text).unwrap()
}

#[tokio::test]
async fn an_offer_that_cannot_be_read_is_a_bad_offer() {
    let good = header::encode(&offer());
    let deep = format!("{{\"x402Version\":2,\"extensions\":{}", "[".repeat(8_000));
    let huge = with("/resource/url", json!(format!("/{}", "x".repeat(20_000))));
    let cases = [
        ("absent", None),
        ("empty", Some(raw(b""))),
        ("not base64", Some(raw(b"{\"x402Version\":2}"))),
        ("truncated", Some(raw(&good.as_bytes()[..good.len() / 2]))),
        ("huge", Some(header::encode(&huge))),
        ("deep", Some(raw(STANDARD.encode(deep).as_bytes()))),
        ("an array", Some(header::encode(&json!([1])))),
        ("wrong types", Some(header::encode(&with("/accepts", json!("7"))))),
        ("a version as text", Some(header::encode(&with("/x402Version", json!("2"))))),
        ("version 1", Some(header::encode(&with("/x402Version", json!(1))))),
        ("no resource", Some(header::encode(&json!({"x402Version": 2, "accepts": []})))),
        ("not UTF-8", Some(raw(STANDARD.encode(b"{\"x402Version\":2,\"a\":\"\xff\"}").as_bytes()))),
    ];
    for (case, value) in cases {
        let error = refusal(value).await;
        assert!(matches!(error, PayError::BadOffer(_)), "{case}: {error:?}");
    }
}

#[tokio::test]
async fn an_offer_for_something_else_is_a_bad_offer() {
    for url in ["/other", "http://127.0.0.1:1/joke", "https://elsewhere.example/joke", "mcp://s/tools/joke", ""] {
        let error = refusal(Some(header::encode(&with("/resource/url", json!(url))))).await;
        assert!(matches!(error, PayError::BadOffer(_)), "{url}: {error:?}");
    }
    let post = with("/accepts/2/extra/httpVerb", json!("POST"));
    let error = refusal(Some(header::encode(&post))).await;
    assert!(matches!(error, PayError::BadOffer(_)), "{error:?}");
}

#[tokio::test]
async fn an_offer_without_credits_is_not_payable() {
    let card = json!([{"scheme": "nvm:card-delegation", "network": "stripe", "planId": "5"}]);
    for accepts in [json!([]), card, json!([{"scheme": "exact", "network": "eip155:8453"}])] {
        let error = refusal(Some(header::encode(&with("/accepts", accepts)))).await;
        assert!(matches!(error, PayError::NothingPayable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_offer_that_a_token_cannot_be_bound_to_is_not_paid_with_a_reusable_one() {
    let unbound = with("/accepts/2/extra", json!({"version": "1"}));
    let seller = Seller::offering(Some(header::encode(&unbound)), []).await;
    let backend = Backend::start().await;
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(&error, PayError::Backend { code, .. } if code == "BCK.X402.0012"), "{error:?}");
    assert_eq!((backend.asked().len(), seller.tokens().len()), (1, 0));
}

#[tokio::test]
async fn a_reusable_token_is_not_taken_for_a_single_use_one() {
    let reusable = json!({"x402Version": 2, "accepted": {"scheme": "nvm:erc4337", "network": "n", "planId": "7"},
        "payload": {"signature": "0x1", "authorization": {"from": "0x2", "nonce": "  "}}});
    for token in [header::encode_token(&reusable), "opaque".to_owned()] {
        let backend = Backend::answering(200, json!({"accessToken": token}).to_string()).await;
        let seller = Seller::start([]).await;
        let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::NotSingleUse), "{error:?}");
        assert!(seller.tokens().is_empty());
    }
}

#[tokio::test]
async fn a_backend_that_gives_no_token_is_told_apart_and_nothing_is_paid() {
    let big = format!("{{\"accessToken\":\"{}\"}}", "A".repeat(80_000));
    let echo = json!({"code": "BCK.X402.0019", "message": format!("Bearer {KEY} is over")}).to_string();
    for (status, body, expected) in [
        (402, r#"{"code":"BCK.X402.0019","message":"delegation over"}"#.to_owned(), "BCK.X402.0019"),
        (402, echo, "BCK.X402.0019"),
        (500, "<html>".to_owned(), "http_500"),
        (307, String::new(), "http_307"),
        (200, "{}".to_owned(), "unreadable"),
        (200, "{\"accessToken\":\"\"}".to_owned(), "unreadable"),
        (200, "{\"accessToken\":\"a\\nb\"}".to_owned(), "unreadable"),
        (200, big, "unreadable"),
    ] {
        let (backend, seller) = (Backend::answering(status, body).await, Seller::start([]).await);
        let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(&error, PayError::Backend { code, .. } if code == expected), "{status}: {error:?}");
        assert!(!format!("{error} {error:?}").contains(KEY));
        assert!(seller.tokens().is_empty());
    }
}

#[tokio::test]
async fn a_backend_that_is_down_is_a_network_error_and_nothing_is_paid() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let backend = Backend::start().await;
    let payer =
        builder(&backend).credits(format!("http://{closed}"), farebox_payer::Secret::new(KEY.into())).build().unwrap();
    let seller = Seller::start([Act::Serve]).await;
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::Transport { .. }), "{error:?}");
    assert!(seller.tokens().is_empty());

    let error = payer.get(&format!("http://{closed}/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::Transport { .. }), "{error:?}");
}
