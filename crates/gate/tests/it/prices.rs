//! Prices that depend on the request.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, routing::post};
use farebox_gate::{Asked, Gate, Route};
use farebox_types::Mode;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::{
    fake::Fake,
    harness::{Runs, Server, counted},
};

const PAID: (&str, &str) = ("payment-signature", "t");

fn app() -> Router {
    Router::new().route("/x", post(|Json(body): Json<Value>| async move { Json(body) }))
}

async fn server(route: impl FnOnce(Route) -> Route) -> Server {
    Server::with_route(Fake::default(), "POST /x", app(), route).await
}

async fn by_tokens(asked: Asked) -> Result<u64, String> {
    let body: Value = asked.json().map_err(|error| error.to_string())?;
    let tokens = body["max_tokens"].as_u64().ok_or("no max_tokens")?;
    Ok((tokens / 100).max(1))
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_price_may_read_the_body_which_the_handler_still_gets() {
    let server = server(|route| route.price_async(by_tokens)).await;
    let answer = server.post("/x", r#"{"max_tokens":750}"#, &[PAID, JSON]).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"max_tokens": 750})));
    assert_eq!(answer.receipt().unwrap().credits_redeemed.as_deref(), Some("7"));
    let amounts: Vec<_> = server.fake.calls().into_iter().map(|call| call.amount).collect();
    assert!(amounts.iter().all(|amount| amount == "7"), "{amounts:?}");
}

#[tokio::test]
async fn a_price_may_depend_on_a_header_and_is_asked_once_a_payment() {
    let asks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asks);
    let server = server(|route| {
        route.price_fn(move |asked: &Asked| {
            counter.fetch_add(1, Ordering::SeqCst);
            if asked.header("priority") == Some("high") { 5 } else { 1 }
        })
    })
    .await;
    for (priority, price) in [("high", "5"), ("low", "1")] {
        let answer = server.post("/x", "{}", &[PAID, JSON, ("priority", priority)]).await;
        assert_eq!(answer.receipt().unwrap().credits_redeemed.as_deref(), Some(price));
    }
    assert_eq!(asks.load(Ordering::SeqCst), 2);
    assert_eq!(server.post("/x", "{}", &[]).await.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(asks.load(Ordering::SeqCst), 2, "an unpaid request is offered the plan unpriced");
}

#[tokio::test]
async fn a_price_that_cannot_be_told_is_500_and_charges_and_shows_nothing() {
    type Bad = fn(&Asked) -> Result<i64, String>;
    let bad: [Bad; 4] = [
        |_| Err("db-7.internal:5432 said no".to_owned()),
        |_| Ok(0),
        |_| Ok(-3),
        |_| panic!("the price function panics"),
    ];
    for price in bad {
        let server = server(|route| route.price_fn(price)).await;
        let answer = server.post("/x", "{}", &[PAID, JSON]).await;
        assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("no_price")));
        answer.assert_tells_nothing();
        assert_eq!((server.runs.count(), server.fake.counts()), (0, [0, 0, 0]));
    }
}

#[tokio::test]
async fn a_body_longer_than_the_route_reads_is_413() {
    let server = server(|route| route.price_async(by_tokens).max_request(5)).await;
    let answer = server.post("/x", r#"{"max_tokens":750}"#, &[PAID, JSON]).await;
    assert_eq!((answer.status, server.fake.counts()), (StatusCode::PAYLOAD_TOO_LARGE, [0, 0, 0]));
}

#[cfg(feature = "client")]
#[tokio::test]
async fn a_price_on_a_chain_is_in_the_offer_and_binds_the_payment_to_it() {
    use crate::chain::{Chain, PAY_TO, fresh_nonce, header, sign};
    let (chain, addr) = Chain::start().await;
    let route =
        Route::exact_async(|asked: Asked| async move { by_tokens(asked).await.map(|cents| format!("$0.0{cents}")) })
            .pay_to(PAY_TO)
            .network("base-sepolia");
    let gate =
        Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).route("POST /x", route).build().unwrap();
    let server = Server::serve(Arc::default(), |runs: Runs| counted(app(), runs).layer(gate)).await;
    let offered = async |body| {
        let offer = server.post("/x", body, &[JSON]).await.offer().unwrap();
        offer.accepts[0].chain().unwrap().clone()
    };
    let (cheap, dear) = (r#"{"max_tokens":100}"#, r#"{"max_tokens":900}"#);
    assert_eq!(offered(cheap).await.amount, 10_000.into());
    assert_eq!(offered(dear).await.amount, 90_000.into());
    let (name, value) = header(&sign(&offered(cheap).await, &fresh_nonce()));
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    let refused = server.post("/x", dear, &[JSON, (name, &value)]).await;
    assert_eq!((refused.status, chain.counts()), (StatusCode::PAYMENT_REQUIRED, [0, 0]), "{headers:?}");
    assert_eq!(server.post("/x", cheap, &[JSON, (name, &value)]).await.status, StatusCode::OK);
    assert_eq!((chain.transfers(), server.runs.count()), (1, 1));
    assert_eq!(server.post("/x", "{}", &[JSON]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
