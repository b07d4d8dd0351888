//! EIP-3009: a transfer that anybody may bring to the chain.

use alloy_primitives::{Address, B256, U256, b256};

use super::{Domain, digest, hash_words};

/// `TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)`.
const TYPE: B256 = b256!("7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267");

/// A payer's authorization of one transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferAuthorization {
    /// Who pays.
    pub from: Address,
    /// Who is paid.
    pub to: Address,
    /// Atomic units.
    pub value: U256,
    /// Seconds since 1970; the chain refuses it before.
    pub valid_after: U256,
    /// Seconds since 1970; the chain refuses it from then on.
    pub valid_before: U256,
    /// The payer's own choice; each is used once.
    pub nonce: B256,
}

impl TransferAuthorization {
    /// The struct's hash.
    #[must_use]
    pub fn struct_hash(&self) -> B256 {
        hash_words(&[
            TYPE,
            self.from.into_word(),
            self.to.into_word(),
            self.value.into(),
            self.valid_after.into(),
            self.valid_before.into(),
            self.nonce,
        ])
    }

    /// What is signed.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        digest(domain, self.struct_hash())
    }
}
