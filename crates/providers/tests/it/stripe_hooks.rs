//! Stripe's events, as its reference shows them.

use farebox_providers::{About, Dispute, Forged, Provider, ProviderState, RefundState, stripe::Stripe};
use farebox_types::{Secret, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::asks::PATIENCE;

const NOW: i64 = 1_700_000_000;

/// Signed here, by the reference's words, with no help from the code under test.
fn signed(secret: &str, at: i64, body: &str) -> HeaderMap {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    let header = format!("t={at},v1={},v0=00", hex::encode(mac.finalize().into_bytes()));
    HeaderMap::from_iter([(http::HeaderName::from_static("stripe-signature"), header.parse().unwrap())])
}

fn stripe() -> Stripe {
    Stripe::new("http://127.0.0.1:9", &Secret::new("sk".to_owned()), PATIENCE).unwrap()
}

fn about(kind: &str, object: &Value) -> About {
    let body =
        json!({"id": "evt_1", "object": "event", "type": kind, "created": NOW, "data": {"object": object}}).to_string();
    let secrets = [Secret::new("whsec_new".to_owned()), Secret::new("whsec_old".to_owned())];
    let event =
        stripe().event(&signed("whsec_old", NOW, &body), body.as_bytes(), &secrets, Timestamp::from_seconds(NOW));
    let event = event.unwrap();
    assert_eq!((event.id.as_str(), event.kind.as_str(), event.signed), ("evt_1", kind, true));
    event.about
}

fn intent(status: &str) -> Value {
    json!({"id": "pi_1", "object": "payment_intent", "amount": 500, "amount_received": 500, "currency": "usd",
        "status": status, "metadata": {"farebox_payment": "pay_1"}, "latest_charge": "ch_1"})
}

#[rstest]
#[case("payment_intent.succeeded", "succeeded", ProviderState::Succeeded)]
#[case("payment_intent.canceled", "canceled", ProviderState::Canceled)]
#[case("payment_intent.processing", "processing", ProviderState::Processing)]
#[case("payment_intent.requires_action", "requires_action", ProviderState::RequiresAction)]
#[case("payment_intent.amount_capturable_updated", "requires_capture", ProviderState::RequiresCapture)]
fn an_intents_event_is_the_intent(#[case] kind: &str, #[case] status: &str, #[case] state: ProviderState) {
    let About::Payment(payment) = about(kind, &intent(status)) else { panic!("not about a payment") };
    assert_eq!((payment.state, payment.our_id.as_deref(), payment.minor), (state, Some("pay_1"), 500));
    assert_eq!(payment.refunded_minor, None, "the event does not say");
}

#[test]
fn a_failed_payment_says_why() {
    let mut object = intent("requires_payment_method");
    object["last_payment_error"] = json!({"type": "card_error", "code": "card_declined", "decline_code": "lost_card"});
    let About::Payment(payment) = about("payment_intent.payment_failed", &object) else {
        panic!("not about a payment")
    };
    assert_eq!(payment.state, ProviderState::Failed);
    assert_eq!(payment.refusal.unwrap().decline_code.as_deref(), Some("lost_card"));
}

#[test]
fn refunds_and_disputes_name_their_payment() {
    let charge = json!({"id": "ch_1", "payment_intent": "pi_1", "amount_refunded": 200});
    let refunded = About::Refunded { provider_id: "pi_1".to_owned(), refunded_minor: Some(200) };
    assert_eq!(about("charge.refunded", &charge), refunded);

    let refund = json!({"id": "re_1", "payment_intent": "pi_1", "amount": 200, "status": "failed", "metadata": {"farebox_refund": "ref_1"}});
    let About::Refund(refund) = about("refund.updated", &refund) else { panic!("not about a refund") };
    assert_eq!((refund.state, refund.our_refund.as_deref()), (RefundState::Failed, Some("ref_1")));

    for (status, expected) in [
        ("needs_response", Some(Dispute::Open)),
        ("won", Some(Dispute::Won)),
        ("lost", Some(Dispute::Lost)),
        ("warning_needs_response", None),
    ] {
        let object = json!({"id": "dp_1", "payment_intent": "pi_1", "amount": 500, "status": status});
        let dispute = expected.map(|dispute| About::Dispute { provider_id: "pi_1".to_owned(), dispute, minor: 500 });
        assert_eq!(about("charge.dispute.created", &object), dispute.unwrap_or(About::Other), "{status}");
    }
}

#[test]
fn unknown_and_odd_events_are_kept_and_not_acted_on() {
    assert_eq!(about("customer.created", &json!({"id": "cus_1"})), About::Other);
    assert_eq!(about("payment_intent.succeeded", &json!({"id": 7})), About::Other);
    assert_eq!(about("charge.refunded", &json!({"id": "ch_1"})), About::Other);
}

#[test]
fn what_is_not_signed_or_no_event_is_refused() {
    let (now, secrets) = (Timestamp::from_seconds(NOW), [Secret::new("whsec".to_owned())]);
    let read = |headers: HeaderMap, body: &str| stripe().event(&headers, body.as_bytes(), &secrets, now).unwrap_err();
    assert_eq!(read(HeaderMap::new(), "{}"), Forged::Unsigned);
    assert_eq!(read(signed("other", NOW, "{}"), "{}"), Forged::Signature);
    assert_eq!(read(signed("whsec", NOW, "{}"), "{ }"), Forged::Signature);
    assert_eq!(read(signed("whsec", NOW - 301, "{}"), "{}"), Forged::Age);
    for body in ["{}", "[]", "", "nonsense", r#"{"id":"evt_1","type":"x"}"#] {
        assert_eq!(read(signed("whsec", NOW, body), body), Forged::Shape, "{body}");
    }
}
