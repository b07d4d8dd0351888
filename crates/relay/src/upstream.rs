//! Calls upstream, and their answers on the way back.

use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use farebox_client::{Client, Forward};
use farebox_telemetry::paylera::{IDEMPOTENCY_KEY, KEY_CHARACTERS};
use farebox_types::IdempotencyKey;
use opentelemetry::Context;
use serde::Deserialize;

use crate::{
    problem::{NO_STORE, Refusal},
    span,
};

const REPLAYED: &str = "idempotency-replayed";
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The billing API.
pub(crate) struct Upstream(Client);

/// An answer of the billing API, to be passed on or read. Two of its headers go on: no cookie, no hop's own header, nothing
/// from the inside.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    content_type: Option<HeaderValue>,
    retry_after: Option<HeaderValue>,
    /// Upstream gave it before, to an earlier call under the same key.
    pub(crate) replayed: bool,
    pub(crate) body: Bytes,
}

/// Why a request ended before its own call: the relay refused, or upstream did.
pub(crate) enum Ended {
    Refused(Refusal),
    Answered(Answer),
}

impl Upstream {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }

    /// `path` with its query, both encoded.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Refusal> {
        self.forward(Forward { method: Method::GET, path, body: None, idempotency_key: None }).await
    }

    /// Safe to repeat under the same key, which every try carries.
    pub(crate) async fn post(&self, path: &str, body: Vec<u8>, key: &IdempotencyKey) -> Result<Answer, Refusal> {
        let body = Some(Bytes::from(body));
        span::note(IDEMPOTENCY_KEY, key.as_str().get(..KEY_CHARACTERS.min(key.as_str().len())));
        self.forward(Forward { method: Method::POST, path, body, idempotency_key: Some(key) }).await
    }

    async fn forward(&self, call: Forward<'_>) -> Result<Answer, Refusal> {
        let answer = self.0.forward(call).await.map_err(|error| {
            tracing::warn!(error = %error, "no answer from upstream");
            if error.is_timeout() { Refusal::UpstreamTimeout } else { Refusal::UpstreamUnreachable }
        })?;
        let header = |name| answer.headers.get(name).cloned();
        let (content_type, retry_after) = (header(header::CONTENT_TYPE), header(header::RETRY_AFTER));
        let replayed = answer.headers.contains_key(REPLAYED);
        let answer = Answer { status: answer.status, content_type, retry_after, replayed, body: answer.body };
        if !answer.status.is_success() {
            span::problem(&Context::current(), answer.problem().as_deref().unwrap_or_default());
        }
        Ok(answer)
    }
}

impl Answer {
    /// What a success says. Upstream that answers in another form is as good as none.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Ended> {
        if !self.status.is_success() {
            return Err(Ended::Answered(self.clone()));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            tracing::error!(error = %error, status = self.status.as_u16(), "upstream's answer cannot be read");
            Refusal::UpstreamUnreachable.into()
        })
    }

    /// The `type` of a problem.
    pub(crate) fn problem(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Problem {
            r#type: String,
        }
        serde_json::from_slice::<Problem>(&self.body).ok().map(|problem| problem.r#type)
    }

    /// The same for whoever asks.
    pub(crate) fn into_public(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.content_type.map(|value| (header::CONTENT_TYPE, value)));
        headers.extend(self.retry_after.map(|value| (header::RETRY_AFTER, value)));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = self.into_public();
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        response
    }
}

impl IntoResponse for Ended {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::Answered(answer) => answer.into_response(),
        }
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
