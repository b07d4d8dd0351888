//! What is no payment: a 4xx that says why, nothing burned, the handler never runs.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    stack::{Shop, Stack},
    world::{Engine, World},
};

fn open(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

fn seal(envelope: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.encode(envelope.to_string()).into_bytes()
}

/// A token with one member changed.
fn changed(token: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut envelope = open(token);
    *envelope.pointer_mut(pointer).unwrap() = value;
    seal(&envelope)
}

/// Each bad payment, and a word that its answer must contain.
async fn bad_payments(stack: &Stack, shop: &Shop) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = shop.reusable_token().await;
    let half = good.as_bytes()[..good.len() / 2].to_vec();
    let other_plan = stack.shop("other plan", 5).await;
    vec![
        ("not base64", b"%%%%".to_vec(), "base64"),
        ("truncated", half, "header"),
        ("longer than 16 KiB", vec![b'A'; 16 * 1024 + 1], "16384"),
        ("not an object", URL_SAFE_NO_PAD.encode("[1,2]").into_bytes(), "JSON object"),
        ("nested deep", URL_SAFE_NO_PAD.encode(format!("{{\"a\":{}", "[".repeat(3000))).into_bytes(), "JSON object"),
        ("a number for a string", changed(&good, "/payload/signature", json!(7)), "shape"),
        ("an array for an object", changed(&good, "/payload", json!([])), "shape"),
        ("a version of text", changed(&good, "/x402Version", json!("2")), "shape"),
        ("a forged signature", changed(&good, "/payload/signature", json!(format!("0x{}", "00".repeat(32)))), "token"),
        ("an empty signature", changed(&good, "/payload/signature", json!("")), "token"),
        (
            "another payer",
            changed(&good, "/payload/authorization/from", json!(format!("0x{}", "ab".repeat(20)))),
            "token",
        ),
        (
            "a longer life",
            changed(&good, "/payload/authorization/sessionKeys/1/data", json!(format!("0x{}", "7f".repeat(32)))),
            "token",
        ),
        ("another merchant's plan, forged in", changed(&good, "/accepted/planId", json!(other_plan.plan)), "token"),
        ("another merchant's token", other_plan.reusable_token().await.into_bytes(), "plan"),
        ("a test token", b"test".to_vec(), "header"),
        ("bytes that are no text", vec![0xff, 0xfe, 0xfd], "header"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bad_payment_is_served_or_burns_anything() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(world) = World::new(engine).await else { continue };
        let stack = Stack::new(&world).await;
        let shop = stack.shop("acme", 10).await;
        let api = stack.api(&shop.plan).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for (what, token, word) in bad_payments(&stack, &shop).await {
            let (status, body) = api.ask(&http, &token).await;
            assert!((400..500).contains(&status), "{what}: {status} {body}");
            assert!(body.contains(word), "{what}: no {word:?} in {status} {body}");
        }
        let good = shop.reusable_token().await;
        stack.clock.advance(Duration::from_secs(25 * 60 * 60));
        let (status, body) = api.ask(&http, good.as_bytes()).await;
        assert_eq!(status, 402, "expired: {body}");
        assert_eq!((api.runs(), shop.balance().await), (0, 10));
        // The same API serves a good payment: what was refused was refused for its own sake.
        let fresh = shop.reusable_token().await;
        assert_eq!(api.ask(&http, fresh.as_bytes()).await.0, 200);
        assert_eq!((api.runs(), shop.balance().await), (1, 9));
        stack.finish().await;
        world.finish().await;
    }
}
