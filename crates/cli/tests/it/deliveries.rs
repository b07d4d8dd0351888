//! Webhooks to the merchant, from the binary: `kill -9` between a post and its record, and two processes.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use farebox_types::{Secret, SystemClock};
use farebox_webhook::{Event, Receiver};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::watch;

use crate::{
    own_billing::http,
    world::{Engine, Keys, World},
};

/// The merchant's own program, with the receiver that we give away.
#[derive(Clone)]
struct Program {
    url: String,
    kept: Arc<Kept>,
}

struct Kept {
    receiver: Mutex<Option<Receiver>>,
    posts: Mutex<Vec<Bytes>>,
    effects: Arc<Mutex<Vec<String>>>,
    /// Whether answers leave.
    answers: watch::Sender<bool>,
}

async fn receive(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: Bytes) -> axum::http::StatusCode {
    let receiver = kept.receiver.lock().unwrap().clone().unwrap();
    let status = receiver.receive(&headers, body.clone()).await.status();
    kept.posts.lock().unwrap().push(body);
    kept.answers.subscribe().wait_for(|answers| *answers).await.unwrap();
    status
}

impl Program {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let answers = watch::Sender::new(true);
        let kept = Kept { receiver: Mutex::default(), posts: Mutex::default(), effects: Arc::default(), answers };
        let kept = Arc::new(kept);
        let routes = Router::new().route("/hooks", post(receive)).with_state(Arc::clone(&kept));
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { url, kept }
    }

    fn trust(&self, secret: &str) {
        let effects = Arc::clone(&self.kept.effects);
        let receiver = Receiver::builder([Secret::new(secret.to_owned())]).clock(Arc::new(SystemClock)).otherwise(
            move |event: Event| {
                effects.lock().unwrap().push(event.object::<Value>().unwrap()["id"].as_str().unwrap().to_owned());
                async { Ok::<_, std::io::Error>(()) }
            },
        );
        *self.kept.receiver.lock().unwrap() = Some(receiver.build().unwrap());
    }

    fn posts(&self) -> Vec<Bytes> {
        self.kept.posts.lock().unwrap().clone()
    }

    fn effects(&self) -> Vec<String> {
        self.kept.effects.lock().unwrap().clone()
    }

    async fn until_posts(&self, count: usize) {
        for _ in 0..600 {
            if self.posts().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} posts instead of {count} within thirty seconds", self.posts().len());
    }
}

/// The merchant: its keys, and a token for its endpoints.
fn merchant(world: &World) -> (Keys, String) {
    let said = world.json(&["init", "--merchant", "acme", "--mode", "test", "--json"]);
    let key = |role: &str| world.json(&["key", "create", "--role", role, "--json"]);
    let (seller, buyer) = (key("seller"), key("buyer"));
    let text = |object: &Value, name: &str| object[name].as_str().unwrap().to_owned();
    let keys =
        Keys { seller: text(&seller, "api_key"), buyer: text(&buyer, "api_key"), account: text(&buyer, "account") };
    (keys, text(&said, "api_token"))
}

async fn pay(base: &str, key: &str) -> String {
    let body = json!({"customer_id": "c", "amount": 5, "currency": "USD", "payment_method_id": "pm_sim_ok"});
    let answer = http().post(format!("{base}/payments")).bearer_auth(key).json(&body).send().await.unwrap();
    let said: Value = answer.json().await.unwrap();
    said["id"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

async fn customer(base: &str, token: &str, number: usize) -> String {
    let body = json!({"email": format!("ann{number}@example.com")});
    let answer = http().post(format!("{base}/v1/customers")).bearer_auth(token).json(&body).send().await.unwrap();
    let said: Value = answer.json().await.unwrap();
    said["id"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

async fn listen(base: &str, token: &str, program: &Program, kind: &str) {
    let body = json!({"url": program.url, "events": [kind]});
    let answer =
        http().post(format!("{base}/v1/webhook-endpoints")).bearer_auth(token).json(&body).send().await.unwrap();
    let said: Value = answer.json().await.unwrap();
    program.trust(said["secret"].as_str().unwrap_or_else(|| panic!("{said}")));
}

async fn deliveries(base: &str, token: &str) -> Vec<Value> {
    let answer = http().get(format!("{base}/v1/webhook-deliveries?limit=100")).bearer_auth(token).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["data"].as_array().unwrap().clone()
}

async fn until_succeeded(base: &str, token: &str, count: usize) {
    for _ in 0..200 {
        let list = deliveries(base, token).await;
        if list.len() == count && list.iter().all(|delivery| delivery["status"] == "succeeded") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", deliveries(base, token).await);
}

/// Ends every lease, as a minute would.
async fn a_minute_later(world: &World) {
    let sql = "UPDATE webhook_delivery SET next_at = 1 WHERE state = 'delivering'";
    if let Some(path) = world.database_url.strip_prefix("sqlite:") {
        assert_eq!(rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap(), 1);
    } else {
        let mut connection = PgConnection::connect(&world.database_url).await.unwrap();
        assert_eq!(connection.execute(sql).await.unwrap().rows_affected(), 1);
    }
}

async fn killed(engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (keys, token) = merchant(&world);
    let program = Program::start().await;
    let server = world.serve();
    listen(&server.url, &token, &program, "payment.succeeded").await;
    program.kept.answers.send_replace(false);
    let id = pay(&server.url, &keys.seller).await;
    program.until_posts(1).await;
    assert_eq!(program.effects(), std::slice::from_ref(&id), "the program has done its part");
    server.kill();
    program.kept.answers.send_replace(true);

    a_minute_later(&world).await;
    let server = world.serve();
    program.until_posts(2).await;
    until_succeeded(&server.url, &token, 1).await;
    assert_eq!(server.terminate(), Some(0));
    let posts = program.posts();
    assert!(posts.len() == 2 && posts[0] == posts[1], "the same event, byte for byte");
    assert_eq!(program.effects(), [id], "and one effect");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_between_a_post_and_its_record_posts_the_same_event_again_on_sqlite() {
    killed(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_between_a_post_and_its_record_posts_the_same_event_again_on_postgres() {
    killed(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_post_each_event_once_when_nothing_fails() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let (_, token) = merchant(&world);
    let program = Program::start().await;
    let (one, two) = (world.serve(), world.serve());
    listen(&one.url, &token, &program, "customer.created").await;
    let mut ids = Vec::new();
    for number in 0..15 {
        ids.push(customer(&one.url, &token, number).await);
        ids.push(customer(&two.url, &token, 100 + number).await);
    }
    program.until_posts(30).await;
    until_succeeded(&two.url, &token, 30).await;
    assert_eq!((one.terminate(), two.terminate()), (Some(0), Some(0)));
    assert_eq!(program.posts().len(), 30, "none was posted twice");
    let mut effects = program.effects();
    effects.sort();
    ids.sort();
    assert_eq!(effects, ids);
    let mut numbers: Vec<u64> = program
        .posts()
        .iter()
        .map(|body| serde_json::from_slice::<Value>(body).unwrap()["sequence"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>(), "each has a number of its own");
    world.finish().await;
}

/// A word that is none stops the server before it listens.
#[tokio::test]
async fn where_webhooks_may_go_is_one_of_three_words() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let mut command: Command = world.farebox(&["serve", "--listen", "127.0.0.1:0"]);
    let output = command.env("FAREBOX_BILLING_WEBHOOK_TARGETS", "everywhere").stdout(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("public-when-live"), "{said}");
}
