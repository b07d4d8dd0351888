//! Names of the gate's spans.

/// One request that presented a payment, from the header to the answer.
pub const PAID_REQUEST: &str = "farebox.paid_request";
