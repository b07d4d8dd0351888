//! `<random>.<unix_expiry>.<mac>`: a token that any instance with the same secret can check, and that nobody stores.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_types::{Secret, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// 32 bytes in unpadded base64url.
const PART: usize = 43;
/// The longest expiry that is a time at all.
const EXPIRY_DIGITS: usize = 12;
/// HMAC-SHA-256 works on blocks of this size.
const BLOCK: usize = 64;

/// Why no token could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random numbers")]
pub struct NoRandomness;

/// The keys of the tokens' signatures.
pub(crate) struct Keys {
    current: Hmac<Sha256>,
    previous: Option<Hmac<Sha256>>,
}

impl Keys {
    /// The UTF-8 bytes of the secrets, as they are.
    pub(crate) fn new(current: &Secret, previous: Option<&Secret>) -> Self {
        let key = |secret: &Secret| keyed(secret.expose().as_bytes());
        Self { current: key(current), previous: previous.map(key) }
    }

    /// A key of this process alone.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let mut key = Zeroizing::new([0_u8; 32]);
        getrandom::fill(&mut *key).map_err(|_| NoRandomness)?;
        Ok(Self { current: keyed(&*key), previous: None })
    }

    /// A fresh token, signed with the current secret.
    pub(crate) fn mint(&self, expiry: Timestamp) -> Result<String, NoRandomness> {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(random), expiry.seconds());
        let mac = mac(&self.current, signed.as_bytes());
        Ok(format!("{signed}.{mac}"))
    }

    /// Whether `token` was signed by us and is in force `now`, for no longer than `lifetime` seconds more.
    pub(crate) fn accept(&self, token: &str, now: Timestamp, lifetime: i64) -> bool {
        let Some(parts) = Parts::of(token) else { return false };
        let genuine = self.signed(parts.signed.as_bytes(), parts.mac.as_bytes());
        let left = parts.expiry.saturating_sub(now.seconds());
        bool::from(genuine) && left > 0 && left <= lifetime
    }

    /// Both secrets are always tried: how long it takes does not tell which one fitted.
    fn signed(&self, signed: &[u8], claimed: &[u8]) -> Choice {
        let fits = |key: &Hmac<Sha256>| mac(key, signed).as_bytes().ct_eq(claimed);
        let current = fits(&self.current);
        self.previous.as_ref().map_or(current, |previous| current | fits(previous))
    }
}

/// A token's outward form, nothing of it believed yet.
struct Parts<'a> {
    signed: &'a str,
    expiry: i64,
    mac: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let (signed, mac) = token.rsplit_once('.')?;
        let (random, expiry) = signed.split_once('.')?;
        let is_part = |part: &str| part.len() == PART && part.bytes().all(is_base64url);
        let digits =
            !expiry.is_empty() && expiry.len() <= EXPIRY_DIGITS && expiry.bytes().all(|it| it.is_ascii_digit());
        if !is_part(random) || !is_part(mac) || !digits {
            return None;
        }
        Some(Self { signed, expiry: expiry.parse().ok()?, mac })
    }
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn mac(key: &Hmac<Sha256>, message: &[u8]) -> String {
    let mac = key.clone().chain_update(message).finalize();
    URL_SAFE_NO_PAD.encode(mac.into_bytes())
}

/// HMAC's own treatment of a key, written out so that no length of it is an error: longer than a block is hashed, shorter
/// is padded with zeros.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0_u8; BLOCK]);
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const DAY: i64 = 86_400;

    fn keys(current: &str, previous: Option<&str>) -> Keys {
        let secret = |text: &str| Secret::new(text.to_owned());
        Keys::new(&secret(current), previous.map(secret).as_ref())
    }

    fn minted(keys: &Keys, seconds: i64) -> String {
        keys.mint(Timestamp::from_seconds(NOW.seconds() + seconds)).unwrap()
    }

    #[test]
    fn the_signature_is_the_one_that_any_hmac_library_makes() {
        // Computed with Python's hmac module, for a secret shorter and one longer than a block.
        let signed = format!("{}.1800000000", "A".repeat(43));
        for (secret, expected) in [
            ("0123456789abcdef0123456789abcdef".to_owned(), "8M_ItjKkwaXGxfZpY2jPZoOVh2ptHx_BJ81MkpiliFw"),
            ("s".repeat(100), "LkYo63QftcJ6u5LivNGuflTRjyO30G-NScoHgyFeIiY"),
        ] {
            assert_eq!(mac(&keyed(secret.as_bytes()), signed.as_bytes()), expected);
        }
    }

    #[test]
    fn a_token_has_three_parts_of_the_right_length() {
        let token = minted(&keys("a", None), DAY);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [43, 10, 43]);
        assert_eq!(parts[1], "1800086400");
        assert_ne!(token, minted(&keys("a", None), DAY), "two tokens are never the same");
    }

    #[test]
    fn a_token_is_good_from_its_birth_to_the_second_before_its_end() {
        let keys = keys("a", None);
        for (left, good) in [(DAY, true), (1, true), (0, false), (-1, false), (DAY + 1, false), (10 * DAY, false)] {
            assert_eq!(keys.accept(&minted(&keys, left), NOW, DAY), good, "{left} seconds left");
        }
    }

    #[test]
    fn a_changed_token_is_not_ours() {
        let keys = keys("a", None);
        let token = minted(&keys, 100);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            assert!(!keys.accept(std::str::from_utf8(&bytes).unwrap(), NOW, DAY), "byte {at}");
        }
        for cut in 0..token.len() {
            assert!(!keys.accept(&token[..cut], NOW, DAY), "cut at {cut}");
        }
    }

    #[test]
    fn parts_of_two_tokens_make_no_third() {
        let keys = keys("a", None);
        let (one, other) = (minted(&keys, 100), minted(&keys, 200));
        let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
        for [random, expiry, mac] in
            [[one[0], other[1], one[2]], [other[0], one[1], one[2]], [one[0], one[1], other[2]]]
        {
            assert!(!keys.accept(&format!("{random}.{expiry}.{mac}"), NOW, DAY));
        }
    }

    #[test]
    fn odd_forms_are_not_tokens() {
        let keys = keys("a", None);
        let token = minted(&keys, 100);
        let (signed, mac) = token.rsplit_once('.').unwrap();
        let odd = [
            String::new(),
            "..".to_owned(),
            format!("{token}="),
            format!(" {token}"),
            format!("{signed}.{mac}.{mac}"),
            token.replace('.', ".+"),
            format!("{}.{}.{}", "A".repeat(43), "9".repeat(30), "A".repeat(43)),
        ];
        for text in odd {
            assert!(!keys.accept(&text, NOW, DAY), "{text}");
        }
    }

    #[test]
    fn a_rotation_accepts_the_last_secret_and_signs_with_the_new_one() {
        let (old, new) = (keys("old", None), keys("new", Some("old")));
        assert!(new.accept(&minted(&old, 100), NOW, DAY));
        assert!(new.accept(&minted(&new, 100), NOW, DAY));
        assert!(!old.accept(&minted(&new, 100), NOW, DAY));
        assert!(!keys("new", None).accept(&minted(&old, 100), NOW, DAY), "the rotation is over");
    }

    #[test]
    fn two_processes_with_keys_of_their_own_refuse_each_other() {
        let (one, other) = (Keys::random().unwrap(), Keys::random().unwrap());
        assert!(one.accept(&minted(&one, 100), NOW, DAY));
        assert!(!other.accept(&minted(&one, 100), NOW, DAY));
    }
}
