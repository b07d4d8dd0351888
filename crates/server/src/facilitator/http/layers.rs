//! What surrounds every endpoint: an id and a span per request, a deadline, leave for browsers, a count.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use farebox_telemetry::server::REQUEST;
use tracing::{Instrument, field::Empty, info_span};
use uuid::Uuid;

use super::{Denial, Edge, denial::Face};

/// Longer than a settle waits for its outcome, and than a chain's nodes are asked.
const DEADLINE: Duration = Duration::from_secs(25);
/// Where the facilitator stands inside `farebox serve`.
const NESTED: &str = "/facilitator";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer request ids are replaced.
const MAX_ID: usize = 64;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Content-Type, Authorization, X-API-Key, Idempotency-Key, X-Request-ID, Payment-Signature, X-Payment",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Request-ID, X-Idempotency-Replayed, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, \
     EXTENSION-RESPONSES",
);

/// The outermost layer.
pub(super) async fn around(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let (method, endpoint) = (request.method().clone(), endpoint(&request));
    let id = request_id(request.headers());
    // The route, never the path, the query or a header: those may hold what a log must not.
    let span = info_span!(REQUEST, %method, route = endpoint, request_id = id, status = Empty);
    let active = edge.metrics().begin();
    let mut answer = match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).instrument(span.clone()).await,
    };
    span.record("status", answer.status().as_u16());
    active.answered(&method, &endpoint, answer.status());
    let headers = answer.headers_mut();
    if method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    answer
}

/// The route as it reads at the root.
fn endpoint(request: &Request) -> String {
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    match route.strip_prefix(NESTED).unwrap_or(route) {
        "" => "/".to_owned(),
        // What axum calls the rest of a nested path that is no route.
        rest if rest.contains("{*") => "unknown".to_owned(),
        rest => rest.to_owned(),
    }
}

/// The caller's own id, if it cannot be anything else; otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let good = |text: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=MAX_ID).contains(&text.len()) && text.bytes().all(plain)
    };
    let asked = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(good);
    asked.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// No request is waited for without end.
pub(super) async fn deadline(request: Request, next: Next) -> Response {
    let face = face(&request);
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!("a request was not answered in time");
            Denial::Unavailable(Duration::from_secs(1)).answer(face)
        }
    }
}

/// What the caller can read.
pub(super) fn face(request: &Request) -> Face {
    match *request.method() {
        Method::POST => request.extensions().get::<MatchedPath>().map_or(Face::Plain, |path| Face::of(path.as_str())),
        _ => Face::Plain,
    }
}
