//! The HTTP 402 wire: offers, access tokens, receipts, their headers, and the [`Facilitator`] that stands behind a gate.
//!
//! Two dialects share the headers of x402 version 2: credits of a plan (scheme `nvm:erc4337`) and, opaque here,
//! every other scheme. With feature `client`, [`client`] is a `Facilitator` reached over HTTP.

#[cfg(feature = "client")]
pub mod client;
pub mod credits;
mod facilitator;
pub mod header;
mod wire;

pub use facilitator::{Facilitator, Fault, Hold, Offer, Payment, Refusal, Retry, Settlement, Verdict, Verified};
pub use wire::{
    Accept, AccessToken, Authorization, CreditsAccept, CreditsExtra, EXACT, PaymentRequired, Receipt, Requirements,
    Resource, SessionKey, TokenPayload, UPTO, VERSION,
};
