//! What the sender is told: enough to send again or not.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Handled,
    /// Not the API's own. Which check said so is nobody's business.
    Refused,
    WrongMethod,
    TooSlow,
    TooLarge,
    /// Another delivery of it is being handled.
    Running,
    Failed,
    /// The replay store could not be asked.
    Unavailable,
}

impl Answer {
    const fn shape(self) -> (StatusCode, &'static str) {
        match self {
            Self::Handled => (StatusCode::OK, r#"{"received":true}"#),
            Self::Refused => (
                StatusCode::BAD_REQUEST,
                r#"{"type":"paylera.webhook_refused","title":"Not a delivery that can be accepted","status":400}"#,
            ),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                r#"{"type":"paylera.method_not_allowed","title":"Method not allowed","status":405}"#,
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                r#"{"type":"paylera.timeout","title":"The body did not come in time","status":408}"#,
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"type":"paylera.too_large","title":"The body is too large","status":413}"#,
            ),
            Self::Running => (
                StatusCode::CONFLICT,
                r#"{"type":"paylera.webhook_in_progress","title":"This event is being handled","status":409}"#,
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                r#"{"type":"paylera.webhook_failed","title":"This event could not be handled","status":500}"#,
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"type":"paylera.unavailable","title":"Not available right now","status":503}"#,
            ),
        }
    }

    pub(super) const fn is_our_fault(self) -> bool {
        matches!(self, Self::Failed | Self::Unavailable)
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let (status, body) = self.shape();
        let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = status;
        let media = if status.is_success() { "application/json" } else { "application/problem+json" };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        if self == Self::WrongMethod {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if matches!(self, Self::Running | Self::Unavailable) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
