//! What is measured.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    routing::{get, post},
};
use bytes::Bytes;
use farebox_gate::{Gate, Route};
use farebox_server::{Backend, Keyring, issue_api_key, router};
use farebox_store::{Change, Merchant, OperationKey, Record, Role, SqliteStore, Store};
use farebox_types::{Clock, Id, Mode, Secret, SystemClock};
use farebox_x402::client::{ChainFacilitator, CreditsClient};
use http::{Request, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

const VERIFIED: &str = r#"{"isValid":true,"payer":"0x857b06519e91e3a54538791bdbb0e22373e36b66","network":"eip155:84532","agentRequestId":"019a0000-0000-7000-8000-000000000001"}"#;
const SETTLED: &str = r#"{"success":true,"payer":"0x857b06519e91e3a54538791bdbb0e22373e36b66","transaction":"0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef","network":"eip155:84532","creditsRedeemed":"1","remainingBalance":"9"}"#;
const SUPPORTED: &str = r#"{"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:84532"}],"extensions":[],"signers":{"eip155:*":["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"]}}"#;
const CHAIN_VERIFIED: &str = r#"{"isValid":true,"payer":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}"#;
const CHAIN_SETTLED: &str = r#"{"success":true,"payer":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","transaction":"0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef","network":"eip155:84532"}"#;
/// About what an access token weighs.
const TOKEN_BYTES: usize = 1000;

/// Serves one subject until the process is killed. Prints its URL, and the payment header it takes, if any.
pub(crate) async fn serve(subject: &str, rest: &[&str]) -> anyhow::Result<()> {
    let (app, header) = match (subject, rest) {
        ("unprotected", []) => (handler(), None),
        ("stub", []) => (stub(), None),
        ("two-calls", [upstream]) => (two_calls(upstream)?, None),
        ("gate-remote", [upstream]) => {
            let client = CreditsClient::new(upstream, Secret::new("local:bench".into()))?;
            (handler().layer(gate(Arc::new(client), "7")?), Some("A".repeat(TOKEN_BYTES)))
        }
        ("chain-stub", []) => (chain_stub(), None),
        ("gate-chain", [facilitator]) => (handler().layer(gate_on_chain(facilitator)?), None),
        ("gate-local", []) => gate_local().await?,
        _ => bail!("no such subject: {subject} {}", rest.join(" ")),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{} {}", listener.local_addr()?, header.unwrap_or_default());
    Ok(axum::serve(listener, app).await?)
}

fn handler() -> Router {
    Router::new().route("/paid", post(async || Json(json!({"ok": true, "result": "hello"}))))
}

fn stub() -> Router {
    let answer = |text: &'static str| post(async move || ([(CONTENT_TYPE, "application/json")], text));
    let release = r#"{"released":true}"#;
    let routes = Router::new().route("/verify", answer(VERIFIED)).route("/settle", answer(SETTLED));
    Router::new().nest("/api/v1/x402", routes.route("/release", answer(release)))
}

fn gate(facilitator: Arc<dyn farebox_x402::Facilitator>, plan: &str) -> anyhow::Result<Gate> {
    let builder = Gate::builder().facilitator(facilitator).mode(Mode::Test);
    Ok(builder.route("POST /paid", Route::credits(plan)).build()?)
}

/// A facilitator that believes everybody; a credits backend too, so that every middleware finds its own there.
fn chain_stub() -> Router {
    let answer = |text: &'static str| async move || ([(CONTENT_TYPE, "application/json")], text);
    let supported = answer(SUPPORTED);
    Router::new()
        .route("/verify", post(answer(CHAIN_VERIFIED)))
        .route("/settle", post(answer(CHAIN_SETTLED)))
        .route("/supported", get(supported))
        .merge(stub())
}

fn gate_on_chain(facilitator: &str) -> anyhow::Result<Gate> {
    let gate = Gate::builder().chain(Arc::new(ChainFacilitator::at(facilitator)?)).mode(Mode::Test);
    let price = Route::exact("$0.01").pay_to("0x209693Bc6afc0C5328bA36FaF03C514EF312287C").network("eip155:84532");
    Ok(gate.route("POST /paid", price).build()?)
}

#[derive(Clone)]
struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    verify: Uri,
    settle: Uri,
}

/// The ceiling of a gate with a remote backend: the same two calls, the same bytes, nothing in between.
fn two_calls(upstream: &str) -> anyhow::Result<Router> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let [verify, settle] = ["verify", "settle"].map(|verb| format!("{upstream}/api/v1/x402/{verb}").parse());
    let upstream = Upstream { client, verify: verify?, settle: settle? };
    let call = async |State(upstream): State<Upstream>| {
        let body = Bytes::from(format!("{{\"pad\":\"{}\"}}", "a".repeat(TOKEN_BYTES + 300)));
        for uri in [&upstream.verify, &upstream.settle] {
            let request = Request::post(uri).header("content-type", "application/json").body(Full::new(body.clone()));
            let Ok(request) = request else { return Json(Value::Null) };
            let Ok(answer) = upstream.client.request(request).await else { return Json(Value::Null) };
            if answer.into_body().collect().await.is_err() {
                return Json(Value::Null);
            }
        }
        Json(json!({"ok": true, "result": "hello"}))
    };
    Ok(Router::new().route("/paid", post(call)).with_state(upstream))
}

/// The gate and the credits backend in one process, on a SQLite file of their own.
async fn gate_local() -> anyhow::Result<(Router, Option<String>)> {
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("bench.db"), clock.clone())?);
    store.migrate().await?;
    let (keyring, at) = (Keyring::new([7; 32]), clock.now());
    let merchant = Merchant { id: Id::generate(), name: "bench".into(), mode: Mode::Test, created_at: at };
    store.record(first_merchant(&merchant)).await?;
    let (seller, row) = issue_api_key(&*store, &keyring, merchant.id, Role::Seller, at).await?;
    let backend = Backend::new(store, clock, keyring);
    let api = router(backend.clone());

    let plan = json!({
        "metadataAttributes": {"name": "bench"},
        "priceConfig": {"amounts": [], "receivers": [], "isCrypto": true},
        "creditsConfig": {"isRedemptionAmountFixed": true, "redemptionType": 4, "durationSecs": "0",
                          "amount": "1000000000", "minAmount": "1", "maxAmount": "1"},
        "nonce": "1", "isTrialPlan": false, "accessLimit": "credits",
    });
    let plan = ask(&api, &seller, "/protocol/plans", &plan).await?["planId"].as_str().context("planId")?.to_owned();
    ask(&api, &seller, &format!("/protocol/plans/{plan}/order"), &json!({})).await?;
    let accepted = json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan});
    let token = ask(&api, &seller, "/x402/permissions", &json!({"accepted": accepted})).await?;
    let token = token["accessToken"].as_str().context("accessToken")?.to_owned();
    ensure!(row.tenant == merchant.id, "a key of another merchant");
    // The file lives as long as the process.
    std::mem::forget(folder);
    Ok((handler().layer(gate(Arc::new(backend), &plan)?), Some(token)))
}

pub(crate) fn first_merchant(merchant: &Merchant) -> Record {
    Record {
        tenant: merchant.id,
        operation: OperationKey { scope: "bench".into(), key: "merchant".into() },
        request_hash: [0; 32],
        changes: vec![Change::Merchant(merchant.clone())],
        answer: "{}".into(),
        actor: farebox_engine::ledger::Actor::new("bench"),
        at: merchant.created_at,
    }
}

async fn ask(api: &Router, key: &Secret, path: &str, body: &Value) -> anyhow::Result<Value> {
    let request = Request::post(format!("/api/v1{path}"))
        .header("authorization", format!("Bearer {}", key.expose()))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))?;
    let answer = api.clone().oneshot(request).await?;
    let status = answer.status();
    let bytes = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
    Ok(serde_json::from_slice(&bytes)?)
}
