//! Spans and metrics, by the protocol's names. Without an SDK in the program they are nothing, and cost next to nothing.

use std::time::Duration;

use farebox_telemetry::paylera::{
    WEBHOOK, WEBHOOK_SPAN, label,
    metric::{BUCKETS, EVENTS_RECEIVED, HANDLER_DURATION},
    span::UNVERIFIED,
};
use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue, global,
    metrics::{Counter, Histogram},
    propagation::Extractor,
    trace::{SpanKind, Status, TraceContextExt, Tracer},
};

use super::answer::Answer;
use crate::kind::EventType;

pub(super) struct Watch {
    received: Counter<u64>,
    duration: Histogram<f64>,
}

impl Watch {
    pub(super) fn new() -> Self {
        let meter = global::meter(WEBHOOK);
        let received = meter.u64_counter(EVENTS_RECEIVED.name).with_unit(EVENTS_RECEIVED.unit);
        let duration = meter.f64_histogram(HANDLER_DURATION.name).with_unit(HANDLER_DURATION.unit);
        Self {
            received: received.with_description(EVENTS_RECEIVED.about).build(),
            duration: duration.with_description(HANDLER_DURATION.about).with_boundaries(BUCKETS.to_vec()).build(),
        }
    }

    pub(super) fn received(&self, kind: &'static str, result: &'static str) {
        let labels = [KeyValue::new(label::EVENT_TYPE, kind), KeyValue::new(label::VERIFICATION_RESULT, result)];
        self.received.add(1, &labels);
    }

    pub(super) fn handled(&self, kind: &'static str, took: Duration) {
        self.duration.record(took.as_secs_f64(), &[KeyValue::new(label::EVENT_TYPE, kind)]);
    }

    /// The span of one delivery, below the sender's own if the program reads such.
    pub(super) fn begin(headers: &HeaderMap) -> Context {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Trace(headers)));
        let tracer = global::tracer(WEBHOOK);
        let span = tracer.span_builder(format!("{WEBHOOK_SPAN}{UNVERIFIED}")).with_kind(SpanKind::Consumer);
        parent.with_span(span.start_with_context(&tracer, &parent))
    }

    /// It has turned out to be genuine.
    pub(super) fn name(context: &Context, kind: &EventType) {
        let span = context.span();
        if span.is_recording() {
            span.update_name(format!("{WEBHOOK_SPAN}{kind}"));
        }
    }

    pub(super) fn end(context: &Context, answer: Answer) {
        let span = context.span();
        if span.is_recording() && answer.is_our_fault() {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// A delivery's headers, for a propagator to read.
struct Trace<'a>(&'a HeaderMap);

impl Extractor for Trace<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
