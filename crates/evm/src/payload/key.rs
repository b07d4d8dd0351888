//! A payment's economic proof.

use alloy_primitives::Keccak256;

use super::{Authorization, Payment};
use crate::contracts::PERMIT2;

impl Payment {
    /// Hash over chain, contract that counts the nonce, payer and nonce: the same authorization has the same key whatever it
    /// came in, and only one payment of a key can ever move money.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let mut hash = Keccak256::new();
        hash.update(self.chain.to_be_bytes());
        match &self.authorization {
            Authorization::Transfer(transfer) => {
                hash.update(self.asset);
                hash.update(transfer.from);
                hash.update(transfer.nonce);
            }
            Authorization::Permit2(transfer) => {
                hash.update(PERMIT2);
                hash.update(self.payer);
                hash.update(transfer.nonce.to_be_bytes::<32>());
            }
        }
        hash.finalize().0
    }
}
