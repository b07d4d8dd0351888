//! Clients that go away.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Notify, oneshot},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    fake::{Act, Fake},
    harness::{Server, gate},
};

const PAID: &str = "GET /x HTTP/1.1\r\nHost: x\r\npayment-signature: t\r\n\r\n";

#[tokio::test]
async fn a_client_that_leaves_while_the_handler_runs_is_not_charged() {
    let entered = Arc::new(Notify::new());
    let inside = Arc::clone(&entered);
    let app = Router::new().route(
        "/x",
        get(move || async move {
            inside.notify_one();
            std::future::pending::<()>().await;
        }),
    );
    let server = Server::start(Fake::default(), "GET /x", app).await;
    let mut client = TcpStream::connect(server.addr).await.unwrap();
    client.write_all(PAID.as_bytes()).await.unwrap();
    entered.notified().await;
    drop(client);
    server.fake.saw("release", 1).await;
    assert_eq!(server.fake.counts(), [1, 0, 1]);
    assert_eq!(server.fake.calls()[1].request_id, "r-0");
}

#[tokio::test]
async fn a_client_that_leaves_during_verify_leaves_no_hold_behind() {
    let app = Router::new().route("/x", get(|| async { "goods" }));
    let acts = [Act::Slow(Duration::from_millis(200))];
    let server = Server::start(Fake::default().verifying(acts), "GET /x", app).await;
    let mut client = TcpStream::connect(server.addr).await.unwrap();
    client.write_all(PAID.as_bytes()).await.unwrap();
    server.fake.saw("verify", 1).await;
    drop(client);
    server.fake.saw("release", 1).await;
    assert_eq!((server.fake.counts(), server.runs.count()), ([1, 0, 1], 0));
}

#[tokio::test]
async fn a_client_that_leaves_during_settle_is_charged_to_the_end() {
    let app = Router::new().route("/x", get(|| async { "goods" }));
    let acts = [Act::Slow(Duration::from_millis(300))];
    let server = Server::start(Fake::default().settling(acts), "GET /x", app).await;
    let mut client = TcpStream::connect(server.addr).await.unwrap();
    client.write_all(PAID.as_bytes()).await.unwrap();
    server.fake.saw("settle", 1).await;
    drop(client);
    server.fake.saw("settled", 1).await;
    assert_eq!(server.fake.counts(), [1, 1, 0], "not released: the handler had succeeded");
}

#[tokio::test]
async fn a_settlement_whose_client_left_still_asks_again() {
    let fake = Arc::new(Fake::default().settling([
        Act::Slow(Duration::from_millis(200)),
        Act::Fail(farebox_x402::Retry::Unknown),
        Act::Succeed,
    ]));
    let goods = service_fn(|_: http::Request<axum::body::Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::from("goods")))
    });
    let gated = gate(&fake, "GET /x", |route| route).layer(goods);
    let request = |token: &str| {
        http::Request::get("/x").header("payment-signature", token).body(axum::body::Body::empty()).unwrap()
    };
    // Uses up the slow act, so that the one under test begins with a fault.
    gated.clone().oneshot(request("first")).await.unwrap();
    let mut leaving = Box::pin(gated.oneshot(request("second")));
    let _ = tokio::time::timeout(Duration::from_millis(20), &mut leaving).await;
    assert_eq!(fake.count("settle"), 2, "settling has begun");
    drop(leaving);
    fake.saw("settle", 3).await;
    let settles: Vec<_> = fake.calls().into_iter().filter(|call| call.what == "settle").collect();
    assert_eq!(settles[1].request_id, settles[2].request_id);
    assert_eq!(fake.count("release"), 0);
}

#[tokio::test]
async fn a_client_that_leaves_while_the_body_is_collected_is_not_charged() {
    let (started, begun) = oneshot::channel::<()>();
    let started = Arc::new(std::sync::Mutex::new(Some(started)));
    let app = Router::new().route(
        "/x",
        get(move || async move {
            let started = Arc::clone(&started);
            axum::body::Body::from_stream(futures_util::stream::poll_fn(move |_| {
                if let Some(started) = started.lock().unwrap().take() {
                    started.send(()).unwrap();
                }
                std::task::Poll::<Option<Result<bytes::Bytes, std::convert::Infallible>>>::Pending
            }))
        }),
    );
    let server = Server::start(Fake::default(), "GET /x", app).await;
    let mut client = TcpStream::connect(server.addr).await.unwrap();
    client.write_all(PAID.as_bytes()).await.unwrap();
    begun.await.unwrap();
    drop(client);
    server.fake.saw("release", 1).await;
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[test]
fn a_hold_dropped_without_a_runtime_ends_by_itself() {
    let fake = Arc::new(Fake::default());
    let never = service_fn(|_: http::Request<axum::body::Body>| {
        std::future::pending::<Result<http::Response<axum::body::Body>, std::convert::Infallible>>()
    });
    let gated = gate(&fake, "GET /x", |route| route).layer(never);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let request = http::Request::get("/x").header("payment-signature", "t").body(axum::body::Body::empty()).unwrap();
    let mut work = Box::pin(gated.oneshot(request));
    runtime.block_on(async { tokio::time::timeout(Duration::from_millis(20), &mut work).await }).unwrap_err();
    drop(runtime);
    drop(work);
    assert_eq!(fake.counts(), [1, 0, 0]);
}
