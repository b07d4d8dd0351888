//! The payments service, over HTTP.

use std::{fs, path::Path, time::Duration};

use farebox_types::Secret;
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};

use crate::failure::failure;

const VARIABLE: &str = "FAREBOX_API_TOKEN";
const CONNECT: Duration = Duration::from_secs(5);
/// A payment may wait for its provider.
const PATIENCE: Duration = Duration::from_secs(60);

/// The service, by its address.
#[derive(Clone)]
pub(super) struct Api {
    http: Client,
    base: String,
}

/// The service, for whoever has the token.
pub(super) struct Caller {
    api: Api,
    token: Secret,
}

/// Why there is no good answer.
pub(super) enum Trouble {
    /// The service said no: the status, and its words.
    Said(u16, Value),
    /// Nothing was sent.
    NotSent,
    /// It may have been done.
    Unknown(&'static str),
}

impl Trouble {
    /// Whether nothing can have come of the request.
    pub(super) fn nothing_done(&self) -> bool {
        match self {
            Self::NotSent => true,
            // A conflict or a wait says nothing about the request that is under way.
            Self::Said(status, _) => (400..500).contains(status) && ![408, 409, 425, 429].contains(status),
            Self::Unknown(_) => false,
        }
    }

    /// For the agent.
    pub(super) fn told(self) -> Value {
        match self {
            Self::Said(status, words) => json!({"error": "refused", "status": status, "problem": words}),
            Self::NotSent => json!({"error": "unreachable", "message": "the payments service cannot be reached"}),
            Self::Unknown(what) => json!({"error": "unknown", "message": what}),
        }
    }
}

impl Api {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let wrong = || failure("--url is no address", "write --url http://127.0.0.1:3001");
        let parsed = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.query().is_some() {
            return Err(wrong());
        }
        let http =
            Client::builder().connect_timeout(CONNECT).timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        Ok(Self { http: http.build()?, base: url.trim_end_matches('/').to_owned() })
    }

    /// The same, for whoever has the token.
    pub(super) fn with(&self, token: Secret) -> Caller {
        Caller { api: self.clone(), token }
    }
}

impl Caller {
    /// Reads a path.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.send(Method::GET, path, None).await
    }

    /// Posts under a key.
    pub(super) async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Value, Trouble> {
        self.send(Method::POST, path, Some((key, body))).await
    }

    async fn send(&self, method: Method, path: &str, write: Option<(&str, &Value)>) -> Result<Value, Trouble> {
        let mut request =
            self.api.http.request(method, format!("{}{path}", self.api.base)).bearer_auth(self.token.expose());
        if let Some((key, body)) = write {
            request = request.header("idempotency-key", key).json(body);
        }
        let answer = request.send().await.map_err(|error| match error.is_connect() || error.is_builder() {
            true => Trouble::NotSent,
            false => Trouble::Unknown("no answer from the payments service; repeat the call as it was"),
        })?;
        let status = answer.status().as_u16();
        let body = answer.json().await;
        match (status, body) {
            (200..=299, Ok(body)) => Ok(body),
            (200..=299, Err(_)) => Err(Trouble::Unknown("the answer broke off; repeat the call as it was")),
            (_, body) => Err(Trouble::Said(status, body.unwrap_or(Value::Null))),
        }
    }
}

/// The token, from a file that was named, else from the environment.
pub(super) fn token(file: Option<&Path>) -> anyhow::Result<Secret> {
    let text =
        match file {
            Some(file) => Some(fs::read_to_string(file).map_err(|error| {
                failure(format!("{} cannot be read: {error}", file.display()), "check --token-file")
            })?),
            None => {
                #[expect(clippy::disallowed_methods, reason = "a secret, read here and nowhere else")]
                let text = std::env::var(VARIABLE);
                text.ok()
            }
        };
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let help =
        format!("set {VARIABLE}, or name a file that holds it with --token-file; `farebox token create` makes one");
    text.map(Secret::new).ok_or_else(|| failure("there is no API token", help))
}
