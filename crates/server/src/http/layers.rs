//! What surrounds every route: an id and a span per request, a deadline, the API's version, an answer even to a panic.

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use farebox_telemetry::server::REQUEST;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};
use tracing::{Span, field::Empty, info_span};
use uuid::Uuid;

use super::Problem;
use crate::refusal::Refusal;

/// Longer bodies are refused.
const MAX_BODY: usize = 64 * 1024;
/// Shorter than the 30 s that known clients wait.
const DEADLINE: Duration = Duration::from_secs(25);

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const VERSION: HeaderName = HeaderName::from_static("nevermined-version");
const RESOLVED_FROM: HeaderName = HeaderName::from_static("nevermined-version-resolved-from");
/// The one version of the credits API.
const SPOKEN: HeaderValue = HeaderValue::from_static("1.1");

/// Puts the layers around `routes`; the last one is the outermost.
pub(crate) fn around<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let routes = routes
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(version))
        .layer(from_fn(deadline))
        .layer(CatchPanicLayer::custom(Problem::panicked));
    identified(routes)
}

/// Gives each request an id of ours and a span; the answer carries the id.
pub(crate) fn identified<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let tracing = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_response(|answer: &Response, _: Duration, span: &Span| {
            span.record("status", answer.status().as_u16());
        })
        .on_request(())
        .on_failure(());
    routes
        .layer(tracing)
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, Fresh))
        .layer(from_fn(ours_only))
}

/// A new id for each request.
#[derive(Clone)]
struct Fresh;

impl MakeRequestId for Fresh {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = Uuid::now_v7().simple().to_string();
        HeaderValue::try_from(id).ok().map(RequestId::new)
    }
}

/// A caller's own request id is not taken over: ids in our log are ours.
async fn ours_only(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove(REQUEST_ID);
    next.run(request).await
}

/// The route, never the path or the query: those may hold what a log must not.
fn span(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    info_span!(REQUEST, method = %request.method(), route, request_id = id, status = Empty)
}

async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!("a request was not answered in time");
            let hint = "it may have happened: repeat it under the same name to find out";
            Problem::unavailable(Duration::from_secs(1), hint).into_response()
        }
    }
}

/// Answers in the version that was asked for, which must be the one there is.
async fn version(request: Request, next: Next) -> Response {
    let asked = request.headers().get(VERSION).cloned();
    let (from, mut answer) = match asked {
        None => ("fallback", next.run(request).await),
        Some(asked) if asked == SPOKEN => ("header", next.run(request).await),
        Some(_) => ("fallback", Problem::from(Refusal::UnknownVersion).into_response()),
    };
    answer.headers_mut().insert(VERSION, SPOKEN);
    answer.headers_mut().insert(RESOLVED_FROM, HeaderValue::from_static(from));
    answer
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_and_its_text_stays_inside() {
        let routes: Router<()> = Router::new().route("/", get(async || -> &'static str { panic!("the inner text") }));
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let answer = around(routes).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key(REQUEST_ID));
        let body = axum::body::to_bytes(answer.into_body(), 4096).await.unwrap();
        let text = String::from_utf8(body.into()).unwrap();
        assert!(text.contains("FBX.INTERNAL") && !text.contains("inner text"), "{text}");
    }
}
