//! Names of spans and fields, the same in every crate, and what to do to an identifier before it is logged.
//!
//! No SDK and no dependencies: the names are the contract, whoever subscribes decides what becomes of them.

mod redact;
pub mod server;

pub use redact::{Redacted, redact};

/// Names of spans.
pub mod span {
    /// One request that presented a payment, from the header to the answer.
    pub const PAID_REQUEST: &str = "farebox.paid_request";
}

/// Names of fields on spans and events.
pub mod field {
    /// The key of the route that charges: `POST /ask`.
    pub const ROUTE: &str = "farebox.route";
    /// The price in credits.
    pub const CREDITS: &str = "farebox.credits";
    /// The charge, as verify named it.
    pub const REQUEST_ID: &str = "farebox.request_id";
    /// Who pays, shortened by [`crate::redact`].
    pub const PAYER: &str = "farebox.payer";
    /// How a paid request ended, one of [`crate::outcome`].
    pub const OUTCOME: &str = "farebox.outcome";
    /// Machine code of a refusal.
    pub const CODE: &str = "farebox.code";
}

/// Values of [`field::OUTCOME`].
pub mod outcome {
    /// Charged and served.
    pub const SETTLED: &str = "settled";
    /// Served or withheld while the money is unknown.
    pub const UNKNOWN: &str = "unknown";
    /// The payment was refused; nothing was served.
    pub const REFUSED: &str = "refused";
    /// The payment could not be checked; nothing was served.
    pub const UNAVAILABLE: &str = "unavailable";
    /// The handler did not succeed; nothing was charged.
    pub const RELEASED: &str = "released";
}
