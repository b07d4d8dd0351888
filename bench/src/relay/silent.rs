//! What one request's spans and numbers cost where there is no SDK: what relay and client ask of OpenTelemetry for a check.

use std::{hint::black_box, time::Instant};

use opentelemetry::{
    Context, KeyValue, global,
    trace::{SpanKind, TraceContextExt, Tracer},
};

use crate::figure::{Figure, rounded};

const TIMES: u32 = 1_000_000;

pub(super) fn run() {
    let meter = global::meter("Paylera.Sdk");
    let total = meter.u64_counter("paylera.requests.total").build();
    let duration = meter.f64_histogram("paylera.requests.duration").build();
    let once = || {
        let tracer = global::tracer("Paylera.Relay");
        let span = tracer.span_builder(format!("Paylera.Relay.{}", black_box("Check"))).with_kind(SpanKind::Server);
        let context = Context::current_with_span(span.start(&tracer));
        let recorded = black_box(context.span().is_recording());
        let labels = [
            KeyValue::new("endpoint", "/v1/check"),
            KeyValue::new("status_code", 200),
            KeyValue::new("api_mode", "test"),
        ];
        total.add(1, &labels);
        duration.record(black_box(0.001), &labels);
        context.span().end();
        recorded
    };
    let begun = Instant::now();
    let recorded = (0..TIMES).filter(|_| once()).count();
    let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES);
    Figure {
        bench: "relay",
        subject: "spans and numbers of one request, without an SDK",
        callers: 1,
        value: rounded(each),
        unit: "us/request",
        baseline: "spans that were recorded",
        baseline_value: rounded(f64::from(u32::try_from(recorded).unwrap_or(u32::MAX))),
        ratio: 0.0,
    }
    .print();
}
