//! What is measured.

use anyhow::{Context, bail};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Method, Request, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::IntoResponse,
    routing::post,
};
use bytes::Bytes;
use farebox_client::{Client, Forward};
use farebox_relay::{Csrf, CustomerIdentity, Identified, Relay};
use farebox_types::{IdempotencyKey, Secret};
use http_body_util::BodyExt;
use opentelemetry::global;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider},
    propagation::TraceContextPropagator,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use serde_json::Value;
use tokio::net::TcpListener;
use tower::ServiceExt;
use uuid::Uuid;

pub(super) const PATH: &str = "/api/paylera/check";
/// What a check of a metered feature answers.
const ANSWER: &str = r#"{"allowed":true,"customer_id":"cus_0190c8a2","feature_id":"f0b1","feature_code":"api_calls","feature_name":"API calls","value_type":"metered","unit":"call","balance":9876,"included_usage":10000,"usage":124,"held":0,"unlimited":false,"interval":"calendar_month","cycle_start_at":"2026-05-01T00:00:00Z","next_reset_at":"2026-06-01T00:00:00Z","source":"plan_grant","value":{"type":"metered","n":10000,"u":false}}"#;

/// Serves one subject until the process is killed. Prints its URL and, for the relay, a token.
pub(crate) async fn serve(subject: &str, rest: &[&str]) -> anyhow::Result<()> {
    let (app, token) = match (subject, rest) {
        ("relay-upstream", []) => (upstream(), None),
        ("relay-bare", [upstream]) => (bare(client(upstream)?), Some("A".repeat(98))),
        ("relay", [upstream]) => relay(client(upstream)?).await?,
        ("relay-recording", [upstream]) => {
            record();
            relay(client(upstream)?).await?
        }
        _ => bail!("no such subject: {subject} {}", rest.join(" ")),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{} {}", listener.local_addr()?, token.unwrap_or_default());
    Ok(axum::serve(listener, app).await?)
}

/// As in a program with an SDK: every span is made and ended, every number counted, and nothing sent.
fn record() {
    global::set_tracer_provider(SdkTracerProvider::builder().with_simple_exporter(Nowhere).build());
    let numbers = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    global::set_meter_provider(SdkMeterProvider::builder().with_reader(numbers).build());
    global::set_text_map_propagator(TraceContextPropagator::new());
}

#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

fn client(upstream: &str) -> anyhow::Result<Client> {
    Ok(Client::builder(Secret::new("pl_test_bench".to_owned())).base_url(upstream).build()?)
}

fn upstream() -> Router {
    Router::new().route("/v1/check", post(async || ([(CONTENT_TYPE, "application/json")], ANSWER)))
}

/// The ceiling: the body goes up as it came, the answer comes down as it is.
fn bare(client: Client) -> Router {
    let call = async |State(client): State<Client>, body: Bytes| {
        let key: Option<IdempotencyKey> = Uuid::now_v7().to_string().parse().ok();
        let call = Forward { method: Method::POST, path: "/v1/check", body: Some(body), idempotency_key: key.as_ref() };
        match client.forward(call).await {
            Ok(answer) => (answer.status, [(CONTENT_TYPE, "application/json")], answer.body).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    };
    Router::new().route(PATH, post(call)).with_state(client)
}

async fn relay(client: Client) -> anyhow::Result<(Router, Option<String>)> {
    let csrf = Csrf::signed(Secret::new("a secret of the benchmark, 32 bytes or more".to_owned()));
    let relay = Relay::builder(client).identify(identify).csrf(csrf).build()?;
    let app = Router::new().nest("/api/paylera", relay.router());
    let asked = Request::get("/api/paylera/csrf-token").body(Body::empty())?;
    let answer = app.clone().oneshot(asked).await?.into_body().collect().await?.to_bytes();
    let answer: Value = serde_json::from_slice(&answer)?;
    let token = answer["token"].as_str().context("token")?.to_owned();
    Ok((app, Some(token)))
}

/// What a session layer has left in a header.
async fn identify(head: &Parts) -> Identified {
    let user = head.headers.get("x-user").and_then(|user| user.to_str().ok());
    Ok(user.map(CustomerIdentity::customer))
}
