//! Bodies that are no payment: 4xx with a body every client can read; no 5xx, no panic.

use axum::http::Method;
use serde_json::{Value, json};

use super::door::{call, door, payment, post};
use crate::world::World;

const PATHS: [&str; 2] = ["/verify", "/settle"];

/// Places in a body, and values that must not stand there.
fn wrong_values() -> Vec<(&'static str, Value)> {
    let mut wrong = vec![
        ("/paymentPayload", Value::Null),
        ("/paymentPayload", json!([])),
        ("/paymentPayload", json!("text")),
        ("/paymentRequirements", Value::Null),
        ("/paymentRequirements", json!([payment()["paymentRequirements"]])),
        ("/paymentPayload/payload", Value::Null),
        ("/paymentPayload/payload", json!([])),
        ("/paymentPayload/x402Version", json!(3)),
        ("/paymentPayload/x402Version", json!("2")),
        ("/paymentPayload/x402Version", json!(2.5)),
        ("/paymentPayload/accepted/network", json!("nowhere")),
        ("/paymentRequirements/network", json!(84532)),
        ("/paymentRequirements/scheme", json!(["exact"])),
        ("/paymentRequirements/payTo", json!({})),
    ];
    for amount in [
        json!("1e4"),
        json!("\u{661}\u{660}"),
        json!([10000]),
        json!("-1"),
        json!("0x10"),
        json!(" 1"),
        json!("1.0"),
        json!(10000.5),
        json!(true),
        json!("9".repeat(200)),
        json!(""),
        Value::Null,
    ] {
        wrong.push(("/paymentRequirements/amount", amount));
    }
    wrong
}

on_both! {
    async fn a_wrong_value_is_named_by_its_place(world: &World) {
        let door = door(world, Default::default());
        for (pointer, value) in wrong_values() {
            for path in PATHS {
                let mut body = payment();
                *body.pointer_mut(pointer).unwrap() = value.clone();
                let answer = post(&door, path, &[], &body).await;
                let said = answer.refused(path, 400, "INVALID_REQUEST");
                let place = pointer.trim_start_matches('/').replace('/', ".");
                let message = said["message"].as_str().unwrap();
                let parent = place.rsplit_once('.').map_or(&*place, |(parent, _)| parent);
                assert!(message.contains(parent), "{pointer} = {value}: {message}");
            }
        }
    }

    async fn what_is_no_json_object_is_malformed(world: &World) {
        let door = door(world, Default::default());
        let nested = format!("{{\"paymentPayload\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let twice = "{\"paymentPayload\":{},\"paymentPayload\":{},\"paymentRequirements\":{}}";
        for body in ["", " ", "null", "[]", "7", "\"x\"", "{", "{}", "{}{}", "not json", twice, &nested, "\u{feff}{}"] {
            for path in PATHS {
                let answer = call(&door, Method::POST, path, &[], body.to_owned()).await;
                answer.refused(path, 400, "INVALID_REQUEST");
            }
        }
        let bytes = call(&door, Method::POST, "/settle", &[], vec![0xff, 0xfe, 0x00]).await;
        bytes.refused("/settle", 400, "INVALID_REQUEST");
    }

    async fn a_body_over_a_mebibyte_is_too_large(world: &World) {
        let door = door(world, Default::default());
        let body = |length: usize| format!("{{\"x\":\"{}\"}}", "a".repeat(length - 8));
        for path in PATHS {
            let answer = call(&door, Method::POST, path, &[], body(1024 * 1024 + 1)).await;
            answer.refused(path, 413, "REQUEST_TOO_LARGE");
            let answer = call(&door, Method::POST, path, &[], body(1024 * 1024)).await;
            answer.refused(path, 400, "INVALID_REQUEST");
        }
    }

    async fn an_idempotency_key_has_plain_characters(world: &World) {
        let door = door(world, Default::default());
        for name in ["", "a b", "a.b", "k/1", &"a".repeat(65)] {
            let answer = post(&door, "/settle", &[("idempotency-key", name)], &payment()).await;
            answer.refused("/settle", 400, "INVALID_IDEMPOTENCY_KEY");
        }
        let verify = post(&door, "/verify", &[("idempotency-key", "a b")], &payment()).await;
        verify.refused("/verify", 503, "UNAVAILABLE");
    }
}
