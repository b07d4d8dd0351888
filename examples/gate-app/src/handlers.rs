//! What is sold. No handler knows what it costs.

use std::{io, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::Path,
    http::StatusCode,
    response::{AppendHeaders, IntoResponse, Response},
};
use bytes::Bytes;
use farebox::PaymentContext;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};

pub(crate) async fn ask(payment: PaymentContext, Json(question): Json<Value>) -> Json<Value> {
    let text = question["query"].as_str().unwrap_or_default();
    Json(json!({ "response": format!("You asked: {text}"), "request": payment.request_id() }))
}

/// What was asked for, and what it costs.
pub(crate) async fn echo(payment: PaymentContext, Json(asked): Json<Value>) -> Json<Value> {
    Json(json!({ "asked": asked, "credits": payment.amount().to_string() }))
}

pub(crate) async fn user(Path(id): Path<String>) -> Json<Value> {
    Json(json!({ "id": id }))
}

pub(crate) async fn task(Path(agent): Path<String>, payment: PaymentContext) -> Json<Value> {
    let name = payment.agent_request().and_then(|agent| agent.agent_name().map(str::to_owned));
    Json(json!({ "agent": agent, "name": name }))
}

pub(crate) async fn status(Path(code): Path<u16>) -> Response {
    let status = StatusCode::from_u16(code).ok().filter(|status| !status.is_informational());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    (status, format!("status {status}")).into_response()
}

#[allow(clippy::panic, reason = "this is what it is for")]
pub(crate) async fn boom() -> &'static str {
    panic!("the handler panics")
}

pub(crate) async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(500)).await;
    "worth the wait"
}

pub(crate) async fn stream() -> Body {
    Body::from_stream(chunks(5).map(Ok::<_, io::Error>))
}

/// Two chunks, then nothing more that could be read.
pub(crate) async fn broken_stream() -> Body {
    let broken = stream::once(async { Err(io::Error::other("the source is gone")) });
    Body::from_stream(chunks(2).map(Ok).chain(broken))
}

fn chunks(count: usize) -> impl Stream<Item = Bytes> {
    stream::iter(1..=count).then(|number| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Bytes::from(format!("chunk {number}\n"))
    })
}

pub(crate) async fn cookies() -> impl IntoResponse {
    (AppendHeaders([("set-cookie", "first=1"), ("set-cookie", "second=2")]), "with two cookies")
}

/// All that a handler may know of its payment; the token stays out of it.
pub(crate) async fn context(payment: PaymentContext) -> Json<Value> {
    Json(json!({
        "credits_to_settle": payment.amount().to_string(),
        "agent_request_id": payment.request_id(),
        "payer": payment.payer(),
        "verified": true,
        "has_token": !payment.token().expose().is_empty(),
        "payment_required": **payment.offer(),
        "agent_request": payment.agent_request().map(|agent| agent.json().clone()),
    }))
}
