//! `GET /metrics`.

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use opentelemetry_prometheus::PrometheusExporter;
use prometheus::{Encoder, Registry, TextEncoder};

/// The numbers of this process, as Prometheus reads them.
#[derive(Clone)]
pub(super) struct Prometheus(Registry);

impl Prometheus {
    pub(super) fn new() -> Self {
        Self(Registry::new())
    }

    /// What the SDK is read through.
    pub(super) fn reader(&self) -> anyhow::Result<PrometheusExporter> {
        let exporter = opentelemetry_prometheus::exporter().with_registry(self.0.clone());
        Ok(exporter.scope_info_enabled(false).build()?)
    }

    pub(super) fn route(&self) -> Router {
        let numbers = self.clone();
        Router::new().route("/metrics", get(async move || numbers.answer()))
    }

    fn answer(&self) -> Response {
        match self.page() {
            Ok(page) => {
                let headers = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT), (header::CACHE_CONTROL, "no-store")];
                (headers, page).into_response()
            }
            Err(error) => {
                tracing::error!(error = %error, "the numbers cannot be written down");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn page(&self) -> prometheus::Result<Vec<u8>> {
        let mut families = self.0.gather();
        for family in &mut families {
            // The exporter appends the ending of counters to a name that has it already.
            if let Some(name) = family.name().strip_suffix("_total_total") {
                let name = format!("{name}_total");
                family.set_name(name);
            }
        }
        let mut page = Vec::new();
        TextEncoder::new().encode(&families, &mut page)?;
        Ok(page)
    }
}
