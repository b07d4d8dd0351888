//! Spans, to a collector.

use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::collector::Collector;

pub(super) fn provider(resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder().with_http().with_http_client(Collector::new()?).build()?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// Our own spans, whatever is logged: no log lines, and nothing of libraries, whose words nobody here has chosen.
pub(super) fn layer<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = tracing_opentelemetry::layer().with_location(false).with_threads(false).with_tracked_inactivity(false);
    layer.with_target(false).with_tracer(tracer).with_filter(filter_fn(is_ours))
}

fn is_ours(of: &Metadata<'_>) -> bool {
    of.is_span() && of.target().starts_with("farebox") && *of.level() <= tracing::Level::INFO
}
