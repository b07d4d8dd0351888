//! Spans, and the trace that goes through. One test: the tracer is the whole process's.

use std::collections::BTreeMap;

use opentelemetry::{global, trace::SpanKind};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};

use crate::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    span.attributes.iter().map(|it| (it.key.to_string(), it.value.to_string())).collect()
}

#[tokio::test]
async fn a_request_is_one_span_with_the_protocols_names_in_the_browsers_trace() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    global::set_tracer_provider(provider);
    global::set_text_map_propagator(TraceContextPropagator::new());

    let world = World::new().await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let ann = &[("x-customer", "cus_ann"), ("x-tenant", "acme"), ("traceparent", parent.as_str())];
    let keyed = [&ann[..], &[("idempotency-key", "0123456789")]].concat();
    world.post("/track", &keyed, r#"{"feature_code":"api","value":1,"customer_id":"cus_eve"}"#).await;
    world.post("/subscriptions/sub_1/cancel", ann, "{}").await.assert_problem(404, "paylera.not_found");
    world.get("/me", &[]).await.assert_problem(401, "paylera.unauthenticated");

    let spans = exporter.get_finished_spans().unwrap();
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {spans:?}"));
    let track = of("Paylera.Relay.Track");
    let expected = [
        ("paylera.endpoint", "/v1/track"),
        ("paylera.tenant_id", "acme"),
        ("paylera.customer_id", "cus_ann"),
        ("paylera.feature_code", "api"),
        ("paylera.idempotency_key", "01234567"),
        ("paylera.api_mode", "test"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(attributes(track), BTreeMap::from(expected));
    assert_eq!((track.span_kind.clone(), track.instrumentation_scope.name()), (SpanKind::Server, "Paylera.Relay"));
    assert_eq!(track.span_context.trace_id().to_string(), TRACE);
    assert_eq!(track.parent_span_id.to_string(), "00f067aa0ba902b7");

    let tracked = world.billing.seen().into_iter().find(|seen| seen.line == "POST /v1/track").unwrap();
    let sent_on = format!("00-{TRACE}-{}-01", track.span_context.span_id());
    assert_eq!(tracked.header("traceparent"), Some(sent_on.as_str()));

    let cancel = attributes(of("Paylera.Relay.Cancel"));
    assert_eq!((&*cancel["paylera.subscription_id"], &*cancel["paylera.problem.type"]), ("sub_1", "paylera.not_found"));
    assert_eq!(attributes(of("Paylera.Relay.Me"))["paylera.problem.type"], "paylera.unauthenticated");
}
