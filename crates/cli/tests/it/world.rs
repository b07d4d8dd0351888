//! A database of its own, the binary beside it, and a server that can be killed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

/// Which engine a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A folder, an empty database, and the secret key they share.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) database_url: String,
    drop_database: Option<(String, String)>,
}

impl World {
    /// An empty world; `None`, with a word why, if the engine is not there.
    pub(crate) async fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        match engine {
            Engine::Sqlite => {
                let database_url = format!("sqlite:{}", folder.path().join("farebox.db").display());
                Some(Self { folder, database_url, drop_database: None })
            }
            Engine::Postgres => {
                let Ok(admin) = std::env::var("FAREBOX_TEST_POSTGRES") else {
                    assert!(std::env::var("CI").is_err(), "FAREBOX_TEST_POSTGRES must be set in CI");
                    eprintln!("skipped: FAREBOX_TEST_POSTGRES is not set; `./x test` starts a server and sets it");
                    return None;
                };
                let name = format!("cli_{}", uuid::Uuid::now_v7().simple());
                let mut sql = PgConnection::connect(&admin).await.unwrap();
                sql.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
                let (server, _) = admin.rsplit_once('/').unwrap();
                let database_url = format!("{server}/{name}");
                Some(Self { folder, database_url, drop_database: Some((admin, name)) })
            }
        }
    }

    /// The binary, in this world.
    pub(crate) fn farebox(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("DATABASE_URL", &self.database_url)
            .env("FAREBOX_SECRET_KEY", "11".repeat(32))
            .env("FAREBOX_LOG", "warn")
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end and reads the one JSON object it prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs to the end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.farebox(args).output().unwrap()
    }

    /// A merchant, a seller's key and a buyer's key with its account.
    pub(crate) fn keys(&self) -> Keys {
        self.json(&["init", "--merchant", "acme", "--mode", "test", "--json"]);
        let seller = self.json(&["key", "create", "--role", "seller", "--json"]);
        let buyer = self.json(&["key", "create", "--role", "buyer", "--json"]);
        let text = |object: &Value, name: &str| object[name].as_str().unwrap().to_owned();
        Keys { seller: text(&seller, "api_key"), buyer: text(&buyer, "api_key"), account: text(&buyer, "account") }
    }

    /// A server on a free port, ready to answer.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The same, with more in its environment.
    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Server {
        let mut child = self
            .farebox(&["serve", "--listen", "127.0.0.1:0", "--json"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the server did not start: {line}"));
        Server { child, url: said["listening"].as_str().unwrap().to_owned() }
    }

    /// Ends the world: every balance must agree.
    pub(crate) async fn finish(self) {
        self.assert_clean();
        if let Some((admin, name)) = &self.drop_database {
            let mut sql = PgConnection::connect(admin).await.unwrap();
            sql.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
        }
    }

    /// `farebox verify` finds nothing.
    pub(crate) fn assert_clean(&self) {
        let report = self.json(&["verify", "--json"]);
        assert_eq!(report["clean"], true, "{report}");
    }
}

pub(crate) struct Keys {
    pub(crate) seller: String,
    pub(crate) buyer: String,
    pub(crate) account: String,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of the credits API.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    pub(crate) fn new(base: &str, key: &str) -> Self {
        // Installed once per process; a second try finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { http, base: format!("{base}/api/v1"), key: key.to_owned() }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), reqwest::Error> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.key).json(body);
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    /// Registers a free plan of `credits`; its id.
    pub(crate) async fn register_plan(&self, credits: u64) -> String {
        let body = json!({
            "metadataAttributes": {"name": "test plan"},
            "priceConfig": {"amounts": [], "receivers": [], "isCrypto": true},
            "creditsConfig": {
                "isRedemptionAmountFixed": false, "redemptionType": 4, "durationSecs": "0",
                "amount": credits.to_string(), "minAmount": "1", "maxAmount": "1000"
            },
            "nonce": "1", "isTrialPlan": false, "accessLimit": "credits"
        });
        let (status, answer) = self.post("/protocol/plans", &body).await.unwrap();
        assert!((200..300).contains(&status), "{status} {answer}");
        answer["planId"].as_str().unwrap().to_owned()
    }

    /// Orders a plan.
    pub(crate) async fn order(&self, plan: &str) {
        let (status, answer) = self.post(&format!("/protocol/plans/{plan}/order"), &json!({})).await.unwrap();
        assert!((200..300).contains(&status), "{status} {answer}");
    }

    /// A reusable token for `plan`.
    pub(crate) async fn token(&self, plan: &str) -> String {
        let body = json!({"accepted": accept(plan)});
        let (status, answer) = self.post("/x402/permissions", &body).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn balance(&self, plan: &str, account: &str) -> u64 {
        let answer = self.get(&format!("/protocol/plans/{plan}/balance/{account}")).await;
        answer["balance"].as_str().map_or_else(|| answer["balance"].as_u64().unwrap(), |text| text.parse().unwrap())
    }
}

fn accept(plan: &str) -> Value {
    json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan, "extra": {"httpVerb": "POST"}})
}

/// The body of verify and settle.
pub(crate) fn payment(plan: &str, token: &str) -> Value {
    json!({
        "paymentRequired": {
            "x402Version": 2, "resource": {"url": "/ask"}, "accepts": [accept(plan)], "extensions": {}
        },
        "x402AccessToken": token,
        "maxAmount": "1",
    })
}
