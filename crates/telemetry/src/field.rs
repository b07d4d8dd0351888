//! Names of fields on spans and events.

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
