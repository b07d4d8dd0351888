//! Bodies, ids and headers that no page of ours sends.

use http::Method;
use rstest::rstest;

use crate::world::{PREFIX, World};

const ANN: &[(&str, &str)] = &[("x-customer", "cus_ann")];

#[rstest]
#[case::empty("", 400, "paylera.invalid_json")]
#[case::truncated(r#"{"feature_code":"ap"#, 400, "paylera.invalid_json")]
#[case::an_array("[]", 400, "paylera.invalid_json")]
#[case::a_text("\"x\"", 400, "paylera.invalid_json")]
#[case::two_objects("{}{}", 400, "paylera.invalid_json")]
#[case::a_member_twice(r#"{"value":1,"value":-1}"#, 400, "paylera.invalid_json")]
#[case::negative(r#"{"feature_code":"api","value":-1}"#, 422, "paylera.invalid_request")]
#[case::unknown(r#"{"feature_code":"api","value":1,"price":0}"#, 422, "paylera.invalid_request")]
#[tokio::test]
async fn a_body_that_is_not_the_routes_goes_nowhere(#[case] body: &str, #[case] status: u16, #[case] code: &str) {
    let world = World::new().await;
    world.post("/track", ANN, body.to_owned()).await.assert_problem(status, code);
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn bytes_that_are_no_text_and_nesting_without_end_are_bad_json() {
    let world = World::new().await;
    let not_utf8 = b"{\"feature_code\":\"\xff\xfe\"}".to_vec();
    world.post("/track", ANN, not_utf8).await.assert_problem(400, "paylera.invalid_json");
    let deep = format!("{{\"add_ons\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    world.post("/attach", ANN, deep).await.assert_problem(400, "paylera.invalid_json");
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn a_body_is_at_most_64_kib_whether_announced_or_not() {
    let world = World::new().await;
    let body = |size: usize| format!("{{\"feature_code\":\"{}\",\"value\":1}}", "x".repeat(size - 29));
    assert_eq!(body(64 * 1024).len(), 64 * 1024);
    assert_eq!(world.post("/track", ANN, body(64 * 1024)).await.status, 204);
    world.billing.forget();
    world.post("/track", ANN, body(64 * 1024 + 1)).await.assert_problem(413, "paylera.payload_too_large");

    let token = world.token().await;
    let mut request = format!(
        "POST {PREFIX}/track HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-customer: cus_ann\r\ncontent-type: application/json\r\n\
         paylera-csrf-token: {token}\r\ncookie: paylera_csrf={token}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    for _ in 0..17 {
        request += &format!("1000\r\n{}\r\n", " ".repeat(4096));
    }
    request += "0\r\n\r\n";
    let answer = world.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("paylera.payload_too_large"), "{answer}");
    assert!(world.billing.lines().is_empty());
}

#[rstest]
#[case(&[("content-type", "text/plain")])]
#[case(&[("content-type", "application/x-www-form-urlencoded")])]
#[case(&[("content-type", "application/json"), ("content-encoding", "gzip")])]
#[case(&[])]
#[tokio::test]
async fn a_form_or_a_compressed_body_is_refused_before_anything_else(#[case] headers: &[(&str, &str)]) {
    let world = World::new().await;
    let answer = world.send(Method::POST, &format!("{PREFIX}/track"), headers, "{}").await;
    answer.assert_problem(415, "paylera.unsupported_media_type");
}

#[rstest]
#[case("")]
#[case("..")]
#[case("%2e%2e")]
#[case("a%2Fb")]
#[case("..%2F..%2Fcustomers")]
#[case("a%252Fb")]
#[case("a%5Cb")]
#[case("a%00")]
#[case("a%0d%0ax:1")]
#[case("a%3Fb")]
#[case("%ff")]
#[case("sub;x")]
#[case("%20")]
#[tokio::test]
async fn an_id_stays_in_its_segment(#[case] id: &str) {
    let world = World::new().await;
    for verb in ["upgrade", "cancel"] {
        let answer = world.post(&format!("/subscriptions/{id}/{verb}"), ANN, "{}").await;
        answer.assert_problem(404, "paylera.not_found");
    }
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn an_id_that_needs_no_encoding_is_found_in_its_encoded_form() {
    let world = World::new().await;
    world.billing.subscribe("cus_ann", "sub_1", "active");
    assert_eq!(world.post("/subscriptions/sub%5F1/cancel", ANN, "{}").await.status, 200);
    assert_eq!(world.billing.lines()[0], "GET /v1/subscriptions/sub_1");
}

#[rstest]
#[case("/v1/attach")]
#[case("/attach/")]
#[case("/%61ttach")]
#[case("/ATTACH")]
#[case("//attach")]
#[case("/../attach")]
#[case("/customers/cus_eve")]
#[case("/subscriptions/sub_1")]
#[case("/subscriptions/sub_1/pause")]
#[case("/subscriptions/a/b/cancel")]
#[tokio::test]
async fn a_path_that_is_not_on_the_list_is_not_there(#[case] path: &str) {
    let world = World::new().await;
    world.post(path, ANN, "{}").await.assert_problem(404, "paylera.not_found");
    world.get(path, ANN).await.assert_problem(404, "paylera.not_found");
    assert!(world.billing.lines().is_empty());
}

#[rstest]
#[case(Method::GET, "/attach", "POST")]
#[case(Method::POST, "/me", "GET,HEAD")]
#[case(Method::PUT, "/check", "GET,HEAD,POST")]
#[case(Method::DELETE, "/subscriptions/sub_1/cancel", "POST")]
#[case(Method::OPTIONS, "/track", "POST")]
#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones(#[case] method: Method, #[case] path: &str, #[case] allow: &str) {
    let world = World::new().await;
    let answer = world.send(method, &format!("{PREFIX}{path}"), ANN, "").await;
    answer.assert_problem(405, "paylera.method_not_allowed");
    let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed.join(","), allow);
}

#[tokio::test]
async fn another_customers_subscription_is_answered_like_one_that_is_not_there() {
    let world = World::new().await;
    world.billing.subscribe("cus_bob", "sub_bob", "active");
    let others = world.post("/subscriptions/sub_bob/cancel", ANN, "{}").await;
    let nobodys = world.post("/subscriptions/sub_none/cancel", ANN, "{}").await;
    others.assert_problem(404, "paylera.not_found");
    assert_eq!((others.status, &others.body), (nobodys.status, &nobodys.body));
    let writes = world.billing.lines().into_iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(writes, 0);
}

#[rstest]
#[case("/attach", r#"{"plan_id":"p","customer_id":"cus_eve","customer_email":"eve@x","customer_name":"Eve"}"#)]
#[case("/check", r#"{"feature_code":"api","customer_id":"cus_eve","subscription_id":"sub_eve"}"#)]
#[case("/track", r#"{"feature_code":"api","value":1,"\u0063ustomer_id":"cus_eve"}"#)]
#[case("/check?customer_id=cus_eve&subscription_id=sub_eve", r#"{"feature_code":"api"}"#)]
#[tokio::test]
async fn the_browser_never_names_a_customer(#[case] path: &str, #[case] body: &str) {
    let world = World::new().await;
    assert!(world.post(path, ANN, body.to_owned()).await.status.is_success());
    let seen = world.billing.last();
    assert_eq!(seen.json()["customer_id"], "cus_ann");
    assert!(!format!("{}{}", seen.line, seen.body).contains("eve"), "{seen:?}");
}

#[tokio::test]
async fn a_key_cannot_bring_a_header_of_its_own() {
    let world = World::new().await;
    for odd in ["", "two words", "tab\there", &"k".repeat(256)] {
        let answer =
            world.post("/track", &[ANN[0], ("idempotency-key", odd)], r#"{"feature_code":"a","value":1}"#).await;
        answer.assert_problem(400, "paylera.invalid_idempotency_key");
    }
    let twice = [ANN[0], ("idempotency-key", "a"), ("idempotency-key", "b")];
    world.post("/track", &twice, "{}").await.assert_problem(400, "paylera.invalid_idempotency_key");
    let smuggled = r#"{"feature_code":"a","value":1,"dedup_key":"k\r\nx-evil: 1"}"#;
    world.post("/track", ANN, smuggled).await.assert_problem(400, "paylera.invalid_idempotency_key");

    let token = world.token().await;
    for line_end in ["\r\n x-evil: 1", "\n x-evil: 1", "\u{0}x", "\u{7f}"] {
        let request = format!(
            "POST {PREFIX}/track HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-customer: cus_ann\r\ncontent-type: application/json\r\n\
             paylera-csrf-token: {token}\r\ncookie: paylera_csrf={token}\r\nidempotency-key: k{line_end}\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        let answer = world.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{line_end:?}: {answer}");
    }
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let world = World::new().await;
    let token = world.token().await;
    let request = format!(
        "POST {PREFIX}/track HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-customer: cus_ann\r\ncontent-type: application/json\r\n\
         paylera-csrf-token: {token}\r\ncookie: paylera_csrf={token}\r\ncontent-length: 50\r\n\r\n{{\"value\":1"
    );
    let answer = world.raw(request.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn usage_of_features_that_are_not_open_is_not_recorded() {
    let world = World::with(|relay| relay.track_only(["clicks"])).await;
    assert_eq!(world.post("/track", ANN, r#"{"feature_code":"clicks","value":1}"#).await.status, 204);
    world.billing.forget();
    let closed = world.post("/track", ANN, r#"{"feature_code":"seats","value":1}"#).await;
    closed.assert_problem(403, "paylera.forbidden");
    world.post("/track", ANN, r#"{"value":1}"#).await.assert_problem(422, "paylera.invalid_request");
    assert!(world.billing.lines().is_empty());
}
