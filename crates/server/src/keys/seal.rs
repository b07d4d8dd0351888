//! Secrets of others that must be sent or checked as they are, and so cannot be hashed: sealed under a key of the keyring,
//! bound to the place they are kept in.

use farebox_types::Secret;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::Keyring;

/// A secret could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret cannot be sealed: the system gave no random numbers")]
pub struct Unsealable;

impl Keyring {
    /// Seals a secret for its `place`, for example `webhook-secret/mer_…/stripe`: elsewhere it does not open.
    ///
    /// # Errors
    /// [`Unsealable`] when the system gives no random numbers.
    pub fn seal(&self, place: &str, secret: &Secret) -> Result<Vec<u8>, Unsealable> {
        let mut nonce = [0_u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Unsealable)?;
        let mut sealed = Zeroizing::new(secret.expose().as_bytes().to_vec());
        let key = self.seal_key().ok_or(Unsealable)?;
        let place = Aad::from(place.as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut *sealed)
            .map_err(|_| Unsealable)?;
        Ok([&nonce[..], &sealed[..]].concat())
    }

    /// Opens what was sealed for this place; `None` for anything else.
    #[must_use]
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Secret> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let place = Aad::from(place.as_bytes());
        let open = self.seal_key()?.open_in_place(Nonce::assume_unique_for_key(*nonce), place, &mut text).ok()?;
        String::from_utf8(open.to_vec()).ok().map(Secret::new)
    }

    fn seal_key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, self.seal_bytes()).ok().map(LessSafeKey::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "webhook-secret/mer_1/stripe";

    fn ring() -> Keyring {
        Keyring::new([7; 32])
    }

    fn opened(ring: &Keyring, place: &str, sealed: &[u8]) -> Option<String> {
        ring.open(place, sealed).map(|secret| secret.expose().to_owned())
    }

    fn sealed(text: &str) -> Vec<u8> {
        ring().seal(PLACE, &Secret::new(text.to_owned())).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_with_its_key() {
        for text in ["whsec_1", "", "비밀"] {
            assert_eq!(opened(&ring(), PLACE, &sealed(text)).as_deref(), Some(text));
        }
        let secret = sealed("whsec_1");
        assert_eq!(opened(&ring(), "webhook-secret/mer_2/stripe", &secret), None);
        assert_eq!(opened(&Keyring::new([8; 32]), PLACE, &secret), None);
    }

    #[test]
    fn it_shows_nothing_and_is_never_sealed_alike() {
        let (one, two) = (sealed("whsec_1"), sealed("whsec_1"));
        assert_ne!(one, two);
        assert!(!one.windows(7).any(|part| part == b"whsec_1"));
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let good = sealed("whsec_1");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(opened(&ring(), PLACE, &bad), None, "{at}");
            assert_eq!(opened(&ring(), PLACE, &good[..at]), None, "{at}");
        }
    }
}
