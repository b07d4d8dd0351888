//! What can go wrong between a client and its facilitator.

use std::{error::Error, fmt, time::Duration};

use http::StatusCode;
use serde_json::Value;

/// A call that brought no answer about the payment.
#[derive(thiserror::Error)]
pub enum FacilitatorError {
    /// No answer, or half of one.
    #[error("the facilitator {what}")]
    Network {
        /// What happened.
        what: &'static str,
        /// The call never reached it, so nothing has happened.
        unsent: bool,
        /// The cause, if there is one.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// An answer that says nothing about the payment: an outage, a missing key, a body nobody can read.
    #[error("the facilitator answered {status}{}", shown(.code))]
    Facilitator {
        /// The HTTP status.
        status: u16,
        /// The body's machine code, if it has one.
        code: Option<String>,
        /// The body as text, at most 64 KiB. Not for payers.
        body: String,
        /// When to ask again.
        retry_after: Option<Duration>,
    },
    /// The headers provider failed; nothing was sent.
    #[error("the headers for the call could not be made")]
    Headers(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing was sent.
    #[error("an idempotency key has 1 to 64 letters, digits, `-` and `_`")]
    IdempotencyKey,
}

const MOST_BODY: usize = 64 * 1024;

impl FacilitatorError {
    /// True if nothing can have happened.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        match self {
            Self::Network { unsent, .. } => *unsent,
            Self::Facilitator { .. } => false,
            Self::Headers(_) | Self::IdempotencyKey => true,
        }
    }

    pub(super) fn answered(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let members = ["code", "errorReason", "invalidReason", "error"];
        let code = members.iter().find_map(|member| value.get(member)?.as_str().filter(|code| is_code(code)));
        Self::Facilitator {
            status: status.as_u16(),
            code: code.map(ToOwned::to_owned),
            body: String::from_utf8_lossy(&body[..body.len().min(MOST_BODY)]).into_owned(),
            retry_after,
        }
    }

    pub(super) fn unreadable(status: StatusCode, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(&body[..body.len().min(MOST_BODY)]).into_owned();
        let code = Some("unreadable_answer".to_owned());
        Self::Facilitator { status: status.as_u16(), code, body, retry_after: None }
    }
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"._- ".contains(&b))
}

fn shown(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}

/// Without the body, which may repeat what was sent.
impl fmt::Debug for FacilitatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { source: Some(source), .. } => write!(f, "{self}: {source:?}"),
            _ => write!(f, "{self}"),
        }
    }
}
