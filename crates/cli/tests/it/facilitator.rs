//! `farebox facilitator`, and the facilitator inside `farebox serve`.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::{Engine, World};

pub(crate) const KEY: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";
const SIGNER: &str = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
/// Nobody listens there.
const DOWN: &str = "http://127.0.0.1:9/node-secret";

/// A node of a chain, as far as a facilitator asks it when it starts.
async fn node(chain: u64, balance: u128) -> String {
    let answer = move |Json(asked): Json<Value>| async move {
        let one = |call: &Value| {
            let result = match call["method"].as_str() {
                Some("eth_chainId") => format!("{chain:#x}"),
                Some("eth_getBalance") => format!("{balance:#x}"),
                _ => "0x0".to_owned(),
            };
            json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
        };
        Json(match &asked {
            Value::Array(calls) => calls.iter().map(one).collect(),
            call => one(call),
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await.unwrap() });
    url
}

/// A running facilitator; killed when dropped.
pub(crate) struct Running {
    child: Child,
    said: Value,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("it did not start: {line} {error}")
        });
        Self { child, said }
    }

    pub(crate) fn url(&self) -> &str {
        self.said["listening"].as_str().unwrap()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(reqwest::Method::GET, path, None, Value::Null).await
    }

    async fn ask(&self, method: reqwest::Method, path: &str, key: Option<&str>, body: Value) -> (u16, Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{path}", self.url());
        let request = http.request(method, url).json(&body);
        let request = match key {
            Some(key) => request.header("x-api-key", key),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// SIGTERM; its exit code and what it said on standard error.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut error = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (self.child.wait().unwrap().code(), error)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn facilitator(world: &World, node: &str, args: &[&str]) -> Command {
    let chain = format!("eip155:84532={node}");
    let mut all = vec!["facilitator", "--listen", "127.0.0.1:0", "--json", "--chain", &chain];
    all.extend(args);
    let mut command = world.farebox(&all);
    command.env("FAREBOX_SIGNER_KEY", KEY);
    command
}

/// What it says when it does not start.
fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn sqlite() -> World {
    World::new(Engine::Sqlite).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_makes_a_facilitator_of_an_empty_folder() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(world) = World::new(engine).await else { continue };
        let running = Running::start(facilitator(&world, &node(84_532, 1 << 60).await, &[]));
        assert_eq!(running.said["signers"]["eip155:84532"], json!([SIGNER]));
        assert_eq!(running.said["api_keys"], "open");
        let (status, supported) = running.get("/supported").await;
        assert!(status == 200 && supported["kinds"].as_array().unwrap().len() >= 3, "{supported}");
        let (status, ready) = running.get("/ready").await;
        assert_eq!((status, &ready["status"]), (200, &json!("healthy")));
        let (code, said) = running.terminate();
        assert_eq!((code, said.as_str()), (Some(0), ""));
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_down_keeps_nobody_from_starting_and_is_told() {
    let world = sqlite().await;
    let running = Running::start(facilitator(&world, DOWN, &[]));
    let (status, ready) = running.get("/ready").await;
    assert_eq!((status, &ready["status"]), (503, &json!("unhealthy")));
    let (code, said) = running.terminate();
    assert_eq!(code, Some(0));
    assert!(said.contains("warning: ") && said.contains("eip155:84532") && !said.contains("node-secret"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_chain_is_refused_and_both_are_named() {
    let world = sqlite().await;
    let said = refused(facilitator(&world, &node(1, 1 << 60).await, &[]));
    assert!(said.contains("eip155:84532") && said.contains("eip155:1\""), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_without_gas_money_is_named_with_what_it_has() {
    let world = sqlite().await;
    let running = Running::start(facilitator(&world, &node(84_532, 10_000_000_000_000).await, &[]));
    let (_, said) = running.terminate();
    assert!(said.contains(SIGNER) && said.contains("0.00001 ether"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_chain_or_a_key_it_says_what_to_do() {
    let world = sqlite().await;
    let said = refused(world.farebox(&["facilitator", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("--chain eip155:84532="), "{said}");
    let mut without = facilitator(&world, DOWN, &[]);
    without.env_remove("FAREBOX_SIGNER_KEY");
    let said = refused(without);
    assert!(said.contains("FAREBOX_SIGNER_KEY") && said.contains("--signer-key-file"), "{said}");
    let mut not_hex = facilitator(&world, DOWN, &[]);
    not_hex.env("FAREBOX_SIGNER_KEY", "hunter2");
    let said = refused(not_hex);
    assert!(said.contains("64 hex digits") && !said.contains("hunter2"), "{said}");
    let mut twice = facilitator(&world, DOWN, &[]);
    twice.env("FAREBOX_SIGNER_KEY", format!("{KEY},{KEY}"));
    assert!(refused(twice).contains("twice"));
    let no_url = world.run(&["facilitator", "--chain", "eip155:84532"]);
    assert_eq!(no_url.status.code(), Some(2));
    assert!(String::from_utf8(no_url.stderr).unwrap().contains("NETWORK=RPC_URL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_file_names_chains_and_their_keys() {
    let world = sqlite().await;
    let good = node(84_532, 1 << 60).await;
    let configuration = format!(
        "[chains.\"eip155:84532\"]\nrpc_urls = [\"{good}\"]\nsigner_key_env = \"MY_SIGNER\"\nconfirmations = 2\n\
         [facilitator]\nrequire_api_key = true\nrate_limit = 5\n"
    );
    fs::write(world.folder.path().join("farebox.toml"), configuration).unwrap();
    let mut command = world.farebox(&["facilitator", "--listen", "127.0.0.1:0", "--json"]);
    command.env("MY_SIGNER", format!("{KEY},{}", "22".repeat(32)));
    let running = Running::start(command);
    assert_eq!(running.said["signers"]["eip155:84532"].as_array().unwrap().len(), 2);
    assert_eq!((&running.said["api_keys"], &running.said["rate_limit"]), (&json!("required"), &json!(5)));
    let (status, body) = running.ask(reqwest::Method::POST, "/verify", None, json!({})).await;
    assert_eq!((status, &body["error"], &body["isValid"]), (401, &json!("unauthorized"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_in_a_table_names_its_table_and_the_nearest() {
    let world = sqlite().await;
    for (text, key, nearest) in [
        ("[chains.\"eip155:1\"]\nrcp_url = \"x\"\n", "eip155:1", "`rpc_url`"),
        ("[chains.base]\nconfirmation = 1\n", "confirmation", "`confirmations`"),
        ("[facilitator]\nratelimit = 1\n", "facilitator.ratelimit", "`rate_limit`"),
        ("[facilitators]\nrate_limit = 1\n", "facilitators", "`facilitator`"),
    ] {
        fs::write(world.folder.path().join("farebox.toml"), text).unwrap();
        let said = refused(facilitator(&world, DOWN, &[]));
        assert!(said.contains(key) && said.contains(nearest), "{said}");
    }
    for (text, what) in [
        ("[chains.solana]\nrpc_url = \"x\"\n", "not an EVM chain"),
        ("[chains.\"eip155:1\"]\nsigner_key_env = \"X\"\n", "rpc_url"),
        ("[chains.\"eip155:1\"]\nrpc_url = \"http://x\"\nfactories = [\"0x1\"]\n", "not an address"),
        ("[facilitator]\nrate_limit = \"many\"\n", "rate_limit"),
    ] {
        fs::write(world.folder.path().join("farebox.toml"), text).unwrap();
        let said = refused(facilitator(&world, DOWN, &[]));
        assert!(said.contains(what), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_scopes_and_an_end() {
    let world = sqlite().await;
    world.json(&["init", "--json"]);
    let scopes =
        ["token", "create", "--name", "shop", "--scope", "facilitator:verify", "--scope", "facilitator:settle"];
    let made = world.json(&[&scopes[..], &["--expires-in", "90d", "--json"]].concat());
    assert_eq!(made["scopes"], "facilitator:verify facilitator:settle");
    let listed = world.json(&["token", "list", "--json"]);
    let shop = listed.as_array().unwrap().iter().find(|row| row["name"] == "shop").unwrap();
    let lasts = shop["expires_at_seconds"].as_i64().unwrap() - shop["created_at_seconds"].as_i64().unwrap();
    assert_eq!((lasts, &shop["state"]), (90 * 86_400, &json!("active")));
    let wrong = world.run(&["token", "create", "--scope", "facilitator:everything"]);
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("facilitator:verify"));

    let running = Running::start(facilitator(&world, DOWN, &["--require-api-key"]));
    let key = made["api_token"].as_str().unwrap();
    let (status, _) = running.ask(reqwest::Method::POST, "/verify", Some(key), json!({})).await;
    assert_eq!(status, 400, "let in, and then told that the body is none");
    let (status, _) = running.ask(reqwest::Method::GET, "/discovery/resources", Some(key), Value::Null).await;
    assert_eq!(status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_mounts_it_when_a_chain_is_configured_and_not_otherwise() {
    let world = sqlite().await;
    let bare = Running::start(world.farebox(&["serve", "--listen", "127.0.0.1:0", "--json"]));
    assert_eq!(bare.get("/facilitator/supported").await.0, 404);
    assert_eq!(bare.terminate().0, Some(0));
    let chain = format!("base-sepolia={}", node(84_532, 1 << 60).await);
    let mut command = world.farebox(&["serve", "--listen", "127.0.0.1:0", "--json", "--chain", &chain]);
    command.env("FAREBOX_SIGNER_KEY", KEY);
    let both = Running::start(command);
    assert_eq!(both.said["facilitator"]["signers"]["eip155:84532"], json!([SIGNER]));
    assert_eq!(both.get("/facilitator/supported").await.0, 200);
    assert_eq!(both.get("/ready").await.1["status"], "ready");
    assert_eq!(both.terminate().0, Some(0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_chain_it_is_ready() {
    let Ok(url) = std::env::var("FAREBOX_TEST_ANVIL") else {
        println!("skipped: FAREBOX_TEST_ANVIL is not set");
        return;
    };
    let world = sqlite().await;
    let mut command = facilitator(&world, &url, &[]);
    // The first account of a development chain.
    command.env("FAREBOX_SIGNER_KEY", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    let running = Running::start(command);
    assert_eq!(running.get("/ready").await.1["status"], "healthy");
    assert_eq!(running.terminate().0, Some(0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_numbers_and_the_requests_stand_on_one_page() {
    let world = sqlite().await;
    let node = node(84532, 10_u128.pow(18)).await;
    let running = Running::start(facilitator(&world, &node, &[]));
    running.get("/supported").await;
    let page = reqwest::get(format!("{}/metrics", running.url())).await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    let page = page.text().await.unwrap();
    let own = |line: &&str| line.contains(r#"endpoint="/supported",status="200""#);
    assert!(page.lines().any(|line| own(&line)), "{page}");
    let ours = r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/supported"} 1"#;
    assert!(page.lines().any(|line| line == ours), "{page}");
    let names: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "each name once: {names:?}");
}
