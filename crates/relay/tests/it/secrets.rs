//! What must not be seen anywhere.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::http::request::Parts;
use farebox_client::{Client, Forward, Retry};
use farebox_relay::{Csrf, Relay};
use farebox_types::Secret;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{SECRET, TOKEN, World, by_headers};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_token_nor_secret_shows_in_logs_or_answers() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::with(|relay| relay.auto_create_customer(true)).await;
    world.billing.answer("POST /v1/customers", (201, vec![], b"not JSON".to_vec()));
    let mut answers = Vec::new();
    let ann = &[("x-email", "ann@example.com"), ("idempotency-key", "my-private-key")];
    answers.push(world.get("/me", ann).await);
    answers.push(world.get("/me", &[("x-customer", "cus/ann")]).await);
    answers.push(world.get("/me", &[("x-customer", "cus_ann")]).await);
    answers.push(world.post("/track", ann, "{}").await);
    answers.push(world.post("/nowhere", ann, "{}").await);
    let broken = |_: &Parts| async { Err("the session store is down".into()) };
    let other = World::with(|relay| relay.identify(broken)).await;
    answers.push(other.get("/me", &[]).await);

    let logged = log.text();
    assert!(logged.contains("the session store is down"), "the log is this one: {logged}");
    let csrf = world.token().await;
    let shown: String = answers.iter().map(|answer| format!("{:?}", answer)).collect();
    for secret in [SECRET, TOKEN, &csrf, "ann@example.com", "my-private-key"] {
        assert!(!logged.contains(secret), "{secret} in the log: {logged}");
        assert!(!shown.contains(secret), "{secret} in an answer: {shown}");
    }
}

/// Everything that can be printed of what holds a secret: types with secrets have no `Debug` at all.
#[tokio::test]
async fn errors_say_what_is_wrong_without_the_secret() {
    const SHORT: &str = "sec-ret-too-short";
    let client = || Client::builder(Secret::new(TOKEN.to_owned()));
    let unreachable = || client().base_url("http://127.0.0.1:9").retry(Retry { attempts: 1, ..Retry::default() });
    let relay = Relay::builder(unreachable().build().unwrap()).identify(by_headers).production(true);
    let short = relay.csrf(Csrf::signed(Secret::new(SHORT.to_owned()))).build().err().unwrap();
    let nowhere = Client::builder(Secret::new(format!("odd_{TOKEN}"))).build().err().unwrap();
    let bad_url = client().base_url(format!("http://user:{SHORT}@[")).build().err().unwrap();
    let call = Forward { method: http::Method::GET, path: "/v1/plans", body: None, idempotency_key: None };
    let no_answer = unreachable().build().unwrap().forward(call).await.err().unwrap();
    let shown = format!("{short:?} {short} {nowhere:?} {nowhere} {bad_url:?} {bad_url} {no_answer:?} {no_answer}");
    assert!(shown.contains("32 bytes"), "{shown}");
    for secret in [SHORT, TOKEN] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
