//! Answers that go through while they are made.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use farebox_gate::{PaymentContext, Route};
use farebox_x402::{Receipt, header};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{
    fake::{Act, Fake},
    harness::farebox,
};

type Chunk = Result<&'static str, &'static str>;

/// A gate over a handler whose chunks wait until they are let go; each counts `meters` credits.
struct Streamed {
    fake: Arc<Fake>,
    go: Arc<Semaphore>,
    answer: Response<farebox_gate::GateBody<Body>>,
}

async fn streamed(fake: Fake, chunks: Vec<Chunk>, meters: u64, route: impl FnOnce(Route) -> Route) -> Streamed {
    let (fake, go) = (Arc::new(fake), Arc::new(Semaphore::new(0)));
    let farebox = farebox(&fake);
    let route = route(farebox.route("10 credits").streaming());
    let gate = farebox.gate().receipts("/paid").route("GET /x", route).build().unwrap();
    let wait = Arc::clone(&go);
    let handler = service_fn(move |request: http::Request<Body>| {
        let meter = request.extensions().get::<PaymentContext>().unwrap().meter();
        let (chunks, wait) = (chunks.clone(), Arc::clone(&wait));
        let body = stream::iter(chunks).then(move |chunk| {
            let (meter, wait) = (meter.clone(), Arc::clone(&wait));
            async move {
                wait.acquire().await.unwrap().forget();
                if meters > 0 {
                    meter.add(meters);
                }
                chunk.map(Bytes::from)
            }
        });
        async move { Ok::<_, Infallible>(Response::new(Body::from_stream(body))) }
    });
    let request = http::Request::get("/x").header("payment-signature", "t").body(Body::empty()).unwrap();
    let answer = gate.layer(handler).oneshot(request).await.unwrap();
    Streamed { fake, go, answer }
}

async fn next(streamed: &mut Streamed) -> Option<Result<http_body::Frame<Bytes>, axum::Error>> {
    streamed.go.add_permits(1);
    tokio::time::timeout(Duration::from_secs(5), streamed.answer.body_mut().frame()).await.unwrap()
}

fn receipt(frame: http_body::Frame<Bytes>) -> Receipt {
    header::decode(frame.into_trailers().unwrap()["payment-response"].as_bytes()).unwrap()
}

#[tokio::test]
async fn the_first_byte_arrives_before_the_second_is_made_and_the_receipt_after_the_last() {
    let mut stream = streamed(Fake::default(), vec![Ok("chunk"); 10], 0, |route| route).await;
    assert_eq!(stream.answer.status(), StatusCode::OK);
    assert_eq!(stream.answer.headers()["trailer"], "payment-response");
    assert_eq!(stream.answer.headers()["payment-receipt-location"], "/paid/receipts/r-0");
    for _ in 0..10 {
        assert_eq!(next(&mut stream).await.unwrap().unwrap().into_data().unwrap(), "chunk");
        assert_eq!(stream.go.available_permits(), 0, "no chunk is made before it is asked for");
        assert_eq!(stream.fake.counts(), [1, 0, 0], "nothing is taken while it flows");
    }
    let receipt = receipt(next(&mut stream).await.unwrap().unwrap());
    assert!(next(&mut stream).await.is_none());
    assert_eq!((receipt.success, receipt.credits_redeemed.as_deref()), (true, Some("10")));
    assert_eq!(stream.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn what_is_metered_is_taken_and_no_more() {
    for (meters, chunks, taken) in [(2, 3, Some("6")), (3, 9, Some("10")), (0, 2, Some("10"))] {
        let mut stream = streamed(Fake::default(), vec![Ok("chunk"); chunks], meters, Route::metered).await;
        for _ in 0..chunks {
            next(&mut stream).await.unwrap().unwrap();
        }
        let receipt = receipt(next(&mut stream).await.unwrap().unwrap());
        assert_eq!(receipt.credits_redeemed.as_deref(), taken, "{meters} × {chunks}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_charged_for_what_it_got() {
    let mut stream = streamed(Fake::default(), vec![Ok("chunk"); 10], 2, Route::metered).await;
    for _ in 0..2 {
        next(&mut stream).await.unwrap().unwrap();
    }
    let fake = Arc::clone(&stream.fake);
    drop(stream);
    fake.saw("settled", 1).await;
    let settled = fake.calls().into_iter().find(|call| call.what == "settled").unwrap();
    assert_eq!((&*settled.amount, fake.counts()), ("4", [1, 1, 0]));
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_is_not_charged() {
    let stream = streamed(Fake::default(), vec![Ok("chunk"); 10], 2, Route::metered).await;
    let fake = Arc::clone(&stream.fake);
    drop(stream);
    fake.saw("release", 1).await;
    assert_eq!(fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_stream_that_breaks_is_charged_for_what_was_delivered() {
    let mut stream = streamed(Fake::default(), vec![Ok("chunk"), Ok("chunk"), Err("gone")], 3, Route::metered).await;
    for _ in 0..2 {
        next(&mut stream).await.unwrap().unwrap();
    }
    assert!(next(&mut stream).await.unwrap().is_err());
    stream.fake.saw("settled", 1).await;
    assert_eq!(stream.fake.calls().pop().unwrap().amount, "9");
    let nothing = streamed(Fake::default(), vec![Err("gone")], 0, |route| route).await;
    let fake = Arc::clone(&nothing.fake);
    let mut nothing = nothing;
    assert!(next(&mut nothing).await.unwrap().is_err());
    fake.saw("release", 1).await;
    assert_eq!(fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_receipt_can_be_asked_for_by_its_name() {
    let fake = Arc::new(Fake::default().settling([(); 3].map(|()| Act::Fail(farebox_x402::Retry::Unknown))));
    let farebox = farebox(&fake);
    let gate = farebox.gate().receipts("/paid").route("GET /x", farebox.route(1).streaming()).build().unwrap();
    let handler =
        service_fn(|_: http::Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::from("whole"))) });
    let mut gated = gate.layer(handler);
    let ask = |path: &str| http::Request::get(path).header("payment-signature", "t").body(Body::empty()).unwrap();
    assert_eq!(gated.call(ask("/paid/receipts/r-9")).await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(gated.call(ask("/paid/receipts/a/b")).await.unwrap().status(), StatusCode::OK, "the app's own");
    let open = gated.call(ask("/x")).await.unwrap();
    let open_id = open.headers()["payment-receipt-location"].to_str().unwrap().to_owned();
    drop(tokio::spawn(open.into_body().collect()));
    fake.saw("settle", 3).await;
    assert_eq!(gated.call(ask(&open_id)).await.unwrap().status(), StatusCode::ACCEPTED);
    let paid = gated.call(ask("/x")).await.unwrap();
    let place = paid.headers()["payment-receipt-location"].to_str().unwrap().to_owned();
    let trailers = paid.into_body().collect().await.unwrap().trailers().cloned().unwrap();
    let answer = gated.call(ask(&place)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let kept: Receipt = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(kept, header::decode(trailers["payment-response"].as_bytes()).unwrap());
}

#[tokio::test]
async fn nothing_used_is_nothing_taken() {
    let fake = Arc::new(Fake::default());
    let farebox = farebox(&fake);
    let gate = farebox.gate().route("GET /x", farebox.route("5 credits").metered()).build().unwrap();
    let handler = service_fn(|request: http::Request<Body>| {
        request.extensions().get::<PaymentContext>().unwrap().meter().add(0);
        async { Ok::<_, Infallible>(Response::new(Body::from("whole"))) }
    });
    let request = http::Request::get("/x").header("payment-signature", "t").body(Body::empty()).unwrap();
    let answer = gate.layer(handler).oneshot(request).await.unwrap();
    let receipt: Receipt = header::decode(answer.headers()["payment-response"].as_bytes()).unwrap();
    assert_eq!((receipt.success, receipt.credits_redeemed.as_deref()), (true, Some("0")));
    assert_eq!(fake.counts(), [1, 0, 1]);
}
