//! Answers as bytes that say nothing to who reads the database.

use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

use super::{
    Answer,
    packed::{pack, unpack},
};

/// The first byte of what is sealed, so that there can be another way later.
const VERSION: u8 = 2;
const NONCE: usize = 24;

/// Seals answers under one key. What is sealed for one payment opens for no other.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
}

/// Neither of our making, nor for this payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kept answer cannot be opened: it was sealed under another key, or changed since")]
pub(super) struct Broken;

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// Seals an answer for a payment; `None` if it is too long, or if the system has no randomness to give.
    pub(super) fn seal(&self, answer: &Answer, payment: &[u8]) -> Option<Vec<u8>> {
        let plain = pack(answer)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: payment }).ok()?;
        Some([&[VERSION][..], &nonce, &sealed].concat())
    }

    pub(super) fn open(&self, sealed: &[u8], payment: &[u8]) -> Result<Answer, Broken> {
        let (version, rest) = sealed.split_first().ok_or(Broken)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().filter(|_| *version == VERSION).ok_or(Broken)?;
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: payment });
        let plain = plain.map_err(|_| Broken)?;
        unpack(&plain).ok_or(Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::packed::tests::answer, *};

    #[test]
    fn what_is_sealed_opens_as_it_was_and_shows_nothing() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal(&answer(), b"payment").unwrap();
        assert_eq!(seal.open(&sealed, b"payment"), Ok(answer()));
        assert_ne!(sealed, seal.seal(&answer(), b"payment").unwrap());
        assert!(!String::from_utf8_lossy(&sealed).contains("secret"));
    }

    #[test]
    fn it_opens_for_no_other_payment_under_no_other_key_and_not_if_it_was_changed() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal(&answer(), b"payment").unwrap();
        assert_eq!(seal.open(&sealed, b"another"), Err(Broken));
        assert_eq!(Seal::new(&[8; 32]).open(&sealed, b"payment"), Err(Broken));
        for at in [0, 1, NONCE + 1, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&changed, b"payment"), Err(Broken), "{at}");
        }
        assert_eq!(seal.open(&[], b"payment"), Err(Broken));
    }
}
