//! EIP-2612: an allowance by signature.

use alloy_primitives::{Address, B256, U256, b256};

use super::{Domain, digest, hash_words};

/// `Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)`.
const TYPE: B256 = b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9");

/// An owner's allowance for a spender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Whose tokens.
    pub owner: Address,
    /// Who may take them.
    pub spender: Address,
    /// Atomic units.
    pub value: U256,
    /// The token's count of the owner's permits.
    pub nonce: U256,
    /// Seconds since 1970.
    pub deadline: U256,
}

impl Permit {
    /// The struct's hash.
    #[must_use]
    pub fn struct_hash(&self) -> B256 {
        hash_words(&[
            TYPE,
            self.owner.into_word(),
            self.spender.into_word(),
            self.value.into(),
            self.nonce.into(),
            self.deadline.into(),
        ])
    }

    /// What is signed, in the token's domain.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        digest(domain, self.struct_hash())
    }
}
