//! What a payer presents: read strictly, and checked against what was asked, before any chain is.

mod key;
mod number;
mod read;
mod terms;
mod wire;

pub use terms::{MARGIN_SECONDS, Phase};
pub use wire::{EIP2612_EXTENSION, eip3009_payload, permit2_payload, sponsoring_extension};

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::typed::{Domain, Permit, Permit2Transfer, TransferAuthorization};

/// How the payer authorized the transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// EIP-3009: the token itself checks it.
    Transfer(TransferAuthorization),
    /// Permit2, with a proxy as spender; `upto` if the witness names a facilitator.
    Permit2(Permit2Transfer),
}

/// One payment on a chain, read but not believed.
#[derive(Clone, PartialEq, Eq)]
pub struct Payment {
    pub(crate) chain: u64,
    pub(crate) asset: Address,
    pub(crate) payer: Address,
    pub(crate) authorization: Authorization,
    pub(crate) signature: Bytes,
    pub(crate) sponsoring: Option<Sponsoring>,
    /// The token's name and version, as the requirements say.
    pub(crate) token_domain: Option<TokenDomain>,
}

/// An EIP-2612 permit for Permit2, which the settlement brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sponsoring {
    pub(crate) permit: Permit,
    pub(crate) asset: Address,
    pub(crate) signature: Bytes,
}

/// The EIP-712 name and version of a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenDomain {
    pub(crate) name: Box<str>,
    pub(crate) version: Box<str>,
}

impl Payment {
    /// The chain's number.
    #[must_use]
    pub const fn chain(&self) -> u64 {
        self.chain
    }

    /// Who pays, as the payment says.
    #[must_use]
    pub fn payer(&self) -> farebox_types::Address {
        farebox_types::Address::from_bytes(self.payer.into_array())
    }

    /// The token.
    #[must_use]
    pub fn asset(&self) -> farebox_types::Address {
        farebox_types::Address::from_bytes(self.asset.into_array())
    }

    /// Who is paid.
    #[must_use]
    pub fn pay_to(&self) -> farebox_types::Address {
        farebox_types::Address::from_bytes(self.recipient().into_array())
    }

    /// What was authorized, in atomic units.
    #[must_use]
    pub fn authorized(&self) -> farebox_types::AtomicAmount {
        farebox_types::AtomicAmount::new(match &self.authorization {
            Authorization::Transfer(transfer) => transfer.value,
            Authorization::Permit2(transfer) => transfer.amount,
        })
    }

    /// From then on, in seconds since 1970, the chain refuses it; held at the largest `i64`.
    #[must_use]
    pub fn valid_until(&self) -> i64 {
        let until = match &self.authorization {
            Authorization::Transfer(transfer) => transfer.valid_before,
            Authorization::Permit2(transfer) => transfer.deadline.saturating_add(U256::from(1)),
        };
        i64::try_from(until).unwrap_or(i64::MAX)
    }

    /// The one signer that may bring it to the chain; `None` if any may.
    #[must_use]
    pub fn bound_to(&self) -> Option<farebox_types::Address> {
        match &self.authorization {
            Authorization::Permit2(transfer) => transfer.witness.facilitator,
            Authorization::Transfer(_) => None,
        }
        .map(|address| farebox_types::Address::from_bytes(address.into_array()))
    }

    /// Whether less than was authorized may be taken.
    #[must_use]
    pub fn is_upto(&self) -> bool {
        self.bound_to().is_some()
    }

    /// How the payer authorized it.
    #[must_use]
    pub const fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    pub(crate) fn recipient(&self) -> Address {
        match &self.authorization {
            Authorization::Transfer(transfer) => transfer.to,
            Authorization::Permit2(transfer) => transfer.witness.to,
        }
    }

    /// What the payer signed, in `domain`.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        match &self.authorization {
            Authorization::Transfer(transfer) => transfer.digest(domain),
            Authorization::Permit2(transfer) => transfer.digest(domain),
        }
    }
}
