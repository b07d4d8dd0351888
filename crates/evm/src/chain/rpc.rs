//! JSON-RPC over pooled connections. Every call may be repeated, at another node too: reads change nothing, and a signed
//! transaction is the same one however often it is sent.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use farebox_x402::client::{Pool, pool};
use http::{HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use super::Fault;

/// How long a node may take to be reached.
const CONNECT: Duration = Duration::from_secs(3);
/// Longer answers are not read.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// A node's words are cut to this.
const MAX_WORDS: usize = 300;

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) params: Value,
}

/// A node's error.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RpcError {
    pub(super) code: i64,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) data: Option<Value>,
}

impl RpcError {
    pub(super) fn of(self, method: &'static str) -> Fault {
        Fault::Refused { method, code: self.code, message: self.message }
    }

    /// The node has had enough; another one may answer.
    fn is_busy(&self) -> bool {
        const WORDS: [&str; 4] = ["rate limit", "too many requests", "request rate exceeded", "capacity exceeded"];
        // The same code says that a look at events would be too long.
        const LONG: [&str; 3] = ["result", "range", "logs"];
        let message = self.message.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
        self.code == 429 || has(&WORDS) || (self.code == -32_005 && !has(&LONG))
    }
}

/// The answer to one call.
pub(super) type Answer = Result<Box<RawValue>, RpcError>;

#[derive(Serialize)]
struct CallWire<'a> {
    jsonrpc: &'static str,
    id: usize,
    method: &'static str,
    params: &'a Value,
}

#[derive(Deserialize)]
struct AnswerWire {
    #[serde(default)]
    id: Option<usize>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<RpcError>,
}

/// The nodes of one chain, asked in order until one answers.
#[derive(Clone)]
pub(super) struct Rpc {
    http: Pool,
    nodes: Arc<[Uri]>,
    chain: Arc<str>,
    timeout: Duration,
}

/// A node address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadNode {
    /// Not `http(s)://…`.
    #[error("the RPC address of {chain} must read http(s)://host[:port][/path]")]
    Address {
        /// Which chain's.
        chain: String,
    },
    /// None was given.
    #[error("{chain} has no RPC address")]
    None {
        /// Which chain.
        chain: String,
    },
    /// TLS is not available.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Rpc {
    pub(super) fn new(chain: &str, urls: &[String], timeout: Duration) -> Result<Self, BadNode> {
        let node = |url: &String| {
            let uri: Uri = url.parse().ok()?;
            let http = matches!(uri.scheme_str(), Some("http" | "https"));
            (http && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
        };
        let nodes: Option<Arc<[Uri]>> = urls.iter().map(node).collect();
        let nodes = nodes.ok_or_else(|| BadNode::Address { chain: chain.to_owned() })?;
        if nodes.is_empty() {
            return Err(BadNode::None { chain: chain.to_owned() });
        }
        Ok(Self {
            http: pool(CONNECT).map_err(|error| BadNode::Tls(error.to_string()))?,
            nodes,
            chain: chain.into(),
            timeout,
        })
    }

    /// One call, read as `T`.
    pub(super) async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, Fault> {
        let mut answers = self.batch(&[Call { method, params }]).await?;
        let answer = answers.pop().ok_or_else(|| unreadable(method, "no answer"))?;
        read(method, answer)
    }

    /// Many calls in one exchange; answers in order.
    pub(super) async fn batch(&self, calls: &[Call]) -> Result<Vec<Answer>, Fault> {
        let Some(first) = calls.first() else { return Ok(Vec::new()) };
        let wire: Vec<CallWire<'_>> = calls
            .iter()
            .enumerate()
            .map(|(id, call)| CallWire { jsonrpc: "2.0", id, method: call.method, params: &call.params })
            .collect();
        let body = match &wire[..] {
            [only] => serde_json::to_vec(only),
            all => serde_json::to_vec(all),
        };
        let body = Bytes::from(body.map_err(|error| unreadable(first.method, error))?);
        let mut last = String::new();
        for node in self.nodes.iter() {
            match tokio::time::timeout(self.timeout, self.exchange(node, body.clone())).await {
                Ok(Ok(answer)) => match sort(&answer, calls.len()) {
                    Ok(answers) => return Ok(answers),
                    Err(what) => last = what,
                },
                Ok(Err(what)) => last = what,
                Err(_) => last = "no answer in time".to_owned(),
            }
            tracing::debug!(chain = &*self.chain, method = first.method, "a node failed: {last}");
        }
        Err(Fault::Unreachable { chain: self.chain.to_string(), what: last })
    }

    async fn exchange(&self, node: &Uri, body: Bytes) -> Result<Bytes, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = node.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.http.request(request).await.map_err(|error| {
            if error.is_connect() { "no connection".to_owned() } else { "the connection broke".to_owned() }
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| "the answer broke off or is too long".to_owned())?.to_bytes();
        // Some nodes put a JSON-RPC error into another status; without one, the status is all there is. Others are too busy,
        // and say so in JSON.
        let busy = matches!(status.as_u16(), 429 | 502..=504);
        if busy || (!status.is_success() && !body.starts_with(b"{") && !body.starts_with(b"[")) {
            return Err(format!("status {}", status.as_u16()));
        }
        Ok(body)
    }
}

/// Answers in the order of their calls; every call must have one.
fn sort(body: &[u8], calls: usize) -> Result<Vec<Answer>, String> {
    let shape = |error: serde_json::Error| cut(&format!("not JSON-RPC: {error}"));
    let answers: Vec<AnswerWire> = match body.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice(body).map_err(shape)?,
        _ => {
            let only: AnswerWire = serde_json::from_slice(body).map_err(shape)?;
            if let (Some(error), true) = (&only.error, calls > 1 || only.id.is_none()) {
                return Err(format!("{} {}", error.code, cut(&error.message)));
            }
            vec![only]
        }
    };
    let mut sorted: Vec<Option<Answer>> = (0..calls).map(|_| None).collect();
    for answer in answers {
        let place = answer.id.and_then(|id| sorted.get_mut(id)).ok_or("an answer to no call")?;
        *place = Some(match (answer.error, answer.result) {
            (Some(error), _) if error.is_busy() => return Err(format!("{} {}", error.code, cut(&error.message))),
            (Some(error), _) => Err(RpcError { message: cut(&error.message), ..error }),
            (None, Some(result)) => Ok(result),
            (None, None) => Ok(null()),
        });
    }
    sorted.into_iter().collect::<Option<_>>().ok_or_else(|| "some calls have no answer".to_owned())
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// Reads an answer as `T`.
pub(super) fn read<T: DeserializeOwned>(method: &'static str, answer: Answer) -> Result<T, Fault> {
    match answer {
        Ok(value) => serde_json::from_str(value.get()).map_err(|error| unreadable(method, error)),
        Err(error) => Err(error.of(method)),
    }
}

pub(super) fn unreadable(method: &'static str, what: impl std::fmt::Display) -> Fault {
    Fault::Unreadable { method, what: cut(&what.to_string()) }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}
