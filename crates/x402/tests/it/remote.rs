//! The facilitator client against facilitators of every temper.

use std::time::Duration;

use farebox_types::Secret;
use farebox_x402::{
    Family, PaymentPayload, Requirements,
    client::{BadConfig, CallHeaders, FacilitatorClient, FacilitatorConfig, FacilitatorError},
    price::Price,
};
use http::{HeaderMap, HeaderValue};

use crate::{
    backend::{Act, Backend},
    vectors,
};

const VALID: &str = r#"{"isValid":true,"payer":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}"#;
const KEY: &str = "s3cret-key";

pub(crate) fn payload() -> PaymentPayload {
    PaymentPayload::from_header(vectors::PAYMENT_V2.as_bytes()).unwrap()
}

pub(crate) fn requirements() -> Requirements {
    let price = Price::read("$0.01").unwrap();
    price.requirements("exact", "eip155:84532", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", 60).unwrap()
}

pub(crate) fn config(url: &str) -> FacilitatorConfig {
    FacilitatorConfig::new(url).timeout(Duration::from_millis(700)).max_answer(64 * 1024)
}

fn client(url: &str) -> FacilitatorClient {
    FacilitatorClient::new(config(url).api_key(Secret::new(KEY.into()))).unwrap()
}

fn ok(body: &str) -> Act {
    Act::Json(200, body.to_owned())
}

#[tokio::test]
async fn verify_settle_and_supported_say_what_the_facilitator_said() {
    let backend = Backend::start([
        ok(r#"{"kinds":[{"t402Version":2,"scheme":"exact","network":"eip155:84532"}],"signers":{"eip155:*":["0x1"]}}"#),
        ok(VALID),
        ok(r#"{"success":true,"transaction":"0xabc","network":"eip155:84532"}"#),
    ])
    .await;
    let client = client(&backend.url());
    let supported = client.supported().await.unwrap();
    assert_eq!((supported.kinds[0].version, supported.signers["eip155:*"].len()), (2, 1));
    assert!(client.verify(&payload(), &requirements()).await.unwrap().is_valid);
    let settled = client.settle(&payload(), &requirements(), Some("unique-key-123")).await.unwrap();
    assert_eq!((settled.success, &*settled.transaction), (true, "0xabc"));

    let seen = backend.seen();
    let lines: Vec<_> = seen.iter().map(|seen| seen.head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["GET /supported HTTP/1.1", "POST /verify HTTP/1.1", "POST /settle HTTP/1.1"]);
    assert!(seen.iter().all(|seen| seen.head.contains("x-api-key: s3cret-key")));
    assert_eq!(seen[1].body["x402Version"], 2);
    assert_eq!(seen[1].body["paymentRequirements"]["amount"], "10000");
    assert_eq!(seen[1].body["paymentPayload"]["accepted"]["payTo"], requirements().pay_to);
    assert!(seen[2].head.contains("idempotency-key: unique-key-123") && !seen[1].head.contains("idempotency-key"));
}

#[tokio::test]
async fn the_t402_flavour_writes_t402_versions_and_version_1_its_own_shape() {
    let backend = Backend::start([ok(VALID), ok(VALID)]).await;
    let client = FacilitatorClient::new(config(&backend.url()).flavour(Family::T402)).unwrap();
    client.verify(&payload(), &requirements()).await.unwrap();
    let v1 = PaymentPayload::from_header(vectors::PAYMENT_V1.as_bytes()).unwrap();
    client.verify(&v1, &requirements()).await.unwrap();
    let seen = backend.seen();
    assert_eq!((&seen[0].body["t402Version"], &seen[0].body["paymentPayload"]["t402Version"]), (&2.into(), &2.into()));
    let v1 = &seen[1].body;
    assert_eq!((&v1["t402Version"], &v1["paymentPayload"]["network"]), (&1.into(), &"base-sepolia".into()));
    assert_eq!(v1["paymentRequirements"]["maxAmountRequired"], "10000");
    assert!(!seen.iter().any(|seen| seen.body.to_string().contains("x402Version")));
}

#[tokio::test]
async fn a_business_answer_counts_under_another_status_and_an_outage_never_does() {
    let refused = r#"{"isValid":false,"invalidReason":"insufficient_funds","payer":null,"code":"x"}"#;
    for status in [200, 400, 402, 412, 422] {
        let backend = Backend::start([Act::Json(status, refused.into())]).await;
        let answer = client(&backend.url()).verify(&payload(), &requirements()).await.unwrap();
        assert_eq!(answer.invalid_reason.as_deref(), Some("insufficient_funds"), "{status}");
    }
    for status in [401, 403, 404, 409, 429, 500, 502, 503] {
        let backend = Backend::start([Act::Json(status, refused.into())]).await;
        let error = client(&backend.url()).verify(&payload(), &requirements()).await.unwrap_err();
        let FacilitatorError::Facilitator { status: said, code, body, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*said, code.as_deref(), &**body), (status, Some("x"), refused));
        assert!(!error.is_unsent());
    }
}

#[tokio::test]
async fn no_answer_is_a_network_error_that_says_whether_the_call_left() {
    let gone = Backend::start([Act::Die]).await;
    let url = gone.url();
    let lost = client(&url).verify(&payload(), &requirements()).await.unwrap_err();
    assert!(matches!(&lost, FacilitatorError::Network { unsent: false, .. }), "{lost:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let unsent = client(&url).verify(&payload(), &requirements()).await.unwrap_err();
    assert!(unsent.is_unsent(), "{unsent:?}");

    for act in [
        Act::Silent(Duration::from_secs(2)),
        Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()),
        Act::Json(200, "x".repeat(65 * 1024)),
    ] {
        let backend = Backend::start([act]).await;
        let error = client(&backend.url()).settle(&payload(), &requirements(), None).await.unwrap_err();
        assert!(matches!(&error, FacilitatorError::Network { unsent: false, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for body in ["", "<html>", "[]", "{}", r#"{"isValid":"yes"}"#, r#"{"isValid":1}"#] {
        let backend = Backend::start([ok(body)]).await;
        let error = client(&backend.url()).verify(&payload(), &requirements()).await.unwrap_err();
        let FacilitatorError::Facilitator { status: 200, code, .. } = error else { panic!("{body}: {error:?}") };
        assert_eq!(code.as_deref(), Some("unreadable_answer"));
    }
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_body_and_the_key_stays_at_home() {
    let target = Backend::start([ok(VALID), ok(VALID)]).await;
    let here = |status| Act::With(status, "location: /moved/verify", String::new());
    let elsewhere: &'static str = format!("location: {}/verify", target.url()).leak();
    let source = Backend::start([here(308), ok(VALID), Act::With(307, elsewhere, String::new())]).await;
    let client = client(&source.url());
    assert!(client.verify(&payload(), &requirements()).await.unwrap().is_valid);
    assert!(client.verify(&payload(), &requirements()).await.unwrap().is_valid);
    let seen = source.seen();
    assert!(seen[1].head.starts_with("POST /moved/verify") && seen[1].head.contains(KEY));
    assert_eq!(seen[1].body, seen[0].body);
    let arrived = target.seen();
    assert_eq!((arrived.len(), &arrived[0].body), (1, &seen[0].body));
    assert!(!arrived[0].head.contains(KEY), "{}", arrived[0].head);
}

#[tokio::test]
async fn redirects_end_and_other_kinds_are_not_followed() {
    let again = || Act::With(308, "location: /again", String::new());
    let circle = Backend::start([again(), again(), again(), again(), again()]).await;
    let error = client(&circle.url()).verify(&payload(), &requirements()).await.unwrap_err();
    assert!(matches!(&error, FacilitatorError::Network { unsent: false, .. }), "{error:?}");
    assert_eq!(circle.seen().len(), 4);
    for status in [301, 302, 303] {
        let backend = Backend::start([Act::With(status, "location: /again", String::new())]).await;
        let error = client(&backend.url()).verify(&payload(), &requirements()).await.unwrap_err();
        assert!(matches!(error, FacilitatorError::Facilitator { status: said, .. } if said == status));
    }
}

#[tokio::test]
async fn supported_is_asked_again_when_there_is_too_much_to_do() {
    let busy = || Act::With(429, "retry-after: 0", "{}".into());
    let backend = Backend::start([busy(), busy(), busy(), ok(r#"{"kinds":[]}"#)]).await;
    assert!(client(&backend.url()).supported().await.unwrap().kinds.is_empty());
    let backend = Backend::start([busy(), busy(), busy(), busy(), ok("{}")]).await;
    let error = client(&backend.url()).supported().await.unwrap_err();
    assert!(matches!(error, FacilitatorError::Facilitator { status: 429, .. }));
    assert_eq!(backend.seen().len(), 4);
}

#[tokio::test]
async fn headers_are_made_anew_for_every_call_and_each_call_has_its_own() {
    let backend = Backend::start([ok(VALID), ok(VALID), ok(r#"{"kinds":[]}"#)]).await;
    let made = std::sync::atomic::AtomicUsize::new(0);
    let config = config(&backend.url()).headers(move || {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let one = move |name: &str| {
            HeaderMap::from_iter([(
                http::header::AUTHORIZATION,
                HeaderValue::try_from(format!("{name} {number}")).unwrap(),
            )])
        };
        async move { Ok(CallHeaders { verify: one("v"), supported: one("s"), ..CallHeaders::default() }) }
    });
    let client = FacilitatorClient::new(config).unwrap();
    client.verify(&payload(), &requirements()).await.unwrap();
    client.verify(&payload(), &requirements()).await.unwrap();
    client.supported().await.unwrap();
    let seen = backend.seen();
    for (seen, line) in seen.iter().zip(["authorization: v 0", "authorization: v 1", "authorization: s 2"]) {
        assert!(seen.head.contains(line), "{}", seen.head);
    }
}

#[tokio::test]
async fn headers_that_cannot_be_made_keep_the_call_at_home() {
    let backend = Backend::start([]).await;
    let config = config(&backend.url()).headers(|| async { Err("no token".into()) });
    let error = FacilitatorClient::new(config).unwrap().supported().await.unwrap_err();
    assert!(matches!(&error, FacilitatorError::Headers(_)) && error.is_unsent());
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_key_that_no_facilitator_takes_is_refused_here() {
    let backend = Backend::start([]).await;
    for key in ["", "a b", "ü", &"a".repeat(65)] {
        let error = client(&backend.url()).settle(&payload(), &requirements(), Some(key)).await.unwrap_err();
        assert!(matches!(error, FacilitatorError::IdempotencyKey));
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn verifies_run_beside_each_other() {
    let slow = (0..8).map(|_| ok(VALID));
    let backend = Backend::start(slow).await;
    let client = client(&backend.url());
    let calls = (0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.verify(&payload(), &requirements()).await.unwrap().is_valid })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
}

#[test]
fn what_cannot_be_an_address_or_a_key_is_refused_before_anything_is_sent() {
    assert!(matches!(FacilitatorClient::new(FacilitatorConfig::new("facilitator")), Err(BadConfig::Address)));
    let config = FacilitatorConfig::new("http://a").api_key(Secret::new("a\nb".into()));
    assert!(matches!(FacilitatorClient::new(config.clone()), Err(BadConfig::Key)));
    assert!(!format!("{config:?}").contains("a\nb"));
}
