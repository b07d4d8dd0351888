//! Each way a backend can answer or fail to, and what the gate is told.

use std::time::Duration;

use farebox_x402::{Facilitator, Fault, Retry, Settlement, Verdict, client::CODE_UNSPECIFIED};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::{
    HOLD,
    backend::{Act, Backend, answer},
    client, payment,
};

const SOON: Retry = Retry::After(Duration::from_secs(1));

#[allow(clippy::needless_pass_by_value)]
fn json(status: u16, body: serde_json::Value) -> Act {
    Act::Json(status, body.to_string())
}

async fn settle(acts: impl IntoIterator<Item = Act>) -> Result<Settlement, Fault> {
    client(&Backend::start(acts).await.url()).settle(&payment(), "r-1").await
}

async fn verify(act: Act) -> Result<Verdict, Fault> {
    client(&Backend::start([act]).await.url()).verify(&payment(), HOLD).await
}

/// The same fault for settle, for verify with a hold, and for a verify that only looks.
async fn assert_retries(act: Act, settled: Retry, held: Retry, looked: Retry, case: &str) {
    // A settle repeats itself once when the connection ends without an answer, so the act is played twice.
    let fault = settle([act.clone(), act.clone()]).await.unwrap_err();
    assert_eq!(fault.retry, settled, "settle, {case}: {fault:?}");
    let fault = verify(act.clone()).await.unwrap_err();
    assert_eq!(fault.retry, held, "verify with a hold, {case}: {fault:?}");
    let backend = Backend::start([act.clone(), act]).await;
    let fault = client(&backend.url()).verify(&payment(), None).await.unwrap_err();
    assert_eq!(fault.retry, looked, "verify, {case}: {fault:?}");
}

#[tokio::test]
async fn an_answer_that_is_lost_or_unreadable_leaves_the_outcome_unknown() {
    let huge = format!("{{\"success\":true,\"transaction\":\"{}\"}}", "x".repeat(128 * 1024));
    let deep = format!("{{\"success\":true,\"isValid\":true,\"agentRequest\":{}", "[".repeat(60_000));
    let cases = [
        ("silence", Act::Silent(Duration::from_secs(3))),
        ("closed unanswered", Act::Bytes(Vec::new())),
        ("reset unanswered", Act::Reset(Vec::new())),
        ("not HTTP", Act::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())),
        ("head cut short", Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())),
        ("body cut short", Act::Bytes(answer(200, "a: b", "{\"success\":true}")[..90].to_vec())),
        ("reset in the body", Act::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"success\":".to_vec())),
        ("huge", Act::Json(200, huge)),
        ("not JSON", Act::Json(200, "<html>ok</html>".into())),
        ("truncated JSON", Act::Json(200, "{\"success\":true".into())),
        ("nested too deep", Act::Json(200, deep)),
        ("empty", Act::Json(200, String::new())),
        ("another shape", json(200, json!({"ok": true}))),
        ("wrong types", json(200, json!({"success": "true", "isValid": 1}))),
        ("500", Act::Json(500, "oops".into())),
        ("503 with a body", json(503, json!({"code": "BCK.X402.0051", "message": "later"}))),
    ];
    for (case, act) in cases {
        assert_retries(act, Retry::Unknown, Retry::Unknown, SOON, case).await;
    }
}

#[tokio::test]
async fn what_was_never_sent_may_be_tried_again_soon() {
    // A port that was free a moment ago, and a server that answers TLS in clear.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let clear = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clear_address = clear.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = clear.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    for base in [format!("http://{closed}"), format!("https://{clear_address}")] {
        let client = client(&base);
        assert_eq!(client.settle(&payment(), "r-1").await.unwrap_err().retry, SOON, "{base}");
        assert_eq!(client.verify(&payment(), HOLD).await.unwrap_err().retry, SOON, "{base}");
        assert_eq!(client.release(&payment(), "r-1").await.unwrap_err().retry, SOON, "{base}");
    }
    answering.await.unwrap();
}

#[tokio::test]
async fn a_busy_backend_says_when_to_come_back() {
    let busy = Act::With(429, "retry-after: 17", "{}".into());
    let after = Retry::After(Duration::from_secs(17));
    assert_retries(busy, after, after, after, "429").await;
    assert_retries(Act::Json(429, "{}".into()), SOON, SOON, SOON, "429 without a time").await;
}

#[tokio::test]
async fn a_redirect_is_a_wrong_configuration_and_is_not_followed() {
    let elsewhere = Backend::start([]).await;
    let location = format!("HTTP/1.1 307 X\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let act = Act::Bytes(location.into_bytes());
    assert_retries(act, Retry::Never, Retry::Never, Retry::Never, "307").await;
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_backend_that_does_not_accept_us_is_a_wrong_configuration() {
    for status in [401, 403, 404] {
        let act = json(status, json!({"code": "BCK.PROTOCOL.0017", "message": "not the plan's owner"}));
        assert_retries(act, Retry::Never, Retry::Never, Retry::Never, "not ours").await;
    }
}

#[tokio::test]
async fn an_error_about_the_payment_refuses_it() {
    for (status, code) in
        [(402, "BCK.X402.0059"), (400, "BCK.X402.0010"), (409, "FBX.X402.IN_USE"), (402, "BCK.CREDITS.0003")]
    {
        let act = json(status, json!({"code": code, "message": "no"}));
        let Ok(Settlement::Refused(refusal)) = settle([act.clone()]).await else { panic!("{code} settled?") };
        assert_eq!((refusal.code.as_str(), refusal.reason.as_str()), (code, "no"));
        let Ok(Verdict::Refused(refusal)) = verify(act).await else { panic!("{code} verified?") };
        assert_eq!(refusal.code, code);
    }
}

#[tokio::test]
async fn an_invalid_payment_is_refused_with_the_backends_words() {
    let act =
        json(200, json!({"isValid": false, "invalidCode": "BCK.CREDITS.0003", "invalidReason": "0 credits left"}));
    let Ok(Verdict::Refused(refusal)) = verify(act).await else { panic!("verified?") };
    assert_eq!((refusal.code.as_str(), refusal.reason.as_str()), ("BCK.CREDITS.0003", "0 credits left"));

    let Ok(Verdict::Refused(refusal)) = verify(json(200, json!({"isValid": false}))).await else { panic!("verified?") };
    assert_eq!(refusal.code, CODE_UNSPECIFIED);
    assert!(!refusal.reason.is_empty());
}

#[tokio::test]
async fn a_settlement_without_success_is_refused() {
    let act = json(200, json!({"success": false, "errorReason": "plan expired", "transaction": "", "network": ""}));
    let Ok(Settlement::Refused(refusal)) = settle([act]).await else { panic!("settled?") };
    assert_eq!((refusal.code.as_str(), refusal.reason.as_str()), (CODE_UNSPECIFIED, "plan expired"));
}

#[tokio::test]
async fn a_bare_success_settles_with_an_empty_receipt() {
    let Ok(Settlement::Settled(receipt)) = settle([json(200, json!({"success": true, "payer": null}))]).await else {
        panic!("refused?")
    };
    assert!(receipt.success && receipt.transaction.is_empty() && receipt.network.is_empty());
}

#[tokio::test]
async fn a_valid_payment_whose_charge_has_no_name_is_no_answer() {
    for answer in [json!({"isValid": true}), json!({"isValid": true, "agentRequestId": ""})] {
        assert_eq!(verify(json(200, answer)).await.unwrap_err().retry, Retry::Unknown);
    }
}

#[tokio::test]
async fn releasing_nothing_is_fine_and_a_refused_release_is_not_repeated() {
    let backend = Backend::start([
        json(200, json!({"released": true})),
        json(200, json!({"released": false})),
        json(402, json!({"code": "BCK.X402.0059", "message": "settled already"})),
        json(200, json!({"success": true})),
    ])
    .await;
    let client = client(&backend.url());
    assert!(client.release(&payment(), "r-1").await.is_ok());
    assert!(client.release(&payment(), "r-1").await.is_ok());
    assert_eq!(client.release(&payment(), "r-1").await.unwrap_err().retry, Retry::Never);
    assert_eq!(client.release(&payment(), "r-1").await.unwrap_err().retry, Retry::Unknown);
}
