//! The one error edge of the facilitator: what is not an answer becomes a body that every client can read.

use std::{any::Any, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use farebox_x402::BadRequest;
use serde_json::{Map, Value, json};

use crate::{facilitator::Trouble, keys::Scope};

/// Why a request is not answered. Its text is safe to show; what broke is in the log.
#[derive(Debug, thiserror::Error)]
pub(in crate::facilitator) enum Denial {
    #[error("{0}")]
    Malformed(BadRequest),
    #[error("{field} must be {rule}")]
    BadField { field: &'static str, rule: &'static str },
    #[error("the body did not arrive")]
    NoBody,
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("Idempotency-Key must be 1 to 64 of A-Z, a-z, 0-9, - and _, sent once")]
    BadName,
    #[error("an API key is needed: send it as X-API-Key or as Authorization: Bearer, never in the URL")]
    NoKey,
    #[error("the API key is not valid, or its time is over")]
    BadKey,
    #[error("this needs an API key with scope {0}")]
    Forbidden(Scope),
    #[error("there is no such endpoint")]
    NoRoute,
    #[error("this endpoint does not take that method")]
    WrongMethod,
    #[error("this Idempotency-Key was used before for another payment")]
    NameReused,
    #[error("too many requests: wait {} seconds", .0.as_secs())]
    Limited(Duration),
    #[error("there is no such resource")]
    NoResource,
    #[error("this resource is registered already")]
    Listed,
    #[error("the resource was registered with another API key")]
    NotOwner,
    #[error("the catalogue is full")]
    CatalogueFull,
    #[error("not available right now: repeat the same request")]
    Unavailable(Duration),
    #[error("something broke in this server; its log says what, under this answer's X-Request-ID")]
    Internal,
}

/// Which typed answer the body must be as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::facilitator) enum Face {
    /// `/verify`'s.
    Verify,
    /// `/settle`'s.
    Settle,
    /// Whichever was asked for: nobody knows any more.
    Either,
    /// None.
    Plain,
}

impl Face {
    /// What the endpoint at this path answers.
    pub(super) fn of(endpoint: &str) -> Self {
        match endpoint.rsplit('/').next() {
            Some("verify") => Self::Verify,
            Some("settle") => Self::Settle,
            _ => Self::Plain,
        }
    }

    const fn verifies(self) -> bool {
        matches!(self, Self::Verify | Self::Either)
    }

    const fn settles(self) -> bool {
        matches!(self, Self::Settle | Self::Either)
    }
}

/// Status, code, and the peers' short `error`.
struct Shape(StatusCode, &'static str, &'static str);

impl Denial {
    const fn shape(&self) -> Shape {
        use StatusCode as S;
        match self {
            Self::Malformed(_) | Self::BadField { .. } => Shape(S::BAD_REQUEST, "INVALID_REQUEST", "invalid request"),
            Self::NoBody => Shape(S::BAD_REQUEST, "INVALID_REQUEST", "invalid request"),
            Self::TooLarge(_) => Shape(S::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE", "request too large"),
            Self::BadName => Shape(S::BAD_REQUEST, "INVALID_IDEMPOTENCY_KEY", "invalid idempotency key"),
            Self::NoKey | Self::BadKey => Shape(S::UNAUTHORIZED, "UNAUTHORIZED", "unauthorized"),
            Self::Forbidden(_) | Self::NotOwner => Shape(S::FORBIDDEN, "FORBIDDEN", "forbidden"),
            Self::NoRoute => Shape(S::NOT_FOUND, "NOT_FOUND", "not found"),
            Self::WrongMethod => Shape(S::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "method not allowed"),
            Self::NameReused => Shape(S::CONFLICT, "PAYLOAD_MISMATCH", "payload mismatch"),
            Self::Limited(_) => Shape(S::TOO_MANY_REQUESTS, "RATE_LIMITED", "rate limit exceeded"),
            Self::NoResource => Shape(S::NOT_FOUND, "RESOURCE_NOT_FOUND", "resource not found"),
            Self::Listed => Shape(S::CONFLICT, "RESOURCE_EXISTS", "resource exists"),
            Self::CatalogueFull => Shape(S::INSUFFICIENT_STORAGE, "CATALOGUE_FULL", "catalogue full"),
            Self::Unavailable(_) => Shape(S::SERVICE_UNAVAILABLE, "UNAVAILABLE", "unavailable"),
            Self::Internal => Shape(S::INTERNAL_SERVER_ERROR, "INTERNAL", "internal error"),
        }
    }

    /// In the protocol's words, or near them.
    fn reason(&self, face: Face) -> &'static str {
        match self {
            Self::Malformed(bad) => bad.reason(),
            Self::BadField { .. } | Self::NoBody | Self::TooLarge(_) => "invalid_payload",
            Self::BadName => "invalid_idempotency_key",
            Self::NoKey | Self::BadKey => "unauthorized",
            Self::Forbidden(_) | Self::NotOwner => "forbidden",
            Self::NameReused => "idempotency_key_reused",
            Self::Limited(_) => "rate_limited",
            // What is not known must not read as a failure: a client that looks at nothing else asks again with the same payment.
            Self::Unavailable(_) | Self::Internal if face.settles() => "settlement_pending",
            _ if face.settles() => "unexpected_settle_error",
            _ => "unexpected_verify_error",
        }
    }

    const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Limited(wait) | Self::Unavailable(wait) => Some(*wait),
            _ => None,
        }
    }

    /// The answer, on an endpoint whose typed answer names no network.
    pub(in crate::facilitator) fn answer(&self, face: Face) -> Response {
        self.answer_on(face, "")
    }

    /// The answer; `network` as the request names it.
    pub(super) fn answer_on(&self, face: Face, network: &str) -> Response {
        let Shape(status, _, _) = self.shape();
        let mut response = (status, Json(Value::Object(self.body(face, network)))).into_response();
        let headers = response.headers_mut();
        if face == Face::Plain {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        }
        if let Some(wait) = self.wait() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn body(&self, face: Face, network: &str) -> Map<String, Value> {
        let Shape(status, code, error) = self.shape();
        let message = self.to_string();
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if face.verifies() {
            put("isValid", json!(false));
            put("invalidReason", json!(self.reason(face)));
            put("invalidMessage", json!(message));
        }
        if face.settles() {
            put("success", json!(false));
            put("errorReason", json!(self.reason(face)));
            put("errorMessage", json!(message));
            put("transaction", json!(""));
            put("network", json!(network));
        }
        if face != Face::Plain {
            put("payer", Value::Null);
        }
        put("type", json!(format!("/problems/{}", code.to_ascii_lowercase().replace('_', "-"))));
        put("title", json!(error));
        put("status", json!(status.as_u16()));
        put("detail", json!(message));
        put("code", json!(code));
        put("error", json!(error));
        put("message", json!(message));
        if let Some(wait) = self.wait() {
            put("retryAfter", json!(wait.as_secs().max(1)));
        }
        body
    }

    /// The answer to a panic, whose text stays in the log.
    #[expect(clippy::needless_pass_by_value, reason = "the panic layer hands it over")]
    pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = text.unwrap_or("unknown"), "a request handler panicked");
        Self::Internal.answer(Face::Either)
    }
}

impl From<Trouble> for Denial {
    fn from(trouble: Trouble) -> Self {
        tracing::error!(error = %trouble, retry = ?trouble.retry_after, "a request failed");
        trouble.retry_after.map_or(Self::Internal, Self::Unavailable)
    }
}

impl From<farebox_store::Fault> for Denial {
    fn from(fault: farebox_store::Fault) -> Self {
        Trouble::from(fault).into()
    }
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        self.answer(Face::Plain)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn read(response: Response) -> Value {
        serde_json::from_slice(&to_bytes(response.into_body(), 65_536).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_is_none_still_reads_as_the_typed_answer() {
        let body = read(Denial::NoKey.answer(Face::Verify)).await;
        assert_eq!((&body["isValid"], &body["payer"]), (&json!(false), &Value::Null));
        assert!(body.as_object().unwrap().contains_key("payer"));
        assert_eq!((body["error"].as_str(), body["code"].as_str()), (Some("unauthorized"), Some("UNAUTHORIZED")));
        let body = read(Denial::NameReused.answer_on(Face::Settle, "base")).await;
        assert_eq!(
            (&body["success"], &body["transaction"], &body["network"]),
            (&json!(false), &json!(""), &json!("base"))
        );
        assert_eq!(body["code"], "PAYLOAD_MISMATCH");
    }

    #[tokio::test]
    async fn a_panic_answers_whatever_was_asked_and_keeps_its_text_inside() {
        let body = read(Denial::panicked(Box::new("the inner text"))).await;
        assert_eq!((&body["isValid"], &body["success"]), (&json!(false), &json!(false)));
        assert!(!body.to_string().contains("inner text"), "{body}");
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_that_are_not_nothing() {
        let response = Denial::Unavailable(Duration::from_millis(20)).answer(Face::Settle);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
    }

    #[test]
    fn what_broke_is_not_shown() {
        let denial = Denial::from(Trouble { what: "postgres://me:secret@host".into(), retry_after: None });
        assert!(!denial.to_string().contains("secret"));
    }
}
