//! Which contract on which chain a signature is for.

use alloy_primitives::{Address, B256, U256, b256, keccak256};

use super::hash_words;

/// `EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)`.
const FOUR: B256 = b256!("8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");
/// `EIP712Domain(string name,uint256 chainId,address verifyingContract)`.
const THREE: B256 = b256!("8cad95687ba82c2ce50e74f7b754645e5117c3a5bec8151c0726d5857980a866");

/// A domain separator. Computing one hashes three times: keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain(B256);

impl Domain {
    /// A token's domain.
    #[must_use]
    pub fn token(name: &str, version: &str, chain: u64, token: Address) -> Self {
        Self(hash_words(&[FOUR, keccak256(name), keccak256(version), U256::from(chain).into(), token.into_word()]))
    }

    /// The domain of Permit2, which has no version.
    #[must_use]
    pub fn permit2(chain: u64) -> Self {
        let contract = crate::contracts::PERMIT2.into_word();
        Self(hash_words(&[THREE, keccak256("Permit2"), U256::from(chain).into(), contract]))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn separator(&self) -> B256 {
        self.0
    }
}
