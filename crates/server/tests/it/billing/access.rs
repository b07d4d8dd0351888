//! Tokens, scopes, versions, limits, the audit trail.

use axum::http::Method;
use farebox_server::{Scope, Scopes, billing::BillingSettings, facilitator::RateLimit};
use serde_json::json;

use super::shop::{Shop, token_of};
use crate::world::World;

on_both! {
    async fn a_token_may_what_its_scopes_say_and_gives_no_more(world: &World) {
        let shop = Shop::open(world).await;
        let reader = Shop { token: token_of(world, world.merchant, Scopes::new([Scope::BillingRead])).await, ..shop };
        reader.get("/v1/plans").await.is(200);
        reader.post("/v1/customers", json!({"email": "a@b.c"})).await.refused(403, "paylera.forbidden");
        let admin = Shop { token: token_of(world, world.merchant, Scopes::new([Scope::BillingAdmin])).await, ..reader };
        let wide = json!({"name": "wide", "scopes": ["*"]});
        admin.post("/v1/api-tokens", wide).await.refused(403, "paylera.forbidden");
        let made = admin.post_named("/v1/api-tokens", "k", json!({"name": "ci", "scopes": ["billing:read"]})).await.is(201);
        let text = made["token"].as_str().unwrap();
        assert!(text.starts_with("pl_test_"));
        let replayed = admin.post_named("/v1/api-tokens", "k", json!({"name": "ci", "scopes": ["billing:read"]})).await.is(201);
        assert_eq!((&replayed["id"], &replayed["token"]), (&made["id"], &json!(null)));
        let listed = admin.get("/v1/api-tokens").await;
        assert!(!listed.text.contains(text) && listed.text.contains("billing:read"));
        let path = format!("/v1/api-tokens/{}", made["id"].as_str().unwrap());
        let here = Shop { token: text.to_owned(), ..admin.elsewhere(world) };
        here.get("/v1/plans").await.is(200);
        let admin = Shop { token: admin.token, ..here };
        admin.call(Method::DELETE, &path, "", None).await.is(204);
        let here = Shop { token: text.to_owned(), ..admin };
        here.get("/v1/plans").await.refused(401, "paylera.unauthenticated");
        let admin = here;
        let gone = Shop { token: text.to_owned(), ..admin.elsewhere(world) };
        gone.get("/v1/plans").await.refused(401, "paylera.unauthenticated");
    }

    async fn another_version_is_refused_and_ours_is_echoed(world: &World) {
        let shop = Shop::open(world).await;
        let bearer = format!("Bearer {}", shop.token);
        let ask = async |version| {
            let headers = [("authorization", bearer.as_str()), ("paylera-api-version", version)];
            shop.send(Method::GET, "/v1/plans", &headers, None).await
        };
        assert_eq!(ask("2026-05-01").await.headers["paylera-api-version"], "2026-05-01");
        ask("2025-01-01").await.refused(400, "paylera.unknown_api_version");
        assert_eq!(shop.get("/v1/plans").await.headers["paylera-api-version"], "2026-05-01");
        let old = ask("2025-01-01").await.refused(400, "paylera.unknown_api_version");
        assert_eq!(old["instance"], "/v1/plans");
        shop.get("/v1/nothing").await.refused(404, "paylera.not_found");
        shop.call(Method::PUT, "/v1/plans", "", None).await.refused(405, "paylera.method_not_allowed");
    }

    async fn a_limit_is_told_with_how_long_to_wait(world: &World) {
        let settings = BillingSettings { rate: Some(RateLimit::per_minute(2)), ..BillingSettings::default() };
        let shop = Shop::with(world, settings).await;
        for _ in 0..2 {
            shop.get("/v1/plans").await.is(200);
        }
        let limited = shop.get("/v1/plans").await;
        limited.refused(429, "paylera.rate_limited");
        assert!(limited.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 60);
        world.pass(60);
        shop.get("/v1/plans").await.is(200);
    }

    async fn bodies_are_json_of_at_most_a_mebibyte(world: &World) {
        let shop = Shop::open(world).await;
        let bearer = format!("Bearer {}", shop.token);
        let send = async |kind, body: &str| {
            let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
            shop.send(Method::POST, "/v1/customers", &headers, Some(body)).await
        };
        send("text/plain", "{}").await.refused(415, "paylera.unsupported_media_type");
        send("application/json", "{").await.refused(400, "paylera.malformed");
        send("application/json", &" ".repeat(1024 * 1024 + 1)).await.refused(413, "paylera.too_large");
        let unknown = send("application/json", r#"{"email":"a@b.c","admin":true}"#).await.refused(422, "paylera.invalid");
        assert_eq!((&unknown["errors"][0]["pointer"], &unknown["errors"][0]["code"]), (&json!("/admin"), &json!("unknown_field")));
    }

    async fn the_audit_trail_says_who_did_what(world: &World) {
        let shop = Shop::open(world).await;
        shop.customer("ann@example.com").await;
        let audit = shop.get("/v1/audit-events?limit=1").await.is(200);
        assert_eq!(audit["data"][0]["entries"][0]["action"], "customer_created");
        assert!(audit["data"][0]["entries"][0]["actor"].as_str().unwrap().starts_with("tok_"));
        assert_eq!(audit["has_more"], true);
    }

    async fn the_trail_is_read_to_its_end_while_it_grows_no_line_twice_and_none_left_out(world: &World) {
        let shop = Shop::open(world).await;
        for at in 0..6 {
            shop.customer(&format!("a{at}@example.com")).await;
        }
        let whole = shop.get("/v1/audit-events?limit=100").await.is(200);
        let (mut read, mut path) = (Vec::new(), "/v1/audit-events?limit=2".to_owned());
        loop {
            let page = shop.get(&path).await.is(200);
            read.extend(page["data"].as_array().unwrap().clone());
            // Lines of the same moment and of later ones, by this writer and by others, come before what is read.
            let elsewhere = shop.elsewhere(world);
            shop.customer(&format!("b{}@example.com", read.len())).await;
            elsewhere.customer(&format!("c{}@example.com", read.len())).await;
            world.pass(1);
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/audit-events?limit=2&cursor={cursor}");
        }
        // What is written in the same moment may stand behind the first page too; of what was there, nothing is lost.
        let place = |line: &serde_json::Value| (line["chain"].to_string(), line["sequence"].as_u64());
        let places: std::collections::BTreeSet<_> = read.iter().map(place).collect();
        assert_eq!(places.len(), read.len(), "a line was read twice");
        assert!(whole["data"].as_array().unwrap().iter().all(|line| places.contains(&place(line))));
        let foreign = shop.get("/v1/customers?limit=1").await.is(200)["next_cursor"].as_str().unwrap().to_owned();
        shop.get(&format!("/v1/audit-events?cursor={foreign}")).await.refused(400, "paylera.bad_parameter");
    }
}
