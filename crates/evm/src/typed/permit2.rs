//! Permit2 transfers with a witness: the x402 proxies take them to the payee that the payer named.

use alloy_primitives::{Address, B256, U256, b256};

use super::{Domain, digest, hash_words};

/// `TokenPermissions(address token,uint256 amount)`.
const PERMITTED: B256 = b256!("618358ac3db8dc274f0cd8829da7e234bd48cd73c4a740aede1adec9846d06a1");
/// `Witness(address to,uint256 validAfter)`.
const EXACT_WITNESS: B256 = b256!("d97b3239a7f32295517bd14cb074edfdd188dfe5eb42f802bb26d4fd1eb12c37");
/// `PermitWitnessTransferFrom(…)` with that witness.
const EXACT: B256 = b256!("ebc156cd23678a74c94df13d772ef5478420637f0c94bd10d509e1dc98f521c7");
/// `Witness(address to,address facilitator,uint256 validAfter)`.
const UPTO_WITNESS: B256 = b256!("d4171c445a74218b01d4fd8af34ff1106580ea1e36ff837e64484bfaa2253b75");
/// `PermitWitnessTransferFrom(…)` with that witness.
const UPTO: B256 = b256!("51dff6974ad4388c499e7fcfe838d2bd767162553a144098ce20ea661d70c2ee");

/// What the payer binds a transfer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// Who is paid.
    pub to: Address,
    /// Who may bring it to the chain; scheme `upto` only.
    pub facilitator: Option<Address>,
    /// Seconds since 1970.
    pub valid_after: U256,
}

/// A payer's permission of one transfer. The payer is whoever signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit2Transfer {
    /// The token.
    pub token: Address,
    /// Atomic units; for `upto`, at most.
    pub amount: U256,
    /// The proxy that may ask for it.
    pub spender: Address,
    /// The payer's own choice; each is used once.
    pub nonce: U256,
    /// Seconds since 1970.
    pub deadline: U256,
    /// What it is bound to.
    pub witness: Witness,
}

impl Permit2Transfer {
    /// The struct's hash.
    #[must_use]
    pub fn struct_hash(&self) -> B256 {
        let permitted = hash_words(&[PERMITTED, self.token.into_word(), self.amount.into()]);
        let Witness { to, facilitator, valid_after } = self.witness;
        let (kind, witness) = match facilitator {
            None => (EXACT, hash_words(&[EXACT_WITNESS, to.into_word(), valid_after.into()])),
            Some(facilitator) => {
                (UPTO, hash_words(&[UPTO_WITNESS, to.into_word(), facilitator.into_word(), valid_after.into()]))
            }
        };
        hash_words(&[kind, permitted, self.spender.into_word(), self.nonce.into(), self.deadline.into(), witness])
    }

    /// What is signed, in Permit2's domain.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        digest(domain, self.struct_hash())
    }
}
