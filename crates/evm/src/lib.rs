//! Payments on EVM chains: what payers sign, how it is checked, and how it is brought to a chain.
//!
//! Without features, this crate reads, signs and recovers. With `chain`, [`chain::Chain`] asks a chain and writes to it.

#[cfg(feature = "chain")]
pub mod chain;
pub mod contracts;
#[cfg(feature = "devchain")]
pub mod devchain;
mod payload;
mod refusal;
mod signature;
pub mod typed;
mod wallet;

pub use alloy_primitives as primitives;
pub use payload::{
    Authorization, EIP2612_EXTENSION, MARGIN_SECONDS, Payment, Phase, eip3009_payload, permit2_payload,
    sponsoring_extension,
};
pub use signature::{BadSignature, Signature};
pub use wallet::{BadKey, Wallet};
