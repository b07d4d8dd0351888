//! `farebox relay`.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Request, http::HeaderMap};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A billing API that answers everything with the customer it was asked about.
#[derive(Clone, Default)]
struct Billing {
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    slow: Duration,
}

impl Billing {
    async fn start(&self) -> String {
        let billing = self.clone();
        let app = Router::new().fallback(async move |request: Request| {
            let line = format!("{} {}", request.method(), request.uri());
            billing.seen.lock().unwrap().push((line.clone(), request.headers().clone()));
            tokio::time::sleep(billing.slow).await;
            axum::Json(json!({"line": line}))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(line, _)| line.clone()).collect()
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command.arg("relay").args(args).args(["--listen", "127.0.0.1:0", "--json"]).stdin(Stdio::null());
    for name in ["PAYLERA_API_TOKEN", "PAYLERA_RELAY_SECRET", "PAYLERA_RELAY_SECRET_PREVIOUS", "PAYLERA_JWT_SECRET"] {
        command.env_remove(name);
    }
    command.env("FAREBOX_LOG", "warn").env("PAYLERA_API_TOKEN", "pl_test_cli").current_dir(std::env::temp_dir());
    command
}

/// A running relay; killed when dropped.
pub(crate) struct Relay {
    child: Child,
    pub(crate) url: String,
}

impl Relay {
    pub(crate) fn start(command: Command) -> Self {
        Self::logging(command, Stdio::piped())
    }

    /// Its log goes there.
    pub(crate) fn logging(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut error = String::new();
            if let Some(mut log) = child.stderr.take() {
                log.read_to_string(&mut error).unwrap();
            }
            panic!("it did not start: {line} {error}")
        });
        let url = format!("{}{}", said["listening"].as_str().unwrap(), said["prefix"].as_str().unwrap());
        Self { child, url }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let mut request = http.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn a_proxys_headers_say_who_is_calling() {
    let billing = Billing::default();
    let upstream = billing.start().await;
    let relay = Relay::start(command(&["--identity", "headers", "--upstream-url", &upstream, "--prefix", "/pay"]));
    let (status, answer) = relay.get("/me", &[("x-paylera-customer-id", "cus_ann")]).await;
    assert_eq!((status, &answer["line"]), (200, &json!("GET /v1/customers/cus_ann")));
    assert_eq!(relay.get("/me", &[]).await.0, 401);
    assert_eq!(relay.get("/../elsewhere", &[]).await.1["type"], "paylera.not_found");
    let (_, headers) = billing.seen.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer pl_test_cli");
}

#[tokio::test]
async fn headers_from_an_untrusted_host_are_not_believed() {
    let billing = Billing::default();
    let upstream = billing.start().await;
    let args = ["--identity", "headers", "--upstream-url", &upstream, "--trusted-proxy", "10.0.0.0/8"];
    let relay = Relay::start(command(&args));
    assert_eq!(relay.get("/me", &[("x-paylera-customer-id", "cus_ann")]).await.0, 401);
    assert!(billing.lines().is_empty());
}

fn token(key: &str, claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

#[tokio::test]
async fn a_session_token_says_who_is_calling() {
    let billing = Billing::default();
    let upstream = billing.start().await;
    let args =
        ["--identity", "jwt", "--upstream-url", &upstream, "--claim", "customer_id=sub", "--jwt-audience", "shop"];
    let mut command = command(&args);
    command.env("PAYLERA_JWT_SECRET", SECRET);
    let relay = Relay::start(command);
    let me = async |token: String| relay.get("/me", &[("authorization", &format!("Bearer {token}"))]).await;
    let good = json!({"sub": "cus_ann", "aud": "shop", "exp": 4_000_000_000_u64});
    assert_eq!(me(token(SECRET, &good)).await.1["line"], "GET /v1/customers/cus_ann");

    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        token(SECRET, &claims)
    };
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good_payload(&token(SECRET, &good)));
    for bad in [
        token("another secret of thirty-two bytes", &good),
        with("exp", json!(1_000_000_000)),
        with("exp", Value::Null),
        with("aud", json!("another shop")),
        with("nbf", json!(3_999_999_999_u64)),
        unsigned,
        String::new(),
    ] {
        assert_eq!(me(bad.clone()).await.0, 401, "{bad}");
    }
    assert_eq!(billing.lines().len(), 1);
}

fn good_payload(token: &str) -> &str {
    token.split('.').nth(1).unwrap()
}

#[tokio::test]
async fn what_is_missing_is_said_with_what_to_do() {
    let mut without_token = command(&["--identity", "headers"]);
    let said = refused(&without_token.env_remove("PAYLERA_API_TOKEN").output().unwrap());
    assert!(said.contains("PAYLERA_API_TOKEN") && said.contains("pl_test_"), "{said}");

    let said = refused(&command(&["--identity", "jwt", "--upstream-url", "http://127.0.0.1:9"]).output().unwrap());
    assert!(said.contains("--jwt-secret-file") && said.contains("--jwks-file"), "{said}");

    let live = ["--identity", "headers", "--upstream-url", "http://127.0.0.1:9"];
    let said = refused(&command(&live).env("PAYLERA_API_TOKEN", "pl_live_x").output().unwrap());
    assert!(said.contains("PAYLERA_RELAY_SECRET") && said.contains("openssl rand"), "{said}");

    let mut short = command(&live);
    let said = refused(&short.arg("--production").env("PAYLERA_RELAY_SECRET", "hunter2").output().unwrap());
    assert!(said.contains("32 bytes") && !said.contains("hunter2"), "{said}");

    let mut unknown = command(&["--identity", "headers"]);
    let said = refused(&unknown.env("PAYLERA_API_TOKEN", "tok_secret_x").output().unwrap());
    assert!(said.contains("--upstream-url") && !said.contains("tok_secret_x"), "{said}");
}

#[tokio::test]
async fn told_to_stop_it_answers_what_runs_and_ends_well() {
    let billing = Billing { slow: Duration::from_millis(800), ..Billing::default() };
    let upstream = billing.start().await;
    let mut relay = Relay::start(command(&["--identity", "headers", "--upstream-url", &upstream]));
    let ask = async {
        let answer = relay.get("/me", &[("x-paylera-customer-id", "cus_ann")]).await;
        (answer, std::time::Instant::now())
    };
    let stop = async {
        while billing.lines().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        relay.terminate();
        std::time::Instant::now()
    };
    let ((answer, answered), stopped) = tokio::join!(ask, stop);
    assert_eq!(answer.0, 200);
    assert!(answered > stopped);
    let status = relay.child.wait().unwrap();
    assert!(status.success(), "{status}");
}
