//! What is not a success: RFC 9457, with bare codes as types.

use serde::{Deserialize, Serialize};

/// An answer that is not a success, as it is on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The code: `paylera.not_found`.
    #[serde(rename = "type")]
    pub code: String,
    /// The code in words, always the same.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What it is about this time.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// The answer's `Request-Id`.
    pub request_id: String,
    /// What is wrong where in the body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One thing wrong in a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// JSON pointer into the body.
    pub pointer: String,
    /// A short word: `unknown_field`, `missing`, `invalid`.
    pub code: String,
    /// In words.
    pub detail: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// Every problem there is: its code, status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The `type` on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The same words every time.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    Malformed = "paylera.malformed", 400, "The request cannot be read";
    /// A query parameter or header cannot be used.
    BadParameter = "paylera.bad_parameter", 400, "A parameter cannot be used";
    /// Another version was asked for.
    UnknownApiVersion = "paylera.unknown_api_version", 400, "Unknown API version";
    /// This write needs an `Idempotency-Key`.
    IdempotencyKeyRequired = "paylera.idempotency_key_required", 400, "An idempotency key is required";
    /// The key is not 1–255 visible ASCII characters.
    InvalidIdempotencyKey = "paylera.invalid_idempotency_key", 400, "The idempotency key cannot be used";
    /// No token, or not one of ours.
    Unauthenticated = "paylera.unauthenticated", 401, "Not authenticated";
    /// The token may not do this.
    Forbidden = "paylera.forbidden", 403, "Not allowed";
    /// There is no such thing, or it is another tenant's.
    NotFound = "paylera.not_found", 404, "Not found";
    /// The route does not take this method.
    MethodNotAllowed = "paylera.method_not_allowed", 405, "Method not allowed";
    /// The key was used for another request.
    IdempotencyConflict = "paylera.idempotency_conflict", 409, "Idempotency key used for another request";
    /// The request of this key is still running.
    IdempotencyInProgress = "paylera.idempotency_in_progress", 409, "A request with this key is running";
    /// A unique name is taken.
    Conflict = "paylera.conflict", 409, "Taken already";
    /// The row has changed meanwhile.
    PreconditionFailed = "paylera.precondition_failed", 412, "It has changed meanwhile";
    /// The body is longer than 1 MiB.
    TooLarge = "paylera.too_large", 413, "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "paylera.unsupported_media_type", 415, "The body must be JSON";
    /// The body is JSON, but not what this route takes.
    Invalid = "paylera.invalid", 422, "The request cannot be carried out as it is";
    /// The balance does not reach.
    InsufficientBalance = "paylera.insufficient_balance", 422, "Not enough balance";
    /// Neither success and cancel URL nor return URL.
    AttachReturnUrlRequired = "paylera.attach_return_url_required", 422, "A return URL is required";
    /// The URL is not on the tenant's list.
    RedirectDomainNotAllowed = "paylera.redirect_domain_not_allowed", 422, "The redirect domain is not allowed";
    /// The thing's state does not allow it.
    InvalidState = "paylera.invalid_state", 422, "Its state does not allow this";
    /// Only tenants in test mode have it.
    TestModeOnly = "paylera.test_mode_only", 422, "Only in test mode";
    /// Too many requests.
    RateLimited = "paylera.rate_limited", 429, "Too many requests";
    /// Something broke.
    Internal = "paylera.internal", 500, "Internal error";
    /// Not right now.
    Unavailable = "paylera.unavailable", 503, "Not available right now";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_has_an_error_status() {
        let mut codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ProblemCode::ALL.len());
        assert!(ProblemCode::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
