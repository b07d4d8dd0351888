//! The chain, shared: by handles in this process, and over HTTP.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::spawn_blocking, time::MissedTickBehavior};

use super::{methods, node::Node, params::Params, refused::Refused};

/// Calls in one batch at most.
const MOST_CALLS: usize = 1_000;
/// Longer requests are not read.
const LONGEST: usize = 5 * 1024 * 1024;

/// Reads run side by side; what changes the chain runs alone.
#[derive(Clone)]
pub(super) struct Shared(Arc<RwLock<Node>>);

impl Shared {
    pub(super) fn new(node: Node) -> Self {
        Self(Arc::new(RwLock::new(node)))
    }

    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Node) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let node = self.clone();
        let looked = spawn_blocking(move || look(&node.0.read().unwrap_or_else(PoisonError::into_inner)));
        looked.await.map_err(Refused::bug)?
    }

    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Node) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let node = self.clone();
        let changed = spawn_blocking(move || change(&mut node.0.write().unwrap_or_else(PoisonError::into_inner)));
        changed.await.map_err(Refused::bug)?
    }

    pub(super) async fn call(&self, method: String, params: Value) -> Result<Value, Refused> {
        let node = self.clone();
        spawn_blocking(move || node.run(&method, &params)).await.map_err(Refused::bug)?
    }

    fn run(&self, method: &str, params: &Value) -> Result<Value, Refused> {
        let params = Params::of(params)?;
        if methods::changes(method) {
            methods::change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), method, params)
        } else {
            methods::look(&self.0.read().unwrap_or_else(PoisonError::into_inner), method, params)
        }
    }

    /// The answer to a request or a batch of them; none to notifications.
    fn answer(&self, body: &[u8]) -> Option<Value> {
        match serde_json::from_slice(body) {
            Err(error) => Some(failed(&Value::Null, &Refused::coded(-32_700, format!("parse error: {error}")))),
            Ok(Value::Array(calls)) if calls.is_empty() => Some(failed(&Value::Null, &Refused::request("empty batch"))),
            Ok(Value::Array(calls)) if calls.len() > MOST_CALLS => {
                Some(failed(&Value::Null, &Refused::request("batch too large")))
            }
            Ok(Value::Array(calls)) => {
                let answers: Vec<Value> = calls.iter().filter_map(|call| self.answer_one(call)).collect();
                (!answers.is_empty()).then(|| answers.into())
            }
            Ok(call) => self.answer_one(&call),
        }
    }

    fn answer_one(&self, call: &Value) -> Option<Value> {
        let Some(method) = call.get("method").and_then(Value::as_str) else {
            let id = call.get("id").unwrap_or(&Value::Null);
            return Some(failed(id, &Refused::request("invalid request")));
        };
        let answer = self.run(method, call.get("params").unwrap_or(&Value::Null));
        let id = call.get("id")?;
        Some(match answer {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(refused) => failed(id, &refused),
        })
    }
}

fn failed(id: &Value, refused: &Refused) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": refused.to_json()})
}

/// Answers until `stop`'s other end is dropped.
pub(super) async fn serve(listener: TcpListener, node: Shared, stop: oneshot::Receiver<()>) {
    let router = Router::new().route("/", post(receive)).layer(DefaultBodyLimit::max(LONGEST)).with_state(node);
    let stopped = async move {
        let _ = stop.await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!("the development chain has stopped: {error}");
    }
}

async fn receive(State(node): State<Shared>, body: Bytes) -> Response {
    match spawn_blocking(move || node.answer(&body)).await {
        Ok(Some(answer)) => ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A block every `period`, until it is aborted.
pub(super) async fn mine(node: Shared, period: Duration) {
    let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(refused) = node.change(|node| Ok(node.mine())).await {
            tracing::error!("no block: {refused}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devchain::DevOptions;

    fn answer(body: &str) -> Option<Value> {
        Shared::new(Node::new(DevOptions::default()).unwrap()).answer(body.as_bytes())
    }

    #[test]
    fn batches_are_answered_in_order_and_notifications_are_not() {
        let batch = r#"[{"id":7,"method":"eth_chainId"},{"method":"evm_mine"},{"id":"b","method":"eth_blockNumber","params":[]},5]"#;
        let answers = answer(batch).unwrap();
        assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": 7, "result": "0x14a34"}));
        assert_eq!(answers[1], json!({"jsonrpc": "2.0", "id": "b", "result": "0x1"}));
        assert_eq!(answers[2]["error"]["code"], -32_600);
        assert_eq!(answers.as_array().unwrap().len(), 3);
        assert_eq!(answer(r#"{"method":"evm_mine"}"#), None);
    }

    #[test]
    fn what_is_no_request_is_answered_with_an_error() {
        let code = |body: &str| answer(body).unwrap()["error"]["code"].clone();
        assert_eq!(code("{"), -32_700);
        assert_eq!(code(&"[".repeat(200_000)), -32_700);
        assert_eq!(code("[]"), -32_600);
        assert_eq!(code("{}"), -32_600);
        assert_eq!(code(r#"{"id":1,"method":"eth_call","params":{}}"#), -32_602);
        assert_eq!(code(r#"{"id":1,"method":"eth_call","params":[{"to":"0x1"}]}"#), -32_602);
    }
}
