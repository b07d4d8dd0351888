//! JSON objects that travel in headers and bodies. Absent and `null` read alike; unknown members are ignored.

mod offer;
mod receipt;
mod token;

pub use offer::{Accept, CreditsAccept, CreditsExtra, PaymentRequired, Resource};
pub use receipt::Receipt;
pub use token::{AccessToken, Authorization, SessionKey, TokenPayload};

/// The only wire version spoken here.
pub const VERSION: u8 = 2;
