//! Spans and metrics. One test: both are the whole process's.

use std::collections::BTreeMap;

use farebox_client::Holder;
use http::Method;
use opentelemetry::{
    KeyValue, global,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use uuid::Uuid;

use crate::{
    call, client,
    upstream::{Answer, Upstream},
};

type Labels = BTreeMap<String, String>;

fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Labels {
    attributes.map(|it| (it.key.to_string(), it.value.to_string())).collect()
}

fn made<const N: usize>(labels: [(&str, &str); N]) -> Labels {
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// How many calls with which labels, and the bounds of the buckets.
fn counted(numbers: &InMemoryMetricExporter) -> (BTreeMap<Labels, u64>, Vec<f64>) {
    let (mut total, mut bounds) = (BTreeMap::new(), Vec::new());
    for all in numbers.get_finished_metrics().unwrap() {
        for metric in all.scope_metrics().flat_map(|scope| scope.metrics()) {
            match (metric.name(), metric.unit(), metric.data()) {
                ("paylera.requests.total", "{request}", AggregatedMetrics::U64(MetricData::Sum(sum))) => {
                    total.extend(sum.data_points().map(|point| (labels(point.attributes()), point.value())));
                }
                ("paylera.requests.duration", "s", AggregatedMetrics::F64(MetricData::Histogram(spread))) => {
                    bounds = spread.data_points().next().unwrap().bounds().collect();
                }
                other => panic!("{} {}", other.0, other.1),
            }
        }
    }
    (total, bounds)
}

#[tokio::test]
async fn calls_are_spans_and_numbers_by_the_protocols_names() {
    let exporter = InMemorySpanExporter::default();
    global::set_tracer_provider(SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build());
    global::set_text_map_propagator(TraceContextPropagator::new());
    let numbers = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(numbers.clone()).build()).build();
    global::set_meter_provider(meters.clone());

    let missing = r#"{"type":"paylera.not_found"}"#;
    let script = [Answer::Status(503), Answer::Status(204), Answer::Json(404, missing), Answer::Json(500, "{}")];
    let upstream = Upstream::start([&script[..], &[Answer::Status(500); 4], &[Answer::HangUp; 9]].concat()).await;
    let client = client(&upstream);
    let whose = Holder::Customer(Uuid::nil());
    let key = "0123456789".parse().unwrap();
    client.track(whose, "api".parse().unwrap(), "1".parse().unwrap()).idempotency_key(key).await.unwrap();
    client.customers().get(Uuid::nil()).await.unwrap_err();
    client.subscriptions().get(Uuid::nil()).await.unwrap_err();
    call(&client, Method::POST, None).await.err().unwrap();

    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 3, "one span for all attempts; what is forwarded has its caller's");
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let track = of("Paylera.Track");
    let expected = made([
        ("paylera.endpoint", "/v1/track"),
        ("paylera.api_mode", "test"),
        ("paylera.customer_id", &Uuid::nil().to_string()),
        ("paylera.feature_code", "api"),
        ("paylera.idempotency_key", "01234567"),
    ]);
    assert_eq!(labels(track.attributes.iter()), expected);
    assert_eq!((track.span_kind.clone(), track.instrumentation_scope.name()), (SpanKind::Client, "Paylera.Sdk"));
    let sent = upstream.seen()[1].headers["traceparent"].to_str().unwrap().to_owned();
    assert!(sent.contains(&track.span_context.trace_id().to_string()), "{sent}");
    let missing = of("Paylera.GetCustomer");
    assert_eq!(labels(missing.attributes.iter())["paylera.problem.type"], "paylera.not_found");
    assert_eq!((missing.status.clone(), track.status.clone()), (Status::Unset, Status::Unset));
    assert!(matches!(of("Paylera.GetSubscription").status, Status::Error { .. }));

    meters.force_flush().unwrap();
    let (total, bounds) = counted(&numbers);
    let line = |endpoint, status| made([("endpoint", endpoint), ("status_code", status), ("api_mode", "test")]);
    let expected = [
        (line("/v1/track", "204"), 1),
        (line("/v1/customers/{id}", "404"), 1),
        (line("/v1/subscriptions/{id}", "500"), 1),
        (line("other", "0"), 1),
    ];
    assert_eq!(total, expected.into());
    assert_eq!(bounds, [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.4, 0.8, 1.5, 3.0, 8.0]);
}
