//! What this process reports about itself: numbers at `/metrics`, and spans and numbers to an OpenTelemetry collector if the
//! environment names one. Names are in `farebox-telemetry`.

mod collector;
mod environment;
mod numbers;
mod prometheus;
mod requests;
mod spans;

use std::time::Duration;

use axum::Router;
use farebox_telemetry::http::FAREBOX;
use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use self::{environment::Exported, prometheus::Prometheus, requests::Requests};

/// How long a collector is waited for when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The SDK of a process that serves. Made before whatever reports: instruments ask for it once.
pub(crate) struct Telemetry {
    spans: Option<SdkTracerProvider>,
    numbers: Option<Numbers>,
}

struct Numbers {
    provider: SdkMeterProvider,
    prometheus: Prometheus,
}

impl Telemetry {
    /// A process that reports nothing.
    pub(crate) const fn none() -> Self {
        Self { spans: None, numbers: None }
    }

    /// Reads the `OTEL_*` variables and installs what they ask for. Must run inside the runtime.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let exported = Exported::read()?;
        let resource = resource();
        let spans = if exported.spans { Some(spans::provider(resource.clone())?) } else { None };
        let prometheus = Prometheus::new();
        let provider = numbers::provider(resource, &prometheus, exported.numbers)?;
        // A trace goes through us even when nobody here records it.
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_meter_provider(provider.clone());
        if let Some(spans) = &spans {
            global::set_tracer_provider(spans.clone());
        }
        Ok(Self { spans, numbers: Some(Numbers { provider, prometheus }) })
    }

    /// Brings this program's own spans to the collector; `None` when there is none.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.spans.as_ref().map(|provider| spans::layer(provider.tracer(FAREBOX)))
    }

    /// Counts the requests of `routes`, and answers `/metrics` beside them.
    pub(crate) fn around(&self, routes: Router) -> Router {
        match &self.numbers {
            Some(numbers) => Requests::new().around(routes).merge(numbers.prometheus.clone().route()),
            None => routes,
        }
    }

    /// The same for routes that have a `/metrics` of their own: ours follow what stands there.
    pub(crate) fn around_numbered(&self, routes: Router) -> Router {
        match &self.numbers {
            Some(numbers) => numbers.prometheus.clone().after(Requests::new().around(routes)),
            None => routes,
        }
    }

    /// Sends what has not been sent, and ends.
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || {
            // A collector that is away keeps nobody from ending.
            if let Some(spans) = &self.spans {
                let _ = spans.shutdown_with_timeout(LAST_WORDS);
            }
            if let Some(numbers) = &self.numbers {
                let _ = numbers.provider.shutdown_with_timeout(LAST_WORDS);
            }
        });
        let _ = tokio::time::timeout(LAST_WORDS.saturating_mul(2), ended).await;
    }
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, else our own name.
fn resource() -> Resource {
    let named = environment::text("OTEL_SERVICE_NAME").is_some()
        || environment::text("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
    let resource = Resource::builder();
    if named { resource.build() } else { resource.with_service_name("farebox").build() }
}
