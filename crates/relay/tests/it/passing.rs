//! Upstream's answers on their way back.

use std::{net::SocketAddr, time::Duration};

use farebox_client::{Client, Retry};
use farebox_relay::Relay;
use farebox_types::Secret;
use rstest::rstest;

use crate::world::{PREFIX, World, by_headers, serve, signed, upstream};

const ANN: &[(&str, &str)] = &[("x-customer", "cus_ann")];

#[rstest]
#[case(200, "application/json", b"{ \"a\" : 1.50 ,\n \"b\":\"\\u00e4\" }")]
#[case(422, "application/problem+json", b"{\"type\":\"paylera.attach_return_url_required\"}")]
#[case(409, "application/problem+json", b"{\"type\":\"paylera.idempotency_conflict\"}")]
#[case(402, "text/plain; charset=latin1", b"\xe4\xff not UTF-8")]
#[case(401, "application/problem+json", b"")]
#[case(404, "application/problem+json", b"{}")]
#[tokio::test]
async fn status_type_and_bytes_are_upstreams(
    #[case] status: u16,
    #[case] media_type: &'static str,
    #[case] body: &[u8],
) {
    let world = World::new().await;
    world.billing.answer("POST /v1/attach", (status, vec![("content-type", media_type)], body.to_vec()));
    let answer = world.post("/attach", ANN, "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, body));
    assert_eq!(answer.header("content-type"), Some(media_type));
}

#[tokio::test]
async fn no_other_header_of_upstream_gets_out() {
    let world = World::new().await;
    let headers = vec![
        ("content-type", "application/json"),
        ("retry-after", "7"),
        ("set-cookie", "upstream=1"),
        ("server", "billing/1.2"),
        ("x-internal-shard", "17"),
        ("request-id", "req_1"),
        ("location", "https://internal/"),
        ("access-control-allow-origin", "*"),
        ("keep-alive", "timeout=5"),
        ("cache-control", "public, max-age=600"),
    ];
    world.billing.answer("GET /v1/customers/cus_ann", (412, headers, b"{}".to_vec()));
    let answer = world.get("/me", ANN).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (412, Some("7")));
    let mut names: Vec<&str> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let expected = ["cache-control", "content-length", "content-type", "date", "retry-after", "x-content-type-options"];
    assert_eq!(names, expected);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "one caller's answer is nobody else's");
}

#[tokio::test]
async fn an_empty_answer_stays_empty() {
    let world = World::new().await;
    let answer = world.post("/track", ANN, r#"{"feature_code":"a","value":1}"#).await;
    assert_eq!((answer.status.as_u16(), answer.body.len(), answer.header("content-type")), (204, 0, None));
}

#[tokio::test]
async fn an_ownership_check_that_upstream_refuses_is_passed_on_and_nothing_is_written() {
    let world = World::new().await;
    let body = br#"{"type":"paylera.forbidden"}"#.to_vec();
    world
        .billing
        .answer("GET /v1/subscriptions/sub_1", (403, vec![("content-type", "application/problem+json")], body.clone()));
    let answer = world.post("/subscriptions/sub_1/cancel", ANN, "{}").await;
    assert_eq!((answer.status.as_u16(), answer.body.to_vec()), (403, body));
    assert_eq!(world.billing.lines(), ["GET /v1/subscriptions/sub_1"]);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502_that_names_nothing() {
    // A port that was free a moment ago.
    let gone: SocketAddr = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let world = World::new().await;
    let relay = Relay::builder(upstream(gone)).identify(by_headers).csrf(signed()).build().unwrap();
    let world = World::at(&world, serve(axum::Router::new().nest(PREFIX, relay.router())).await);
    let answer = world.get("/me", ANN).await;
    answer.assert_problem(502, "paylera.upstream_unavailable");
    let text = format!("{:?}{}", answer.headers, String::from_utf8_lossy(&answer.body));
    for inside in ["127.0.0.1", &gone.port().to_string(), "pl_test", "onnect"] {
        assert!(!text.contains(inside), "{inside} in {text}");
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_a_504() {
    // It accepts, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = Client::builder(Secret::new("pl_test_x".to_owned())).timeout(Duration::from_millis(50));
    let client = builder.retry(Retry::never()).base_url(format!("http://{}", silent.local_addr().unwrap())).build();
    let relay = Relay::builder(client.unwrap()).identify(by_headers).csrf(signed()).build().unwrap();
    let world = World::at(&World::new().await, serve(axum::Router::new().nest(PREFIX, relay.router())).await);
    world.get("/me", ANN).await.assert_problem(504, "paylera.upstream_unavailable");
}
