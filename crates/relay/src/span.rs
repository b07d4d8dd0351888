//! The relay's spans, as the protocol names them. Without an SDK in the program they are nothing, and cost next to nothing.

use axum::http::{HeaderMap, StatusCode};
use farebox_telemetry::paylera::{API_MODE, ENDPOINT, PROBLEM_TYPE, RELAY_SPAN, RELAY_TRACER};
use farebox_types::Mode;
use opentelemetry::{
    Context, KeyValue, global,
    propagation::Extractor,
    trace::{SpanKind, Status, TraceContextExt, Tracer},
};

use crate::route::RelayRoute;

/// The span of one request, below the browser's own if that sent a trace context and the program reads such.
pub(crate) fn begin(route: RelayRoute, headers: &HeaderMap, mode: Option<Mode>) -> Context {
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Trace(headers)));
    let tracer = global::tracer(RELAY_TRACER);
    let span = tracer.span_builder(format!("{RELAY_SPAN}{}", route.operation())).with_kind(SpanKind::Server);
    let context = parent.with_span(span.start_with_context(&tracer, &parent));
    let span = context.span();
    if span.is_recording() {
        span.set_attribute(KeyValue::new(ENDPOINT, route.endpoint()));
        if let Some(mode) = mode {
            span.set_attribute(KeyValue::new(API_MODE, mode.as_str()));
        }
    }
    context
}

/// Adds what has become known to the span of the request that is being answered.
pub(crate) fn note(key: &'static str, value: Option<&str>) {
    let Some(value) = value else { return };
    Context::map_current(|context| {
        let span = context.span();
        if span.is_recording() {
            span.set_attribute(KeyValue::new(key, value.to_owned()));
        }
    });
}

/// Why it was no success.
pub(crate) fn problem(context: &Context, code: &str) {
    let span = context.span();
    if span.is_recording() && !code.is_empty() {
        span.set_attribute(KeyValue::new(PROBLEM_TYPE, code.to_owned()));
    }
}

/// A refusal is an answer; only what is our side's fault makes the span an error.
pub(crate) fn end(context: &Context, status: StatusCode) {
    let span = context.span();
    if span.is_recording() && status.is_server_error() {
        span.set_status(Status::error(""));
    }
    span.end();
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
