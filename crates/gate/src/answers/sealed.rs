//! Answers as bytes that say nothing to who reads the database.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::Answer;

/// The first byte of what is sealed, so that there can be another way later.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// Seals answers under one key. What is sealed for one payment opens for no other.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
}

/// Neither of our making, nor for this payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kept answer cannot be opened: it was sealed under another key, or changed since")]
pub(super) struct Broken;

#[derive(Serialize, Deserialize)]
struct Written {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    trailers: Option<Vec<(String, String)>>,
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// Seals an answer for a payment; `None` if the system has no randomness to give.
    pub(super) fn seal(&self, answer: &Answer, payment: &[u8]) -> Option<Vec<u8>> {
        let plain = serde_json::to_vec(&Written::from(answer)).ok()?;
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
        serde_json::from_slice::<Written>(&plain).ok().and_then(|written| written.answer()).ok_or(Broken)
    }
}

impl From<&Answer> for Written {
    fn from(answer: &Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            headers: written(&answer.headers),
            body: BASE64_STANDARD.encode(&answer.body),
            trailers: answer.trailers.as_ref().map(written),
        }
    }
}

impl Written {
    fn answer(self) -> Option<Answer> {
        Some(Answer {
            status: StatusCode::from_u16(self.status).ok()?,
            headers: read(self.headers)?,
            body: Bytes::from(BASE64_STANDARD.decode(self.body).ok()?),
            trailers: match self.trailers {
                Some(trailers) => Some(read(trailers)?),
                None => None,
            },
        })
    }
}

/// Values as base64: they need not be text.
fn written(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), BASE64_STANDARD.encode(value))).collect()
}

fn read(written: Vec<(String, String)>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(written.len());
    for (name, value) in written {
        let value = HeaderValue::from_bytes(&BASE64_STANDARD.decode(value).ok()?).ok()?;
        headers.append(HeaderName::try_from(name).ok()?, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_bytes(b"b=\xff").unwrap());
        let trailers = Some(HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from_static("1"))]));
        Answer { status: StatusCode::CREATED, headers, body: Bytes::from_static(b"secret words"), trailers }
    }

    #[test]
    fn what_is_sealed_opens_as_it_was_and_shows_nothing() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal(&answer(), b"payment").unwrap();
        assert_eq!(seal.open(&sealed, b"payment"), Ok(answer()));
        assert_ne!(sealed, seal.seal(&answer(), b"payment").unwrap());
        let hidden = BASE64_STANDARD.encode("secret words");
        assert!(!String::from_utf8_lossy(&sealed).contains(&hidden));
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
