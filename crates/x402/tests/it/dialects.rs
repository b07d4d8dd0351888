//! Every spelling of a payment, read as one; and what is none, named.

use farebox_x402::{
    Dialect, Family, PaymentPayload, PaymentRequired, Receipt, Requirements, facilitation::Request, header,
};
use serde_json::{Value, json};

use crate::vectors;

const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

fn authorization() -> Value {
    json!({"signature": "0x01", "authorization": {"from": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "nonce": "0x1"}})
}

fn required(amount: &str, network: &str) -> Value {
    json!({"scheme": "exact", "network": network, amount: "10000", "asset": USDC, "payTo": PAY_TO,
           "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"}})
}

fn v2(version: &str) -> Value {
    json!({version: 2, "accepted": required("amount", "eip155:84532"), "payload": authorization()})
}

fn v1(version: &str) -> Value {
    json!({version: 1, "scheme": "exact", "network": "base-sepolia", "payload": authorization()})
}

fn body(payload: &Value, requirements: &Value) -> Value {
    json!({"paymentPayload": payload, "paymentRequirements": requirements})
}

fn read(body: &Value) -> Result<Request, String> {
    Request::read(body.to_string().as_bytes()).map_err(|bad| format!("{bad} [{}]", bad.reason()))
}

#[test]
fn all_dialects_and_their_mixture_read_as_one_payment() {
    let mut mixed = v2("t402Version");
    mixed["accepted"] = required("maxAmountRequired", "base-sepolia");
    for (payload, requirements, dialect) in [
        (v2("x402Version"), required("amount", "eip155:84532"), Dialect::X402_V2),
        (v2("t402Version"), required("amount", "eip155:84532"), Dialect::T402_V2),
        (v1("x402Version"), required("maxAmountRequired", "base-sepolia"), Dialect::X402_V1),
        (v1("t402Version"), required("maxAmountRequired", "base-sepolia"), Dialect::T402_V1),
        (mixed, required("maxAmountRequired", "base-sepolia"), Dialect::T402_V2),
    ] {
        let request = read(&body(&payload, &requirements)).unwrap();
        assert_eq!(request.dialect(), dialect);
        assert_eq!((&*request.payload.scheme, &*request.payload.network), ("exact", "eip155:84532"));
        let expected: Requirements = serde_json::from_value(required("amount", "eip155:84532")).unwrap();
        assert_eq!(request.requirements, expected, "{dialect}");
    }
}

#[test]
fn the_inner_version_counts_and_the_outer_one_fills_in() {
    let mut both = body(&v2("x402Version"), &required("amount", "base"));
    both["t402Version"] = json!(1);
    assert_eq!(read(&both).unwrap().dialect(), Dialect::X402_V2);

    let mut outer = both.clone();
    outer["paymentPayload"].as_object_mut().unwrap().remove("x402Version");
    outer["t402Version"] = json!(2);
    assert_eq!(read(&outer).unwrap().dialect(), Dialect::T402_V2);
    outer.as_object_mut().unwrap().remove("t402Version");
    assert_eq!(read(&outer).unwrap_err(), "paymentPayload.x402Version: is missing [invalid_x402_version]");
}

#[test]
fn nulls_are_as_good_as_absent() {
    let mut payload = v2("t402Version");
    payload["resource"] = Value::Null;
    payload["extensions"] = Value::Null;
    payload["x402Version"] = Value::Null;
    let mut requirements = required("amount", "eip155:84532");
    requirements["extra"] = Value::Null;
    requirements["maxTimeoutSeconds"] = Value::Null;
    let request = read(&body(&payload, &requirements)).unwrap();
    assert_eq!((request.dialect(), request.requirements.max_timeout_seconds), (Dialect::T402_V2, 300));
    assert!(request.requirements.extra.is_empty() && request.payload.resource.is_none());
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let good = body(&v2("x402Version"), &required("amount", "eip155:84532"));
    for (pointer, value, says) in [
        ("/paymentPayload", json!(null), "paymentPayload: is missing [invalid_payload]"),
        ("/paymentPayload", json!([]), "paymentPayload: is not an object [invalid_payload]"),
        ("/paymentPayload/x402Version", json!(3), "paymentPayload.x402Version: is not 1 or 2 [invalid_x402_version]"),
        ("/paymentPayload/x402Version", json!("2"), "paymentPayload.x402Version: is not 1 or 2 [invalid_x402_version]"),
        ("/paymentPayload/payload", json!("x"), "paymentPayload.payload: is not an object [invalid_payload]"),
        ("/paymentPayload/accepted", json!(null), "paymentPayload.accepted: is missing [invalid_payload]"),
        ("/paymentPayload/accepted/asset", json!(7), "paymentPayload.accepted.asset: is not text [invalid_payload]"),
        ("/paymentRequirements/network", json!("mars"), "[invalid_network]"),
        ("/paymentRequirements/scheme", json!(["exact"]), "paymentRequirements.scheme: is not text [invalid_scheme]"),
        ("/paymentRequirements/scheme", json!(""), "is empty"),
        ("/paymentRequirements/amount", json!(10000), "paymentRequirements.amount: is not text"),
        ("/paymentRequirements/amount", json!("1e4"), "is not a decimal number below 2^256"),
        ("/paymentRequirements/amount", json!("-1"), "is not a decimal number"),
        ("/paymentRequirements/amount", json!("١٠٠٠٠"), "is not a decimal number"),
        ("/paymentRequirements/amount", json!(["10000"]), "is not text"),
        ("/paymentRequirements/amount", json!("9".repeat(79)), "is not a decimal number"),
        ("/paymentRequirements/payTo", json!("0".repeat(257)), "paymentRequirements.payTo: is too long"),
        ("/paymentRequirements/extra", json!([]), "paymentRequirements.extra: is not an object"),
        ("/paymentRequirements/maxTimeoutSeconds", json!(60.5), "is not a whole number of seconds"),
        ("/paymentRequirements/maxTimeoutSeconds", json!(0), "is not above 0"),
        ("/paymentRequirements/maxTimeoutSeconds", json!(-1), "is not a whole number"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value.clone();
        let said = read(&bad).unwrap_err();
        assert!(said.contains(says), "{pointer} {value}: {said}");
    }
}

#[test]
fn amounts_under_two_names_must_agree() {
    let mut requirements = required("amount", "base");
    requirements["maxAmountRequired"] = json!("10000");
    assert!(read(&body(&v2("x402Version"), &requirements)).is_ok());
    requirements["maxAmountRequired"] = json!("10001");
    let said = read(&body(&v2("x402Version"), &requirements)).unwrap_err();
    assert!(said.starts_with("paymentRequirements.amount: differs"), "{said}");
}

#[test]
fn hostile_bodies_are_refused_unread() {
    let nested = format!(r#"{{"paymentPayload":{}"#, "[".repeat(200_000));
    let twice = r#"{"paymentPayload":{},"paymentPayload":{},"paymentRequirements":{}}"#;
    for hostile in ["", "null", "[]", "7", "{", "\u{0}", &nested, twice, r#"{"paymentPayload":{"a":"\ud800"}}"#] {
        assert!(Request::read(hostile.as_bytes()).is_err(), "{}", &hostile[..hostile.len().min(40)]);
    }
    assert!(Request::read(b"\xff\xfe{}").is_err());
}

#[test]
fn the_hash_is_of_the_content_and_not_of_its_spelling() {
    let one = read(&body(&v2("x402Version"), &required("amount", "eip155:84532"))).unwrap();
    let other = json!({
        "t402Version": 2,
        "paymentRequirements": required("maxAmountRequired", "base-sepolia"),
        "paymentPayload": v2("t402Version"),
    });
    let spaced = serde_json::to_string_pretty(&other).unwrap();
    assert_eq!(one.canonical_hash(), Request::read(spaced.as_bytes()).unwrap().canonical_hash());

    let mut dearer = one.clone();
    dearer.requirements.amount = 10_001.into();
    assert_ne!(one.canonical_hash(), dearer.canonical_hash());
    let mut signed_anew = v2("x402Version");
    signed_anew["payload"]["signature"] = json!("0x02");
    let signed_anew = read(&body(&signed_anew, &required("amount", "eip155:84532"))).unwrap();
    assert_ne!(one.canonical_hash(), signed_anew.canonical_hash());
}

#[test]
fn what_a_client_writes_reads_back_in_each_family_and_version() {
    for (payload, family) in [
        (v2("x402Version"), Family::X402),
        (v2("x402Version"), Family::T402),
        (v1("t402Version"), Family::T402),
        (v1("t402Version"), Family::X402),
    ] {
        let request = read(&body(&payload, &required("amount", "eip155:84532"))).unwrap();
        let again = Request::read(&request.to_json(family)).unwrap();
        assert_eq!(again.dialect(), Dialect { family, ..request.dialect() });
        assert_eq!(again.canonical_hash(), request.canonical_hash());
        let text = String::from_utf8(request.to_json(family)).unwrap();
        let other = if family == Family::X402 { "t402" } else { "x402" };
        assert!(!text.contains(other), "{text}");
    }
}

#[test]
fn published_headers_are_read_and_written_again() {
    let two = PaymentPayload::from_header(vectors::PAYMENT_V2.as_bytes()).unwrap();
    let one = PaymentPayload::from_header(vectors::PAYMENT_V1.as_bytes()).unwrap();
    assert_eq!((two.dialect, one.dialect), (Dialect::X402_V2, Dialect::X402_V1));
    assert_eq!((two.header_name(), one.header_name()), ("payment-signature", "x-payment"));
    assert_eq!(two.payload.get(), one.payload.get());
    assert_eq!(two.identity(USDC), one.identity(USDC));
    assert_eq!(two.resource.as_ref().unwrap().url, "https://api.example.com/premium-data");
    assert_eq!(one.to_header(), vectors::PAYMENT_V1, "byte for byte");
    assert!(two.to_header().is_sensitive());
    assert_eq!(PaymentPayload::from_header(two.to_header().as_bytes()).unwrap(), two);

    let offer: PaymentRequired = header::decode(vectors::REQUIRED.as_bytes()).unwrap();
    assert_eq!(offer.accepts[0].chain().unwrap().amount, 10_000.into());
    assert_eq!(header::decode::<PaymentRequired>(header::encode(&offer).as_bytes()).unwrap(), offer);
    let settled: Receipt = header::decode(vectors::SETTLED.as_bytes()).unwrap();
    assert!(settled.success && settled.transaction.len() == 66);
    let refused: Receipt = header::decode(vectors::REFUSED.as_bytes()).unwrap();
    assert_eq!((refused.success, refused.error_reason.as_deref()), (false, Some("insufficient_funds")));
    let extensions: Value = header::decode(vectors::EXTENSIONS.as_bytes()).unwrap();
    assert_eq!(extensions, json!({"bazaar": {"status": "success"}}));
}

#[test]
fn a_payments_header_is_of_the_standard_alphabet_padded_or_not() {
    let padded = vectors::PAYMENT_V2;
    assert!(padded.ends_with('='));
    assert!(PaymentPayload::from_header(padded.trim_end_matches('=').as_bytes()).is_ok());
    for bad in [format!(" {padded}"), padded.replace('e', "-"), format!("{padded}\n"), "A".repeat(16_385)] {
        assert!(PaymentPayload::from_header(bad.as_bytes()).is_err());
    }
}

#[test]
fn settling_upto_asks_for_less_than_was_accepted() {
    let mut payload = v2("x402Version");
    payload["accepted"]["scheme"] = json!("upto");
    payload["accepted"]["amount"] = json!("20000");
    let mut requirements = payload["accepted"].clone();
    requirements["amount"] = json!("1858");
    let request = read(&body(&payload, &requirements)).unwrap();
    assert_eq!(request.payload.accepted.unwrap().amount, 20_000.into());
    assert_eq!(request.requirements.amount, 1_858.into());
}

#[test]
fn an_offer_under_either_familys_name_has_a_version() {
    for (json, version) in [
        (json!({"x402Version": 2, "resource": {"url": "/"}, "accepts": []}), 2),
        (json!({"t402Version": 2, "resource": {"url": "/"}, "accepts": []}), 2),
        (json!({"x402Version": 2, "t402Version": 2, "resource": {"url": "/"}, "accepts": []}), 2),
        (json!({"resource": {"url": "/"}, "accepts": []}), 0),
    ] {
        assert_eq!(serde_json::from_value::<PaymentRequired>(json).unwrap().version(), version);
    }
}

#[test]
fn a_payment_shows_no_signature_when_printed() {
    let payment = PaymentPayload::from_header(vectors::PAYMENT_V2.as_bytes()).unwrap();
    assert!(!format!("{payment:?}").contains("eae36c16"));
}
