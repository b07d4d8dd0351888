//! The contract, against the protocol's own words and the page that users read.

use std::collections::BTreeSet;

use farebox_telemetry::{
    paylera::{
        attribute,
        metric::{self, BUCKETS},
        span,
    },
    reference,
};

#[test]
fn the_reference_page_is_what_the_names_say() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/telemetry.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    assert!(page == reference(), "out of date: see the page's third paragraph for how it is written");
}

#[test]
fn every_name_stands_once() {
    let names = [attribute::ALL, span::ALL].concat();
    let names: Vec<&str> =
        names.iter().map(|(name, _)| *name).chain(metric::ALL.iter().map(|metric| metric.name)).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// Copied from the protocol, not from the code: what stands here is what dashboards query.
#[test]
fn names_units_labels_and_buckets_are_the_protocols() {
    let metrics: Vec<_> =
        metric::ALL.iter().map(|metric| (metric.name, metric.unit, metric.labels.join(","))).collect();
    let request = "endpoint,status_code,api_mode".to_owned();
    assert_eq!(
        metrics,
        [
            ("paylera.requests.total", "{request}", request.clone()),
            ("paylera.requests.duration", "s", request),
            ("paylera.relay.cache_hits", "{hit}", "feature_code".to_owned()),
            ("paylera.relay.cache_misses", "{miss}", "feature_code".to_owned()),
            ("paylera.webhook.events_received", "{event}", "event_type,verification_result".to_owned()),
            ("paylera.webhook.handler_duration", "s", "event_type".to_owned()),
        ]
    );
    let millis: Vec<String> = BUCKETS.iter().map(|bound| format!("{}", bound * 1000.0)).collect();
    assert_eq!(millis.join(" "), "5 10 25 50 100 150 300 400 800 1500 3000 8000");
    let attributes: Vec<&str> = attribute::ALL.iter().map(|(name, _)| *name).collect();
    let expected =
        "endpoint tenant_id customer_id subscription_id feature_code idempotency_key api_mode provider problem.type";
    assert_eq!(attributes, expected.split(' ').map(|name| format!("paylera.{name}")).collect::<Vec<_>>());
    let tracers: Vec<&str> = span::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(tracers, ["Paylera.Sdk", "Paylera.Relay", "Paylera.Webhook"]);
}
