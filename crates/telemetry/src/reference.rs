//! The reference page, written from the names themselves.

use crate::{
    http,
    paylera::{
        attribute, label,
        metric::{self, BUCKETS, Instrument},
        span,
    },
};

const INTRODUCTION: &str = "\
# Telemetry

What client, relay and webhook receiver report through OpenTelemetry, by the relay protocol's names, which are the same in every
language. Libraries hold the API only: without an SDK in the program nothing is exported
and next to nothing is spent. Install the SDK before a client, relay or receiver is built: metrics ask for it once.

This page is written from `crates/telemetry`: `cargo run -p farebox-telemetry --example reference`.
";

const SPANS: &str = "
| span | of | what it covers |
|---|---|---|
| `Paylera.<Op>` | client | one call of the typed client with all its attempts: `Paylera.Check`, `Paylera.CreateCustomer` |
| `Paylera.Relay.<Op>` | relay | one request of a browser, to its answer: `Paylera.Relay.Check` |
| `Paylera.Webhook.<EventType>` | receiver | one delivery: signature, replay check, handler: `Paylera.Webhook.invoice.paid`; `Paylera.Webhook.unverified` for a forgery |

The W3C trace context is read from what comes in and sent with what goes out, if the program has a propagator. A span is an error
when our side failed: no answer, a 5xx, a handler that did not succeed. A refusal is an answer.
";

const BINARY: &str = "
## The binary

`farebox serve`, `farebox facilitator` and `farebox relay` have an SDK. Their numbers are at `/metrics` of the address they listen on,
in Prometheus' form: dots become underscores, counters end in `_total`, seconds in `_seconds`
(`paylera_requests_total`, `paylera_requests_duration_seconds_bucket`). Keep that path inside your network, as you keep `/health`.

Spans and numbers go to an OpenTelemetry collector when `OTEL_EXPORTER_OTLP_ENDPOINT` names one (or
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` for one of the two). The form is `http/protobuf`; `grpc` is
refused at start. The other variables are OpenTelemetry's own: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY`,
`OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER` (`otlp` or `none`), `OTEL_SDK_DISABLED`. A collector that is
away stops nothing: what cannot be sent is dropped. Beside the spans above go the server's own, `farebox.…`, below the relay's in
one trace. Spans hold no bodies, no log lines, no e-mail addresses, no secrets.
";

/// `docs/reference/telemetry.md`, as it must be.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    table(&mut page, "tracer and meter", span::ALL);
    page.push_str(SPANS);
    table(&mut page, "attribute", attribute::ALL);
    metrics(&mut page);
    table(&mut page, "label", label::ALL);
    page.push_str(BINARY);
    page.push_str(&format!(
        "\n`{}` (seconds, with `{}`, `{}` and `{}`) has buckets that end at {}.\n",
        http::DURATION,
        http::METHOD,
        http::ROUTE,
        http::STATUS,
        bounds(&http::BUCKETS)
    ));
    page
}

fn bounds(buckets: &[f64]) -> String {
    buckets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn table(page: &mut String, what: &str, rows: &[(&str, &str)]) {
    page.push_str(&format!("\n| {what} | |\n|---|---|\n"));
    for (name, about) in rows {
        page.push_str(&format!("| `{name}` | {} |\n", about.trim()));
    }
}

fn metrics(page: &mut String) {
    page.push_str("\n| metric | kind | unit | meter | labels | |\n|---|---|---|---|---|---|\n");
    for metric in metric::ALL {
        let kind = match metric.instrument {
            Instrument::Counter => "counter",
            Instrument::Histogram => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, unit, meter, about) = (metric.name, metric.unit, metric.meter, metric.about);
        let labels = labels.join(", ");
        page.push_str(&format!("| `{name}` | {kind} | `{unit}` | `{meter}` | {labels} | {about} |\n"));
    }
    page.push_str(&format!("\nBuckets of the histograms end at {} seconds.\n", bounds(&BUCKETS)));
}
