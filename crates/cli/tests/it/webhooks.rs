//! `farebox webhooks secret`, and what is left of it in the database.

use std::{io::Write, process::Stdio, sync::Arc, time::Duration};

use farebox_server::{Keyring, inbound_secrets};
use farebox_store::{Database, Page, Store};
use farebox_types::{Clock, SystemClock, Timestamp};
use serde_json::Value;

use crate::world::{Engine, World};

async fn store(world: &World) -> Arc<dyn Store> {
    Database::open(&world.database_url.parse().unwrap(), Arc::new(SystemClock)).await.unwrap()
}

/// What a webhook would be checked against then.
async fn in_force(world: &World, provider: &str, now: Timestamp) -> Vec<String> {
    let store = store(world).await;
    let tenant = store.merchants().await.unwrap()[0].id;
    let secrets = inbound_secrets(&*store, &Keyring::new([0x11; 32]), tenant, provider, now).await.unwrap();
    store.close().await;
    secrets.iter().map(|secret| secret.expose().to_owned()).collect()
}

fn secret(answer: &Value) -> String {
    answer["secret"].as_str().unwrap().to_owned()
}

async fn journey(engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    world.json(&["init", "--merchant", "acme", "--json"]);
    let ask = ["webhooks", "secret", "--provider", "sim", "--json"];
    let first = world.json(&ask);
    assert!(secret(&first).starts_with("whsec_") && first["new"] == true, "{first}");
    let again = world.json(&ask);
    assert_eq!((secret(&again), &again["new"]), (secret(&first), &Value::Bool(false)));

    let second = world.json(&["webhooks", "secret", "--provider", "sim", "--rotate", "--grace", "1h", "--json"]);
    assert_ne!(secret(&second), secret(&first));
    let now = SystemClock.now();
    assert_eq!(in_force(&world, "sim", now).await, [secret(&second), secret(&first)]);
    assert_eq!(in_force(&world, "sim", now.after(Duration::from_secs(3_601))).await, [secret(&second)]);
    assert!(in_force(&world, "stripe", now).await.is_empty());

    let store = store(&world).await;
    let tenant = store.merchants().await.unwrap()[0].id;
    let rows = store.webhook_secrets(tenant, "sim").await.unwrap();
    assert!(rows.iter().all(|row| !row.sealed.windows(6).any(|part| part == b"whsec_")), "sealed");
    let audit = store.audit(tenant, Page::first(20)).await.unwrap();
    let lines: Vec<&str> =
        audit.iter().map(|row| row.entries.as_str()).filter(|line| line.contains("webhook_secret")).collect();
    assert_eq!(lines.len(), 2, "each change has its line");
    assert!(lines.iter().all(|line| !line.contains("whsec_")), "and no secret in it");
    let other = Keyring::new([0x22; 32]);
    assert!(inbound_secrets(&*store, &other, tenant, "sim", now).await.unwrap().is_empty());
    store.close().await;
    assert!(world.run(&["verify"]).status.success());
}

#[tokio::test]
async fn a_secret_is_made_printed_again_and_rotated_on_sqlite() {
    journey(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_secret_is_made_printed_again_and_rotated_on_postgres() {
    journey(Engine::Postgres).await;
}

#[tokio::test]
async fn stripes_own_secret_is_taken_from_standard_input() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    world.json(&["init", "--merchant", "acme", "--json"]);
    let pipe = |text: &str| {
        let mut command = world.farebox(&["webhooks", "secret", "--provider", "stripe", "--stdin", "--json"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert!(!pipe("short\n").status.success());
    assert!(in_force(&world, "stripe", SystemClock.now()).await.is_empty());
    assert!(pipe("whsec_0123456789abcdef\n").status.success());
    assert_eq!(in_force(&world, "stripe", SystemClock.now()).await, ["whsec_0123456789abcdef"]);
    let toss = world.run(&["webhooks", "secret", "--provider", "toss"]);
    assert!(!toss.status.success());
    assert!(String::from_utf8_lossy(&toss.stderr).contains("does not sign"));
}
