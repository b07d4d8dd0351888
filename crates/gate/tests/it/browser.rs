//! The gate's 402 as browsers get it.

use std::sync::Arc;

use axum::{Router, routing::get};
use farebox_gate::{BadGate, Farebox, Paywall};
use http::{Method, StatusCode};
use rstest::rstest;

use crate::harness::{Answer, Runs, Server, counted};

const BROWSER: [(&str, &str); 2] =
    [("accept", "text/html,*/*;q=0.8"), ("user-agent", "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/156.0")];

async fn server() -> Server {
    let farebox = Farebox::test();
    let paywall = Paywall::new().app_name("Weather, honestly");
    let gate = farebox.gate().paywall(paywall).public_url("https://weather.example");
    let gate = gate.route("GET /x", farebox.route("5 credits").description("Tomorrow")).build().unwrap();
    let app = Router::new().route("/x", get(|| async { "goods" }));
    Server::serve(Arc::default(), |runs: Runs| counted(app, runs).layer(gate)).await
}

async fn browse(server: &Server, path: &str, payment: Option<&str>) -> Answer {
    let mut headers = BROWSER.to_vec();
    headers.extend(payment.map(|payment| ("payment-signature", payment)));
    headers.push(("host", "evil.example"));
    server.send(Method::GET, path, &headers).await
}

#[rstest]
#[case(None, "")]
#[case(Some("test:refused"), "asked to refuse this payment")]
#[tokio::test]
async fn a_browser_gets_a_page_with_the_same_offer(#[case] payment: Option<&str>, #[case] why: &str) {
    let server = server().await;
    let answer = browse(&server, "/x?place=Oslo", payment).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("vary"), Some("Accept, User-Agent"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let offer = answer.offer().unwrap();
    assert_eq!((&*offer.resource.url, offer.accepts.len()), ("https://weather.example/x", 1));
    let html = String::from_utf8_lossy(&answer.body);
    for words in ["Weather, honestly", "Tomorrow", "5 credits", "https://weather.example/x?place=Oslo", why] {
        assert!(html.contains(words), "{words} is missing");
    }
    assert!(!html.contains("evil.example") && server.runs.count() == 0);
}

#[tokio::test]
async fn everybody_else_gets_json_and_caches_know_the_difference() {
    let server = server().await;
    let answer = server.send(Method::GET, "/x", &[("accept", "text/html")]).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("vary"), Some("Accept, User-Agent"));
    assert_eq!(answer.json()["error"], "Payment Required");
}

#[tokio::test]
async fn a_browser_that_pays_gets_what_it_paid_for_and_an_outage_is_no_page() {
    let server = server().await;
    let paid = browse(&server, "/x", Some("test")).await;
    assert_eq!((paid.status, &*paid.body, paid.header("vary")), (StatusCode::OK, &b"goods"[..], None));
    let down = browse(&server, "/x", Some("test:down")).await;
    assert_eq!((down.status, down.header("content-type")), (StatusCode::SERVICE_UNAVAILABLE, Some("application/json")));
}

#[test]
fn a_page_that_cannot_be_shown_stops_the_start() {
    let farebox = Farebox::test();
    let gate = farebox.gate().paywall(Paywall::new().accent("red")).route("GET /x", farebox.route(1));
    assert!(matches!(gate.build(), Err(BadGate::Paywall(_))));
}
