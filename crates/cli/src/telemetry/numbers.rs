//! Metrics: always for `/metrics`, and to a collector if one is there.

use opentelemetry_otlp::{MetricExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};

use super::{collector::Collector, prometheus::Prometheus};

pub(super) fn provider(resource: Resource, prometheus: &Prometheus, sent: bool) -> anyhow::Result<SdkMeterProvider> {
    let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(prometheus.reader()?);
    if !sent {
        return Ok(provider.build());
    }
    let exporter = MetricExporter::builder().with_http().with_http_client(Collector::new()?).build()?;
    Ok(provider.with_reader(PeriodicReader::builder(exporter).build()).build())
}
