//! Every request of a server: how long it took, and the trace it belongs to.

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderMap, Method},
    middleware::{Next, from_fn},
    response::Response,
};
use farebox_telemetry::http::{BUCKETS, DURATION, DURATION_ABOUT, FAREBOX, METHOD, OTHER_METHOD, ROUTE, STATUS};
use opentelemetry::{KeyValue, context::FutureExt, global, metrics::Histogram, propagation::Extractor};
use tokio::time::Instant;

#[derive(Clone)]
pub(super) struct Requests(Histogram<f64>);

impl Requests {
    pub(super) fn new() -> Self {
        let meter = global::meter(FAREBOX);
        let duration = meter.f64_histogram(DURATION).with_unit("s").with_description(DURATION_ABOUT);
        Self(duration.with_boundaries(BUCKETS.to_vec()).build())
    }

    pub(super) fn around(self, routes: Router) -> Router {
        routes.layer(from_fn(move |request, next| self.clone().watch(request, next)))
    }

    async fn watch(self, request: Request, next: Next) -> Response {
        let begun = Instant::now();
        let mut labels = vec![KeyValue::new(METHOD, method(request.method()))];
        // The route, never the path: that may hold what is nobody's business, and is never the same twice.
        if let Some(route) = request.extensions().get::<MatchedPath>() {
            labels.push(KeyValue::new(ROUTE, route.as_str().to_owned()));
        }
        let caller = global::get_text_map_propagator(|propagator| propagator.extract(&Trace(request.headers())));
        let answer = next.run(request).with_context(caller).await;
        labels.push(KeyValue::new(STATUS, i64::from(answer.status().as_u16())));
        self.0.record(begun.elapsed().as_secs_f64(), &labels);
        answer
    }
}

/// A caller may make methods up; labels stay few.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER_METHOD,
    }
}

/// A request's headers, for a propagator to read.
struct Trace<'a>(&'a HeaderMap);

impl Extractor for Trace<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
