//! Which payment, and for which request.

use std::time::Duration;

use bytes::Bytes;
use farebox_types::{Clock, SystemClock};
use farebox_x402::{Accept, Identity, Payment, Refusal, header};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A payment that can pay once, and the request it pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its economic proof: chain, token, payer and nonce, or an access token's own nonce. The same in every header.
    pub key: [u8; 32],
    /// What proves that the payer agreed. Only who has the same gets the answer.
    pub proof: [u8; 32],
    /// Method, path, query and body.
    pub request: [u8; 32],
    /// How long its holder may be silent before somebody else may claim it.
    pub lease: Duration,
    /// How long its answer is kept.
    pub replay: Duration,
    /// How long it is known to be spent: until its own authorization ends, though at most a week; by then it has long been
    /// used, and its facilitator says so. While nobody knows whether it has paid, it is never forgotten.
    pub remember: Duration,
}

/// A payment's names, before its request was read.
pub(crate) struct Single {
    key: [u8; 32],
    proof: [u8; 32],
    good_for: Duration,
}

/// After a hold has ended, or an authorization, clocks may disagree for this long.
const MARGIN: Duration = Duration::from_secs(60);
/// An authorization that is good for longer is known for so long.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// Access tokens of one use end within a day.
const DAY: Duration = Duration::from_secs(86_400);

/// The names of a payment that can pay once; `None` for one that can pay again.
///
/// # Errors
/// A refusal for a payment on a chain that nobody can name.
pub(crate) fn of_payment(payment: &Payment) -> Result<Option<Single>, Refusal> {
    match (&payment.payload, payment.accepted()) {
        (Some(payload), Some(Accept::Chain(own))) => {
            let identity = payload.identity().ok_or_else(nameless)?;
            let good_for = good_for(identity, Duration::from_secs(own.max_timeout_seconds));
            Ok(Some(Single { key: identity.key, proof: identity.proof, good_for }))
        }
        (None, Some(Accept::Credits(_))) => Ok(of_token(&payment.token)),
        _ => Ok(None),
    }
}

/// As long as the offer lets a payment take, or as long as its payer has signed it for; the payer's word is only believed for
/// so long.
fn good_for(identity: &Identity, offered: Duration) -> Duration {
    let now = u64::try_from(SystemClock.now().seconds()).unwrap_or_default();
    let signed = identity.ends.map_or(Duration::ZERO, |ends| Duration::from_secs(ends.saturating_sub(now)));
    offered.max(signed.min(LONGEST))
}

fn nameless() -> Refusal {
    let reason = "the payment must carry one authorization, with payer and nonce".to_owned();
    Refusal { code: "invalid_payload".to_owned(), reason }
}

#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    payload: PeekPayload<'a>,
}

#[derive(Deserialize)]
struct PeekPayload<'a> {
    signature: &'a str,
    #[serde(borrow)]
    authorization: PeekAuthorization<'a>,
}

#[derive(Deserialize)]
struct PeekAuthorization<'a> {
    from: &'a str,
    nonce: Option<&'a str>,
}

/// A token with a nonce pays once. What cannot be read here is its backend's to judge.
fn of_token(token: &str) -> Option<Single> {
    let json = header::decode_bytes(token.as_bytes()).ok()?;
    let Peek { payload } = serde_json::from_slice(&json).ok()?;
    let nonce = payload.authorization.nonce.map(str::trim).filter(|nonce| !nonce.is_empty())?;
    let from = payload.authorization.from.to_ascii_lowercase();
    let key = digest(&[b"farebox access token", from.as_bytes(), nonce.as_bytes()]);
    Some(Single { key, proof: Sha256::digest(payload.signature).into(), good_for: DAY })
}

impl Single {
    /// A name that a payer gave to a request of a route. Whoever knows it, knows it from the payer.
    pub(super) fn named(label: &str, payer: &str, id: &str, good_for: Duration) -> Self {
        let key = digest(&[b"farebox payment identifier", label.as_bytes(), payer.as_bytes(), id.as_bytes()]);
        Self { key, proof: key, good_for }
    }

    /// The claim for a request. `lease` is the route's hold.
    pub(crate) fn for_request(&self, request: &Bound<'_>, lease: Duration, replay: Duration) -> Claim {
        let query = request.query.unwrap_or_default().as_bytes();
        let body = Sha256::digest(request.body);
        let parts = [request.verb.as_bytes(), request.path.as_bytes(), query, &body];
        let remember = (self.good_for + MARGIN).max(replay);
        Claim { key: self.key, proof: self.proof, request: digest(&parts), lease: lease + MARGIN, replay, remember }
    }
}

/// What a payment is bound to.
pub(crate) struct Bound<'a> {
    pub(crate) verb: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a Bytes,
}

/// A claim that nobody else makes: for the receipt of a payment that can pay again.
pub(crate) fn of_charge(request_id: &str, hold: Duration) -> Claim {
    let key = digest(&[b"farebox charge", request_id.as_bytes()]);
    let (lease, replay) = (hold + MARGIN, Duration::ZERO);
    Claim { key, proof: key, request: key, lease, replay, remember: DAY }
}

/// Each part with its length, so that no two lists read the same.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use farebox_x402::header::encode;
    use serde_json::{Value, json};

    use super::*;

    fn token(nonce: &Value, signature: &str) -> Option<Single> {
        let authorization = json!({"from": "0xAb", "nonce": nonce});
        let token = json!({"payload": {"signature": signature, "authorization": authorization}, "other": 1});
        of_token(encode(&token).to_str().unwrap())
    }

    #[test]
    fn a_token_with_a_nonce_pays_once_and_one_without_again() {
        assert!(token(&json!("0x1"), "0x").is_some());
        for nonce in [json!(null), json!(""), json!("  ")] {
            assert!(token(&nonce, "0x").is_none(), "{nonce}");
        }
        assert!(of_token("opaque").is_none());
        assert!(of_token("").is_none());
    }

    #[test]
    fn a_token_is_named_by_its_nonce_and_proved_by_its_signature() {
        let (one, two) = (token(&json!("0x1"), "0xa").unwrap(), token(&json!(" 0x1 "), "0xb").unwrap());
        assert_eq!(one.key, two.key);
        assert_ne!(one.proof, two.proof);
        assert_ne!(one.key, token(&json!("0x2"), "0xa").unwrap().key);
    }

    #[test]
    fn a_payment_is_remembered_as_long_as_it_is_signed_for_though_at_most_a_week() {
        let (minute, now) = (Duration::from_secs(60), SystemClock.now().seconds().unsigned_abs());
        let good = |ends| good_for(&Identity { payer: None, key: [0; 32], proof: [0; 32], ends }, minute);
        assert_eq!((good(None), good(Some(0)), good(Some(now + 5))), (minute, minute, minute));
        let hour = good(Some(now + 3600)).as_secs();
        assert!((3590..=3600).contains(&hour), "{hour}");
        assert_eq!((good(Some(u64::MAX)), good(Some(now + 30 * DAY.as_secs()))), (LONGEST, LONGEST));
    }

    #[test]
    fn a_claim_is_bound_to_method_path_query_and_body() {
        let claim = |verb, path, query, body: &'static str| {
            let body = Bytes::from_static(body.as_bytes());
            let single = token(&json!("0x1"), "0xa").unwrap();
            single.for_request(&Bound { verb, path, query, body: &body }, DAY, DAY).request
        };
        let base = claim("POST", "/ask", None, "{}");
        assert_eq!(base, claim("POST", "/ask", None, "{}"));
        for other in [
            claim("GET", "/ask", None, "{}"),
            claim("POST", "/as", Some("k"), "{}"),
            claim("POST", "/ask", Some("q"), "{}"),
            claim("POST", "/ask", None, "{ }"),
        ] {
            assert_ne!(base, other);
        }
    }
}
