//! Payments that are malformed, or not what was asked: each is refused with its own code before any chain is asked.

use alloy_primitives::{Address, B256, U256, address};
use farebox_evm::{
    EIP2612_EXTENSION, Payment, Phase, Wallet,
    contracts::{EXACT_PROXY, PERMIT2, UPTO_PROXY},
    eip3009_payload, permit2_payload, sponsoring_extension,
    typed::{Domain, Permit, Permit2Transfer, TransferAuthorization, Witness},
};
use farebox_types::{Secret, Timestamp};
use farebox_x402::{Refusal, Requirements};
use rstest::rstest;
use serde_json::{Map, Value, json};

const USDC: Address = address!("036CbD53842c5426634e7929541eC2318f3dCF7e");
const SELLER: Address = address!("209693Bc6afc0C5328bA36FaF03C514EF312287C");
const NOW: u64 = 1_740_672_100;

const AUTHORIZATION: &str = "/authorization/";
const PERMIT: &str = "/permit2Authorization/";

fn wallet(byte: u8) -> Wallet {
    Wallet::new(&Secret::new(hex::encode([byte; 32]))).unwrap()
}

fn evm(wallet: &Wallet) -> Address {
    Address::new(*wallet.address().bytes())
}

/// A payment as it comes: its payload, the extensions beside it, and what was asked.
#[derive(Clone)]
struct Coming {
    payload: Value,
    extensions: Map<String, Value>,
    requirements: Value,
}

impl Coming {
    fn transfer() -> Self {
        let payer = wallet(1);
        let transfer = TransferAuthorization {
            from: evm(&payer),
            to: SELLER,
            value: U256::from(10_000),
            valid_after: U256::from(NOW - 600),
            valid_before: U256::from(NOW + 60),
            nonce: B256::repeat_byte(7),
        };
        let signature = payer.sign(transfer.digest(&Domain::token("USDC", "2", 84_532, USDC)));
        Self::asked("exact", eip3009_payload(&transfer, &signature))
    }

    fn permit2(facilitator: Option<Address>) -> Self {
        let payer = wallet(1);
        let transfer = Permit2Transfer {
            token: USDC,
            amount: U256::from(10_000),
            spender: if facilitator.is_some() { UPTO_PROXY } else { EXACT_PROXY },
            nonce: U256::from(7),
            deadline: U256::from(NOW + 60),
            witness: Witness { to: SELLER, facilitator, valid_after: U256::ZERO },
        };
        let signature = payer.sign(transfer.digest(&Domain::permit2(84_532)));
        let scheme = if facilitator.is_some() { "upto" } else { "exact" };
        Self::asked(scheme, permit2_payload(evm(&payer), &transfer, &signature))
    }

    fn exact() -> Self {
        Self::permit2(None)
    }

    fn upto() -> Self {
        Self::permit2(Some(evm(&wallet(9))))
    }

    fn sponsored() -> Self {
        let payer = wallet(1);
        let deadline = U256::from(NOW + 60);
        let permit =
            Permit { owner: evm(&payer), spender: PERMIT2, value: U256::from(10_000), nonce: U256::ZERO, deadline };
        let signature = payer.sign(permit.digest(&Domain::token("USDC", "2", 84_532, USDC)));
        let info = sponsoring_extension(USDC, &permit, &signature);
        let mut one = Self::exact();
        one.extensions.insert(EIP2612_EXTENSION.into(), json!({"info": info}));
        one
    }

    fn asked(scheme: &str, payload: Value) -> Self {
        let requirements = json!({
            "scheme": scheme, "network": "eip155:84532", "amount": "10000", "asset": USDC.to_string(),
            "payTo": SELLER.to_string(), "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"},
        });
        Self { payload, extensions: Map::new(), requirements }
    }

    /// With `value` at `place` of the payload.
    fn with(mut self, place: &str, value: impl Into<Value>) -> Self {
        let (parent, name) = place.rsplit_once('/').unwrap();
        self.payload.pointer_mut(parent).unwrap()[name] = value.into();
        self
    }

    fn without(mut self, place: &str) -> Self {
        let (parent, name) = place.rsplit_once('/').unwrap();
        assert!(self.payload.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).is_some(), "{place}");
        self
    }

    fn asking(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.requirements[name] = value.into();
        self
    }

    fn allowing(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions[EIP2612_EXTENSION]["info"][name] = value.into();
        self
    }

    /// The payment's key, if it is what was asked.
    fn verdict(&self) -> Result<[u8; 32], Refusal> {
        let requirements: Requirements = serde_json::from_value(self.requirements.clone()).unwrap();
        let payment = Payment::read(&self.payload, Some(&self.extensions), &requirements)?;
        let now = Timestamp::from_seconds(i64::try_from(NOW).unwrap());
        payment.check(&requirements, &[wallet(9).address()], Phase::Verify, now)?;
        Ok(payment.key())
    }
}

#[rstest]
#[case(Coming::transfer())]
#[case(Coming::exact())]
#[case(Coming::upto())]
#[case(Coming::sponsored())]
// What is tolerated: t402's JSON integers, a nonce in hex, any case, members that nobody knows.
#[case(Coming::transfer().with("/authorization/validAfter", NOW - 600).with("/authorization/validBefore", NOW + 60))]
#[case(Coming::exact().with("/permit2Authorization/nonce", "0x07"))]
#[case(Coming::transfer().with("/authorization/to", format!("0x{}", hex::encode_upper(SELLER))))]
#[case(Coming::transfer().with("/memo", json!([[["x"]]])))]
#[case(Coming::transfer().with("/permit2Authorization", Value::Null))]
#[case(Coming::transfer().with("/authorization/validBefore", (NOW + 6).to_string()))]
#[case(Coming::transfer().with("/authorization/validAfter", NOW.to_string()))]
#[case(Coming::transfer().with("/authorization/validBefore", U256::MAX.to_string()))]
fn what_was_asked_is_taken(#[case] coming: Coming) {
    coming.verdict().map_err(|refusal| refusal.reason).unwrap();
}

/// Texts that look like numbers to somebody.
const NO_NUMBERS: [&str; 18] = [
    "",
    " ",
    "-1",
    "+1",
    "1e4",
    "1.0",
    "10000.",
    "0x2710",
    "10_000",
    "10,000",
    " 10000",
    "10000 ",
    "10000\n",
    "١٠٠٠٠",
    "１００００",
    "NaN",
    "115792089237316195423570985008687907853269984665640564039457584007913129639936",
    "0000000000000000000000000000000000000000000000000000000000000000000000000010000",
];

#[test]
fn a_number_is_ascii_digits_and_nothing_else() {
    for text in NO_NUMBERS {
        for member in ["value", "validAfter", "validBefore"] {
            let coming = Coming::transfer().with(&format!("{AUTHORIZATION}{member}"), text);
            assert_eq!(coming.verdict().unwrap_err().code, "invalid_payload", "{member} {text:?}");
        }
        for member in ["permitted/amount", "deadline", "witness/validAfter"] {
            let coming = Coming::exact().with(&format!("{PERMIT}{member}"), text);
            assert_eq!(coming.verdict().unwrap_err().code, "invalid_permit2_payload_format", "{member} {text:?}");
        }
        if text != "0x2710" {
            let coming = Coming::exact().with(&format!("{PERMIT}nonce"), text);
            assert_eq!(coming.verdict().unwrap_err().code, "invalid_permit2_payload_format", "nonce {text:?}");
        }
        for member in ["amount", "nonce", "deadline"] {
            let coming = Coming::sponsored().allowing(member, text);
            assert_eq!(coming.verdict().unwrap_err().code, "invalid_eip2612_extension_format", "{member} {text:?}");
        }
    }
}

#[test]
fn a_member_of_another_type_is_refused_wherever_it_is() {
    let others = [json!(["10000"]), json!([49, 48]), json!({"value": "1"}), json!(-1), json!(1.5), json!(true)];
    let members = ["from", "to", "value", "validAfter", "validBefore", "nonce"];
    for other in &others {
        for member in members {
            let coming = Coming::transfer().with(&format!("{AUTHORIZATION}{member}"), other.clone());
            assert_eq!(coming.verdict().unwrap_err().code, "invalid_payload", "{member} {other}");
        }
        let coming = Coming::transfer().with("/signature", other.clone());
        assert_eq!(coming.verdict().unwrap_err().code, "invalid_payload", "signature {other}");
        for member in ["from", "spender", "nonce", "deadline", "permitted", "witness", "witness/to", "permitted/token"]
        {
            let coming = Coming::exact().with(&format!("{PERMIT}{member}"), other.clone());
            assert_eq!(coming.verdict().unwrap_err().code, "invalid_permit2_payload_format", "{member} {other}");
        }
    }
    for member in members {
        let coming = Coming::transfer().without(&format!("{AUTHORIZATION}{member}"));
        assert_eq!(coming.verdict().unwrap_err().code, "invalid_payload", "{member}");
    }
}

#[rstest]
#[case::nothing(Value::Null)]
#[case::a_text(json!("payload"))]
#[case::a_number(json!(1))]
#[case::an_empty_object(json!({}))]
#[case::an_empty_list(json!([]))]
#[case::both_forms({
    let mut both = Coming::transfer().payload;
    both["permit2Authorization"] = Coming::exact().payload["permit2Authorization"].clone();
    both
})]
#[case::a_list_of_its_members({
    let one = Coming::transfer().payload;
    json!([one["signature"], one["authorization"], null, null])
})]
#[case::an_authorization_as_a_list({
    let mut one = Coming::transfer().payload;
    let members = ["from", "to", "value", "validAfter", "validBefore", "nonce"];
    one["authorization"] = members.iter().map(|name| one["authorization"][name].clone()).collect();
    one
})]
fn what_has_another_shape_is_no_payload(#[case] payload: Value) {
    let code = Coming::asked("exact", payload).verdict().unwrap_err().code;
    assert!(matches!(&*code, "invalid_payload" | "invalid_permit2_payload_format"), "{code}");
}

#[rstest]
#[case::short_address(Coming::transfer().with("/authorization/from", "0x12"), "invalid_payload")]
#[case::address_without_0x(Coming::transfer().with("/authorization/from", hex::encode(SELLER)), "invalid_payload")]
#[case::address_with_space(Coming::transfer().with("/authorization/to", format!(" {SELLER}")), "invalid_payload")]
#[case::long_address(Coming::transfer().with("/authorization/to", format!("{SELLER}00")), "invalid_payload")]
#[case::address_no_hex(Coming::transfer().with("/authorization/to", format!("0x{}", "g".repeat(40))), "invalid_payload")]
#[case::address_not_ascii(Coming::transfer().with("/authorization/to", format!("0x{}", "é".repeat(20))), "invalid_payload")]
#[case::short_nonce(Coming::transfer().with("/authorization/nonce", "0x07"), "invalid_payload")]
#[case::decimal_nonce(Coming::transfer().with("/authorization/nonce", "7"), "invalid_payload")]
#[case::long_nonce(Coming::transfer().with("/authorization/nonce", format!("0x{}", "0".repeat(66))), "invalid_payload")]
#[case::odd_signature(Coming::transfer().with("/signature", "0x123"), "invalid_payload")]
#[case::signature_without_0x(Coming::transfer().with("/signature", "12".repeat(65)), "invalid_payload")]
#[case::signature_no_hex(Coming::transfer().with("/signature", "0xzz"), "invalid_payload")]
#[case::no_signature(Coming::transfer().without("/signature"), "invalid_payload")]
#[case::endless_signature(Coming::transfer().with("/signature", format!("0x{}", "00".repeat(8_193))), "invalid_payload")]
#[case::long_hex_nonce(Coming::exact().with("/permit2Authorization/nonce", format!("0x{}", "1".repeat(65))), "invalid_permit2_payload_format")]
#[case::empty_hex_nonce(Coming::exact().with("/permit2Authorization/nonce", "0x"), "invalid_permit2_payload_format")]
#[case::signed_hex_nonce(Coming::exact().with("/permit2Authorization/nonce", "0x-1"), "invalid_permit2_payload_format")]
#[case::no_witness(Coming::exact().without("/permit2Authorization/witness"), "invalid_permit2_payload_format")]
#[case::bad_facilitator(Coming::upto().with("/permit2Authorization/witness/facilitator", "me"), "invalid_permit2_payload_format")]
#[case::a_delegation(Coming::transfer().with("/delegationManager", SELLER.to_string()), "unsupported_scheme")]
fn what_cannot_be_read_is_refused(#[case] coming: Coming, #[case] code: &str) {
    assert_eq!(coming.verdict().unwrap_err().code, code);
}

#[rstest]
#[case::not_evm("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp")]
#[case::old_name("base-sepolia")]
#[case::no_number("eip155:")]
#[case::hex("eip155:0x14a34")]
#[case::zeros("eip155:084532")]
#[case::sign("eip155:+84532")]
#[case::too_large("eip155:18446744073709551616")]
#[case::other_digits("eip155:٨٤")]
#[case::endless(&"eip155:".repeat(10_000))]
fn a_network_is_an_evm_chain_or_refused(#[case] network: &str) {
    let refusal = Coming::transfer().asking("network", network).verdict().unwrap_err();
    assert_eq!(refusal.code, "invalid_network");
    assert!(refusal.reason.len() < 300);
}

#[rstest]
#[case::another_payee("invalid_exact_evm_payload_recipient_mismatch", Coming::transfer().asking("payTo", USDC.to_string()))]
#[case::less("invalid_exact_evm_payload_authorization_value_mismatch", Coming::transfer().asking("amount", "10001"))]
#[case::more("invalid_exact_evm_payload_authorization_value_mismatch", Coming::transfer().asking("amount", "9999"))]
#[case::nothing("invalid_exact_evm_payload_authorization_value_mismatch", Coming::transfer().with("/authorization/value", "0"))]
#[case::expired("invalid_exact_evm_payload_authorization_valid_before", Coming::transfer().with("/authorization/validBefore", "1"))]
#[case::about_to_expire("invalid_exact_evm_payload_authorization_valid_before", Coming::transfer().with("/authorization/validBefore", NOW + 5))]
#[case::not_yet("invalid_exact_evm_payload_authorization_valid_after", Coming::transfer().with("/authorization/validAfter", NOW + 1))]
#[case::never("invalid_exact_evm_payload_authorization_valid_after", Coming::transfer().with("/authorization/validAfter", U256::MAX.to_string()))]
#[case::no_domain("missing_eip712_domain", Coming::transfer().asking("extra", json!({})))]
#[case::no_version("missing_eip712_domain", Coming::transfer().asking("extra", json!({"name": "USDC"})))]
#[case::a_number_as_version("missing_eip712_domain", Coming::transfer().asking("extra", json!({"name": "USDC", "version": 2})))]
#[case::endless_name("invalid_payment_requirements", Coming::transfer().asking("extra", json!({"name": "U".repeat(257), "version": "2"})))]
#[case::asset_no_address("invalid_payment_requirements", Coming::transfer().asking("asset", "USDC"))]
#[case::payee_no_address("invalid_payment_requirements", Coming::transfer().asking("payTo", "seller.eth"))]
#[case::another_scheme("unsupported_scheme", Coming::transfer().asking("scheme", "deferred"))]
#[case::scheme_in_capitals("unsupported_scheme", Coming::transfer().asking("scheme", "EXACT"))]
#[case::transfer_for_upto("invalid_upto_evm_scheme", Coming::transfer().asking("scheme", "upto"))]
#[case::exact_for_upto("invalid_upto_evm_scheme", Coming::exact().asking("scheme", "upto"))]
#[case::upto_for_exact("invalid_payload", Coming::upto().asking("scheme", "exact"))]
#[case::another_spender("invalid_permit2_spender", Coming::exact().with("/permit2Authorization/spender", UPTO_PROXY.to_string()))]
#[case::permit2_payee("invalid_permit2_recipient_mismatch", Coming::exact().asking("payTo", USDC.to_string()))]
#[case::permit2_expired("permit2_deadline_expired", Coming::exact().with("/permit2Authorization/deadline", NOW + 5))]
#[case::permit2_not_yet("permit2_not_yet_valid", Coming::exact().with("/permit2Authorization/witness/validAfter", NOW + 1))]
#[case::permit2_amount("permit2_amount_mismatch", Coming::exact().asking("amount", "10001"))]
#[case::permit2_token("permit2_token_mismatch", Coming::exact().asking("asset", SELLER.to_string()))]
#[case::upto_amount("permit2_amount_mismatch", Coming::upto().asking("amount", "9999"))]
#[case::upto_by_another("upto_facilitator_mismatch", Coming::upto().with("/permit2Authorization/witness/facilitator", SELLER.to_string()))]
#[case::allowance_of_another("eip2612_from_mismatch", Coming::sponsored().allowing("from", SELLER.to_string()))]
#[case::allowance_elsewhere("eip2612_asset_mismatch", Coming::sponsored().allowing("asset", SELLER.to_string()))]
#[case::allowance_for_another("eip2612_spender_not_permit2", Coming::sponsored().allowing("spender", SELLER.to_string()))]
#[case::allowance_expired("eip2612_deadline_expired", Coming::sponsored().allowing("deadline", (NOW + 5).to_string()))]
#[case::allowance_too_much("permit2_2612_amount_mismatch", Coming::sponsored().allowing("amount", U256::MAX.to_string()))]
#[case::allowance_cut("invalid_eip2612_extension_format", Coming::sponsored().allowing("signature", format!("0x{}", "11".repeat(64))))]
fn what_was_not_asked_is_refused(#[case] code: &str, #[case] coming: Coming) {
    assert_eq!(coming.verdict().unwrap_err().code, code);
}

#[test]
fn a_refusal_never_repeats_much_of_what_the_payer_wrote() {
    let long = format!("\u{0}\r\n{}", "x".repeat(200_000));
    for place in ["/authorization/validAfter", "/signature", "/authorization", "/permit2Authorization"] {
        let refusal = Coming::transfer().with(place, long.clone()).verdict().unwrap_err();
        assert!(
            refusal.reason.len() <= 240 && !refusal.reason.contains(char::is_control),
            "{place}: {}",
            refusal.reason
        );
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(serde_json::from_str::<Value>(&deep).is_err());
    let allowed: Value = serde_json::from_str(&format!("{}{}", "[".repeat(120), "]".repeat(120))).unwrap();
    for place in ["/authorization", "/authorization/value", "/authorization/validAfter", "/signature"] {
        assert_eq!(Coming::transfer().with(place, allowed.clone()).verdict().unwrap_err().code, "invalid_payload");
    }
}

#[test]
fn one_authorization_has_one_key_however_it_is_written_and_any_other_has_another() {
    let key = |coming: Coming| coming.verdict().unwrap();
    let transfer = key(Coming::transfer());
    let written = Coming::transfer().with("/authorization/to", format!("0x{}", hex::encode_upper(SELLER)));
    assert_eq!(key(written.with("/authorization/validAfter", NOW - 600)), transfer);
    let other = Coming::transfer().with("/authorization/nonce", format!("0x{}", "08".repeat(32)));
    assert_ne!(key(other), transfer);
    assert_ne!(key(Coming::transfer().asking("network", "eip155:8453")), transfer);
    assert_ne!(key(Coming::transfer().asking("asset", SELLER.to_string())), transfer);
    let permit = key(Coming::exact());
    assert_eq!(key(Coming::exact().with("/permit2Authorization/nonce", "0x0007")), permit);
    // One bit of Permit2's map is one payment, whatever the scheme.
    assert_eq!(key(Coming::upto()), permit);
    assert_ne!(key(Coming::exact().with("/permit2Authorization/nonce", "8")), permit);
    assert_ne!(permit, transfer);
}
