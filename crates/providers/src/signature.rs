//! `t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<seconds>.<raw body>`. Stripe's scheme; `sim` signs the same way.

use farebox_types::{Secret, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::event::Forged;

/// How far a signature's time may be from ours, either way.
const TOLERANCE_SECONDS: i64 = 300;
/// More signatures than any provider sends while it rotates a secret.
const MAX_SIGNATURES: usize = 16;

/// Signs a body at a time.
pub(crate) fn sign(secret: &Secret, seconds: i64, body: &[u8]) -> String {
    let signature = mac(secret, &seconds.to_string(), body).map(hex::encode).unwrap_or_default();
    format!("t={seconds},v1={signature}")
}

/// Checks a header against every secret that is in use.
pub(crate) fn verify(header: Option<&str>, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<(), Forged> {
    let header = header.ok_or(Forged::Unsigned)?;
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) if time.is_none() => time = Some(value),
            Some(("v1", value)) if signatures.len() < MAX_SIGNATURES => signatures.push(hex::decode(value)),
            _ => {}
        }
    }
    // The time is signed as it was written, so that is what is checked.
    let time = time.ok_or(Forged::Unsigned)?;
    let seconds: i64 = time.parse().map_err(|_| Forged::Signature)?;
    let mut fits = subtle::Choice::from(0);
    let ours = secrets.iter().filter(|secret| !secret.expose().is_empty());
    for ours in ours.filter_map(|secret| mac(secret, time, body)) {
        for theirs in signatures.iter().flatten() {
            fits |= ours.as_slice().ct_eq(theirs);
        }
    }
    if !bool::from(fits) {
        return Err(Forged::Signature);
    }
    let apart = now.seconds().checked_sub(seconds).and_then(i64::checked_abs).unwrap_or(i64::MAX);
    if apart > TOLERANCE_SECONDS { Err(Forged::Age) } else { Ok(()) }
}

fn mac(secret: &Secret, time: &str, body: &[u8]) -> Option<[u8; 32]> {
    // HMAC takes keys of any length: there always is one.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn verified(header: &str, body: &[u8], secrets: &[Secret]) -> Result<(), Forged> {
        verify(Some(header), body, secrets, NOW)
    }

    #[test]
    fn a_signature_fits_its_own_secret_body_and_time() {
        let header = sign(&secret("whsec_a"), NOW.seconds(), b"{}");
        assert_eq!(verified(&header, b"{}", &[secret("whsec_a")]), Ok(()));
        assert_eq!(verified(&header, b"{ }", &[secret("whsec_a")]), Err(Forged::Signature));
        assert_eq!(verified(&header, b"{}", &[secret("whsec_b")]), Err(Forged::Signature));
        let moved = header.replace("t=1700000000", "t=1700000001");
        assert_eq!(verified(&moved, b"{}", &[secret("whsec_a")]), Err(Forged::Signature));
    }

    #[test]
    fn this_is_the_providers_own_computation() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
        let known = "t=1700000000,v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        assert_eq!(sign(&secret("whsec_test"), 1_700_000_000, b"{}"), known);
    }

    #[test]
    fn while_a_secret_rotates_either_one_fits() {
        let old = sign(&secret("old"), NOW.seconds(), b"x");
        let new = sign(&secret("new"), NOW.seconds(), b"x");
        let both = [secret("new"), secret("old")];
        assert_eq!(verified(&old, b"x", &both), Ok(()));
        assert_eq!(verified(&new, b"x", &both), Ok(()));
        let second = format!("{old},{}", new.split_once(',').unwrap().1);
        assert_eq!(verified(&second, b"x", &[secret("new")]), Ok(()));
    }

    #[test]
    fn an_old_and_a_future_signature_are_refused_at_five_minutes() {
        for (seconds, expected) in [(300, Ok(())), (301, Err(Forged::Age)), (-300, Ok(())), (-301, Err(Forged::Age))] {
            let header = sign(&secret("s"), NOW.seconds() - seconds, b"x");
            assert_eq!(verified(&header, b"x", &[secret("s")]), expected, "{seconds}");
        }
    }

    #[test]
    fn what_is_not_signed_is_not_believed() {
        assert_eq!(verify(None, b"x", &[secret("s")], NOW), Err(Forged::Unsigned));
        let whole = sign(&secret("s"), NOW.seconds(), b"x");
        let (_, signature) = whole.split_once(',').unwrap();
        for header in
            ["", "t=", "t=1700000000", "v1=00", signature, "t=x,v1=00", "t=1700000000,v1=zz", "t=1700000000,v0=00"]
        {
            assert!(verified(header, b"x", &[secret("s")]).is_err(), "{header}");
        }
        assert!(verified(&whole, b"x", &[]).is_err());
        let empty = sign(&secret(""), NOW.seconds(), b"x");
        assert!(verified(&empty, b"x", &[secret("")]).is_err(), "an empty secret signs nothing");
        let extreme = sign(&secret("s"), i64::MIN, b"x");
        assert_eq!(verified(&extreme, b"x", &[secret("s")]), Err(Forged::Age));
    }
}
