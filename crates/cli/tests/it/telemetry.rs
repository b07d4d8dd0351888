//! What the servers report: to a collector, which is a program of this test, and at `/metrics`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Uri},
};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    own_billing::{Page, Shop},
    relay::SECRET,
    world::Engine,
};

/// An OpenTelemetry collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>);

impl Collector {
    async fn start(&self) -> String {
        let collector = self.clone();
        let app = Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            collector.0.lock().unwrap().push((uri.path().to_owned(), headers, body));
            ([("content-type", "application/x-protobuf")], Vec::new())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    fn got(&self, path: &str) -> Vec<Bytes> {
        self.0.lock().unwrap().iter().filter(|(at, ..)| at == path).map(|(.., body)| body.clone()).collect()
    }

    /// Every span, with the service that sent it.
    fn spans(&self) -> Vec<(String, Span)> {
        let requests = self.got("/v1/traces").into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let all = requests.flat_map(|request| request.resource_spans).flat_map(|of| {
            let service = service(of.resource.as_ref());
            of.scope_spans.into_iter().flat_map(|scope| scope.spans).map(move |span| (service.clone(), span))
        });
        all.collect()
    }

    /// The names of every metric.
    fn numbers(&self) -> Vec<String> {
        let requests =
            self.got("/v1/metrics").into_iter().map(|body| ExportMetricsServiceRequest::decode(body).unwrap());
        let scopes = requests.flat_map(|request| request.resource_metrics).flat_map(|of| of.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name).collect()
    }

    /// Everything that came, as one text.
    fn text(&self) -> String {
        let all = self.0.lock().unwrap();
        all.iter().map(|(_, headers, body)| format!("{headers:?}{}", String::from_utf8_lossy(body))).collect()
    }
}

fn service(resource: Option<&Resource>) -> String {
    attributes(&resource.unwrap().attributes).remove("service.name").unwrap()
}

fn attributes(of: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |it: &KeyValue| match it.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Any::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    of.iter().map(|it| (it.key.clone(), text(it))).collect()
}

async fn scrape(server: &str) -> String {
    let answer = crate::own_billing::http().get(format!("{server}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    answer.text().await.unwrap()
}

const QUICKLY: [(&str, &str); 2] = [("OTEL_BSP_SCHEDULE_DELAY", "100"), ("OTEL_METRIC_EXPORT_INTERVAL", "200")];

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_trace_from_the_page_to_the_ledger_and_says_nothing_private() {
    let collector = Collector::default();
    let at = collector.start().await;
    let environment =
        [&[("OTEL_EXPORTER_OTLP_ENDPOINT", at.as_str()), ("OTEL_SERVICE_NAME", "billing")], &QUICKLY[..]].concat();
    let shop = Shop::with(Engine::Sqlite, &environment).await.unwrap();
    let environment = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", at.as_str())], &QUICKLY[..]].concat();
    let relay = shop.relay(&[], &environment);

    let page = Page::open(&relay.url, "ann.private@example.com").await;
    let me = page.get("/me").await;
    let customer = me.json()["id"].as_str().unwrap().to_owned();
    page.post("/attach", &json!({"plan_id": shop.plan("small").await})).await;
    let tracked =
        page.post("/track", &json!({"feature_code": "api_calls", "value": 1, "dedup_key": "0123456789abcdef"})).await;
    assert_eq!(tracked.status, 204);

    let wanted = ["Paylera.Relay.Me", "Paylera.Relay.Attach", "Paylera.Relay.Track", "farebox.http.request"];
    let all_there = || wanted.iter().all(|name| collector.spans().iter().any(|(_, span)| span.name == *name));
    until("the named spans", all_there).await;
    until("the named numbers", || collector.numbers().iter().any(|name| name == "paylera.requests.duration")).await;

    let spans = collector.spans();
    let (service, track) = spans.iter().find(|(_, span)| span.name == "Paylera.Relay.Track").unwrap();
    assert_eq!(service, "farebox");
    let said = attributes(&track.attributes);
    for (name, value) in [
        ("paylera.endpoint", "/v1/track"),
        ("paylera.customer_id", customer.as_str()),
        ("paylera.feature_code", "api_calls"),
        ("paylera.idempotency_key", "01234567"),
        ("paylera.tenant_id", "acme"),
        ("paylera.api_mode", "test"),
    ] {
        assert_eq!(said.get(name).map(String::as_str), Some(value), "{name}");
    }
    let below = |(service, span): &&(String, Span)| service == "billing" && span.trace_id == track.trace_id;
    until("the server's part of the trace", || collector.spans().iter().any(|it| below(&it))).await;
    let spans = collector.spans();
    let (_, server) = spans.iter().find(below).unwrap();
    assert_eq!((server.name.as_str(), &server.parent_span_id), ("farebox.http.request", &track.span_id));

    let text = collector.text();
    for private in [&shop.token, SECRET, "ann.private", &page.token, "0123456789abcdef"] {
        assert!(!text.contains(private), "{private} went to the collector");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_sent_before_the_process_ends() {
    let collector = Collector::default();
    let at = collector.start().await;
    let slowly = [("OTEL_EXPORTER_OTLP_ENDPOINT", at.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "600000")];
    let shop = Shop::with(Engine::Sqlite, &slowly).await.unwrap();
    shop.ask("/v1/plans").await;
    assert!(collector.spans().is_empty());
    shop.close().await;
    assert!(collector.spans().iter().any(|(_, span)| span.name == "farebox.http.request"));
    assert!(collector.numbers().iter().any(|name| name == "http.server.request.duration"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nobody_up() {
    let away = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), QUICKLY[0], QUICKLY[1]];
    let shop = Shop::with(Engine::Sqlite, &away).await.unwrap();
    assert_eq!(shop.ask("/v1/plans").await.0, 200);
    let ending = std::time::Instant::now();
    shop.close().await;
    assert!(ending.elapsed() < Duration::from_secs(15), "{:?}", ending.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_stand_at_metrics_with_the_protocols_names_and_buckets() {
    let shop = Shop::open(Engine::Sqlite).await.unwrap();
    let relay = shop.relay(&["--check-cache", "1s"], &[]);
    let page = Page::open(&relay.url, "ann@example.com").await;
    for path in ["/me", "/check?feature_code=api_calls", "/check?feature_code=api_calls"] {
        assert!(page.get(path).await.status < 300, "{path}");
    }
    let numbers = scrape(relay.url.trim_end_matches("/api/paylera")).await;
    let line = |start: &str| {
        numbers.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {numbers}"))
    };
    let checks = r#"paylera_requests_total{api_mode="test",endpoint="/v1/check",status_code="200"}"#;
    assert_eq!(line(checks), format!("{checks} 1"));
    assert_eq!(line("# TYPE paylera_requests_total"), "# TYPE paylera_requests_total counter");
    for bound in "0.005 0.01 0.025 0.05 0.1 0.15 0.3 0.4 0.8 1.5 3 8 +Inf".split(' ') {
        line(&format!(
            r#"paylera_requests_duration_seconds_bucket{{api_mode="test",endpoint="/v1/check",status_code="200",le="{bound}"}}"#
        ));
    }
    assert_eq!(line("paylera_relay_cache_hits_total"), r#"paylera_relay_cache_hits_total{feature_code="api_calls"} 1"#);
    assert_eq!(
        line("paylera_relay_cache_misses_total"),
        r#"paylera_relay_cache_misses_total{feature_code="api_calls"} 1"#
    );
    line(
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="201",http_route="/api/paylera/me"} 1"#,
    );

    let numbers = format!("{numbers}{}", scrape(&shop.server.url).await);
    assert!(numbers.contains(r#"http_route="/v1/customers""#), "{numbers}");
    let customer = page.get("/me").await.json()["id"].as_str().unwrap().to_owned();
    for private in [&shop.token, SECRET, "ann@example.com", &page.token, &customer] {
        assert!(!numbers.contains(private), "{private} in {numbers}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_cannot_be_spoken_to_is_refused_at_start() {
    let world = crate::world::World::new(Engine::Sqlite).await.unwrap();
    let mut serve = world.farebox(&["serve", "--listen", "127.0.0.1:0"]);
    serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = serve.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("grpc") && said.contains("http/protobuf"), "{said}");
}

async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come");
}
