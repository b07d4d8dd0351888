//! The simulated provider inside `farebox serve`, as who tries it out has it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rstest::rstest;
use serde_json::{Value, json};

use super::street::order;
use crate::world::{Engine, World};

struct Shop {
    server: Child,
    url: String,
    /// What it said first.
    said: Value,
    key: String,
}

impl Shop {
    fn open(world: &World, key: &str) -> Self {
        let mut command = world.farebox(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        Self::start(&mut command, key)
    }

    fn start(command: &mut Command, key: &str) -> Self {
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        Self { server, url: said["listening"].as_str().unwrap().to_owned(), said, key: key.to_owned() }
    }

    async fn pay(&self) -> (u16, Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let request = http.post(format!("{}/payments", self.url)).bearer_auth(&self.key).json(&order("pm_test_001"));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

fn seller(world: &World, mode: &str) -> String {
    world.json(&["init", "--merchant", "acme", "--mode", mode, "--json"]);
    let key = world.json(&["key", "create", "--role", "seller", "--json"]);
    key["api_key"].as_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn it_remembers_what_it_did_across_kill_9_and_in_another_process(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let key = seller(&world, "test");
    for _ in 0..2 {
        // Ended by `kill -9` at the end of the round.
        let (status, paid) = Shop::open(&world, &key).pay().await;
        assert_eq!((status, &paid["status"]), (200, &json!("succeeded")));
    }
    assert_eq!(world.json(&["reconcile", "--json"]), json!({"differences": []}));
    if engine == Engine::Postgres {
        let first = Shop::open(&world, &key);
        first.pay().await;
        assert_eq!(world.json(&["reconcile", "--json"]), json!({"differences": []}), "beside the process that pays");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_takes_no_payments_on_a_simulated_provider_of_its_own() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let key = seller(&world, "test");
    let (first, second) = (Shop::open(&world, &key), Shop::open(&world, &key));
    assert!(first.said["payments"].is_string() && second.said["payments"].is_null(), "{}", second.said);
    assert_eq!((first.pay().await.0, second.pay().await.0), (200, 404));
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_live_merchant_takes_no_simulated_money(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = Shop::open(&world, &seller(&world, "live"));
    let (status, refused) = shop.pay().await;
    assert_eq!((status, &refused["code"]), (403, &json!("FBX.PAYMENT.SIMULATED")), "{refused}");
    drop(shop);
    assert_eq!(world.json(&["reconcile", "--json"]), json!({"differences": []}));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorials_own_database_url_is_taken() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let key = seller(&world, "test");
    let (_, rest) = world.database_url.split_once("://").unwrap();
    let mut command = world.farebox(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    command.env("DATABASE_URL", format!("postgresql+asyncpg://{rest}"));
    let (status, paid) = Shop::start(&mut command, &key).pay().await;
    assert_eq!((status, &paid["status"]), (200, &json!("succeeded")));
    world.finish().await;
}
