//! `GET /metrics`.

use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::{Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use opentelemetry_prometheus::PrometheusExporter;
use prometheus::{Encoder, Registry, TextEncoder};

const PATH: &str = "/metrics";
/// More than any numbers of ours.
const LONGEST: usize = 8 * 1024 * 1024;

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

    pub(super) fn route(self) -> Router {
        Router::new().route(PATH, get(async move || self.answer(Vec::new())))
    }

    /// Answers `/metrics` after what `routes` say there themselves.
    pub(super) fn after(self, routes: Router) -> Router {
        routes.layer(from_fn(move |request: Request, next: Next| {
            let numbers = (request.method() == Method::GET && request.uri().path() == PATH).then(|| self.clone());
            async move {
                let answer = next.run(request).await;
                match numbers {
                    Some(numbers) => numbers.answer(own(answer).await),
                    None => answer,
                }
            }
        }))
    }

    fn answer(&self, mut text: Vec<u8>) -> Response {
        match self.page() {
            Ok(page) => {
                text.extend(page);
                let headers = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT), (header::CACHE_CONTROL, "no-store")];
                (headers, text).into_response()
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

/// What there is already; nothing, if that is no list of numbers.
async fn own(answer: Response) -> Vec<u8> {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !answer.status().is_success() || !kind.is_some_and(|kind| kind.starts_with("text/plain")) {
        return Vec::new();
    }
    to_bytes(answer.into_body(), LONGEST).await.map(Into::into).unwrap_or_default()
}
