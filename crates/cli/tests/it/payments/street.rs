//! A merchant's server, the simulated provider as another process, and the wire between them.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::wire::Wire;
use crate::world::{Engine, Keys, World};

const KEY: &str = "sk_test_of_the_street";

/// Runs a test on a street of its own on each engine; then everything is audited.
macro_rules! on_both_streets {
    ($($(#[$doc:meta])* async fn $name:ident($street:ident: &Street) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $(#[$doc])*
            async fn body($street: &Street) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                let street = Street::new(crate::world::Engine::Sqlite).await.unwrap();
                body(&street).await;
                street.finish().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                let Some(street) = Street::new(crate::world::Engine::Postgres).await else { return };
                body(&street).await;
                street.finish().await;
            }
        }
    )*};
}
pub(super) use on_both_streets;

/// A process that says where it listens; killed when dropped.
pub(super) struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> (Self, Value) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command:?} did not start: {line}"));
        (Self(child), said)
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn terminate(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(self.0.wait().unwrap().code(), Some(0), "SIGTERM ends it in order");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An answer: status, whether it was replayed, body.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) replayed: bool,
    pub(super) body: Value,
}

impl Said {
    pub(super) fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

pub(super) struct Street {
    pub(super) world: World,
    pub(super) keys: Keys,
    /// Between our server and the provider.
    pub(super) wire: Wire,
    address: SocketAddr,
    provider_url: String,
    server: std::sync::Mutex<Option<Running>>,
    _provider: Running,
}

impl Street {
    pub(super) async fn new(engine: Engine) -> Option<Self> {
        let world = World::new(engine).await?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let keys = world.keys();
        let secret = world.json(&["webhooks", "secret", "--provider", "sim", "--json"]);
        // Free a moment ago; the server must come back where the provider's webhooks go.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let hooks = format!("http://{address}/webhooks/sim");
        let flags = ["sim-provider", "--json", "--key", KEY, "--journal", "provider.jsonl", "--webhook-url", &hooks];
        let mut command = world.farebox(&flags);
        command.env("FAREBOX_SIM_WEBHOOK_SECRET", secret["secret"].as_str().unwrap());
        let (provider, said) = Running::start(&mut command);
        let provider_url = said["listening"].as_str().unwrap().to_owned();
        let wire = Wire::to(provider_url.strip_prefix("http://").unwrap().parse().unwrap()).await;
        let server = std::sync::Mutex::default();
        let street = Self { world, keys, wire, address, provider_url, server, _provider: provider };
        street.serve();
        Some(street)
    }

    /// Starts the server, where it was.
    pub(super) fn serve(&self) {
        let server = self.server_at(&self.address.to_string()).0;
        assert!(self.server.lock().unwrap().replace(server).is_none(), "one at a time");
    }

    /// Another server on the same database, somewhere else.
    pub(super) fn another(&self) -> (Running, String) {
        self.server_at("127.0.0.1:0")
    }

    fn server_at(&self, address: &str) -> (Running, String) {
        let mut command = self.world.farebox(&["serve", "--json", "--listen", address, "--sim-url", &self.wire.url]);
        let (server, said) = Running::start(command.env("PAYMENT_API_KEY", KEY));
        (server, said["listening"].as_str().unwrap().to_owned())
    }

    /// `kill -9` of the server.
    pub(super) fn kill(&self) {
        self.server.lock().unwrap().take().unwrap().kill();
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller_at(&self.url())
    }

    /// The same merchant's caller, by another way.
    pub(super) fn caller_at(&self, base: &str) -> Caller {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build().unwrap();
        Caller { http, base: base.to_owned(), key: self.keys.seller.clone() }
    }

    /// What the provider says of itself, past the wire and past us.
    pub(super) fn provider(&self) -> Caller {
        Caller { base: self.provider_url.clone(), key: KEY.to_owned(), ..self.caller() }
    }

    /// How many payments the provider made for ours.
    pub(super) async fn charges(&self, id: &str) -> usize {
        let merchant = self.merchant().await;
        let ours = format!("{merchant}{}", id.strip_prefix("pay_").unwrap());
        let said = self.provider().get(&format!("/v1/payments/{ours}/charges")).await;
        said.body["data"].as_array().unwrap().len()
    }

    async fn merchant(&self) -> String {
        let all = self.provider().get("/v1/payments?since=0").await;
        let ours = all.body["data"][0]["our_id"].as_str().unwrap().to_owned();
        ours[..32].to_owned()
    }

    /// Webhooks that the provider has delivered, whatever it was answered.
    pub(super) fn delivered(&self) -> usize {
        let journal = std::fs::read_to_string(self.world.folder.path().join("provider.jsonl")).unwrap();
        journal.matches("{\"delivered\":").count()
    }

    /// What `farebox reconcile` finds, and its exit code. The server is down meanwhile: a SQLite file has one owner.
    pub(super) fn differences(&self) -> (Vec<String>, Option<i32>) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.terminate();
        }
        let mut command = self.world.farebox(&["reconcile", "--json", "--since", "1h", "--sim-url", &self.wire.url]);
        let output = command.env("PAYMENT_API_KEY", KEY).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let lines = said["differences"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
        (lines.collect(), output.status.code())
    }

    /// Ends the street: the provider, the state and the ledger agree.
    pub(super) async fn finish(self) {
        assert_eq!(self.differences(), (Vec::new(), Some(0)));
        self.world.finish().await;
    }

    /// As [`Self::finish`], with a difference that was planted.
    pub(super) async fn finish_with(self, planted: &str) {
        let (found, code) = self.differences();
        assert!(found.len() == 1 && found[0].contains(planted) && code == Some(1), "{found:?} {code:?}");
        self.world.finish().await;
    }
}

/// The merchant's own program.
#[derive(Clone)]
pub(super) struct Caller {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Caller {
    pub(super) async fn get(&self, path: &str) -> Said {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        Self::said(request).await.unwrap()
    }

    /// `None`: no answer came.
    pub(super) async fn post(&self, path: &str, name: Option<&str>, body: &Value) -> Option<Said> {
        let mut request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.key).json(body);
        if let Some(name) = name {
            request = request.header("idempotency-key", name);
        }
        Self::said(request).await.ok()
    }

    async fn said(request: reqwest::RequestBuilder) -> reqwest::Result<Said> {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        Ok(Said { status, replayed, body: answer.json().await? })
    }

    /// Pays 49.99 USD; the payment's id.
    pub(super) async fn pay(&self, method: &str) -> Said {
        self.post("/payments", None, &order(method)).await.unwrap()
    }

    /// Reads the payment until it is `status`.
    pub(super) async fn until(&self, id: &str, status: &str) -> Value {
        let mut read = Value::Null;
        for _ in 0..400 {
            read = self.get(&format!("/payments/{id}")).await.body;
            if read["status"] == status {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("it does not become {status}: {read}");
    }

    /// The words of a payment's trail.
    pub(super) async fn trail(&self, id: &str) -> Vec<String> {
        let said = self.get(&format!("/payments/{id}/events")).await.body;
        let word = |entry: &Value| entry["type"].as_str().unwrap().to_owned();
        said["data"].as_array().unwrap().iter().map(word).collect()
    }
}

/// The payer, on the bank's page.
pub(super) async fn approve(url: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = http.post(url).header("content-type", "application/x-www-form-urlencoded").body("outcome=approve");
    assert!(form.send().await.unwrap().status().is_success());
}

/// As the seed's own test sends it.
pub(super) fn order(method: &str) -> Value {
    json!({"customer_id": "cust_123", "amount": 49.99, "currency": "USD", "payment_method_id": method})
}

/// To be captured later.
pub(super) fn held_order(method: &str) -> Value {
    let mut body = order(method);
    body["capture"] = json!("manual");
    body
}
