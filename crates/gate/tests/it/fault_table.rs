//! Everything that can go wrong on the way, a row each: what is answered, who is charged. The backend is a program that keeps
//! its own books, and breaks as it is told.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use farebox_gate::{Farebox, Route, UnknownPolicy};
use farebox_types::{Mode, Secret};
use farebox_x402::client::{ClientOptions, CreditsClient};
use futures_util::{StreamExt, stream};
use http::{Method, StatusCode};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    breaking::{Backend, Break, Effect},
    harness::{Answer, Runs, Server, counted},
};

async fn server(addr: SocketAddr, change: impl Fn(Route) -> Route) -> Server {
    let options = ClientOptions { timeout: Duration::from_millis(300), ..ClientOptions::default() };
    let key = Secret::new("local:seller".into());
    let client = CreditsClient::with_options(&format!("http://{addr}"), key, options).unwrap();
    let farebox = Farebox::with(Arc::new(client), Mode::Test).plan("7");
    let routes = ["GET /goods", "GET /fail", "GET /boom", "GET /slow", "GET /broken", "GET /stream"];
    let gate = routes.into_iter().fold(farebox.gate(), |gate, key| {
        let route = change(farebox.route("3 credits"));
        gate.route(key, if key.ends_with("stream") { route.streaming() } else { route })
    });
    let gate = gate.build().unwrap();
    Server::serve(Arc::default(), |runs: Runs| counted(handlers(), runs).layer(gate)).await
}

fn handlers() -> Router {
    let chunks = |good: usize| {
        let broken = stream::once(async { Err(std::io::Error::other("gone")) });
        let good = stream::iter(0..good).then(|_| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Bytes::from_static(b"goods"))
        });
        Body::from_stream(good.chain(broken))
    };
    Router::new()
        .route("/goods", get(|| async { "goods" }))
        .route("/fail", get(|| async { (StatusCode::BAD_GATEWAY, "own failure") }))
        .route("/boom", get(|| async { if true { panic!("the handler panics") } else { "goods" } }))
        .route("/broken", get(move || async move { chunks(2) }))
        .route("/stream", get(move || async move { chunks(2) }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                "goods"
            }),
        )
}

async fn pay(server: &Server, path: &str) -> Answer {
    server.send(Method::GET, path, &[("payment-signature", "t")]).await
}

fn has_goods(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).contains("goods")
}

#[rstest]
#[tokio::test]
async fn at_verify_nothing_runs_and_nothing_is_charged(
    #[values(Break::Slow, Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
    #[values(Effect::Done, Effect::NotDone)] effect: Effect,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    backend.breaks_at("verify", broken, effect, 9);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, answer.offer(), has_goods(&answer)), (StatusCode::SERVICE_UNAVAILABLE, None, false));
    assert!(answer.header("retry-after").is_some());
    answer.assert_tells_nothing();
    assert_eq!((server.runs.count(), backend.charged()), (0, 0));
}

#[rstest]
#[tokio::test]
async fn a_settle_that_breaks_once_is_asked_again_and_charged_once(
    #[values(Break::Slow, Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
    #[values(Effect::Done, Effect::NotDone)] effect: Effect,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    backend.breaks_at("settle", broken, effect, 1);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, has_goods(&answer)), (StatusCode::OK, true));
    assert!(answer.receipt().unwrap().success);
    assert_eq!((server.runs.count(), backend.charged()), (1, 3));
}

#[rstest]
#[tokio::test]
async fn a_settle_that_stays_broken_is_served_in_doubt_and_charged_once_when_it_can_be(
    #[values(Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
    #[values(Effect::Done, Effect::NotDone)] effect: Effect,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route.on_unknown(UnknownPolicy::Serve)).await;
    backend.breaks_at("settle", broken, effect, 12);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, has_goods(&answer)), (StatusCode::OK, true));
    assert_eq!(answer.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
    backend.books.lock().unwrap().breaks.clear();
    backend.comes_to(3).await;
    assert_eq!(server.runs.count(), 1);
}

#[rstest]
#[tokio::test]
async fn a_settle_that_stays_broken_is_withheld_where_the_route_says_so_and_no_body_is_free(
    #[values(Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route.on_unknown(UnknownPolicy::Withhold)).await;
    backend.breaks_at("settle", broken, Effect::NotDone, 12);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, answer.offer(), has_goods(&answer)), (StatusCode::SERVICE_UNAVAILABLE, None, false));
    assert_eq!(answer.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
    assert_eq!(backend.charged(), 0);
}

#[tokio::test]
async fn a_backend_that_is_down_at_verify_sells_nothing() {
    let backend = Backend::default();
    let addr = backend.start().await;
    let server = server(addr, |route| route).await;
    backend.stop(addr).await;
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, answer.offer(), has_goods(&answer)), (StatusCode::SERVICE_UNAVAILABLE, None, false));
    assert_eq!((server.runs.count(), backend.charged()), (0, 0));
    backend.start_at(addr).await;
    assert_eq!((pay(&server, "/goods").await.status, backend.charged()), (StatusCode::OK, 3));
}

#[rstest]
#[tokio::test]
async fn a_backend_that_goes_down_before_settle_charges_once_when_it_is_back_or_gives_back_what_was_withheld(
    #[values(UnknownPolicy::Serve, UnknownPolicy::Withhold)] policy: UnknownPolicy,
) {
    let backend = Backend::default();
    let addr = backend.start().await;
    let server = server(addr, |route| route.on_unknown(policy)).await;
    let going_down = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        backend.stop(addr).await;
    };
    let (answer, ()) = tokio::join!(pay(&server, "/slow"), going_down);
    assert_eq!(answer.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
    assert_eq!((server.runs.count(), backend.charged()), (1, 0));
    backend.start_at(addr).await;
    match policy {
        UnknownPolicy::Serve => {
            assert_eq!((answer.status, has_goods(&answer)), (StatusCode::OK, true));
            backend.comes_to(3).await;
        }
        UnknownPolicy::Withhold => {
            assert_eq!((answer.status, has_goods(&answer)), (StatusCode::SERVICE_UNAVAILABLE, false));
            backend.has_given_back(1).await;
            assert_eq!(backend.charged(), 0);
        }
    }
}

#[rstest]
#[case("/fail", StatusCode::BAD_GATEWAY, "own failure")]
#[case("/boom", StatusCode::INTERNAL_SERVER_ERROR, "could not be produced")]
#[case("/broken", StatusCode::INTERNAL_SERVER_ERROR, "could not be produced")]
#[tokio::test]
async fn a_handler_that_fails_is_not_charged(#[case] path: &str, #[case] status: StatusCode, #[case] says: &str) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    let answer = pay(&server, path).await;
    assert_eq!((answer.status, has_goods(&answer), answer.receipt()), (status, false, None));
    assert!(String::from_utf8_lossy(&answer.body).contains(says));
    let books = backend.books.lock().unwrap();
    assert_eq!((books.settles, books.released.len(), books.charged.len()), (0, 1, 0));
}

#[tokio::test]
async fn a_slow_handler_is_waited_for_and_charged_once() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    let answer = pay(&server, "/slow").await;
    assert_eq!((answer.status, has_goods(&answer), backend.charged()), (StatusCode::OK, true, 3));
}

#[tokio::test]
async fn a_stream_that_breaks_was_delivered_in_part_and_is_charged_once() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    let said = server.raw("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\npayment-signature: t\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("goods") && !said.ends_with("0\r\n\r\n"), "{said}");
    backend.comes_to(3).await;
    assert_eq!(backend.books.lock().unwrap().charged.len(), 1);
}

/// A client that sends a request, and stays until it has read `until`.
async fn leaves(server: &Server, path: &str, until: &str) {
    let mut client = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\npayment-signature: t\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains(until) {
        assert!(client.read_buf(&mut said).await.unwrap() > 0, "it ended early");
    }
    while server.runs.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_handler_gets_its_hold_back() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    leaves(&server, "/slow", "").await;
    backend.has_given_back(1).await;
    // Longer than the handler would have taken.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let books = backend.books.lock().unwrap();
    assert_eq!((books.settles, books.charged.len(), books.released.len()), (0, 0, 1));
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_pays_for_it_once() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    leaves(&server, "/stream", "goods").await;
    backend.comes_to(3).await;
    let books = backend.books.lock().unwrap();
    assert_eq!((books.charged.len(), books.released.len()), (1, 0));
}
