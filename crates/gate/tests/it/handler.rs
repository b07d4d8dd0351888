//! What the gate does with what the handler does.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    response::{AppendHeaders, IntoResponse, Redirect},
    routing::get,
};
use bytes::Bytes;
use farebox_gate::PaymentContext;
use farebox_x402::Retry;
use futures_util::stream;
use http::{
    Method, StatusCode,
    header::{CACHE_CONTROL, SET_COOKIE},
};
use rstest::rstest;

use crate::{
    fake::{Act, Fake, PAYER},
    harness::{Server, gate},
};

async fn server<H, T>(handler: H) -> Server
where
    H: axum::handler::Handler<T, ()>,
    T: 'static,
{
    Server::start(Fake::default(), "GET /x", Router::new().route("/x", get(handler))).await
}

/// A body that says so much and then breaks off, or not.
fn streamed(parts: &[Result<&'static str, &'static str>]) -> Body {
    let parts = parts.iter().map(|part| part.map(Bytes::from).map_err(std::io::Error::other)).collect::<Vec<_>>();
    Body::from_stream(stream::iter(parts))
}

#[tokio::test]
async fn a_success_is_settled_and_served_with_a_receipt() {
    let server = server(|| async { "paid" }).await;
    let answer = server.pay("/x").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"paid"[..]));
    let receipt = answer.receipt().unwrap();
    assert!(receipt.success);
    assert_eq!((&*receipt.transaction, receipt.credits_redeemed.as_deref()), ("t-r-0", Some("1")));
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert_eq!(server.runs.count(), 1);
    assert_eq!(server.fake.counts(), [1, 1, 0]);
    assert_eq!(server.fake.calls()[1].request_id, "r-0");
}

#[rstest]
#[case(200)]
#[case(201)]
#[case(204)]
#[case(299)]
#[tokio::test]
async fn every_2xx_is_charged(#[case] status: u16) {
    let server = server(move || async move { StatusCode::from_u16(status).unwrap() }).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, status);
    assert!(answer.receipt().unwrap().success);
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[rstest]
#[case(302)]
#[case(304)]
#[case(400)]
#[case(404)]
#[case(500)]
#[case(503)]
#[tokio::test]
async fn a_handler_that_does_not_succeed_answers_for_itself_uncharged(#[case] status: u16) {
    let server = server(move || async move {
        (StatusCode::from_u16(status).unwrap(), [("x-own", "kept"), ("cache-control", "public")], "own")
    })
    .await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, status);
    assert_eq!((answer.header("x-own"), answer.header("cache-control")), (Some("kept"), Some("public")));
    assert_eq!(answer.receipt(), None);
    assert_eq!(server.fake.counts(), [1, 0, 1]);
    assert_eq!(server.fake.calls()[1].request_id, "r-0");
}

#[tokio::test]
async fn a_redirect_is_not_charged() {
    let server = server(|| async { Redirect::to("/elsewhere") }).await;
    assert_eq!(server.pay("/x").await.header("location"), Some("/elsewhere"));
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[rstest]
#[case(Act::Fail(Retry::Unknown))]
#[case(Act::Slow(Duration::from_secs(30)))]
#[case(Act::Hang)]
#[tokio::test]
async fn a_hold_that_cannot_be_given_back_delays_the_answer_by_a_second_at_most(#[case] act: Act) {
    let app = Router::new().route("/x", get(|| async { (StatusCode::NOT_FOUND, "none") }));
    let server = Server::start(Fake::default().releasing([act]), "GET /x", app).await;
    let answer = tokio::time::timeout(Duration::from_secs(4), server.pay("/x")).await.unwrap();
    assert_eq!((answer.status, &*answer.body), (StatusCode::NOT_FOUND, &b"none"[..]));
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn every_header_of_a_paid_answer_arrives() {
    let cookies = || AppendHeaders([(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2"), (CACHE_CONTROL, "max-age=60, public")]);
    let server = server(move || async move { (StatusCode::CREATED, cookies(), [("x-own", "kept")], "paid") }).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(answer.header("x-own"), Some("kept"));
    assert_eq!(answer.header("cache-control"), Some("max-age=60, private"));
    assert_eq!(answer.header("content-length"), Some("4"));
}

#[tokio::test]
async fn a_streamed_body_is_paid_for_as_a_whole() {
    let server = server(|| async { streamed(&[Ok("one "), Ok("two "), Ok("three")]) }).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.body, "one two three");
    assert_eq!(answer.header("content-length"), Some("13"));
    assert!(answer.receipt().unwrap().success);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_charged() {
    let server = server(|| async { streamed(&[Ok("half"), Err("the secret database went away")]) }).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.message().contains("nothing was charged"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("database"));
    assert_eq!(answer.receipt(), None);
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[rstest]
#[case(Body::from("12345"))]
#[case(streamed(&[Ok("123"), Ok("45")]))]
#[tokio::test]
async fn a_body_beyond_the_routes_limit_is_not_charged(#[case] body: Body) {
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let app = Router::new().route("/x", get(move || async move { body.lock().unwrap().take().unwrap() }));
    let server = Server::with_route(Fake::default(), "GET /x", app, |route| route.max_body(4)).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_served() {
    let app = Router::new().route("/x", get(|| async { streamed(&[Ok("12"), Ok("34")]) }));
    let server = Server::with_route(Fake::default(), "GET /x", app, |route| route.max_body(4)).await;
    assert_eq!(server.pay("/x").await.body, "1234");
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn a_body_shorter_than_it_declares_is_not_charged() {
    let server = server(|| async { ([("content-length", "9")], streamed(&[Ok("half")])) }).await;
    assert_eq!(server.pay("/x").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_handler_that_panics_is_500_and_uncharged_and_the_server_lives() {
    let server = server(|| async {
        if true {
            panic!("a secret");
        }
        "unreachable"
    })
    .await;
    for round in 1..=2 {
        let answer = server.pay("/x").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
        assert_eq!(server.fake.counts(), [round, 0, round]);
    }
}

#[tokio::test]
async fn a_body_that_panics_is_500_and_uncharged() {
    let body = || {
        Body::from_stream(stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Infallible>>> {
            panic!("in the body")
        }))
    };
    let server = server(move || async move { body() }).await;
    assert_eq!(server.pay("/x").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_service_that_fails_gives_its_hold_back_and_keeps_its_error() {
    use tower::{Layer, ServiceExt, service_fn};
    let fake = Arc::new(Fake::default());
    let failing = service_fn(|_: http::Request<Body>| async { Err::<http::Response<Body>, _>("own error") });
    let gated = gate(&fake, "GET /x", |route| route).layer(failing);
    let request = http::Request::get("/x").header("payment-signature", "t").body(Body::empty()).unwrap();
    assert_eq!(gated.oneshot(request).await.err(), Some("own error"));
    assert_eq!(fake.counts(), [1, 0, 1]);
}

#[rstest]
#[case(StatusCode::SWITCHING_PROTOCOLS, [1, 1, 0])]
#[case(StatusCode::EARLY_HINTS, [1, 0, 1])]
#[tokio::test]
async fn an_upgrade_is_the_success_of_a_web_socket(#[case] status: StatusCode, #[case] counts: [usize; 3]) {
    use tower::{Layer, ServiceExt, service_fn};
    let fake = Arc::new(Fake::default());
    let upgrading = service_fn(move |_: http::Request<Body>| async move {
        let mut answer = http::Response::new(Body::empty());
        *answer.status_mut() = status;
        Ok::<_, Infallible>(answer)
    });
    let gated = gate(&fake, "GET /x", |route| route).layer(upgrading);
    let request = http::Request::get("/x").header("payment-signature", "t").body(Body::empty()).unwrap();
    assert_eq!(gated.oneshot(request).await.unwrap().status(), status);
    assert_eq!(fake.counts(), counts);
}

#[tokio::test]
async fn trailers_of_a_paid_answer_are_kept() {
    use http_body_util::{BodyExt, Full};
    use tower::{Layer, ServiceExt, service_fn};
    let fake = Arc::new(Fake::default());
    let trailing = service_fn(|_: http::Request<Body>| async {
        let trailers = http::HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), "1".parse().unwrap())]);
        let body = Full::<Bytes>::from("goods").with_trailers(async move { Some(Ok(trailers)) });
        Ok::<_, Infallible>(http::Response::new(body))
    });
    let gated = gate(&fake, "GET /x", |route| route).layer(trailing);
    let request = http::Request::get("/x").header("payment-signature", "t").body(Body::empty()).unwrap();
    let body = gated.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "1");
    assert_eq!(body.to_bytes(), "goods");
}

#[tokio::test]
async fn a_handler_sees_its_payment() {
    let server = server(|request: axum::extract::Request| async move {
        let payment = request.extensions().get::<PaymentContext>().unwrap();
        let told = format!("{payment:?}");
        assert!(!told.contains("tok3n") && !told.contains(PAYER), "{told}");
        assert!(!format!("{:?}", request.headers()).contains("tok3n"));
        let agent = payment.agent_request().unwrap().agent_name().unwrap();
        let offer = &payment.offer().resource.url;
        let (token, id, payer) = (payment.token(), payment.request_id(), payment.payer().unwrap());
        format!("{} {} {id} {payer} {agent} {offer}", token.expose(), payment.amount()).into_response()
    })
    .await;
    assert_eq!(server.pay("/x").await.body, format!("tok3n 1 r-0 {PAYER} Ada /x"));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn the_extractor_gives_the_payment_and_says_when_there_is_no_gate() {
    let fake = Arc::new(Fake::default());
    let gate = gate(&fake, "GET /paid", |route| route);
    let id = |payment: PaymentContext| async move { payment.request_id().to_owned() };
    let maybe = |payment: Option<PaymentContext>| async move { payment.is_some().to_string() };
    let app = |_| Router::new().route("/paid", get(id)).route("/open", get(id)).route("/maybe", get(maybe)).layer(gate);
    let server = Server::serve(fake, app).await;
    assert_eq!(server.pay("/paid").await.body, "r-0");
    let open = server.pay("/open").await;
    assert_eq!(open.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(open.message().contains("not behind a gate"), "{}", open.message());
    assert_eq!(server.get("/maybe").await.body, "false");
}

#[tokio::test]
async fn a_request_reaches_the_handler_whole() {
    let app = Router::new().route(
        "/x",
        axum::routing::post(|headers: http::HeaderMap, body: String| async move {
            format!("{} {body}", headers["x-own"].to_str().unwrap())
        }),
    );
    let server = Server::start(Fake::default(), "POST /x", app).await;
    let request = "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-own: kept\r\npayment-signature: t\r\n\
                   content-length: 4\r\n\r\nbody";
    assert!(server.raw(request).await.ends_with("kept body"));
    let unpaid = server.send(Method::POST, "/x", &[]).await;
    assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
}
