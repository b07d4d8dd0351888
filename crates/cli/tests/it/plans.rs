//! `farebox config`: plans as code, against a real server.

use std::{fs, process::Output};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Engine, Server, World};

const PLANS: &str = r#"apiVersion = "2026-05-01"

[[features]]
code = "api_calls"
kind = "metered"
billableMetric = "calls_made"

[[features]]
code = "export"
kind = "boolean"

[[plans]]
code = "free"
name = "Free"
product = "app"

[[plans.prices]]
amount = 0
currency = "USD"
interval = "month"

[plans.features]
api_calls = { includedUsage = 10 }

[[plans]]
code = "pro"
name = "Pro"
product = "app"

[[plans.prices]]
amount = 900
currency = "USD"
interval = "month"
tiers = [{ unitAmountDecimal = 0.25, upTo = 1000 }, { unitAmount = 1, upTo = "inf" }]
feature = "api_calls"

[plans.features]
api_calls = { includedUsage = 1000.000001, overage = { cap = 50 }, rolloverPercent = 50 }
export = {}
"#;

/// A merchant's server, its token, and a folder for files.
pub(crate) struct Shop {
    world: World,
    server: Server,
    token: String,
}

impl Shop {
    pub(crate) async fn new(engine: Engine) -> Option<Self> {
        let world = World::new(engine).await?;
        let token = world.json(&["init", "--json"])["api_token"].as_str().unwrap().to_owned();
        let server = world.serve();
        fs::write(world.folder.path().join("plans.toml"), PLANS).unwrap();
        Some(Self { world, server, token })
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = self.world.farebox(&["config"]);
        let credentials = self.world.folder.path().join("credentials.json");
        command.args(args).args(["--url", &self.server.url]).env("FAREBOX_TOKEN", &self.token);
        command.env("FAREBOX_CREDENTIALS", credentials).env_remove("DATABASE_URL").output().unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let output = self.run(&all);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.world.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.world.folder.path().join(name)).unwrap()
    }

    async fn put(&self, path: &str, body: &Value) {
        let http = http();
        let put = http.put(format!("{}/v1/admin/{path}", self.server.url)).bearer_auth(&self.token).json(body);
        let answer = put.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Every request is one of its own.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let request = http().post(format!("{}/v1/{path}", self.server.url)).bearer_auth(&self.token).json(body);
        let answer = request.header("idempotency-key", Uuid::now_v7().to_string()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) async fn plans(&self) -> Vec<Value> {
        let get = http().get(format!("{}/v1/plans", self.server.url)).bearer_auth(&self.token);
        let answer: Value = get.send().await.unwrap().json().await.unwrap();
        answer["data"].as_array().unwrap().clone()
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn free(name: &str) -> Value {
    json!({"code": "free", "name": name, "product": "app", "prices": [{"amount": 0, "currency": "USD", "interval": "month"}],
        "features": {"api_calls": {"includedUsage": 10}}})
}

#[tokio::test]
async fn a_file_is_applied_once_and_its_plan_is_empty_from_then_on() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(shop) = Shop::new(engine).await else { continue };
        let planned = shop.json(&["plan"]);
        assert_eq!(planned["changes"].as_array().unwrap().len(), 4, "{planned}");
        assert_eq!(shop.run(&["plan", "--exit-code"]).status.code(), Some(2));
        assert!(shop.plans().await.is_empty(), "a plan writes nothing");

        assert_eq!(shop.json(&["apply", "--yes"])["applied"], 4);
        let plans = shop.plans().await;
        let pro = plans.iter().find(|plan| plan["code"] == "pro").unwrap();
        assert_eq!(pro["prices"][0]["amount"], 900);
        assert_eq!(pro["features"][0]["overage"], json!({"cap": 50}));
        assert_eq!(pro["product"], "app");

        assert_eq!(shop.json(&["apply", "--yes"])["applied"], 0);
        assert_eq!(shop.run(&["plan", "--exit-code"]).status.code(), Some(0));
        assert!(shop.plans().await.iter().all(|plan| plan["version"] == 1), "nothing is written twice");
        shop.server.kill();
        shop.world.finish().await;
    }
}

#[tokio::test]
async fn nothing_is_applied_that_nobody_agreed_to() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    let output = shop.run(&["apply"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--yes"), "{said}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("+ plan pro") && shown.contains("prices[0].amount: 900"), "{shown}");
    assert!(shop.plans().await.is_empty());
}

#[tokio::test]
async fn what_somebody_changed_on_the_server_is_found_and_not_overwritten_unasked() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    shop.json(&["apply", "--yes"]);
    shop.put("plans/free", &free("Gratis")).await;

    let planned = shop.json(&["plan"]);
    assert_eq!(planned["drift"][0]["code"], "free", "{planned}");
    assert_eq!(planned["drift"][0]["fields"], json!([{"path": "name", "from": "\"Free\"", "to": "\"Gratis\""}]));
    let said = shop.refused(&["apply", "--yes"]);
    assert!(said.contains("plan free") && said.contains("--overwrite"), "{said}");
    assert!(shop.plans().await.iter().any(|plan| plan["name"] == "Gratis"), "it stays as it is");

    shop.json(&["apply", "--yes", "--overwrite"]);
    assert!(shop.plans().await.iter().all(|plan| plan["name"] != "Gratis"));
    assert_eq!(shop.json(&["plan"])["drift"], json!([]));
}

#[tokio::test]
async fn an_apply_that_was_interrupted_is_finished_by_the_next_one() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    shop.json(&["apply", "--yes"]);
    shop.write("plans.toml", &PLANS.replace("\"Free\"", "\"Gratis\"").replace("amount = 900", "amount = 1200"));
    // As far as an apply came that died between two writes: one plan is as the file says, and nothing is kept.
    shop.put("plans/free", &free("Gratis")).await;
    let planned = shop.json(&["plan"]);
    assert_eq!(planned["drift"], json!([]), "what the file says itself is nobody else's change");
    assert_eq!(shop.json(&["apply", "--yes"])["applied"], 1);
    let mut versions: Vec<_> = shop.plans().await.into_iter().map(|plan| plan["version"].clone()).collect();
    versions.dedup();
    assert_eq!(versions, [2]);
}

#[tokio::test]
async fn what_is_pulled_plans_empty_in_every_format() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    shop.json(&["apply", "--yes"]);
    for file in ["pulled.toml", "pulled.yaml", "pulled.json"] {
        assert_eq!(shop.json(&["pull", file])["plans"], 2);
        let planned = shop.json(&["plan", file]);
        assert_eq!((&planned["changes"], &planned["only_on_server"]), (&json!([]), &json!([])), "{}", shop.read(file));
        assert_eq!(planned["unchanged"], 4);
        assert!(shop.read(file).contains("1000.000001"), "amounts are exact");
    }
    let said = shop.refused(&["pull", "pulled.toml"]);
    assert!(said.contains("--force"), "{said}");
    let printed = shop.run(&["pull", "-"]);
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), shop.read("pulled.toml"));
}

#[tokio::test]
async fn what_is_only_on_the_server_stays_until_it_is_to_be_archived() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    shop.json(&["apply", "--yes"]);
    let start = PLANS.find("[[plans]]").unwrap();
    let pro = PLANS.rfind("[[plans]]").unwrap();
    shop.write("plans.toml", &format!("{}{}", &PLANS[..start], &PLANS[pro..]));
    let planned = shop.json(&["plan"]);
    assert_eq!(planned["only_on_server"], json!([{"kind": "plan", "code": "free"}]));
    assert_eq!(shop.json(&["apply", "--yes"])["applied"], 0);
    assert_eq!(shop.plans().await.len(), 2);
    assert_eq!(shop.json(&["apply", "--yes", "--archive"])["applied"], 1);
    assert_eq!(shop.plans().await.len(), 1);
}

#[tokio::test]
async fn every_fault_is_said_with_its_line_and_key() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    let said = |file: &str, text: &str| {
        shop.write(file, text);
        shop.refused(&["plan", file])
    };
    let two = PLANS
        .replace("amount = 900\ncurrency", "amount = 900\ncurency")
        .replace("kind = \"boolean\"", "kind = \"bool\"");
    assert!(said("bad.toml", &two).contains("bad.toml:10: features[1].kind: unknown variant `bool`"));
    let misspelt = said("bad.toml", &PLANS.replace("includedUsage = 10 ", "includedUse = 10 "));
    assert!(misspelt.contains("bad.toml:23: plans[0].features.api_calls.includedUse: unknown field"), "{misspelt}");
    let rules = PLANS.replace("name = \"Free\"", "name = \"\"").replace("export = {}", "exports = {}");
    let rules = said("bad.toml", &rules);
    assert!(rules.contains("bad.toml:14: plans[0].name: must have 1 to 255"), "{rules}");
    assert!(rules.contains("bad.toml:39: plans[1].features.exports: names no feature of this file"), "{rules}");
    let yaml = "apiVersion: '2026-05-01'\nfeatures:\n  - code: Calls\n    kind: metered\nplans: []\n";
    let yaml = said("bad.yaml", yaml);
    assert!(yaml.contains("bad.yaml:3: features[0].code: a code is"), "{yaml}");
    let json = said("bad.json", "{\n  \"apiVersion\": \"2026-05-01\",\n  \"features\": [\n}");
    assert!(json.contains("bad.json:4:"), "{json}");
}

#[tokio::test]
async fn what_the_server_refuses_is_said_with_its_line_too() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    shop.json(&["apply", "--yes"]);
    shop.write("plans.toml", &PLANS.replace("kind = \"boolean\"", "kind = \"unlimited\""));
    let said = shop.refused(&["apply", "--yes"]);
    assert!(said.contains("plans.toml:10: features[1].kind: cannot change"), "{said}");
}

#[tokio::test]
async fn without_a_token_or_a_server_it_says_what_to_do() {
    let mut shop = Shop::new(Engine::Sqlite).await.unwrap();
    let token = std::mem::take(&mut shop.token);
    let said = shop.refused(&["plan"]);
    assert!(said.contains("farebox login") && said.contains("FAREBOX_TOKEN"), "{said}");
    shop.token = format!("{token}x");
    let said = shop.refused(&["plan"]);
    assert!(said.contains("not valid any more") && !said.contains(&token), "{said}");
}

#[tokio::test]
async fn the_schema_is_the_servers_own() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    let printed: Value = serde_json::from_slice(&shop.world.run(&["config", "schema"]).stdout).unwrap();
    let served: Value =
        http().get(format!("{}/config.schema.json", shop.server.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(printed, served);
    assert_eq!(printed["properties"]["plans"]["type"], "array");
}

const COUNTED: &str = r#"apiVersion = "2026-05-01"

[[billableMetrics]]
code = "users"
aggregation = "unique"
property = "user.id"
filter = { "request.live" = ["true"] }

[[features]]
code = "active_users"
kind = "metered"
billableMetric = "users"

[[features]]
code = "api_calls"
kind = "metered"
billableMetric = "calls_made"

[[plans]]
code = "free"
name = "Free"

[[plans.prices]]
amount = 0
currency = "USD"
interval = "month"

[plans.features]
active_users = { includedUsage = 10 }
api_calls = { includedUsage = 10 }
"#;

async fn metrics(engine: Engine) {
    let Some(shop) = Shop::new(engine).await else { return };
    shop.write("counted.toml", COUNTED);
    let planned = shop.json(&["plan", "counted.toml"]);
    assert_eq!(planned["changes"].as_array().unwrap().len(), 4, "{planned}");
    assert_eq!(shop.json(&["apply", "counted.toml", "--yes"])["applied"], 4);
    assert_eq!(shop.json(&["plan", "counted.toml"])["changes"], json!([]));
    for name in ["pulled.toml", "pulled.yaml", "pulled.json"] {
        shop.json(&["pull", name]);
        let pulled = shop.read(name);
        assert!(pulled.contains("request.live") && !pulled.contains("\"calls_made\"\naggregation"), "{pulled}");
        assert_eq!(shop.json(&["plan", name])["changes"], json!([]), "{pulled}");
    }
    shop.write("counted.toml", &COUNTED.replace("[\"true\"]", "[\"true\", \"yes\"]"));
    assert_eq!(shop.json(&["apply", "counted.toml", "--yes"])["applied"], 1);
    shop.write("counted.toml", &COUNTED.replace("\"unique\"", "\"max\""));
    let refused = shop.refused(&["apply", "counted.toml", "--yes"]);
    assert!(refused.contains("counted.toml:5: billableMetrics[0].aggregation"), "{refused}");
    shop.write("counted.toml", &COUNTED.replace("property = \"user.id\"\n", ""));
    let refused = shop.refused(&["plan", "counted.toml"]);
    assert!(refused.contains("billableMetrics[0].property"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_part_of_a_file_on_sqlite() {
    metrics(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_part_of_a_file_on_postgres() {
    metrics(Engine::Postgres).await;
}
