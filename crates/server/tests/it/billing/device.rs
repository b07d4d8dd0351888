//! The device flow, with its five errors.

use axum::http::Method;
use serde_json::{Value, json};

use super::shop::{Reply, Shop};
use crate::world::World;

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

async fn begin(shop: &Shop) -> Value {
    shop.send(Method::POST, "/v1/oauth/device/code", &FORM, Some("client_id=farebox-cli")).await.is(200)
}

async fn poll(shop: &Shop, code: &Value) -> Reply {
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = json!({"grant_type": grant, "device_code": code["device_code"], "client_id": "farebox-cli"});
    shop.send(Method::POST, "/v1/oauth/token", &[], Some(&body.to_string())).await
}

async fn decide(shop: &Shop, code: &Value, token: &str, decision: &str) -> Reply {
    let body = format!("code={}&token={token}&decision={decision}", code["user_code"].as_str().unwrap());
    shop.send(Method::POST, "/device", &FORM, Some(&body)).await
}

#[track_caller]
fn error(reply: &Reply, error: &str) {
    assert_eq!(reply.is(400)["error"], error);
    assert_eq!(reply.headers["content-type"], "application/json", "RFC 6749 has its own shape of errors");
}

on_both! {
    async fn a_device_that_is_let_in_has_one_token_that_works(world: &World) {
        let shop = Shop::open(world).await;
        let code = begin(&shop).await;
        error(&poll(&shop, &code).await, "authorization_pending");
        error(&poll(&shop, &code).await, "slow_down");
        let said = decide(&shop, &code, &shop.token, "approve").await;
        assert!(said.status == 200 && said.text.contains("let in"), "{}", said.text);
        let token = poll(&shop, &code).await.is(200);
        assert_eq!((&token["token_type"], &token["scope"]), (&json!("Bearer"), &json!("*")));
        let device = Shop { token: token["access_token"].as_str().unwrap().to_owned(), ..shop.elsewhere(world) };
        device.get("/v1/plans").await.is(200);
        error(&poll(&shop, &code).await, "invalid_grant");
    }

    async fn a_device_that_is_turned_away_or_too_late_has_none(world: &World) {
        let shop = Shop::open(world).await;
        let denied = begin(&shop).await;
        decide(&shop, &denied, &shop.token, "deny").await;
        error(&poll(&shop, &denied).await, "access_denied");
        let late = begin(&shop).await;
        world.pass(601);
        error(&poll(&shop, &late).await, "expired_token");
        error(&poll(&shop, &json!({"device_code": "none"})).await, "invalid_grant");
        let guess = decide(&shop, &late, "pl_test_nobody", "approve").await;
        assert_eq!(guess.status, 401);
    }
}
