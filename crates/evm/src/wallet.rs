//! A key that signs: a payer's, or a facilitator's signer.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use farebox_types::Secret;
use secp256k1::{Message, PublicKey, SecretKey};

use crate::signature::{CURVE, Signature, address_of};

/// A secp256k1 key. No `Debug`; wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Wallet {
    key: Arc<Key>,
    address: Address,
}

struct Key(SecretKey);

impl Drop for Key {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

/// A text that is not a key. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a wallet key is 64 hex digits, with or without 0x, and within the curve's order")]
pub struct BadKey;

impl Wallet {
    /// A wallet of the key in `secret`: 64 hex digits, with or without `0x`.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn new(secret: &Secret) -> Result<Self, BadKey> {
        let text = secret.expose().trim();
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).map_err(|_| BadKey)?;
        let key = SecretKey::from_byte_array(bytes).map_err(|_| BadKey)?;
        let address = address_of(&PublicKey::from_secret_key(&CURVE, &key));
        Ok(Self { key: Arc::new(Key(key)), address })
    }

    /// Whose key it is.
    #[must_use]
    pub fn address(&self) -> farebox_types::Address {
        farebox_types::Address::from_bytes(self.address.into_array())
    }

    /// Signs a digest; the same digest always gets the same signature (RFC 6979), in its canonical form.
    #[must_use]
    pub fn sign(&self, digest: B256) -> Signature {
        let signature = CURVE.sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.key.0);
        let (id, compact) = signature.serialize_compact();
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&compact);
        bytes[64] = u8::from(i32::from(id) & 1 == 1);
        // What the library makes is canonical: reading it back cannot fail.
        Signature::read(&bytes).unwrap_or_else(|_| unreachable!("a signature of ours is canonical"))
    }
}
