//! The client before an API that is slow, breaks, refuses and counts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "blocking")]
mod blocking;
mod device;
mod errors;
mod keys;
mod lists;
mod spans;
mod surface;
mod upstream;

use std::time::{Duration, Instant};

use farebox_client::{Client, Draws, Error, Forward, Forwarded, Retry};
use farebox_types::{IdempotencyKey, Secret};
use http::Method;
use upstream::{Answer, Upstream};

/// A curve of milliseconds: what is counted here is attempts; the real waits have tests of their own.
const QUICK: Retry = Retry { attempts: 5, base: Duration::from_millis(2), cap: Duration::from_millis(40) };

pub(crate) fn client(upstream: &Upstream) -> Client {
    let builder = Client::builder(Secret::new("pl_test_secret".to_owned())).base_url(&upstream.url);
    builder.retry(QUICK).draws(Draws::seeded(1)).timeout(Duration::from_millis(300)).build().unwrap()
}

async fn call(client: &Client, method: Method, key: Option<&str>) -> Result<Forwarded, Error> {
    let key: Option<IdempotencyKey> = key.map(|key| key.parse().unwrap());
    let body = (method == Method::POST).then(|| r#"{"a":1.50}"#.into());
    client.forward(Forward { method, path: "/v1/x?a=b", body, idempotency_key: key.as_ref() }).await
}

#[tokio::test]
async fn every_request_says_who_asks_and_in_which_version() {
    let upstream = Upstream::start(vec![]).await;
    call(&client(&upstream), Method::POST, Some("key-1")).await.unwrap();
    let seen = upstream.seen();
    assert_eq!(seen[0].line, "POST /v1/x?a=b");
    assert_eq!(seen[0].body, r#"{"a":1.50}"#);
    for (name, value) in [
        ("authorization", "Bearer pl_test_secret"),
        ("paylera-api-version", "2026-05-01"),
        ("content-type", "application/json"),
        ("idempotency-key", "key-1"),
    ] {
        assert_eq!(seen[0].headers[name], value);
    }
}

#[tokio::test]
async fn another_version_can_be_pinned() {
    let upstream = Upstream::start(vec![]).await;
    let builder = Client::builder(Secret::new("pl_test_x".to_owned())).base_url(&upstream.url);
    call(&builder.api_version("2026-04-01").build().unwrap(), Method::GET, None).await.unwrap();
    assert_eq!(upstream.seen()[0].headers["paylera-api-version"], "2026-04-01");
}

#[tokio::test]
async fn connections_are_kept() {
    let upstream = Upstream::start(vec![]).await;
    let client = client(&upstream);
    for _ in 0..20 {
        call(&client, Method::GET, None).await.unwrap();
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_under_the_same_key() {
    for status in [408, 429, 500, 502, 503, 504] {
        let upstream = Upstream::start(vec![Answer::Status(status), Answer::Status(status)]).await;
        let answer = call(&client(&upstream), Method::POST, Some("key-1")).await.unwrap();
        assert_eq!(answer.status, 200);
        let seen = upstream.seen();
        assert_eq!(seen.len(), 3, "{status}");
        assert!(
            seen.iter().all(|seen| seen.headers["idempotency-key"] == "key-1" && seen.body == seen_body(&seen.body))
        );
    }
}

/// Bodies are sent whole each time.
fn seen_body(body: &str) -> &str {
    assert_eq!(body, r#"{"a":1.50}"#);
    body
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for status in [200, 204, 301, 400, 401, 402, 403, 404, 409, 412, 422, 501] {
        let upstream = Upstream::start(vec![Answer::Status(status)]).await;
        let answer = call(&client(&upstream), Method::POST, Some("key-1")).await.unwrap();
        assert_eq!((answer.status.as_u16(), upstream.seen().len()), (status, 1));
    }
}

#[tokio::test]
async fn five_attempts_are_all_and_the_last_answer_comes_back() {
    let upstream = Upstream::start(vec![Answer::Status(503); 9]).await;
    let answer = call(&client(&upstream), Method::GET, None).await.unwrap();
    assert_eq!((answer.status.as_u16(), upstream.seen().len()), (503, 5));
}

#[tokio::test]
async fn a_write_without_a_key_is_never_repeated() {
    for answer in [Answer::Status(503), Answer::HangUp, Answer::Late(Duration::from_secs(1))] {
        let upstream = Upstream::start(vec![answer; 3]).await;
        let _ = call(&client(&upstream), Method::POST, None).await;
        assert_eq!(upstream.seen().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let upstream = Upstream::start(vec![Answer::HangUp, Answer::HalfOfIt]).await;
    let answer = call(&client(&upstream), Method::POST, Some("key-1")).await.unwrap();
    assert_eq!((answer.status.as_u16(), upstream.seen().len()), (200, 3));
}

#[tokio::test]
async fn an_api_that_never_answers_is_a_timeout_after_the_budget() {
    let upstream = Upstream::start(vec![Answer::Late(Duration::from_secs(5)); 5]).await;
    let error = call(&client(&upstream), Method::GET, None).await.err().unwrap();
    assert!(error.is_timeout());
    assert_eq!(upstream.seen().len(), 5);
}

#[tokio::test]
async fn nobody_there_is_a_transport_error_that_names_no_secret() {
    let mut upstream = Upstream::start(vec![]).await;
    upstream.url = "http://127.0.0.1:9".to_owned();
    let error = call(&client(&upstream), Method::GET, None).await.err().unwrap();
    assert!(!error.is_timeout());
    assert!(!format!("{error} {error:?}").contains("pl_test_secret"));
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it_up_to_the_cap() {
    let upstream = Upstream::start(vec![Answer::RetryAfter("1")]).await;
    let begun = Instant::now();
    let retry = Retry { cap: Duration::from_millis(600), ..QUICK };
    let builder = Client::builder(Secret::new("pl_test_x".to_owned())).base_url(&upstream.url).retry(retry);
    call(&builder.build().unwrap(), Method::GET, None).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(600));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_path_that_is_none_is_not_sent() {
    let upstream = Upstream::start(vec![]).await;
    for path in ["v1/x", "", "/v1/a b", "/v1/\r\nx: y"] {
        let call = Forward { method: Method::GET, path, body: None, idempotency_key: None };
        assert!(matches!(client(&upstream).forward(call).await, Err(Error::Path)), "{path:?}");
    }
    assert!(upstream.seen().is_empty());
}
