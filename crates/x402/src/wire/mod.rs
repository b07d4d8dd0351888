//! JSON objects that travel in headers and bodies. Absent and `null` read alike; unknown members are ignored.

mod offer;
mod receipt;
mod requirements;
mod token;

pub use offer::{Accept, CreditsAccept, CreditsExtra, PaymentRequired, Resource};
pub use receipt::Receipt;
pub use requirements::{EXACT, Requirements, UPTO};
pub use token::{AccessToken, Authorization, SessionKey, TokenPayload};

/// The version of offers in headers.
pub const VERSION: u8 = 2;

/// `null` reads like an absent member.
pub(crate) fn null_is_default<'de, D: serde::Deserializer<'de>, T: Default + serde::Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(<Option<T> as serde::Deserialize>::deserialize(from)?.unwrap_or_default())
}
