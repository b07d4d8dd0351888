//! The HTTP 402 wire: offers, payments, receipts, their headers, and the [`Facilitator`] that stands behind a gate.
//!
//! Spoken are x402 and t402, versions 1 and 2 ([`PaymentPayload`], [`offer_v1`], [`facilitation`]), and credits of a plan
//! (scheme `nvm:erc4337`, [`credits`]). With feature `client`, `client` holds facilitators reached over HTTP.

mod address;
pub mod assets;
#[cfg(feature = "client")]
pub mod client;
pub mod credits;
mod dialect;
pub mod facilitation;
mod facilitator;
pub mod header;
mod member;
pub mod networks;
pub mod offer_v1;
mod payload;
pub mod price;
mod wire;

pub use address::plain_address;
pub use dialect::{Dialect, Family, Version};
pub use facilitator::{
    Amount, Broadcast, Facilitator, Fault, Hold, Offer, Payment, Refusal, Retry, Settlement, Terms, Verdict, Verified,
};
pub use member::BadRequest;
pub use payload::{ChainPayment, Identity, PaymentPayload};
pub use wire::{
    Accept, AccessToken, Authorization, CreditsAccept, CreditsExtra, EXACT, PaymentRequired, Receipt, Requirements,
    Resource, SessionKey, TokenPayload, UPTO, VERSION,
};
