//! EIP-712 digests of what payers sign. Encodings are laid by hand: fixed words, one hash each.

mod authorization;
mod domain;
mod permit;
mod permit2;

pub use authorization::TransferAuthorization;
pub use domain::Domain;
pub use permit::Permit;
pub use permit2::{Permit2Transfer, Witness};

use alloy_primitives::{B256, Keccak256, keccak256};

/// A struct's hash under a domain: what is signed.
fn digest(domain: &Domain, struct_hash: B256) -> B256 {
    let mut bytes = [0; 66];
    bytes[..2].copy_from_slice(&[0x19, 0x01]);
    bytes[2..34].copy_from_slice(domain.separator().as_slice());
    bytes[34..].copy_from_slice(struct_hash.as_slice());
    keccak256(bytes)
}

/// Thirty-two byte words, hashed together.
fn hash_words(words: &[B256]) -> B256 {
    let mut hash = Keccak256::new();
    words.iter().for_each(|word| hash.update(word));
    hash.finalize()
}
