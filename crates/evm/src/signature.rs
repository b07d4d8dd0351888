//! Signatures of accounts without code: parsing, recovering. Malleable forms are refused, as tokens refuse them.

use std::sync::LazyLock;

use alloy_primitives::{Address, B256, keccak256};
use secp256k1::{
    All, Message, Secp256k1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

pub(crate) static CURVE: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);

/// Half of the curve's order: `s` above it is the other form of the same signature.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// `r`, `s` and which of the two possible keys signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    r: [u8; 32],
    s: [u8; 32],
    odd: bool,
}

/// Not a signature that a token would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Not 65 bytes.
    #[error("a signature has 65 bytes")]
    Length,
    /// Neither 0, 1, 27 nor 28.
    #[error("the signature's last byte is none of 0, 1, 27, 28")]
    Parity,
    /// `s` in its upper half.
    #[error("the signature is not in its canonical form (s is too large)")]
    Malleable,
    /// No key has made it.
    #[error("the signature does not recover to any address")]
    Unrecoverable,
}

impl Signature {
    /// Reads `r ‖ s ‖ v`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn read(bytes: &[u8]) -> Result<Self, BadSignature> {
        let bytes: &[u8; 65] = bytes.try_into().map_err(|_| BadSignature::Length)?;
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&bytes[..32]);
        s.copy_from_slice(&bytes[32..64]);
        let odd = match bytes[64] {
            0 | 27 => false,
            1 | 28 => true,
            _ => return Err(BadSignature::Parity),
        };
        if s > HALF_ORDER {
            return Err(BadSignature::Malleable);
        }
        Ok(Self { r, s, odd })
    }

    /// Who signed `digest`.
    ///
    /// # Errors
    /// [`BadSignature::Unrecoverable`].
    pub fn recover(&self, digest: B256) -> Result<Address, BadSignature> {
        let mut compact = [0; 64];
        compact[..32].copy_from_slice(&self.r);
        compact[32..].copy_from_slice(&self.s);
        let id = if self.odd { RecoveryId::One } else { RecoveryId::Zero };
        let signature = RecoverableSignature::from_compact(&compact, id).map_err(|_| BadSignature::Unrecoverable)?;
        let key = CURVE.recover_ecdsa(Message::from_digest(digest.0), &signature);
        key.map(|key| address_of(&key)).map_err(|_| BadSignature::Unrecoverable)
    }

    /// `r`.
    #[must_use]
    pub const fn r(&self) -> B256 {
        B256::new(self.r)
    }

    /// `s`.
    #[must_use]
    pub const fn s(&self) -> B256 {
        B256::new(self.s)
    }

    /// 27 or 28, as contracts want it.
    #[must_use]
    pub const fn v(&self) -> u8 {
        if self.odd { 28 } else { 27 }
    }

    /// True if `v` is 28.
    #[must_use]
    pub const fn is_odd(&self) -> bool {
        self.odd
    }

    /// `r ‖ s ‖ v`, `v` 27 or 28.
    #[must_use]
    pub fn bytes(&self) -> [u8; 65] {
        let mut bytes = [0; 65];
        bytes[..32].copy_from_slice(&self.r);
        bytes[32..64].copy_from_slice(&self.s);
        bytes[64] = self.v();
        bytes
    }
}

pub(crate) fn address_of(key: &secp256k1::PublicKey) -> Address {
    let hash = keccak256(&key.serialize_uncompressed()[1..]);
    Address::from_slice(&hash[12..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_would_refuse_is_refused() {
        let good = [[1; 32], [1; 32]].concat();
        let with = |v: u8| [&good[..], &[v]].concat();
        assert!(matches!(Signature::read(&with(0)), Ok(one) if one.v() == 27));
        assert!(matches!(Signature::read(&with(28)), Ok(one) if one.v() == 28));
        assert_eq!(Signature::read(&with(5)).err(), Some(BadSignature::Parity));
        assert_eq!(Signature::read(&good).err(), Some(BadSignature::Length));
        let high = [[1; 32], [0x80; 32]].concat();
        assert_eq!(Signature::read(&[&high[..], &[27]].concat()).err(), Some(BadSignature::Malleable));
        let nobody = Signature::read(&[[0; 32], [0; 32]].concat().into_iter().chain([27]).collect::<Vec<_>>()).unwrap();
        assert_eq!(nobody.recover(B256::ZERO), Err(BadSignature::Unrecoverable));
    }
}
