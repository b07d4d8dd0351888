//! What is measured.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use axum::{
    Json, Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use farebox_server::{
    Backend, Keyring, TokenTerms,
    billing::{BillingSettings, router},
    issue_api_token,
};
use farebox_store::{Database, DatabaseUrl, Merchant};
use farebox_types::{Clock, Id, Mode, Secret, SystemClock};
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;
use uuid::Uuid;

use super::each;
use crate::gate::subject::first_merchant;

pub(super) const CUSTOMERS: usize = 256;
/// What a check of a metered feature answers.
pub(super) const ANSWER: &str = r#"{"allowed":true,"customer_id":"0190c8a2-0000-7000-8000-000000000000","feature_id":"0190c8a2-0000-7000-8000-000000000000","feature_code":"calls","feature_name":"calls","value_type":"metered","unit":null,"balance":9876,"included_usage":10000,"usage":124,"held":0,"unlimited":false,"interval":"calendar_month","cycle_start_at":"2026-05-01T00:00:00Z","next_reset_at":"2026-06-01T00:00:00Z","source":"plan_grant","value":{"type":"metered","n":10000,"u":false}}"#;

/// Serves one subject until the process is killed. Prints its URL and, for ours, a token.
pub(crate) async fn serve(subject: &str, rest: &[&str]) -> anyhow::Result<()> {
    let (app, token) = match (subject, rest) {
        ("billing", [database]) => ours(database).await?,
        ("billing-nothing", []) => (nothing(), None),
        ("billing-each", [database]) => (each::router(database).await?, None),
        _ => bail!("no such subject: {subject} {}", rest.join(" ")),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{} {}", listener.local_addr()?, token.unwrap_or_default());
    Ok(axum::serve(listener, app).await?)
}

pub(super) fn customers(ids: Vec<String>) -> Router {
    Router::new().route("/bench/customers", get(async move || Json(ids)))
}

/// Reads the body, and answers without having looked anything up.
fn nothing() -> Router {
    let track = async |_: Json<Value>| StatusCode::NO_CONTENT;
    let told = async |_: Json<Value>| ([(CONTENT_TYPE, "application/json")], Bytes::from_static(ANSWER.as_bytes()));
    Router::new()
        .route("/v1/track", post(track))
        .route("/v1/consume", post(told))
        .route("/v1/check", post(told))
        .merge(customers((0..CUSTOMERS).map(|_| Uuid::now_v7().to_string()).collect()))
}

/// Our API with customers on a plan that is not used up.
async fn ours(database: &str) -> anyhow::Result<(Router, Option<String>)> {
    let (clock, url): (_, DatabaseUrl) = (Arc::new(SystemClock), database.parse()?);
    let store = Database::open(&url, clock.clone()).await?;
    store.migrate().await?;
    let (keyring, at) = (Keyring::new([7; 32]), clock.now());
    let merchant = Merchant { id: Id::generate(), name: "bench".into(), mode: Mode::Test, created_at: at };
    store.record(first_merchant(&merchant)).await?;
    let terms = TokenTerms::all("bench");
    let (token, _) = issue_api_token(&*store, &keyring, merchant.id, Mode::Test, &terms, at).await?;
    let api = router(Backend::new(store, clock, keyring), BillingSettings::default());
    let ask = async |method, path: &str, body: Value| ask(&api, &token, (method, path), &body).await;
    ask(Method::PUT, "/v1/admin/features/calls", json!({"code": "calls", "kind": "metered"})).await?;
    let plan = json!({
        "code": "plan", "name": "Plan", "prices": [{"amount": 0, "currency": "USD", "interval": "month"}],
        "features": {"calls": {"includedUsage": 1_000_000_000, "usageCycle": "calendar_month"}},
    });
    let plan = ask(Method::PUT, "/v1/admin/plans/plan", plan).await?;
    let mut ids = Vec::with_capacity(CUSTOMERS);
    for at in 0..CUSTOMERS {
        let email = format!("c{at}@bench.test");
        let customer = ask(Method::POST, "/v1/customers", json!({"email": email})).await?;
        let id = customer["id"].as_str().context("id")?.to_owned();
        ask(Method::POST, "/v1/attach", json!({"customer_id": id, "plan_id": plan["id"]})).await?;
        ids.push(id);
    }
    Ok((api.merge(customers(ids)), Some(token.expose().to_owned())))
}

async fn ask(api: &Router, token: &Secret, (method, path): (Method, &str), body: &Value) -> anyhow::Result<Value> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", token.expose()))
        .header("idempotency-key", Uuid::now_v7().to_string())
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))?;
    let answer = api.clone().oneshot(request).await?;
    let status = answer.status();
    let bytes = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
    Ok(serde_json::from_slice(&bytes)?)
}
