//! What can go wrong before there is an answer.

use std::error::Error as StdError;

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
}

/// No answer, after every attempt that the contract allows. What a write did is then unknown; repeat it under its key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The last attempt took too long.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or one that broke.
    #[error("no answer: the connection failed")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer was longer than is read.
    #[error("the answer is too long")]
    TooLong,
    /// The request cannot be written down as HTTP.
    #[error("the path cannot stand in a request")]
    Path,
}

impl Error {
    /// Whether time was what ran out.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }
}
