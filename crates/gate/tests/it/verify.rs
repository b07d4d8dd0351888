//! What the gate does with what verify says.

use std::time::Duration;

use axum::{Router, routing::get};
use farebox_x402::{
    Retry,
    credits::{CODE_IN_USE, CODE_INSUFFICIENT},
};
use http::{Method, StatusCode};
use rstest::rstest;

use crate::{
    fake::{Act, Fake},
    harness::Server,
};

async fn server(fake: Fake) -> Server {
    Server::start(fake, "GET /ask", Router::new().route("/ask", get(|| async { "paid" }))).await
}

#[tokio::test]
async fn verify_is_asked_for_a_hold_on_the_routes_price_with_the_gates_own_offer() {
    let app = Router::new().route("/ask", get(|| async { "paid" }));
    let route = |route: farebox_gate::Route| route.price("5 credits").hold(Duration::from_secs(9));
    let server = Server::with_route(Fake::default(), "GET /ask", app, route).await;
    server.pay("/ask?plan=free").await;
    let verify = &server.fake.calls()[0];
    assert_eq!((verify.what, &*verify.token, &*verify.amount, &*verify.url), ("verify", "tok3n", "5", "/ask"));
    assert_eq!(verify.hold, Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn a_refused_payment_is_told_why_and_offered_again() {
    let server = server(Fake::default().verifying([Act::Refuse(CODE_INSUFFICIENT)])).await;
    let answer = server.pay("/ask").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answer.message(), "refused for BCK.CREDITS.0003");
    assert_eq!(answer.json()["code"], CODE_INSUFFICIENT);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let offer = answer.offer().unwrap();
    assert_eq!(offer.error.as_deref(), Some("refused for BCK.CREDITS.0003"));
    assert_eq!(offer.accepts.len(), 1);
    assert_eq!(answer.receipt(), None);
    assert_eq!(server.runs.count(), 0);
    assert_eq!(server.fake.counts(), [1, 0, 0]);
}

#[tokio::test]
async fn a_payment_in_use_is_a_conflict_without_a_fresh_offer() {
    let server = server(Fake::default().verifying([Act::Refuse(CODE_IN_USE)])).await;
    let answer = server.pay("/ask").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.offer(), None);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json()["code"], CODE_IN_USE);
    assert_eq!(server.runs.count(), 0);
}

#[rstest]
#[case(Retry::After(Duration::from_millis(2_500)), "3")]
#[case(Retry::Unknown, "2")]
#[case(Retry::Never, "60")]
#[tokio::test]
async fn a_facilitator_that_is_down_is_503_and_shows_nothing_of_itself(#[case] retry: Retry, #[case] wait: &str) {
    let server = server(Fake::default().verifying([Act::Fail(retry)])).await;
    let answer = server.pay("/ask").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some(wait));
    assert_eq!(answer.offer(), None, "never a fresh challenge during an outage");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.assert_tells_nothing();
    assert_eq!(server.runs.count(), 0);
    assert_eq!(server.fake.counts(), [1, 0, 0]);
}

#[tokio::test]
async fn an_outage_ends_by_itself() {
    let server = server(Fake::default().verifying([Act::Fail(Retry::Unknown)])).await;
    assert_eq!(server.pay("/ask").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.pay("/ask").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_charge_without_a_name_is_not_run() {
    let server = server(Fake::nameless()).await;
    assert_eq!(server.pay("/ask").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.runs.count(), 0);
    assert_eq!(server.fake.counts(), [1, 0, 0]);
}

#[tokio::test]
async fn a_token_is_passed_on_unread() {
    let server = server(Fake::default()).await;
    for token in ["opaque", "a.b.c", "!!! not base64 !!!", "{\"json\":1}"] {
        assert_eq!(server.send(Method::GET, "/ask", &[("payment-signature", token)]).await.status, StatusCode::OK);
    }
    let tokens: Vec<String> =
        server.fake.calls().into_iter().filter(|call| call.what == "verify").map(|call| call.token).collect();
    assert_eq!(tokens, ["opaque", "a.b.c", "!!! not base64 !!!", "{\"json\":1}"]);
}
