//! Refusals with the wire's codes.

use farebox_x402::Refusal;

/// A refusal.
pub(crate) fn refused(code: &str, reason: impl Into<String>) -> Refusal {
    Refusal { code: code.to_owned(), reason: reason.into() }
}

/// The same, as a result.
pub(crate) fn refuse<T>(code: &str, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(refused(code, reason))
}
