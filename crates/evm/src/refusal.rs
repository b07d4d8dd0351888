//! Refusals with the wire's codes.

use farebox_x402::Refusal;

/// Longer reasons are cut: some repeat what a payer wrote.
const MAX_REASON: usize = 240;

/// A refusal.
pub(crate) fn refused(code: &str, reason: impl Into<String>) -> Refusal {
    let mut reason: String = reason.into();
    if reason.len() > MAX_REASON || reason.contains(char::is_control) {
        reason = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    }
    Refusal { code: code.to_owned(), reason }
}

/// The same, as a result.
pub(crate) fn refuse<T>(code: &str, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(refused(code, reason))
}
