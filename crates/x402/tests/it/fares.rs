//! A gate's facilitator on a chain, over facilitators that fail, lie and fall silent.

use std::{sync::Arc, time::Duration};

use farebox_types::AtomicAmount;
use farebox_x402::{
    Accept, Amount, ChainPayment, Facilitator, Fault, Offer, Payment, PaymentPayload, PaymentRequired, Resource, Retry,
    Settlement, VERSION, Verdict,
    client::{ChainFacilitator, FacilitatorClient},
};
use serde_json::json;

use crate::{
    backend::{Act, Backend},
    remote::{config, payload, requirements},
    vectors,
};

const PAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const HASH: &str = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef";

fn payment_of(payload: PaymentPayload) -> Payment {
    let required = PaymentRequired {
        x402_version: VERSION,
        t402_version: None,
        error: None,
        resource: Resource { url: "/paid".into(), description: None, mime_type: None },
        accepts: vec![Accept::Chain(requirements())],
        extensions: serde_json::Map::new(),
    };
    Payment {
        token: "unused".into(),
        required: Arc::new(Offer::new(required)),
        accept: 0,
        amount: Amount::Atomic(AtomicAmount::from(10_000)),
        payload: Some(Arc::new(ChainPayment::new(payload, &requirements().asset))),
    }
}

fn payment() -> Payment {
    payment_of(payload())
}

fn supports(kinds: &[(u8, &str, &str)]) -> Act {
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(version, scheme, network)| json!({"x402Version": version, "scheme": scheme, "network": network}))
        .collect();
    Act::Json(200, json!({"kinds": kinds}).to_string())
}

fn exact() -> Act {
    supports(&[(2, "exact", "eip155:84532")])
}

fn valid() -> Act {
    Act::Json(200, json!({"isValid": true, "payer": PAYER}).to_string())
}

fn settled() -> Act {
    Act::Json(200, json!({"success": true, "transaction": HASH, "network": "eip155:84532", "payer": PAYER}).to_string())
}

fn failed(reason: &str) -> Act {
    Act::Json(200, json!({"success": false, "errorReason": reason, "transaction": "", "network": ""}).to_string())
}

fn over(backends: &[&Backend]) -> ChainFacilitator {
    ChainFacilitator::new(backends.iter().map(|backend| FacilitatorClient::new(config(&backend.url())).unwrap()))
}

async fn verified(facilitator: &ChainFacilitator, payment: &Payment) -> String {
    match facilitator.verify(payment, None).await.unwrap() {
        Verdict::Valid(verified) => {
            assert_eq!(verified.payer.as_deref(), Some(PAYER));
            verified.request_id
        }
        Verdict::Refused(refusal) => panic!("{refusal:?}"),
    }
}

async fn settle_fault(facilitator: &ChainFacilitator, id: &str) -> Fault {
    facilitator.settle(&payment(), id).await.unwrap_err()
}

fn paths(backend: &Backend) -> Vec<String> {
    backend.seen().iter().map(|seen| seen.head.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_payment_is_verified_and_settled_by_whoever_supports_it() {
    let other = Backend::start([supports(&[(2, "exact", "eip155:1"), (2, "upto", "eip155:84532")])]).await;
    let right = Backend::start([exact(), valid(), settled()]).await;
    let facilitator = over(&[&other, &right]);
    let id = verified(&facilitator, &payment()).await;
    let Settlement::Settled(receipt) = facilitator.settle(&payment(), &id).await.unwrap() else { panic!() };
    assert_eq!((&*receipt.transaction, receipt.payer.as_deref()), (HASH, Some(PAYER)));
    assert_eq!(receipt.amount.as_deref(), Some("10000"));
    assert_eq!(paths(&other), ["/supported"]);
    assert_eq!(paths(&right), ["/supported", "/verify", "/settle"], "supported is asked once");
    let key = "idempotency-key: ";
    let sent = right.seen()[2].head.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(id.starts_with(&sent[key.len()..]), "{sent} {id}");
}

#[tokio::test]
async fn verify_goes_on_to_the_next_while_nothing_has_happened() {
    let broken = Backend::start([exact(), Act::Json(500, "{}".into())]).await;
    let lying = Backend::start([exact(), Act::Json(200, json!({"isValid": true, "payer": "0xbad"}).to_string())]).await;
    let right = Backend::start([exact(), valid(), settled()]).await;
    let facilitator = over(&[&broken, &lying, &right]);
    let id = verified(&facilitator, &payment()).await;
    assert!(matches!(facilitator.settle(&payment(), &id).await.unwrap(), Settlement::Settled(_)));
    assert!(!paths(&broken).contains(&"/settle".to_owned()), "who verified it settles it");
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_nobody_else_is_asked() {
    let no = Act::Json(200, json!({"isValid": false, "invalidReason": "insufficient_funds"}).to_string());
    let one = Backend::start([exact(), no]).await;
    let two = Backend::start([exact()]).await;
    let Verdict::Refused(refusal) = over(&[&one, &two]).verify(&payment(), None).await.unwrap() else { panic!() };
    assert_eq!(refusal.code, "insufficient_funds");
    assert_eq!(paths(&two), ["/supported"]);
}

#[tokio::test]
async fn settle_goes_on_to_the_next_only_if_it_was_never_sent() {
    let valid = Act::With(200, "connection: close", json!({"isValid": true, "payer": PAYER}).to_string());
    let gone = Backend::start([exact(), valid, Act::Die]).await;
    let right = Backend::start([exact(), settled()]).await;
    let facilitator = over(&[&gone, &right]);
    let id = verified(&facilitator, &payment()).await;
    // Another client's question, and the door is closed for good.
    let another = FacilitatorClient::new(config(&gone.url())).unwrap();
    assert!(another.supported().await.is_err());
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert!(matches!(facilitator.settle(&payment(), &id).await.unwrap(), Settlement::Settled(_)));
    assert_eq!(paths(&right), ["/supported", "/settle"]);
}

#[tokio::test]
async fn after_a_settle_that_may_have_arrived_only_the_same_one_is_asked_with_the_same_bytes() {
    for silence in [
        Act::Silent(Duration::from_secs(2)),
        Act::Json(502, "<html>".into()),
        Act::Json(500, "{}".into()),
        Act::Json(409, r#"{"code":"REQUEST_IN_PROGRESS"}"#.into()),
        Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
        failed("settlement_pending"),
        Act::Json(200, "garbage".into()),
        Act::Json(200, json!({"success": true, "transaction": HASH, "network": "eip155:1"}).to_string()),
    ] {
        let one = Backend::start([exact(), valid(), silence, failed("nonce_already_used"), settled()]).await;
        let two = Backend::start([exact()]).await;
        let facilitator = over(&[&one, &two]);
        let id = verified(&facilitator, &payment()).await;
        assert_eq!(settle_fault(&facilitator, &id).await.retry, Retry::Unknown);
        let still = settle_fault(&facilitator, &id).await;
        assert_eq!(still.retry, Retry::Unknown, "our own first try may have used the nonce: {still:?}");
        assert!(matches!(facilitator.settle(&payment(), &id).await.unwrap(), Settlement::Settled(_)));
        let settles: Vec<_> = one.seen().into_iter().filter(|seen| seen.head.contains("/settle")).collect();
        assert_eq!(settles.len(), 3);
        assert!(settles.iter().all(|seen| seen.body == settles[0].body && seen.head == settles[0].head));
        assert_eq!(paths(&two), ["/supported"]);
    }
}

#[tokio::test]
async fn a_first_refusal_to_settle_is_final() {
    let one = Backend::start([exact(), valid(), failed("insufficient_funds")]).await;
    let facilitator = over(&[&one]);
    let id = verified(&facilitator, &payment()).await;
    let Settlement::Refused(refusal) = facilitator.settle(&payment(), &id).await.unwrap() else { panic!() };
    assert_eq!(refusal.code, "insufficient_funds");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_decides_nothing() {
    let mut endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"success\":true,\"a\":\"".to_vec();
    endless.extend(std::iter::repeat_n(b'x', 512 * 1024));
    let one = Backend::start([exact(), valid(), Act::Bytes(endless)]).await;
    let facilitator = over(&[&one]);
    let id = verified(&facilitator, &payment()).await;
    assert_eq!(settle_fault(&facilitator, &id).await.retry, Retry::Unknown);
}

#[tokio::test]
async fn a_version_1_payment_reaches_a_facilitator_that_speaks_version_2_only_and_the_other_way_round() {
    let v1 = PaymentPayload::from_header(vectors::PAYMENT_V1.as_bytes()).unwrap();
    for (payment, kind, version) in [
        (payment_of(v1.clone()), (2, "exact", "eip155:84532"), 2),
        (payment_of(v1), (1, "exact", "base-sepolia"), 1),
        (payment(), (1, "exact", "base-sepolia"), 1),
    ] {
        let backend = Backend::start([supports(&[kind]), valid()]).await;
        verified(&over(&[&backend]), &payment).await;
        let body = &backend.seen()[1].body;
        assert_eq!(body["paymentPayload"]["x402Version"], version);
        let has_accepted = body["paymentPayload"].get("accepted").is_some();
        assert_eq!(has_accepted, version == 2, "{body}");
    }
}

#[tokio::test]
async fn when_nobody_can_be_asked_it_is_an_outage_and_not_a_refusal() {
    let none = Backend::start([supports(&[])]).await;
    let fault = over(&[&none]).verify(&payment(), None).await.unwrap_err();
    assert!(matches!(fault.retry, Retry::After(_)), "{fault:?}");
    let down = Backend::start([Act::Json(503, "{}".into())]).await;
    let facilitator = over(&[&down]);
    for _ in 0..3 {
        assert!(matches!(facilitator.verify(&payment(), None).await.unwrap_err().retry, Retry::After(_)));
    }
    assert_eq!(down.seen().len(), 1, "a facilitator that is down is left alone for a while");
}

#[tokio::test]
async fn two_authorizations_in_one_payment_are_refused_unasked() {
    let mut two = payload();
    let text = two.payload.get().replacen('{', r#"{"permit2Authorization":{"from":"0x1","nonce":"1"},"#, 1);
    two.payload = serde_json::value::RawValue::from_string(text).unwrap();
    let backend = Backend::start([]).await;
    let Verdict::Refused(refusal) = over(&[&backend]).verify(&payment_of(two), None).await.unwrap() else { panic!() };
    assert_eq!(refusal.code, "invalid_payload");
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn terms_are_what_the_facilitator_needs_an_offer_to_say() {
    let kind =
        json!({"x402Version": 2, "scheme": "upto", "network": "eip155:84532", "extra": {"facilitatorAddress": "0xf"}});
    let supported = json!({"kinds": [kind], "extensions": ["eip2612GasSponsoring"]});
    let backend = Backend::start([Act::Json(200, supported.to_string())]).await;
    let facilitator = over(&[&backend]);
    let mut upto = requirements();
    upto.scheme = "upto".into();
    upto.extra.insert("assetTransferMethod".into(), "permit2".into());
    let terms = facilitator.terms(&upto).await.unwrap().unwrap();
    assert_eq!(terms.extra["facilitatorAddress"], "0xf");
    assert_eq!(terms.extensions["eip2612GasSponsoring"]["info"]["version"], "1");
    assert_eq!(facilitator.terms(&requirements()).await.unwrap(), None);
}
