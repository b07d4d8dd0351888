//! One secret, and the keys derived from it.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The keys that sign and check everything, derived from one 32-byte secret. No `Debug`; wiped when dropped.
pub struct Keyring {
    pub(super) jwt_sign: EncodingKey,
    pub(super) jwt_check: DecodingKey,
    access: Zeroizing<[u8; 32]>,
    pepper: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
    fingerprint: [u8; 32],
}

impl Keyring {
    /// Derives the keys. `master` must be random; the caller keeps it, this crate never makes one.
    #[must_use]
    pub fn new(master: [u8; 32]) -> Self {
        let master = Zeroizing::new(master);
        let derive = |label: &str| Zeroizing::new(keyed_hash(&master, label.as_bytes()));
        let jwt = derive("farebox/api-key/v1");
        Self {
            jwt_sign: EncodingKey::from_secret(&*jwt),
            jwt_check: DecodingKey::from_secret(&*jwt),
            access: derive("farebox/access-token/v1"),
            pepper: derive("farebox/api-token/v1"),
            seal: derive("farebox/seal/v1"),
            fingerprint: *derive("farebox/fingerprint/v1"),
        }
    }

    /// Tells one secret from another without telling anything about it: for `Store::claim`.
    #[must_use]
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What secrets of others are sealed under.
    pub(super) fn seal_bytes(&self) -> &[u8] {
        &*self.seal
    }

    /// A MAC over an access token's content.
    pub(super) fn access_mac(&self) -> ContentMac {
        ContentMac(keyed(&self.access))
    }

    /// What is stored of a management token.
    pub(super) fn hash_api_token(&self, text: &str) -> [u8; 32] {
        keyed_hash(&self.pepper, text.as_bytes())
    }
}

/// HMAC-SHA256 over length-prefixed parts.
pub(super) struct ContentMac(Hmac<Sha256>);

impl ContentMac {
    pub(super) fn part(&mut self, part: &[u8]) -> &mut Self {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(part);
        self
    }

    /// An absent part differs from an empty one.
    pub(super) fn optional(&mut self, part: Option<&str>) -> &mut Self {
        match part {
            Some(part) => self.part(b"some").part(part.as_bytes()),
            None => self.part(b"none"),
        }
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }

    /// In constant time.
    pub(super) fn is(self, signature: &[u8; 32]) -> bool {
        self.0.verify_slice(signature).is_ok()
    }
}

fn keyed_hash(key: &[u8; 32], data: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// A key shorter than HMAC's block is padded with zeros, by definition; doing so here leaves nothing that can fail.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0_u8; 64]);
    block[..32].copy_from_slice(key);
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_hmac_sha256() {
        // RFC 4231, test case 2, with its key padded to 32 bytes by the zeros that HMAC itself would add.
        let mut key = [0_u8; 32];
        key[..4].copy_from_slice(b"Jefe");
        let hash = keyed_hash(&key, b"what do ya want for nothing?");
        assert_eq!(hex::encode(hash), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn another_secret_has_another_fingerprint() {
        assert_eq!(Keyring::new([1; 32]).fingerprint(), Keyring::new([1; 32]).fingerprint());
        assert_ne!(Keyring::new([1; 32]).fingerprint(), Keyring::new([2; 32]).fingerprint());
    }

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        let ring = Keyring::new([7; 32]);
        let mac = |parts: &[&[u8]]| {
            let mut mac = ring.access_mac();
            for part in parts {
                mac.part(part);
            }
            mac.finish()
        };
        assert_ne!(mac(&[b"ab", b"c"]), mac(&[b"a", b"bc"]));
        assert_ne!(mac(&[b"", b"a"]), mac(&[b"a", b""]));
    }
}
