//! Values of [`crate::field::OUTCOME`].

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
