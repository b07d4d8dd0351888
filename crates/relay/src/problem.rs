//! What the relay itself refuses, as RFC 9457 answers with the protocol's codes.
//!
//! The bytes of a refusal depend on nothing but the refusal: no path, no time, no cause. Upstream's own problems pass
//! through elsewhere, untouched.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// The media type of a problem document.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
/// Answers to one caller are nobody else's.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Why the relay did not forward a request, or has no answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such route, or nothing of the caller's with this id.
    NotFound,
    MethodNotAllowed,
    WrongMediaType,
    TooLarge,
    /// The body ended early or broke off.
    Unreadable,
    /// The body did not come in time.
    TooSlow,
    BadJson,
    BadQuery,
    BadField(BadField),
    BadIdempotencyKey,
    /// Any failed check of the token or the origin; which one is nobody's business.
    Csrf,
    Unauthenticated,
    /// The merchant's `identify` failed.
    IdentityUnavailable,
    NoCustomer,
    NoSubscription,
    FeatureNotOpen,
    /// No answer from upstream after the retry budget.
    UpstreamUnreachable,
    UpstreamTimeout,
    /// Something of ours is not as it must be.
    Broken,
}

/// One member of a body that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BadField {
    pub(crate) pointer: String,
    pub(crate) code: &'static str,
    pub(crate) detail: &'static str,
}

impl BadField {
    pub(crate) fn new(name: &str, code: &'static str, detail: &'static str) -> Self {
        // RFC 6901: these two are written differently inside a pointer.
        let name = name.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("/{name}"), code, detail }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: Cow<'a, [BadField]>,
}

impl Refusal {
    /// The problem's `type`.
    pub(crate) const fn code(&self) -> &'static str {
        self.shape().1
    }

    /// Status, code and title.
    const fn shape(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotFound => (S::NOT_FOUND, "paylera.not_found", "Not found"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "paylera.method_not_allowed", "Method not allowed"),
            Self::WrongMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "paylera.unsupported_media_type", "Unsupported media type")
            }
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "paylera.payload_too_large", "Body too large"),
            Self::Unreadable => (S::BAD_REQUEST, "paylera.invalid_body", "Body cannot be read"),
            Self::TooSlow => (S::REQUEST_TIMEOUT, "paylera.timeout", "The body did not come in time"),
            Self::BadJson => (S::BAD_REQUEST, "paylera.invalid_json", "Body is not a JSON object"),
            Self::BadQuery => (S::BAD_REQUEST, "paylera.invalid_query", "Query cannot be read"),
            Self::BadField(_) => (S::UNPROCESSABLE_ENTITY, "paylera.invalid_request", "A value cannot be used"),
            Self::BadIdempotencyKey => {
                (S::BAD_REQUEST, "paylera.invalid_idempotency_key", "Idempotency key cannot be used")
            }
            Self::Csrf => (S::FORBIDDEN, "paylera.csrf_mismatch", "CSRF check failed"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "paylera.unauthenticated", "Not authenticated"),
            Self::IdentityUnavailable => {
                (S::INTERNAL_SERVER_ERROR, "paylera.identity_unavailable", "The caller could not be identified")
            }
            Self::NoCustomer => (S::NOT_FOUND, "paylera.customer_not_found", "Customer not found"),
            Self::NoSubscription => (S::NOT_FOUND, "paylera.subscription_not_found", "Subscription not found"),
            Self::FeatureNotOpen => (S::FORBIDDEN, "paylera.forbidden", "Not allowed"),
            Self::UpstreamUnreachable => (S::BAD_GATEWAY, "paylera.upstream_unavailable", "Upstream unavailable"),
            Self::UpstreamTimeout => (S::GATEWAY_TIMEOUT, "paylera.upstream_unavailable", "Upstream unavailable"),
            Self::Broken => (S::INTERNAL_SERVER_ERROR, "paylera.internal_error", "Internal error"),
        }
    }

    /// What to do about it, where the title does not say.
    const fn detail(&self) -> Option<&'static str> {
        Some(match self {
            Self::WrongMediaType => "send application/json in UTF-8, without a content encoding",
            Self::TooLarge => "a body has at most 65536 bytes",
            Self::BadJson => "send one JSON object, no member twice, at most 32 levels deep",
            Self::BadIdempotencyKey => "an idempotency key is 1 to 255 visible ASCII characters",
            Self::NoCustomer => "this caller has no customer yet: attach a plan first",
            Self::NoSubscription => "this customer has no subscription in force",
            Self::FeatureNotOpen => "usage of this feature is not recorded from here",
            Self::UpstreamUnreachable | Self::UpstreamTimeout => "try again later",
            _ => return None,
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, title) = self.shape();
        let detail = self.detail();
        let errors = match &self {
            Self::BadField(field) => Cow::Owned(vec![field.clone()]),
            _ => Cow::Borrowed(&[][..]),
        };
        let document = Document { r#type: code, title, status: status.as_u16(), detail, errors };
        // Strings and numbers only: there is nothing in it that JSON could not carry.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let headers = [(header::CONTENT_TYPE, PROBLEM_JSON), (header::CACHE_CONTROL, NO_STORE)];
        (status, headers, Body::from(body)).into_response()
    }
}

impl From<BadField> for Refusal {
    fn from(field: BadField) -> Self {
        Self::BadField(field)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn bytes(refusal: Refusal) -> String {
        let body = refusal.into_response().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_has_these_bytes_and_no_others() {
        assert_eq!(
            bytes(Refusal::Csrf).await,
            r#"{"type":"paylera.csrf_mismatch","title":"CSRF check failed","status":403}"#
        );
        assert_eq!(
            bytes(BadField::new("a/b~c", "negative", "must not be negative").into()).await,
            r#"{"type":"paylera.invalid_request","title":"A value cannot be used","status":422,"errors":[{"pointer":"/a~1b~0c","code":"negative","detail":"must not be negative"}]}"#
        );
    }

    #[tokio::test]
    async fn a_lost_upstream_says_nothing_of_the_inside() {
        let unreachable = bytes(Refusal::UpstreamUnreachable).await;
        let timeout = bytes(Refusal::UpstreamTimeout).await;
        assert_eq!(unreachable.replace("502", "504"), timeout);
        assert!(unreachable.contains("paylera.upstream_unavailable"));
    }
}
