//! Fares for what was used: the handler says how much, at most what was authorized is taken.

use std::sync::Arc;

use axum::{
    Router,
    extract::Query,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use farebox_gate::{Actual, Gate, PaymentContext, Route};
use farebox_types::Mode;
use farebox_x402::{PaymentPayload, Requirements};
use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::{
    chain::{Chain, PAY_TO, SETTLER, fresh_nonce, header, sign},
    harness::{Answer, Runs, Server, counted},
};

#[derive(serde::Deserialize)]
struct Wanted {
    header: Option<String>,
    units: Option<u64>,
    status: Option<u16>,
}

/// Reports as it is asked to.
async fn metered(Query(wanted): Query<Wanted>) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(amount) = &wanted.header {
        headers.insert("settlement-overrides", json!({"amount": amount}).to_string().parse().unwrap());
    }
    let status = StatusCode::from_u16(wanted.status.unwrap_or(200)).unwrap();
    let mut answer = (status, headers, "metered content").into_response();
    if let Some(units) = wanted.units {
        answer.extensions_mut().insert(Actual::Units(units.into()));
    }
    answer
}

async fn server_of(route: Route) -> (Server, Arc<Chain>) {
    let (chain, addr) = Chain::start().await;
    let gate = Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).route("GET /x", route).build().unwrap();
    let app = |runs: Runs| counted(Router::new().route("/x", get(metered)), runs).layer(gate);
    (Server::serve(Arc::default(), app).await, chain)
}

async fn server() -> (Server, Arc<Chain>) {
    server_of(Route::upto("$0.10").pay_to(PAY_TO).network("base-sepolia")).await
}

async fn offered(server: &Server) -> Requirements {
    server.get("/x").await.offer().unwrap().accepts[0].chain().unwrap().clone()
}

async fn send(server: &Server, path: &str, payment: &PaymentPayload) -> Answer {
    let (name, value) = header(payment);
    server.send(Method::GET, path, &[(name, &value)]).await
}

async fn pay(server: &Server, path: &str) -> Answer {
    send(server, path, &sign(&offered(server).await, &fresh_nonce())).await
}

#[tokio::test]
async fn the_offer_names_the_account_that_may_settle_and_the_signed_allowance() {
    let (server, _) = server().await;
    let offer = server.get("/x").await.offer().unwrap();
    let own = offer.accepts[0].chain().unwrap();
    assert_eq!((&*own.scheme, own.amount), ("upto", 100_000.into()));
    assert_eq!(own.extra_text("facilitatorAddress"), Some(SETTLER));
    assert_eq!(own.extra_text("assetTransferMethod"), Some("permit2"));
    assert_eq!(offer.extensions["eip2612GasSponsoring"]["info"]["version"], "1");
}

#[rstest]
#[case("header=500", "500")]
#[case("header=37.5%25", "37500")]
#[case("header=$0.0012", "1200")]
#[case("units=7", "7")]
#[case("header=0", "0")]
#[case("", "100000")]
#[case("header=100001", "100000")]
#[tokio::test]
async fn what_the_handler_reports_is_settled_at_most_what_was_authorized(#[case] query: &str, #[case] taken: &str) {
    let (server, chain) = server().await;
    let answer = pay(&server, &format!("/x?{query}")).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"metered content"[..]));
    assert_eq!(answer.header("settlement-overrides"), None, "a report is not for the client");
    assert_eq!(answer.receipt().unwrap().amount.as_deref(), Some(taken));
    let [verify, settle] = ["verify", "settle"].map(|what| chain.asked(what).remove(0));
    assert_eq!(verify["paymentRequirements"]["amount"], "100000");
    assert_eq!(settle["paymentRequirements"]["amount"], taken);
    assert_eq!(settle["paymentPayload"]["accepted"]["amount"], "100000");
}

#[rstest]
#[case("header=much")]
#[case("header=-1")]
#[case("header=101%25")]
#[tokio::test]
async fn a_report_that_is_no_amount_charges_nothing(#[case] query: &str) {
    let (server, chain) = server().await;
    let answer = pay(&server, &format!("/x?{query}")).await;
    assert_eq!((answer.status, chain.counts()), (StatusCode::INTERNAL_SERVER_ERROR, [1, 0]));
    assert!(!String::from_utf8_lossy(&answer.body).contains("metered content"));
}

#[tokio::test]
async fn a_failed_handlers_report_is_hidden_and_charges_nothing() {
    let (server, chain) = server().await;
    let answer = pay(&server, "/x?header=500&status=404").await;
    assert_eq!((answer.status, answer.header("settlement-overrides")), (StatusCode::NOT_FOUND, None));
    assert_eq!(chain.counts(), [1, 0]);
}

#[tokio::test]
async fn a_charge_of_nothing_spends_the_authorization_all_the_same() {
    let (server, chain) = server().await;
    let payment = sign(&offered(&server).await, &fresh_nonce());
    assert_eq!(send(&server, "/x?header=0", &payment).await.status, StatusCode::OK);
    let other = send(&server, "/x?header=500", &payment).await;
    assert_eq!((other.status, other.offer(), chain.counts()), (StatusCode::CONFLICT, None, [1, 1]));
    let again = send(&server, "/x?header=0", &payment).await;
    assert_eq!((again.status, server.runs.count(), chain.counts()), (StatusCode::OK, 1, [1, 1]));
}

#[tokio::test]
async fn an_exact_fare_is_what_it_is_whatever_the_handler_reports() {
    let (server, chain) = server_of(Route::exact("$0.10").pay_to(PAY_TO).network("base-sepolia")).await;
    let answer = pay(&server, "/x?header=500").await;
    assert_eq!(answer.header("settlement-overrides"), None);
    assert_eq!(chain.asked("settle")[0]["paymentRequirements"]["amount"], "100000");
}

#[tokio::test]
async fn without_the_facilitators_terms_nothing_is_offered_until_it_is_back() {
    let (chain, addr) = Chain::start().await;
    *chain.down.lock().unwrap() = true;
    let facilitator = Chain::facilitator(addr);
    let route = Route::upto("$0.10").pay_to(PAY_TO).network("base-sepolia");
    let gate = Gate::builder().chain(facilitator).mode(Mode::Test).route("GET /x", route).build().unwrap();
    let app = |runs: Runs| counted(Router::new().route("/x", get(metered)), runs).layer(gate);
    let server = Server::serve(Arc::default(), app).await;
    let answer = server.get("/x").await;
    assert_eq!((answer.status, answer.offer()), (StatusCode::SERVICE_UNAVAILABLE, None));
    *chain.down.lock().unwrap() = false;
    for _ in 0..70 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if server.get("/x").await.status == StatusCode::PAYMENT_REQUIRED {
            return;
        }
    }
    panic!("the offer never came back");
}

#[tokio::test]
async fn a_changed_extension_is_refused() {
    let (server, chain) = server().await;
    let mut payment = sign(&offered(&server).await, &fresh_nonce());
    let said = |version: &str| json!({"info": {"description": "The facilitator brings a signed EIP-2612 permit for Permit2 to the chain.", "version": version, "from": "0x1"}});
    payment.extensions.insert("eip2612GasSponsoring".into(), said("2"));
    let answer = send(&server, "/x", &payment).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (StatusCode::PAYMENT_REQUIRED, &json!("extension_echo_mismatch"))
    );
    payment.extensions.insert("eip2612GasSponsoring".into(), said("1"));
    assert_eq!(send(&server, "/x", &payment).await.status, StatusCode::OK);
    assert_eq!(chain.asked("settle")[0]["paymentPayload"]["extensions"]["eip2612GasSponsoring"]["info"]["from"], "0x1");
}

#[tokio::test]
async fn a_handler_sees_what_is_authorized() {
    let (_, addr) = Chain::start().await;
    let route = Route::upto("$0.10").pay_to(PAY_TO).network("base-sepolia");
    let gate = Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).route("GET /x", route).build().unwrap();
    let told = |request: axum::extract::Request| async move {
        let payment = request.extensions().get::<PaymentContext>().unwrap();
        let scheme = payment.accepted().unwrap().chain().unwrap().scheme.clone();
        format!("{} {scheme} {:?}", payment.amount(), payment.credits())
    };
    let app = |runs: Runs| counted(Router::new().route("/x", get(told)), runs).layer(gate);
    let server = Server::serve(Arc::default(), app).await;
    assert_eq!(pay(&server, "/x").await.body, "100000 upto None");
}
