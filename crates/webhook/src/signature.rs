//! `Paylera-Signature: t=<unix>,v1=<hex>[,v1=…]`: HMAC-SHA-256 over the time, a dot, and the raw body.

use std::time::Duration;

use farebox_types::{Secret, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// The header that a delivery is signed in.
pub const SIGNATURE: HeaderName = HeaderName::from_static("paylera-signature");

const LONGEST_HEADER: usize = 1024;
const MOST_SIGNATURES: usize = 8;
/// The longest number of seconds that is a time at all.
const TIME_DIGITS: usize = 12;
const TOLERANCE: Duration = Duration::from_secs(300);
const BYTES: usize = 32;

/// The header's value for `body`, signed under each of `secrets`: the current one and, while it is replaced, the one before.
#[must_use]
pub fn sign(secrets: &[Secret], at: Timestamp, body: &[u8]) -> String {
    let time = at.seconds().to_string();
    let signatures = secrets.iter().filter_map(keyed).map(|key| format!(",v1={}", hex::encode(mac(&key, &time, body))));
    format!("t={time}{}", signatures.collect::<String>())
}

/// Tells the API's deliveries from everybody else's.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Hmac<Sha256>>,
    tolerance: Duration,
}

/// Secrets that nothing can be verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook needs at least one secret, and none may be empty")]
pub struct BadSecrets;

/// Why a delivery is not accepted. For the receiver's own log: the sender is not told which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// No header, several, or one that cannot be read.
    #[error("the signature header is missing or cannot be read")]
    Form,
    /// No signature fits under any secret.
    #[error("no signature fits")]
    Mismatch,
    /// Genuine, but made too long ago or too far ahead.
    #[error("the signature's time is too far from now")]
    Time,
}

impl Verifier {
    /// Accepts what is signed under any of `secrets`.
    ///
    /// # Errors
    /// [`BadSecrets`] without a secret, or with an empty one.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, BadSecrets> {
        let keys: Option<Vec<_>> = secrets.into_iter().map(|secret| keyed(&secret)).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or(BadSecrets)?;
        Ok(Self { keys, tolerance: TOLERANCE })
    }

    /// How far the signature's time may be from now, both ways; 300 s.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Whether `body`, as it came, was signed under one of the secrets at about `now`. A pure function: a delivery that
    /// is sent twice verifies twice.
    ///
    /// # Errors
    /// [`BadSignature`]; how long it takes does not tell which secret or signature was nearly right.
    pub fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> Result<(), BadSignature> {
        let parts = Parts::of(header).ok_or(BadSignature::Form)?;
        let mut genuine = Choice::from(0);
        for key in &self.keys {
            let expected = mac(key, parts.time, body);
            for claimed in &parts.signatures {
                genuine |= expected.ct_eq(claimed);
            }
        }
        if !bool::from(genuine) {
            return Err(BadSignature::Mismatch);
        }
        let distance = Duration::from_secs(now.seconds().abs_diff(parts.seconds));
        if distance <= self.tolerance { Ok(()) } else { Err(BadSignature::Time) }
    }
}

struct Parts<'a> {
    /// As it is signed.
    time: &'a str,
    seconds: i64,
    signatures: Vec<[u8; BYTES]>,
}

impl<'a> Parts<'a> {
    /// Fields other than `t` and `v1` are passed over, and so are values of `v1` that no signature has.
    fn of(header: &'a str) -> Option<Self> {
        if header.len() > LONGEST_HEADER {
            return None;
        }
        let (mut time, mut count, mut signatures) = (None, 0, Vec::new());
        for field in header.split(',') {
            match field.trim().split_once('=')? {
                ("t", text) if time.is_none() => time = Some(text),
                ("t", _) => return None,
                ("v1", text) => {
                    count += 1;
                    let mut bytes = [0; BYTES];
                    if hex::decode_to_slice(text, &mut bytes).is_ok() {
                        signatures.push(bytes);
                    }
                }
                _ => {}
            }
        }
        let time = time.filter(|time| time.len() <= TIME_DIGITS && time.bytes().all(|byte| byte.is_ascii_digit()))?;
        (1..=MOST_SIGNATURES).contains(&count).then_some(())?;
        Some(Self { time, seconds: time.parse().ok()?, signatures })
    }
}

fn keyed(secret: &Secret) -> Option<Hmac<Sha256>> {
    let secret = secret.expose().as_bytes();
    Hmac::new_from_slice(secret).ok().filter(|_| !secret.is_empty())
}

fn mac(key: &Hmac<Sha256>, time: &str, body: &[u8]) -> [u8; BYTES] {
    let mac = key.clone().chain_update(time).chain_update(b".").chain_update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed by OpenSSL: `printf '1760000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    const FOREIGN: &str = "t=1760000000,v1=66e880d7175fffb43ce10c4e14db1cfb230c8804b5aafb116affbc9a836c7690";
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: Timestamp = Timestamp::from_seconds(1_760_000_000);

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn verifier(secrets: &[&str]) -> Verifier {
        Verifier::new(secrets.iter().map(|text| secret(text))).unwrap()
    }

    fn verdict(header: &str, now: Timestamp) -> Result<(), BadSignature> {
        verifier(&["whsec_test"]).verify(header, BODY, now)
    }

    #[test]
    fn a_signature_made_elsewhere_verifies_and_ours_is_the_same() {
        assert_eq!(verdict(FOREIGN, NOW), Ok(()));
        assert_eq!(sign(&[secret("whsec_test")], NOW, BODY), FOREIGN);
    }

    #[test]
    fn any_signature_under_any_secret_is_enough() {
        let both = sign(&[secret("new"), secret("old")], NOW, BODY);
        assert_eq!(both.matches("v1=").count(), 2);
        for known in [&["old"][..], &["new"], &["other", "old"], &["new", "newer"]] {
            assert_eq!(verifier(known).verify(&both, BODY, NOW), Ok(()), "{known:?}");
        }
        assert_eq!(verifier(&["other"]).verify(&both, BODY, NOW), Err(BadSignature::Mismatch));
    }

    #[test]
    fn time_counts_both_ways_to_the_second() {
        let at = |offset| Timestamp::from_seconds(NOW.seconds() + offset);
        for offset in [-300, 0, 300] {
            assert_eq!(verdict(FOREIGN, at(offset)), Ok(()), "{offset}");
        }
        for offset in [-301, 301, i64::MAX / 10_000_000] {
            assert_eq!(verdict(FOREIGN, at(offset)), Err(BadSignature::Time), "{offset}");
        }
        let strict = verifier(&["whsec_test"]).tolerance(Duration::from_secs(10));
        assert_eq!(strict.verify(FOREIGN, BODY, at(11)), Err(BadSignature::Time));
    }

    #[test]
    fn another_body_or_another_time_does_not_fit() {
        let verifier = verifier(&["whsec_test"]);
        assert_eq!(verifier.verify(FOREIGN, br#"{"id":"evt_2"}"#, NOW), Err(BadSignature::Mismatch));
        let later = FOREIGN.replace("t=1760000000", "t=1760000001");
        assert_eq!(verifier.verify(&later, BODY, NOW), Err(BadSignature::Mismatch));
        let padded = FOREIGN.replace("t=1760000000", "t=01760000000");
        assert_eq!(verifier.verify(&padded, BODY, NOW), Err(BadSignature::Mismatch));
        // The dot belongs to neither side.
        assert_eq!(verifier.verify(FOREIGN, b"", NOW), Err(BadSignature::Mismatch));
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        let hex = FOREIGN.split_once("v1=").unwrap().1;
        for header in [
            format!("t=1760000000,v0=abc,v1={hex},v2=zz"),
            format!("v1={hex},t=1760000000"),
            format!("t=1760000000, v1=nonsense, v1={hex}"),
            format!("t=1760000000,v1={}", hex.to_uppercase()),
        ] {
            assert_eq!(verdict(&header, NOW), Ok(()), "{header}");
        }
    }

    #[test]
    fn a_header_that_is_none_is_refused() {
        let hex = FOREIGN.split_once("v1=").unwrap().1;
        let nine = format!("t=1760000000{}", format!(",v1={hex}").repeat(9));
        let long = format!("{FOREIGN},x={}", "y".repeat(1024));
        let headers = [
            "",
            "t=1760000000",
            &format!("v1={hex}"),
            &format!("t=,v1={hex}"),
            &format!("t=-1760000000,v1={hex}"),
            &format!("t=+1760000000,v1={hex}"),
            &format!("t=1760000000.0,v1={hex}"),
            &format!("t=1760000000,t=1760000000,v1={hex}"),
            &format!("t=17600000000000000000000,v1={hex}"),
            &format!("t=1760000000,v1={hex},"),
            hex,
            &nine,
            &long,
        ];
        for header in headers {
            assert_eq!(verdict(header, NOW), Err(BadSignature::Form), "{header}");
        }
        let eight = format!("t=1760000000{}", format!(",v1={hex}").repeat(8));
        assert_eq!(verdict(&eight, NOW), Ok(()));
    }

    #[test]
    fn nothing_verifies_without_a_secret() {
        assert!(Verifier::new([]).is_err());
        assert!(Verifier::new([secret("")]).is_err());
        assert!(Verifier::new([secret("a"), secret("")]).is_err());
        // An empty secret signs nothing either.
        assert_eq!(sign(&[secret("")], NOW, BODY), "t=1760000000");
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_one_changed_bit_does_not(body: Vec<u8>, seconds in 0_i64..10_000_000_000, at: prop::sample::Index) {
            let now = Timestamp::from_seconds(seconds);
            let header = sign(&[secret("s")], now, &body);
            prop_assert_eq!(verifier(&["s"]).verify(&header, &body, now), Ok(()));
            if !body.is_empty() {
                let mut other = body.clone();
                other[at.index(body.len())] ^= 1;
                prop_assert_eq!(verifier(&["s"]).verify(&header, &other, now), Err(BadSignature::Mismatch));
            }
        }

        #[test]
        fn no_header_breaks_it(header: String, body: Vec<u8>) {
            prop_assert!(verifier(&["s"]).verify(&header, &body, NOW).is_err());
        }
    }
}
