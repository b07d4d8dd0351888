//! A balance and its events at real servers: two at once, and through `kill -9`. Granted is what there was, to the unit.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Engine, World};

const CALLERS: usize = 256;
const BALANCE: u64 = 10_000;
/// Beyond this many units nobody is left who has not been refused.
const ATTEMPTS: u64 = 60;

/// A merchant's app.
#[derive(Clone)]
struct App {
    http: reqwest::Client,
    token: String,
}

impl App {
    /// A server that nobody answers at any more gives `None`.
    async fn ask(&self, method: Method, url: &str, key: &str, body: &Value) -> Option<(u16, String)> {
        let request = self.http.request(method, url).bearer_auth(&self.token).header("idempotency-key", key);
        let answer = request.json(body).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    async fn ok(&self, method: Method, url: String, body: Value) -> Value {
        let key = uuid::Uuid::now_v7().to_string();
        let (status, text) = self.ask(method, &url, &key, &body).await.unwrap();
        assert!((200..300).contains(&status), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A customer on a plan of so many calls.
    async fn customer(&self, server: &str, calls: u64) -> String {
        let feature = json!({"code": "calls", "kind": "metered"});
        self.ok(Method::PUT, format!("{server}/v1/admin/features/calls"), feature).await;
        let plan = json!({
            "code": "own", "name": "Own", "prices": [{"amount": 0, "currency": "USD", "interval": "month"}],
            "features": {"calls": {"includedUsage": calls, "usageCycle": "never"}},
        });
        let plan = self.ok(Method::PUT, format!("{server}/v1/admin/plans/own"), plan).await;
        let customer = self.ok(Method::POST, format!("{server}/v1/customers"), json!({"email": "a@b.test"})).await;
        let attach = json!({"customer_id": customer["id"], "plan_id": plan["id"]});
        self.ok(Method::POST, format!("{server}/v1/attach"), attach).await;
        customer["id"].as_str().unwrap().to_owned()
    }

    async fn check(&self, server: &str, customer: &str) -> Value {
        let body = json!({"customer_id": customer, "feature_code": "calls"});
        self.ok(Method::POST, format!("{server}/v1/check"), body).await
    }
}

async fn opened(engine: Engine) -> Option<(World, App)> {
    let world = World::new(engine).await?;
    let token = world.json(&["init", "--merchant", "acme", "--mode", "test", "--json"])["api_token"].clone();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    Some((world, App { http, token: token.as_str().unwrap().to_owned() }))
}

fn one(customer: &str, value: u64) -> Value {
    json!({"customer_id": customer, "feature_code": "calls", "value": value})
}

/// Each caller takes uneven amounts until one unit is refused; an answer that did not come is asked for again.
async fn take_all(app: &App, servers: &Servers, customer: &str) -> u64 {
    let callers = (0..CALLERS).map(|caller| {
        let (app, servers, customer) = (app.clone(), servers.clone(), customer.to_owned());
        tokio::spawn(async move {
            let mut granted = 0;
            for step in 0..ATTEMPTS {
                let value = 1 + (step + caller as u64) % 5;
                let (key, body) = (format!("{caller}/{step}"), one(&customer, value));
                let answer = servers.until_answered(&app, caller, "/v1/consume", &key, &body).await;
                let answer: Value = serde_json::from_str(&answer).unwrap();
                match answer["allowed"].as_bool().unwrap() {
                    true => granted += value,
                    false if value == 1 => break,
                    false => {}
                }
                servers.answered.fetch_add(1, Ordering::Relaxed);
            }
            granted
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut granted = 0;
    for caller in callers {
        granted += caller.await.unwrap();
    }
    granted
}

/// Where servers are now; one that was killed comes back elsewhere.
#[derive(Clone)]
struct Servers {
    urls: Arc<std::sync::Mutex<Vec<String>>>,
    answered: Arc<AtomicU64>,
}

impl Servers {
    fn at(urls: &[&str]) -> Self {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Self { urls: Arc::new(std::sync::Mutex::new(urls)), answered: Arc::default() }
    }

    fn url(&self, caller: usize) -> String {
        let urls = self.urls.lock().unwrap();
        urls[caller % urls.len()].clone()
    }

    async fn until_answered(&self, app: &App, caller: usize, path: &str, key: &str, body: &Value) -> String {
        for _ in 0..3_000 {
            match app.ask(Method::POST, &format!("{}{path}", self.url(caller)), key, body).await {
                Some((200 | 204, text)) => return text,
                // Shutting down, or too much at once: to be asked again, as it says.
                Some((503, _)) | None => tokio::time::sleep(Duration::from_millis(20)).await,
                Some((status, text)) => panic!("{path}: {status} {text}"),
            }
        }
        panic!("{path} was never answered");
    }
}

async fn assert_spent(app: &App, server: &str, customer: &str) {
    let check = app.check(server, customer).await;
    let numbers = [&check["balance"], &check["usage"], &check["held"], &check["allowed"]];
    assert_eq!(numbers, [&json!(0), &json!(BALANCE), &json!(0), &json!(false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_256_at_a_server_are_granted_exactly_10_000() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some((world, app)) = opened(engine).await else { continue };
        let server = world.serve();
        let customer = app.customer(&server.url, BALANCE).await;
        assert_eq!(take_all(&app, &Servers::at(&[&server.url]), &customer).await, BALANCE);
        assert_spent(&app, &server.url, &customer).await;
        assert_eq!(server.terminate(), Some(0));
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_256_at_two_servers_on_one_postgres_are_granted_exactly_10_000() {
    let Some((world, app)) = opened(Engine::Postgres).await else { return };
    let (first, second) = (world.serve(), world.serve());
    let customer = app.customer(&first.url, BALANCE).await;
    assert_eq!(take_all(&app, &Servers::at(&[&first.url, &second.url]), &customer).await, BALANCE);
    assert_spent(&app, &first.url, &customer).await;
    assert_spent(&app, &second.url, &customer).await;
    drop((first, second));
    world.finish().await;
}

async fn through_kill_9(engine: Engine) {
    let Some((world, app)) = opened(engine).await else { return };
    let mut server = world.serve();
    let customer = app.customer(&server.url, BALANCE).await;
    let servers = Servers::at(&[&server.url]);
    let callers = tokio::spawn({
        let (app, servers, customer) = (app.clone(), servers.clone(), customer.clone());
        async move { take_all(&app, &servers, &customer).await }
    });
    let mut kills = 0;
    while !callers.is_finished() && kills < 8 {
        // Somewhere in the middle of things, elsewhere each round.
        let before = servers.answered.load(Ordering::Relaxed);
        while servers.answered.load(Ordering::Relaxed) < before + 150 && !callers.is_finished() {
            tokio::time::sleep(Duration::from_millis(3 + kills)).await;
        }
        server.kill();
        kills += 1;
        server = world.serve();
        *servers.urls.lock().unwrap() = vec![server.url.clone()];
    }
    assert!(kills > 3, "only {kills} kills: the test shows nothing");
    assert_eq!(callers.await.unwrap(), BALANCE, "what is told as granted is what there was, after {kills} kills");
    assert_spent(&app, &server.url, &customer).await;
    assert_eq!(server.terminate(), Some(0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_among_256_callers_grants_exactly_10_000_on_sqlite() {
    through_kill_9(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_among_256_callers_grants_exactly_10_000_on_postgres() {
    through_kill_9(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_a_thousand_times_in_parallel_is_one_event_with_one_answer_byte_for_byte() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some((world, app)) = opened(engine).await else { continue };
        let first = world.serve();
        // A SQLite file has one server.
        let second = (engine == Engine::Postgres).then(|| world.serve());
        let other = second.as_ref().map_or(&first.url, |second| &second.url);
        let customer = app.customer(&first.url, BALANCE).await;
        let servers = Servers::at(&[&first.url, other]);
        for path in ["/v1/consume", "/v1/track"] {
            let callers = (0..1_000).map(|caller| {
                let (app, servers, body) = (app.clone(), servers.clone(), one(&customer, 3));
                tokio::spawn(async move { servers.until_answered(&app, caller, path, path, &body).await })
            });
            let mut answers = BTreeMap::new();
            for caller in callers.collect::<Vec<_>>() {
                *answers.entry(caller.await.unwrap()).or_insert(0) += 1;
            }
            assert_eq!(answers.values().copied().collect::<Vec<_>>(), [1_000], "{path}: {answers:?}");
        }
        assert_eq!(app.check(other, &customer).await["usage"], 6);
        let ledger = format!("{}/v1/customers/{customer}/ledger", first.url);
        let ledger = app.http.get(ledger).bearer_auth(&app.token).send().await.unwrap();
        let ledger: Value = ledger.json().await.unwrap();
        assert_eq!(ledger["data"].as_array().unwrap().len(), 2);
        drop((first, second));
        world.finish().await;
    }
}

/// Whether the server died before or after its commit, nobody knows; the event is sent again until it is answered.
async fn sent_again(engine: Engine) {
    let Some((world, app)) = opened(engine).await else { return };
    let mut server = world.serve();
    let customer = app.customer(&server.url, BALANCE).await;
    let mut lost = 0;
    for round in 0..12_u64 {
        let events: Vec<_> = (0..40)
            .map(|at| {
                let (app, url, customer) = (app.clone(), format!("{}/v1/track", server.url), customer.clone());
                tokio::spawn(async move {
                    let body = json!({"customer_id": customer, "feature_code": "calls", "value": 1, "dedup_key": format!("{round}/{at}")});
                    let told = app.ask(Method::POST, &url, &uuid::Uuid::now_v7().to_string(), &body).await;
                    (body, told)
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(2 + round * 3 % 17)).await;
        server.kill();
        server = world.serve();
        for event in events {
            let (body, told) = event.await.unwrap();
            lost += u64::from(told.is_none());
            // Another key, as a client that has been started again would send.
            let again = app
                .ask(Method::POST, &format!("{}/v1/track", server.url), &uuid::Uuid::now_v7().to_string(), &body)
                .await;
            assert_eq!(again.unwrap().0, 204);
        }
        assert_eq!(app.check(&server.url, &customer).await["usage"], (round + 1) * 40);
    }
    assert!(lost > 0, "every event was answered: the test shows nothing");
    assert_eq!(server.terminate(), Some(0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_events_and_the_same_events_again_count_each_once_on_sqlite() {
    sent_again(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_events_and_the_same_events_again_count_each_once_on_postgres() {
    sent_again(Engine::Postgres).await;
}
