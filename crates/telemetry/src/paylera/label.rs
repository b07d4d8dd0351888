//! Labels of the protocol's metrics.

use crate::names::names;

names! {
    /// The upstream route, with names for its ids: `/v1/customers/{id}`.
    ENDPOINT = "endpoint";
    /// The HTTP status; `0` when there was no answer.
    STATUS_CODE = "status_code";
    /// `test` or `live`; absent for tokens of another form.
    API_MODE = "api_mode";
    /// The feature that was asked about.
    FEATURE_CODE = "feature_code";
    /// The event's type: `invoice.paid`; `other` for one that this version does not know, `unverified` for a forgery.
    EVENT_TYPE = "event_type";
    /// `valid`, `invalid` (signature, time or form) or `replayed` (has been handled, or is being handled).
    VERIFICATION_RESULT = "verification_result";
}

/// A delivery that was the API's own, and new.
pub const VALID: &str = "valid";
/// A delivery that was not the API's own.
pub const INVALID: &str = "invalid";
/// A delivery of an event that has been handled, or is being handled.
pub const REPLAYED: &str = "replayed";
/// An event type that this version does not know.
pub const OTHER: &str = "other";
/// A delivery whose event type nobody vouches for.
pub const UNVERIFIED: &str = "unverified";
