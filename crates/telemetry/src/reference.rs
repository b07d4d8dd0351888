//! The reference page, written from the names themselves.

use crate::paylera::{
    attribute, label,
    metric::{self, BUCKETS, Instrument},
    span,
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

/// `docs/reference/telemetry.md`, as it must be.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    table(&mut page, "tracer and meter", span::ALL);
    page.push_str(SPANS);
    table(&mut page, "attribute", attribute::ALL);
    metrics(&mut page);
    table(&mut page, "label", label::ALL);
    page
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
    let bounds: Vec<String> = BUCKETS.iter().map(ToString::to_string).collect();
    page.push_str(&format!("\nBuckets of the histograms end at {} seconds.\n", bounds.join(", ")));
}
