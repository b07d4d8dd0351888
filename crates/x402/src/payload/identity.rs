//! Which payment this is, whatever header it came in: its economic proof.

use farebox_types::AtomicAmount;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::PaymentPayload;
use crate::facilitation::canonical;

/// Who pays, and a name for the one authorization that pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The payer as written, where the scheme says who it is.
    pub payer: Option<String>,
    /// SHA-256 over network, token, payer and nonce; the same in every dialect and spelling.
    pub key: [u8; 32],
    /// SHA-256 of what proves that the payer agreed, its signature: who has it holds this payment, not one like it.
    pub proof: [u8; 32],
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

pub(super) fn of(payment: &PaymentPayload, asset: &str) -> Option<Identity> {
    let value: Value = serde_json::from_str(payment.payload.get()).ok()?;
    let proof = proof(&value);
    let signed = |name| value.get(name).filter(|it| it.is_object());
    let (space, authorization) = match (signed("authorization"), signed("permit2Authorization")) {
        // Two authorizations in one payload: each reader would take another.
        (Some(_), Some(_)) => return None,
        (Some(authorization), None) => (asset, authorization),
        // Permit2 counts nonces for a payer, whatever the token.
        (None, Some(authorization)) => ("permit2", authorization),
        (None, None) if value.get("nonce").is_some() && value.get("from").is_some() => (asset, &value),
        (None, None) => return Some(Identity { payer: None, key: key(payment, &[&canonical(&value)]), proof }),
    };
    let payer = authorization.get("from")?.as_str()?.to_owned();
    let nonce = match authorization.get("nonce")? {
        Value::String(nonce) => nonce.clone(),
        Value::Number(nonce) => nonce.to_string(),
        _ => return None,
    };
    let key = key(payment, &[lower(space).as_bytes(), lower(&payer).as_bytes(), plain(&nonce).as_bytes()]);
    Some(Identity { payer: Some(payer), key, proof })
}

/// The signature, in one spelling; where a scheme has none, all that the payload says.
fn proof(payload: &Value) -> [u8; 32] {
    match payload.get("signature").and_then(Value::as_str) {
        Some(signature) => Sha256::digest(lower(signature)).into(),
        None => Sha256::digest(canonical(payload)).into(),
    }
}

fn key(payment: &PaymentPayload, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"farebox payment\0");
    hash.update(payment.network.as_bytes());
    for part in parts {
        hash.update(b"\0");
        hash.update(part);
    }
    hash.finalize().into()
}

/// Hex addresses in one case; others are what they are.
fn lower(address: &str) -> String {
    if address.starts_with("0x") || address.starts_with("0X") {
        address.to_ascii_lowercase()
    } else {
        address.to_owned()
    }
}

/// One spelling of a nonce, which may be decimal or hex, with or without leading zeros.
fn plain(nonce: &str) -> String {
    let lower = nonce.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(hex) => hex.trim_start_matches('0').to_owned(),
        None => lower.parse::<AtomicAmount>().map_or(lower, |number| match number.is_zero() {
            true => String::new(),
            false => format!("{:x}", number.units()),
        }),
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
    fn the_hex_form_is_64_digits() {
        let hex = payment(&json!({"transaction": "x"})).identity(USDC).unwrap().hex();
        assert!(hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
