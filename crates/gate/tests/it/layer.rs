//! A price layered on one route, and the test rail.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get},
};
use farebox_gate::{Farebox, TestRail, UnknownPolicy};
use farebox_types::Mode;
use http::{Method, StatusCode};
use rstest::rstest;

use crate::{
    fake::Fake,
    harness::{Server, farebox},
};

async fn joke_server() -> Server {
    let farebox = Farebox::test();
    let app = move |_| {
        Router::new()
            .route("/joke", get(|| async { "ha" }).layer(farebox.price("1 credit")))
            .route("/free", get(|| async { "free" }))
    };
    Server::serve(Arc::default(), app).await
}

#[tokio::test]
async fn ten_lines_make_a_paid_route() {
    let server = joke_server().await;
    assert_eq!(server.get("/free").await.body, "free");

    let unpaid = server.get("/joke").await;
    assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
    let offer = unpaid.offer().unwrap();
    assert_eq!((&*offer.resource.url, offer.accepts.len()), ("/joke", 1));

    let paid = server.send(Method::GET, "/joke", &[("payment-signature", "test")]).await;
    assert_eq!((paid.status, &*paid.body), (StatusCode::OK, &b"ha"[..]));
    let receipt = paid.receipt().unwrap();
    assert_eq!((receipt.success, receipt.credits_redeemed.as_deref()), (true, Some("1")));
    assert_eq!((&*receipt.transaction, &*receipt.network), ("test-1", "eip155:84532"));
}

#[rstest]
#[case("test", 200)]
#[case("test:refused", 402)]
#[case("test:insufficient", 402)]
#[case("test:in-use", 409)]
#[case("test:down", 503)]
#[case("test:unsettled", 402)]
#[case("test:unknown", 200)]
#[case("anything else", 402)]
#[tokio::test]
async fn every_answer_can_be_seen_on_the_test_rail(#[case] word: &str, #[case] status: u16) {
    let answer = joke_server().await.send(Method::GET, "/joke", &[("payment-signature", word)]).await;
    assert_eq!(answer.status, status, "{word}");
    assert_eq!(answer.body == "ha", status == 200);
}

#[tokio::test]
async fn the_test_rail_tells_a_stranger_what_to_send() {
    let answer = joke_server().await.send(Method::GET, "/joke", &[("payment-signature", "hello")]).await;
    assert!(answer.message().contains("`payment-signature: test`"), "{}", answer.message());
}

#[tokio::test]
async fn an_unknown_test_payment_is_withheld_where_the_route_says_so() {
    let farebox = Farebox::test();
    let layer = farebox.charge(farebox.route(3).on_unknown(UnknownPolicy::Withhold)).unwrap();
    let server = Server::serve(Arc::default(), |_| Router::new().route("/", get(|| async { "ha" }).layer(layer))).await;
    let answer = server.send(Method::GET, "/", &[("payment-signature", "test:unknown")]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
}

#[tokio::test]
async fn a_layered_price_charges_every_method_and_path_that_reaches_it() {
    let fake = Arc::new(Fake::default());
    let layer = farebox(&fake).price(2);
    let app = |_| Router::new().route("/v/{*rest}", any(|| async { "goods" }).layer(layer));
    let server = Server::serve(fake, app).await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD] {
        let answer = server.send(method.clone(), "/v/a/b", &[]).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{method}");
        let verb = if method == Method::HEAD { "GET" } else { method.as_str() };
        let offer = answer.offer().unwrap();
        assert_eq!(offer.accepts[0].credits().unwrap().extra.http_verb.as_deref(), Some(verb));
    }
    let paid = server.pay("/v/c").await;
    assert_eq!(paid.status, StatusCode::OK);
    let verify = &server.fake.calls()[0];
    assert_eq!((&*verify.url, &*verify.amount), ("/v/c", "2"));
}

#[tokio::test]
async fn one_farebox_prices_many_routes() {
    let fake = Arc::new(Fake::default());
    let farebox = farebox(&fake);
    let app = |_| {
        Router::new()
            .route("/one", get(|| async { "1" }).layer(farebox.price("1 credit")))
            .route("/five", get(|| async { "5" }).layer(farebox.price("5 credits")))
    };
    let server = Server::serve(fake, app).await;
    server.pay("/one").await;
    server.pay("/five").await;
    let amounts: Vec<_> =
        server.fake.calls().into_iter().filter(|call| call.what == "settle").map(|call| call.amount).collect();
    assert_eq!(amounts, ["1", "5"]);
}

#[test]
fn the_test_rail_is_refused_in_live_mode_in_every_form() {
    let live = Farebox::with(Arc::new(TestRail::new()), Mode::Live).plan("7");
    let layered = live.charge(live.route(1)).unwrap_err().to_string();
    let table = live.gate().route("GET /x", live.route(1)).build().unwrap_err().to_string();
    let unsaid = farebox_gate::Gate::builder().facilitator(Arc::new(TestRail::new())).route("GET /x", live.route(1));
    for error in [layered, table, unsaid.build().unwrap_err().to_string()] {
        assert!(error.contains("test mode only"), "{error}");
    }
}

#[test]
fn a_gate_says_what_it_will_do() {
    let farebox = Farebox::test();
    let gate = farebox
        .gate()
        .route("POST /ask", farebox.route("5 credits"))
        .route("GET /users/:id", farebox.route(1).on_unknown(UnknownPolicy::Withhold))
        .build()
        .unwrap();
    let plan = gate.execution_plan();
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("POST /ask: 5 credits of plan 0"), "{plan}");
    assert!(lines[1].contains("outcome unknown: withhold"), "{plan}");
}
