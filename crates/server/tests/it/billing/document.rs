//! Every operation by the OpenAPI document: authorisation, validation, replay, and another merchant's ids.

use axum::http::Method;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::world::World;

struct Operation {
    method: Method,
    path: String,
    value: Value,
}

impl Operation {
    fn is_public(&self) -> bool {
        self.value["security"] == json!([])
    }

    fn header(&self, name: &str) -> Option<&Value> {
        self.value["parameters"].as_array().unwrap().iter().find(|p| p["name"] == name && p["in"] == "header")
    }

    /// With an id that is nobody's in place of each segment.
    fn filled(&self) -> String {
        self.path.replace("{id}", &uuid::Uuid::now_v7().to_string()).replace("{code}", "nobody")
    }
}

async fn operations(shop: &Shop) -> Vec<Operation> {
    let document = shop.send(Method::GET, "/openapi.json", &[], None).await.is(200);
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, value) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push(Operation { method, path: path.clone(), value: value.clone() });
        }
    }
    assert!(operations.len() > 35, "{}", operations.len());
    operations
}

on_both! {
    async fn every_operation_asks_for_a_token_and_its_scope(world: &World) {
        let shop = Shop::open(world).await;
        let nobody = Shop { token: "pl_test_nobody".to_owned(), ..Shop::open(world).await };
        let scopes = farebox_server::Scopes::new([farebox_server::Scope::Verify]);
        let narrow = super::shop::token_of(world, world.merchant, scopes).await;
        let narrow = Shop { token: narrow, ..Shop::open(world).await };
        for operation in operations(&shop).await.iter().filter(|operation| !operation.is_public()) {
            let ask = async |shop: &Shop| shop.call(operation.method.clone(), &operation.filled(), "", None).await;
            ask(&nobody).await.refused(401, "paylera.unauthenticated");
            ask(&narrow).await.refused(403, "paylera.forbidden");
            let bare = shop.send(operation.method.clone(), &operation.filled(), &[], None).await;
            bare.refused(401, "paylera.unauthenticated");
        }
    }

    async fn every_body_is_validated_and_every_answer_is_documented(world: &World) {
        let shop = Shop::open(world).await;
        for operation in operations(&shop).await {
            for body in [json!({"no_such_member": 1}), json!([]), json!(1)] {
                let takes = operation.value.get("requestBody").is_some();
                let body = takes.then_some(body);
                let key = if operation.header("Idempotency-Key").is_some() { uuid::Uuid::now_v7().to_string() } else { String::new() };
                let answer = shop.call(operation.method.clone(), &operation.filled(), &key, body).await;
                let documented = operation.value["responses"].as_object().unwrap();
                let (method, path) = (&operation.method, &operation.path);
                assert!(documented.contains_key(&answer.status.to_string()), "{method} {path}: {} {}", answer.status, answer.text);
                assert!(answer.status < 500, "{method} {path}: {}", answer.text);
                assert!(!takes || answer.status >= 400, "{method} {path}: {}", answer.text);
            }
        }
    }

    async fn every_write_under_a_key_is_answered_alike_again(world: &World) {
        let shop = Shop::open(world).await;
        for operation in operations(&shop).await {
            let Some(header) = operation.header("Idempotency-Key") else { continue };
            let (path, key) = (operation.filled(), uuid::Uuid::now_v7().to_string());
            let body = operation.value.get("requestBody").map(|_| json!({}));
            let ask = async |key: &str| shop.call(operation.method.clone(), &path, key, body.clone()).await;
            if header["required"] == true {
                ask("").await.refused(400, "paylera.idempotency_key_required");
            }
            let (first, again) = (ask(&key).await, ask(&key).await);
            assert_eq!(first.status, again.status, "{path}");
            assert_eq!(first.json()["type"], again.json()["type"], "{path}");
        }
    }

    async fn another_merchants_ids_are_not_found_anywhere(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, subscription) = shop.subscribed(10).await;
        let reserve = json!({"customer_id": customer, "feature_code": "calls", "amount": 1, "ttl_seconds": 60});
        let reservation = shop.post("/v1/reservations", reserve).await.is(201)["id"].as_str().unwrap().to_owned();
        let clock = shop.post("/v1/test-clocks", json!({"frozen_time": "2027-02-01T00:00:00Z"})).await.is(201);
        let token = shop.post("/v1/api-tokens", json!({"name": "x"})).await.is(201);
        let stranger = Shop { token: shop.stranger.clone(), ..Shop::open(world).await };
        stranger.stock().await;
        let plan = stranger.plan("own", 10).await;
        let bodies = json!({
            "change_plan": {"new_plan_id": plan}, "advance_test_clock": {"frozen_time": "2030-01-01T00:00:00Z"},
            "update_customer": {"name": "x"}, "attach": {"customer_id": customer, "plan_id": plan},
            "check": {"customer_id": customer, "feature_code": "calls"},
            "track": {"customer_id": customer, "feature_code": "calls", "value": 1},
            "consume": {"customer_id": customer, "feature_code": "calls", "value": 1},
            "reserve": {"customer_id": customer, "feature_code": "calls", "amount": 1, "ttl_seconds": 60},
            "create_credit": {"customer_id": customer, "feature_code": "calls", "amount": 1},
            "put_override": {"customer_id": customer, "feature_code": "export", "value": false},
        });
        let before = shop.get(&format!("/v1/customers/{customer}/balances")).await.text;
        let mut asked = 0;
        for operation in operations(&shop).await {
            let id = operation.value["operationId"].as_str().unwrap();
            let named = match operation.path.split('/').nth(2).unwrap() {
                "customers" => customer.as_str(),
                "subscriptions" => subscription.as_str(),
                "reservations" => reservation.as_str(),
                "test-clocks" => clock["id"].as_str().unwrap(),
                "api-tokens" => token["id"].as_str().unwrap(),
                _ => "",
            };
            if !operation.path.contains("{id}") && bodies.get(id).is_none() {
                continue;
            }
            let path = operation.path.replace("{id}", named);
            let body = operation.value.get("requestBody").map(|_| bodies.get(id).cloned().unwrap_or_else(|| json!({})));
            let key = if operation.method == Method::GET { String::new() } else { uuid::Uuid::now_v7().to_string() };
            stranger.call(operation.method.clone(), &path, &key, body).await.refused(404, "paylera.not_found");
            asked += 1;
        }
        assert!(asked > 20, "{asked}");
        assert_eq!(shop.get(&format!("/v1/customers/{customer}/balances")).await.text, before);
    }

    async fn the_document_names_only_schemas_it_has_and_the_pages_load_nothing(world: &World) {
        let shop = Shop::open(world).await;
        let document = shop.send(Method::GET, "/openapi.json", &[], None).await;
        let schemas = document.json()["components"]["schemas"].as_object().unwrap().clone();
        for part in document.text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
        let page = shop.send(Method::GET, "/docs", &[], None).await;
        assert!(page.text.contains("/v1/attach") && !page.text.contains("src=") && !page.text.contains("https://"));
        let schema = shop.send(Method::GET, "/config.schema.json", &[], None).await.is(200);
        assert_eq!(schema["properties"]["apiVersion"]["type"], "string");
    }
}
