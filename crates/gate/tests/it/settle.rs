//! What the gate does with what settle says.

use std::time::{Duration, Instant};

use axum::{Router, routing::get};
use farebox_gate::UnknownPolicy;
use farebox_x402::{
    Retry,
    credits::{CODE_IN_USE, CODE_INSUFFICIENT},
};
use http::StatusCode;
use rstest::rstest;

use crate::{
    fake::{Act, Fake, PAYER},
    harness::{Answer, Server},
};

async fn server(acts: impl IntoIterator<Item = Act>, policy: UnknownPolicy) -> Server {
    let app = Router::new().route("/x", get(|| async { ([("x-own", "s3cret")], "s3cret goods") }));
    Server::with_route(Fake::default().settling(acts), "GET /x", app, |route| route.on_unknown(policy)).await
}

fn assert_withheld(answer: &Answer) {
    assert!(!String::from_utf8_lossy(&answer.body).contains("s3cret"));
    assert_eq!(answer.header("x-own"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_refused_settle_withholds_the_answer() {
    let server = server([Act::Refuse(CODE_INSUFFICIENT)], UnknownPolicy::Serve).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_withheld(&answer);
    assert_eq!(answer.message(), "refused for BCK.CREDITS.0003");
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.success, receipt.error_reason.as_deref()), (false, Some(CODE_INSUFFICIENT)));
    assert_eq!((receipt.payer.as_deref(), &*receipt.network), (Some(PAYER), "eip155:84532"));
    assert!(answer.offer().is_some(), "a final refusal may be paid anew");
    assert_eq!(server.runs.count(), 1);
    assert_eq!(server.fake.counts(), [1, 1, 0], "a final answer is neither retried nor released");
}

#[tokio::test]
async fn a_receipt_without_success_is_a_refusal() {
    let server = server([Act::Lie], UnknownPolicy::Serve).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_withheld(&answer);
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.success, receipt.error_reason.as_deref()), (false, Some("burn_failed")));
}

#[tokio::test]
async fn a_settle_that_finds_the_payment_in_use_is_a_conflict() {
    let server = server([Act::Refuse(CODE_IN_USE)], UnknownPolicy::Serve).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.offer(), None);
    assert_withheld(&answer);
}

#[rstest]
#[case(vec![Act::Fail(Retry::Unknown)])]
#[case(vec![Act::Fail(Retry::Unknown), Act::Fail(Retry::After(Duration::from_millis(1)))])]
#[tokio::test]
async fn an_unknown_outcome_is_asked_about_again_under_the_same_name(#[case] acts: Vec<Act>) {
    let asked = acts.len() + 1;
    let server = server(acts, UnknownPolicy::Withhold).await;
    let answer = server.pay("/x").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"s3cret goods"[..]));
    assert!(answer.receipt().unwrap().success);
    assert_eq!(server.fake.counts(), [1, asked, 0]);
    assert!(server.fake.calls().iter().all(|call| call.request_id == "r-0"), "{:?}", server.fake.calls());
    assert_eq!(server.runs.count(), 1);
}

#[tokio::test]
async fn an_unknown_outcome_may_turn_out_refused() {
    let acts = [Act::Fail(Retry::Unknown), Act::Refuse(CODE_INSUFFICIENT)];
    let server = server(acts, UnknownPolicy::Serve).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_withheld(&answer);
}

#[tokio::test]
async fn what_stays_unknown_is_served_with_a_pending_receipt_where_the_route_says_so() {
    let server = server(vec![Act::Fail(Retry::Unknown); 9], UnknownPolicy::Serve).await;
    let answer = server.pay("/x").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"s3cret goods"[..]));
    assert_eq!(answer.header("x-own"), Some("s3cret"));
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.success, receipt.error_reason.as_deref()), (false, Some("settlement_pending")));
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert_eq!(server.fake.counts(), [1, 3, 0], "three tries, and no release of what may have been taken");
}

#[tokio::test]
async fn what_stays_unknown_is_withheld_where_the_route_says_so() {
    let server = server(vec![Act::Fail(Retry::Unknown); 9], UnknownPolicy::Withhold).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_withheld(&answer);
    answer.assert_tells_nothing();
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.offer(), None, "nobody is asked to pay again for what may be paid");
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.success, receipt.error_reason.as_deref()), (false, Some("settlement_pending")));
    assert_eq!(server.fake.counts(), [1, 3, 0]);
}

#[tokio::test]
async fn a_served_answer_is_asked_about_until_it_is_known() {
    let server = server(vec![Act::Fail(Retry::Unknown); 4], UnknownPolicy::Serve).await;
    assert_eq!(server.pay("/x").await.status, StatusCode::OK);
    server.fake.saw("settle", 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.fake.counts(), [1, 5, 0]);
    assert!(server.fake.calls().iter().all(|call| call.request_id == "r-0"));
}

#[tokio::test]
async fn a_withheld_answers_hold_is_given_back_once_the_facilitator_answers() {
    let server = server(vec![Act::Fail(Retry::Unknown); 9], UnknownPolicy::Withhold).await;
    assert_eq!(server.pay("/x").await.status, StatusCode::SERVICE_UNAVAILABLE);
    server.fake.saw("release", 1).await;
    assert_eq!(server.fake.counts(), [1, 3, 1], "what was withheld is not asked for again");
}

#[tokio::test]
async fn what_will_never_settle_is_withheld_even_where_doubt_is_served() {
    let server = server([Act::Fail(Retry::Never)], UnknownPolicy::Serve).await;
    let answer = server.pay("/x").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_withheld(&answer);
    server.fake.saw("release", 1).await;
}

#[tokio::test]
async fn a_wrong_configuration_is_not_asked_again() {
    let server = server(vec![Act::Fail(Retry::Never); 9], UnknownPolicy::Withhold).await;
    assert_eq!(server.pay("/x").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn a_payer_does_not_wait_as_long_as_a_facilitator_asks_for() {
    let server = server(vec![Act::Fail(Retry::After(Duration::from_secs(3600)))], UnknownPolicy::Serve).await;
    let started = Instant::now();
    assert!(server.pay("/x").await.receipt().unwrap().success);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_facilitator_that_panics_gives_nothing_away() {
    use std::sync::Arc;
    use tower::{Layer, ServiceExt, service_fn};
    let fake = Arc::new(Fake::default().settling([Act::Panic]));
    let goods = service_fn(|_: http::Request<axum::body::Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::from("goods")))
    });
    let gated = crate::harness::gate(&fake, "GET /x", |route| route).layer(goods);
    let request = http::Request::get("/x").header("payment-signature", "t").body(axum::body::Body::empty()).unwrap();
    let served = tokio::spawn(gated.oneshot(request)).await;
    assert!(served.is_err_and(|error| error.is_panic()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fake.counts(), [1, 1, 0], "what may have been taken is not released");
}
