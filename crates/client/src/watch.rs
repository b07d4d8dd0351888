//! Spans and metrics, by the protocol's names. Without an SDK in the program they are nothing, and cost next to nothing.

use std::time::Duration;

use farebox_api::Code;
use farebox_telemetry::paylera::{
    self, SDK, SDK_SPAN, label,
    metric::{BUCKETS, REQUESTS_DURATION, REQUESTS_TOTAL},
};
use farebox_types::{IdempotencyKey, Mode};
use opentelemetry::{
    Context, KeyValue, global,
    metrics::{Counter, Histogram},
    trace::{SpanKind, Status, TraceContextExt, Tracer},
};
use uuid::Uuid;

use crate::{error::Error, operation::Operation};

/// What a call is about, as far as its arguments tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) customer: Option<Uuid>,
    pub(crate) subscription: Option<Uuid>,
    pub(crate) feature: Option<Code>,
}

/// The client's metrics.
pub(crate) struct Watch {
    total: Counter<u64>,
    duration: Histogram<f64>,
    mode: Option<Mode>,
}

impl Watch {
    pub(crate) fn new(mode: Option<Mode>) -> Self {
        let meter = global::meter(SDK);
        let total = meter.u64_counter(REQUESTS_TOTAL.name).with_unit(REQUESTS_TOTAL.unit);
        let duration = meter.f64_histogram(REQUESTS_DURATION.name).with_unit(REQUESTS_DURATION.unit);
        let duration = duration.with_description(REQUESTS_DURATION.about).with_boundaries(BUCKETS.to_vec());
        Self { total: total.with_description(REQUESTS_TOTAL.about).build(), duration: duration.build(), mode }
    }

    /// One call, with all its attempts; status 0 when there was no answer.
    pub(crate) fn called(&self, endpoint: &'static str, status: u16, took: Duration) {
        let status = KeyValue::new(label::STATUS_CODE, i64::from(status));
        let [endpoint, mode] = [
            KeyValue::new(label::ENDPOINT, endpoint),
            KeyValue::new(label::API_MODE, self.mode.map_or("", Mode::as_str)),
        ];
        let labels = [endpoint, status, mode];
        let labels = if self.mode.is_some() { &labels[..] } else { &labels[..2] };
        self.total.add(1, labels);
        self.duration.record(took.as_secs_f64(), labels);
    }
}

/// The span of one typed call.
pub(crate) fn begin(operation: &Operation, about: &About, key: Option<&IdempotencyKey>, mode: Option<Mode>) -> Context {
    let tracer = global::tracer(SDK);
    let span = tracer.span_builder(format!("{SDK_SPAN}{}", operation.name)).with_kind(SpanKind::Client);
    let context = Context::current_with_span(span.start(&tracer));
    let span = context.span();
    if !span.is_recording() {
        return context;
    }
    let note = |name: &'static str, value: Option<String>| {
        if let Some(value) = value {
            span.set_attribute(KeyValue::new(name, value));
        }
    };
    span.set_attribute(KeyValue::new(paylera::ENDPOINT, operation.endpoint));
    note(paylera::API_MODE, mode.map(|mode| mode.as_str().to_owned()));
    note(paylera::CUSTOMER_ID, about.customer.map(|id| id.to_string()));
    note(paylera::SUBSCRIPTION_ID, about.subscription.map(|id| id.to_string()));
    note(paylera::FEATURE_CODE, about.feature.as_ref().map(ToString::to_string));
    note(paylera::IDEMPOTENCY_KEY, key.map(|key| key.as_str().chars().take(paylera::KEY_CHARACTERS).collect()));
    context
}

/// A refusal is an answer: only no answer, or one that says that the API failed, makes the span an error.
pub(crate) fn end(context: &Context, error: Option<&Error>) {
    let span = context.span();
    if let Some(error) = error.filter(|_| span.is_recording()) {
        if let Some(problem) = error.problem() {
            span.set_attribute(KeyValue::new(paylera::PROBLEM_TYPE, problem.code.clone()));
        }
        if matches!(error, Error::Server(_)) || error.refused().is_none() {
            span.set_status(Status::error(""));
        }
    }
    span.end();
}
