//! What is sent, over which connection, and how often.

use farebox_x402::{Facilitator, Retry, Settlement, Verdict};
use serde_json::json;

use crate::{
    HOLD,
    backend::{Act, Backend},
    client, payment,
};

fn valid() -> Act {
    Act::Json(200, json!({"isValid": true, "agentRequestId": "r-1", "payer": "0xab"}).to_string())
}

fn settled() -> Act {
    Act::Json(
        200,
        json!({"success": true, "transaction": "t-1", "network": "eip155:84532", "creditsRedeemed": "1"}).to_string(),
    )
}

#[tokio::test]
async fn verify_and_settle_share_a_connection_and_say_the_same_about_the_payment() {
    let backend = Backend::start([valid(), settled(), valid(), settled()]).await;
    let client = client(&backend.url());
    for _ in 0..2 {
        let Ok(Verdict::Valid(verified)) = client.verify(&payment(), HOLD).await else { panic!("not valid") };
        assert_eq!((verified.request_id.as_str(), verified.payer.as_deref()), ("r-1", Some("0xab")));
        let Ok(Settlement::Settled(receipt)) = client.settle(&payment(), &verified.request_id).await else {
            panic!("not settled")
        };
        assert_eq!(receipt.credits_redeemed.as_deref(), Some("1"));
    }
    let seen = backend.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|request| request.connection == 0), "{seen:?}");
    for request in &seen {
        let head = request.head.to_ascii_lowercase();
        for line in
            ["authorization: bearer local:seller-key", "nevermined-version: 1.1", "content-type: application/json"]
        {
            assert!(head.contains(line), "{line} missing in {head}");
        }
    }
    assert!(seen[0].head.starts_with("POST /api/v1/x402/verify HTTP/1.1\r\n"));
    assert!(seen[1].head.starts_with("POST /api/v1/x402/settle HTTP/1.1\r\n"));
    for member in ["paymentRequired", "x402AccessToken", "maxAmount"] {
        assert_eq!(seen[0].body[member], seen[1].body[member], "{member}");
    }
    assert_eq!(seen[0].body["hold"], json!({"ttlSeconds": 60}));
    assert_eq!(seen[1].body["agentRequestId"], "r-1");
    assert!(seen[1].body.get("hold").is_none());
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let no = Act::Json(402, json!({"code": "BCK.X402.0005", "message": "no"}).to_string());
    let backend = Backend::start([no, valid()]).await;
    let client = client(&backend.url());
    assert!(matches!(client.verify(&payment(), HOLD).await, Ok(Verdict::Refused(_))));
    assert!(matches!(client.verify(&payment(), HOLD).await, Ok(Verdict::Valid(_))));
    assert!(backend.seen().iter().all(|request| request.connection == 0));
}

#[tokio::test]
async fn a_settle_whose_connection_dies_unanswered_is_repeated_once_with_the_same_body() {
    let backend = Backend::start([Act::Reset(Vec::new()), settled()]).await;
    let settlement = client(&backend.url()).settle(&payment(), "r-1").await;
    assert!(matches!(settlement, Ok(Settlement::Settled(_))), "{settlement:?}");
    let seen = backend.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn a_verify_that_may_have_reserved_is_never_repeated() {
    let backend = Backend::start([Act::Reset(Vec::new()), valid()]).await;
    let fault = client(&backend.url()).verify(&payment(), HOLD).await.unwrap_err();
    assert_eq!(fault.retry, Retry::Unknown);
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_settle_that_was_answered_badly_is_not_repeated() {
    let backend = Backend::start([Act::Json(500, "{}".into()), settled()]).await;
    assert!(client(&backend.url()).settle(&payment(), "r-1").await.is_err());
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_settle_that_may_have_arrived_stays_unknown_when_its_repeat_finds_no_backend() {
    let backend = Backend::start([Act::Die]).await;
    let client = client(&backend.url());
    assert_eq!(client.settle(&payment(), "r-1").await.unwrap_err().retry, Retry::Unknown);
    assert!(matches!(client.settle(&payment(), "r-1").await.unwrap_err().retry, Retry::After(_)));
    assert_eq!(backend.seen().len(), 1);
}
