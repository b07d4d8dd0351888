//! What can go wrong.

use std::error::Error as StdError;

use farebox_api::Problem;

use crate::{refused::Refused, retry::is_transient};

/// A client that cannot be set up. The texts hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum BadClient {
    /// The token's prefix names no API, and there is no base URL.
    #[error("the token begins neither with pl_test_ nor with pl_live_: name the API's base URL")]
    NoBaseUrl,
    /// Not `http(s)://host[:port][/path]`; user names, queries and fragments are refused.
    #[error("the base URL must read http(s)://host[:port][/path], with no user, query or fragment")]
    BaseUrl,
    /// Empty, or with characters that no header can carry.
    #[error("the API token is empty or has characters that a header cannot carry")]
    Token,
    /// Not a version that a header can carry.
    #[error("the API version must read like 2026-05-01")]
    ApiVersion,
    /// TLS is not available.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn StdError + Send + Sync>),
    /// The system gives no thread.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

/// A call that brought no success. No text here holds the token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 401: no token, or not one of the API's.
    #[error("not authenticated: {0}")]
    Authentication(Box<Refused>),
    /// 403: the token may not do this.
    #[error("not allowed: {0}")]
    Authorization(Box<Refused>),
    /// 404: there is no such thing, or it is another merchant's.
    #[error("not found: {0}")]
    NotFound(Box<Refused>),
    /// 412: it has changed meanwhile.
    #[error("changed meanwhile: {0}")]
    PreconditionFailed(Box<Refused>),
    /// 429, after every attempt: later, it may be answered.
    #[error("too many requests: {0}")]
    RateLimit(Box<Refused>),
    /// 409: the idempotency key was used for another request.
    #[error("the idempotency key was used for another request: {0}")]
    IdempotencyConflict(Box<Refused>),
    /// 409: the request of this idempotency key is still running.
    #[error("the same request is still running: {0}")]
    IdempotencyInProgress(Box<Refused>),
    /// 5xx, after every attempt. What a write did is unknown; repeat it under its key.
    #[error("the billing API failed: {0}")]
    Server(Box<Refused>),
    /// Every other answer that is no success: 400, 422, ….
    #[error("refused: {0}")]
    Refused(Box<Refused>),
    /// A success that cannot be read. What was asked for has happened.
    #[error("the answer cannot be read: {0}")]
    Decode(String),
    /// The last attempt took too long. What a write did is unknown; repeat it under its key.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or one that broke. What a write did is unknown; repeat it under its key.
    #[error("no answer: the connection failed")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer was longer than is read.
    #[error("the answer is too long")]
    TooLong,
    /// The request cannot be written down as HTTP.
    #[error("the request cannot be written down as HTTP")]
    Path,
}

impl Error {
    /// A list whose page leads to itself would never end.
    pub(crate) fn circle() -> Self {
        Self::Decode("a page that leads to itself".to_owned())
    }

    /// Whether time was what ran out.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether the same call, under the same idempotency key, may be answered otherwise later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimit(_) | Self::IdempotencyInProgress(_) | Self::Timeout | Self::Transport(_) => true,
            Self::Server(refused) | Self::Refused(refused) => is_transient(refused.status),
            _ => false,
        }
    }

    /// What the API answered, if it did.
    #[must_use]
    pub const fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Authentication(refused)
            | Self::Authorization(refused)
            | Self::NotFound(refused)
            | Self::PreconditionFailed(refused)
            | Self::RateLimit(refused)
            | Self::IdempotencyConflict(refused)
            | Self::IdempotencyInProgress(refused)
            | Self::Server(refused)
            | Self::Refused(refused) => Some(refused),
            Self::Decode(_) | Self::Timeout | Self::Transport(_) | Self::TooLong | Self::Path => None,
        }
    }

    /// The problem document, if there was an answer.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.refused().map(|refused| &refused.problem)
    }

    /// The answer's `Request-Id`, for a talk with whoever runs the API.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.refused().and_then(|refused| refused.request_id.as_deref())
    }
}
