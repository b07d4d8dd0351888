//! Rate limits: per key, else per address.

use axum::http::Method;
use farebox_server::{
    Scope,
    facilitator::{FacilitatorOptions, RateLimit},
};
use serde_json::json;

use super::door::{Reply, call_from, door, get, payment, post, token};
use crate::world::{START, World};

fn limited(requests: u32) -> FacilitatorOptions {
    FacilitatorOptions { rate_limit: Some(RateLimit::per_minute(requests)), ..FacilitatorOptions::default() }
}

async fn supported(door: &axum::Router, peer: &str, headers: &[(&str, &str)]) -> Reply {
    call_from(door, peer, Method::GET, "/supported", headers, String::new()).await
}

on_both! {
    async fn a_caller_is_told_where_it_stands_and_when_to_come_back(world: &World) {
        let door = door(world, limited(2));
        let first = get(&door, "/supported").await;
        assert_eq!(first.status, 200);
        assert_eq!((first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")), ("2", "1"));
        assert_eq!(first.header("x-ratelimit-reset"), (START + 60).to_string());
        world.pass(15);
        get(&door, "/supported").await;
        for path in ["/verify", "/settle"] {
            let answer = post(&door, path, &[], &payment()).await;
            let body = answer.refused(path, 429, "RATE_LIMITED");
            assert_eq!((answer.header("retry-after"), answer.header("x-ratelimit-remaining")), ("45", "0"));
            assert_eq!((&body["error"], &body["retryAfter"]), (&json!("rate limit exceeded"), &json!(45)));
        }
        for path in ["/health", "/ready", "/metrics"] {
            let answer = get(&door, path).await;
            assert!(answer.status != 429 && answer.header("x-ratelimit-limit").is_empty(), "{path}");
        }
        assert!(get(&door, "/metrics").await.text.contains("facilitator_rate_limited_total 2"));
        world.pass(45);
        assert_eq!(get(&door, "/supported").await.status, 200);
    }

    async fn each_address_and_each_key_has_its_own_limit(world: &World) {
        let door = door(world, limited(1));
        let (one, _) = token(world, world.merchant, &[Scope::Read], None).await;
        let (other, _) = token(world, world.merchant, &[Scope::Read], None).await;
        assert_eq!(supported(&door, "10.0.0.1:1", &[]).await.status, 200);
        assert_eq!(supported(&door, "10.0.0.1:2", &[]).await.status, 429);
        assert_eq!(supported(&door, "10.0.0.2:1", &[]).await.status, 200);
        assert_eq!(supported(&door, "10.0.0.1:3", &[("x-api-key", &one)]).await.status, 200);
        assert_eq!(supported(&door, "10.0.0.3:1", &[("x-api-key", &one)]).await.status, 429);
        assert_eq!(supported(&door, "10.0.0.3:1", &[("x-api-key", &other)]).await.status, 200);
    }

    async fn who_guesses_keys_is_stopped_and_who_has_one_is_not(world: &World) {
        let door = door(world, limited(2));
        let (key, _) = token(world, world.merchant, &[Scope::Read], None).await;
        let (other, _) = token(world, world.merchant, &[Scope::Read], None).await;
        let guess = format!("{}{}", &key[..key.len() - 8], "AAAAAAAA");
        for _ in 0..2 {
            assert_eq!(supported(&door, "10.0.0.1:1", &[("x-api-key", &guess)]).await.status, 401);
        }
        assert_eq!(supported(&door, "10.0.0.1:1", &[("x-api-key", &guess)]).await.status, 429);
        assert_eq!(supported(&door, "10.0.0.2:1", &[("x-api-key", &other)]).await.status, 200);
        assert!(get(&door, "/metrics").await.text.contains("facilitator_api_key_auth_failed_total 2"));
    }

    async fn behind_a_proxy_the_last_forwarded_address_counts_and_otherwise_none_does(world: &World) {
        let forwarded = |by: &'static str| [("x-forwarded-for", by)];
        let proxied = door(world, FacilitatorOptions { behind_proxy: true, ..limited(1) });
        assert_eq!(supported(&proxied, "10.9.9.9:1", &forwarded("1.1.1.1, 10.0.0.1")).await.status, 200);
        assert_eq!(supported(&proxied, "10.9.9.9:1", &forwarded("2.2.2.2, 10.0.0.1")).await.status, 429);
        assert_eq!(supported(&proxied, "10.9.9.9:1", &forwarded("10.0.0.2")).await.status, 200);
        let bare = door(world, limited(1));
        assert_eq!(supported(&bare, "10.0.0.1:1", &forwarded("1.1.1.1")).await.status, 200);
        assert_eq!(supported(&bare, "10.0.0.1:1", &forwarded("2.2.2.2")).await.status, 429);
    }
}
