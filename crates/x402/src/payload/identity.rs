//! Which payment this is, whatever header it came in: its economic proof.

use std::borrow::Cow;

use farebox_types::AtomicAmount;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use super::PaymentPayload;
use crate::{assets::is_hex, facilitation::canonical};

/// Who pays, and a name for the one authorization that pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The payer as written, where the scheme says who it is.
    pub payer: Option<String>,
    /// SHA-256 over network, token, payer and nonce; the same in every dialect and spelling.
    pub key: [u8; 32],
    /// SHA-256 of what proves that the payer agreed, its signature: who has it holds this payment, not one like it.
    pub proof: [u8; 32],
    /// When its authorization ends, in seconds since 1970, where it says so; unchecked.
    pub ends: Option<u64>,
}

impl Identity {
    /// The key as 64 hex digits: fit for an idempotency key.
    #[must_use]
    pub fn hex(&self) -> String {
        self.key.iter().fold(String::with_capacity(64), |mut hex, byte| {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
            hex
        })
    }
}

/// The members that say who pays; whatever else the scheme has stays unread. A member that is named twice is an error: each
/// reader would take another.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    authorization: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "permit2Authorization")]
    permit2: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    from: Option<&'a RawValue>,
    #[serde(borrow, default)]
    nonce: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Authorization<'a> {
    #[serde(borrow)]
    from: &'a RawValue,
    #[serde(borrow)]
    nonce: &'a RawValue,
    #[serde(borrow, default, rename = "validBefore", alias = "deadline")]
    ends: Option<&'a RawValue>,
}

pub(super) fn of(payment: &PaymentPayload, asset: &str) -> Option<Identity> {
    let shape: Shape<'_> = serde_json::from_str(payment.payload.get()).ok()?;
    let proof = proof(payment, shape.signature)?;
    let signed = |raw: Option<&'_ RawValue>| raw.is_some_and(|raw| raw.get().starts_with('{'));
    let (space, authorization) = match (signed(shape.authorization), signed(shape.permit2)) {
        // Two authorizations in one payload: each reader would take another.
        (true, true) => return None,
        (true, false) => (asset, read(shape.authorization?)?),
        // Permit2 counts nonces for a payer, whatever the token.
        (false, true) => ("permit2", read(shape.permit2?)?),
        (false, false) => match (shape.from, shape.nonce) {
            (Some(from), Some(nonce)) => (asset, Authorization { from, nonce, ends: None }),
            _ => {
                let written = canonical(&whole(payment)?);
                let key = key(payment, |hash| hash.update(written));
                return Some(Identity { payer: None, key, proof, ends: None });
            }
        },
    };
    let (payer, nonce) = (text(authorization.from)?, text_or_number(authorization.nonce)?);
    let key = key(payment, |hash| {
        update_lower(hash, space);
        hash.update(b"\0");
        update_lower(hash, &payer);
        hash.update(b"\0");
        update_plain(hash, &nonce);
    });
    // What is no number ends when it likes.
    let ends = authorization.ends.and_then(text_or_number).map(|ends| ends.parse().unwrap_or(u64::MAX));
    Some(Identity { payer: Some(payer.into_owned()), key, proof, ends })
}

fn read(raw: &RawValue) -> Option<Authorization<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn whole(payment: &PaymentPayload) -> Option<Value> {
    serde_json::from_str(payment.payload.get()).ok()
}

/// A string; borrowed where nothing in it is escaped.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        false => Some(Cow::Borrowed(inner)),
        true => serde_json::from_str(raw.get()).ok().map(Cow::Owned),
    }
}

/// A string, or a whole number.
fn text_or_number(raw: &RawValue) -> Option<Cow<'_, str>> {
    let number = || raw.get().bytes().all(|b| b.is_ascii_digit()).then(|| Cow::Borrowed(raw.get()));
    text(raw).or_else(number)
}

/// The signature, in one spelling; where a scheme has none, all that the payload says.
fn proof(payment: &PaymentPayload, signature: Option<&RawValue>) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    match signature.and_then(text) {
        Some(signature) => update_lower(&mut hash, &signature),
        None => hash.update(canonical(&whole(payment)?)),
    }
    Some(hash.finalize().into())
}

fn key(payment: &PaymentPayload, parts: impl FnOnce(&mut Sha256)) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"farebox payment\0");
    hash.update(payment.network.as_bytes());
    hash.update(b"\0");
    parts(&mut hash);
    hash.finalize().into()
}

/// Hex in one case; other text is what it is.
fn update_lower(hash: &mut Sha256, text: &str) {
    match is_hex(text) {
        true => update_in_lower_case(hash, text),
        false => hash.update(text),
    }
}

fn update_in_lower_case(hash: &mut Sha256, text: &str) {
    let mut lower = [0; 64];
    for part in text.as_bytes().chunks(lower.len()) {
        let lower = &mut lower[..part.len()];
        lower.copy_from_slice(part);
        lower.make_ascii_lowercase();
        hash.update(lower);
    }
}

/// One spelling of a nonce, which may be decimal or hex, with or without leading zeros.
fn update_plain(hash: &mut Sha256, nonce: &str) {
    if is_hex(nonce) {
        // The prefix is two bytes of ASCII.
        return update_in_lower_case(hash, nonce.get(2..).unwrap_or_default().trim_start_matches('0'));
    }
    match nonce.parse::<AtomicAmount>() {
        Ok(number) if number.is_zero() => {}
        Ok(number) => hash.update(format!("{:x}", number.units())),
        Err(_) => update_in_lower_case(hash, nonce),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Family;

    const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

    fn payment(payload: &Value) -> PaymentPayload {
        let offer = crate::price::Price::read("$0.01").unwrap();
        let offer = offer.requirements("exact", "base-sepolia", "0x1", 60).unwrap();
        PaymentPayload::v2(Family::X402, offer, PaymentPayload::object(payload).unwrap())
    }

    fn key(payload: &Value) -> Option<[u8; 32]> {
        payment(payload).identity(USDC).map(|identity| identity.key)
    }

    #[test]
    fn spelling_and_dialect_make_no_difference() {
        let one = json!({"authorization": {"from": "0xAB", "nonce": "0x0f"}, "signature": "0x1"});
        let other = json!({"signature": "0x2", "authorization": {"nonce": "15", "from": "0xab", "value": "1"}});
        assert_eq!(key(&one), key(&other));
        assert_eq!(payment(&one).identity(&USDC.to_lowercase()), payment(&one).identity(USDC));
        let v1 = PaymentPayload { dialect: crate::Dialect::T402_V1, accepted: None, ..payment(&one) };
        assert_eq!(v1.identity(USDC).map(|it| it.key), key(&one));
    }

    #[test]
    fn the_proof_is_the_signature_however_it_is_written() {
        let proof = |signature: &str, nonce: &str| {
            let payload = json!({"authorization": {"from": "0xab", "nonce": nonce}, "signature": signature});
            payment(&payload).identity(USDC).unwrap().proof
        };
        assert_eq!(proof("0xAB", "0x0f"), proof("0xab", "15"));
        assert_ne!(proof("0xab", "15"), proof("0xac", "15"));
        let unsigned = |transaction: &str| payment(&json!({"transaction": transaction})).identity(USDC).unwrap().proof;
        assert_ne!(unsigned("AQ=="), unsigned("Ag=="));
    }

    #[test]
    fn another_nonce_payer_network_or_token_is_another_payment() {
        let base = json!({"authorization": {"from": "0xab", "nonce": "0x1"}});
        let others = [
            json!({"authorization": {"from": "0xab", "nonce": "0x2"}}),
            json!({"authorization": {"from": "0xac", "nonce": "0x1"}}),
            json!({"permit2Authorization": {"from": "0xab", "nonce": "0x1"}}),
            json!({"transaction": "AQ=="}),
        ];
        assert!(others.iter().all(|other| key(other).is_some() && key(other) != key(&base)));
        assert_ne!(payment(&base).identity("0x1").map(|it| it.key), key(&base));
        let elsewhere = PaymentPayload { network: "eip155:1".to_owned(), ..payment(&base) };
        assert_ne!(elsewhere.identity(USDC).map(|it| it.key), key(&base));
    }

    #[test]
    fn a_permit2_nonce_is_spent_whatever_the_token() {
        let permit = json!({"permit2Authorization": {"from": "0xab", "nonce": "7"}});
        assert_eq!(payment(&permit).identity("0x1"), payment(&permit).identity("0x2"));
    }

    #[test]
    fn a_payment_that_nobody_can_name_has_no_identity() {
        for payload in [
            json!({"authorization": {"from": "0xab", "nonce": "1"}, "permit2Authorization": {"from": "0xab", "nonce": "2"}}),
            json!({"authorization": {"from": "0xab"}}),
            json!({"authorization": {"nonce": "1"}}),
            json!({"authorization": {"from": "0xab", "nonce": [1]}}),
        ] {
            assert_eq!(key(&payload), None, "{payload}");
        }
    }

    #[test]
    fn an_authorization_says_when_it_ends() {
        let ends = |payload: Value| payment(&payload).identity(USDC).unwrap().ends;
        let signed = |ends: Value| json!({"authorization": {"from": "0xab", "nonce": "1", "validBefore": ends}});
        for (said, read) in [(json!("77"), Some(77)), (json!(77), Some(77)), (json!("soon"), Some(u64::MAX))] {
            assert_eq!(ends(signed(said)), read);
        }
        assert_eq!(ends(json!({"permit2Authorization": {"from": "0xab", "nonce": "1", "deadline": "78"}})), Some(78));
        assert_eq!(ends(json!({"authorization": {"from": "0xab", "nonce": "1"}})), None);
    }

    #[test]
    fn the_hex_form_is_64_digits() {
        let hex = payment(&json!({"transaction": "x"})).identity(USDC).unwrap().hex();
        assert!(hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
