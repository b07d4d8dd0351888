//! Spans and metrics. One test: both are the whole process's, and other tests' deliveries are in them too.

use std::{collections::BTreeMap, time::Duration};

use farebox_webhook::{Event, EventType};
use opentelemetry::{KeyValue, global, trace::Status};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider},
};

use crate::world::{App, Work, event, signed, working};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    attributes.map(|it| (it.key.to_string(), it.value.to_string())).collect()
}

#[tokio::test]
async fn deliveries_are_spans_and_numbers_by_the_protocols_names() {
    let exporter = InMemorySpanExporter::default();
    global::set_tracer_provider(SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build());
    global::set_text_map_propagator(TraceContextPropagator::new());
    let numbers = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(numbers.clone()).build()).build();
    global::set_meter_provider(meters.clone());

    let receiver = working(&Work::default(), Duration::from_millis(20))
        .on(EventType::PaymentRefunded, async |_: Event| Err::<(), _>(std::io::Error::other("no")));
    let app = App::start(receiver).await;
    let body = event("evt_span", "invoice.paid");
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    app.post(&[("paylera-signature", &signed(&body)), ("traceparent", &parent)], &body).await;
    app.deliver(&body).await;
    app.deliver(&event("evt_refund", "payment.refunded")).await;
    app.post(&[("paylera-signature", "t=1,v1=00")], &event("evt_x", "payment.succeeded")).await;

    let spans = exporter.get_finished_spans().unwrap();
    let traced = spans.iter().find(|span| span.span_context.trace_id().to_string() == TRACE).unwrap();
    assert_eq!(
        (&*traced.name, traced.instrumentation_scope.name(), traced.parent_span_id.to_string().as_str()),
        ("Paylera.Webhook.invoice.paid", "Paylera.Webhook", "00f067aa0ba902b7")
    );
    let failed = spans.iter().find(|span| span.name == "Paylera.Webhook.payment.refunded").unwrap();
    assert!(matches!(failed.status, Status::Error { .. }));
    assert!(spans.iter().any(|span| span.name == "Paylera.Webhook.unverified"));
    assert!(!spans.iter().any(|span| span.name.contains("payment.succeeded")), "a forger names no span");

    meters.force_flush().unwrap();
    let mut received = BTreeMap::new();
    let mut bounds = Vec::new();
    for all in numbers.get_finished_metrics().unwrap() {
        for metric in all.scope_metrics().flat_map(|scope| scope.metrics()) {
            match (metric.name(), metric.unit(), metric.data()) {
                ("paylera.webhook.events_received", "{event}", AggregatedMetrics::U64(MetricData::Sum(sum))) => {
                    received.extend(sum.data_points().map(|point| (labels(point.attributes()), point.value())));
                }
                ("paylera.webhook.handler_duration", "s", AggregatedMetrics::F64(MetricData::Histogram(spread))) => {
                    bounds = spread.data_points().next().unwrap().bounds().collect();
                }
                other => panic!("{:?} {:?}", other.0, other.1),
            }
        }
    }
    let of = |kind: &str, result: &str| {
        let labels = [("event_type", kind), ("verification_result", result)];
        received.get(&labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).copied().unwrap_or(0)
    };
    assert!(of("invoice.paid", "valid") >= 1 && of("invoice.paid", "replayed") >= 1, "{received:?}");
    assert!(of("payment.refunded", "valid") == 1 && of("unverified", "invalid") >= 1, "{received:?}");
    assert_eq!(bounds, [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.4, 0.8, 1.5, 3.0, 8.0]);
}
