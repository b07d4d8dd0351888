//! The catalogue: listing, reading in both families, and whose listing it is.

use axum::{Router, body::Body, http::Method};
use farebox_server::Scope;
use serde_json::{Value, json};

use super::door::{Reply, call, door, door_of_another_process, get, post, token};
use crate::world::World;

fn listing(url: &str, network: &str, amount: &str) -> Value {
    json!({
        "resource": url, "type": "http", "t402Version": 2,
        "accepts": [{"scheme": "exact", "network": network, "amount": amount, "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
                     "payTo": "0x2222222222222222222222222222222222222222", "maxTimeoutSeconds": 60, "extra": {"name": "USDC"}}],
        "metadata": {"category": "weather", "description": "rain or not"},
    })
}

async fn register(door: &Router, key: &str, body: &Value) -> Reply {
    post(door, "/v1/discovery/register", &[("x-api-key", key)], body).await
}

async fn change(door: &Router, method: Method, key: &str, id: &str, body: &Value) -> Reply {
    let path = format!("/v1/discovery/resources/{id}");
    call(door, method, &path, &[("x-api-key", key)], body.to_string()).await
}

async fn seller(world: &World) -> String {
    token(world, world.merchant, &[Scope::Settle], None).await.0
}

on_both! {
    async fn a_registered_resource_is_listed_in_each_familys_shape(world: &World) {
        let (door, key) = (door(world, Default::default()), seller(world).await);
        let made = register(&door, &key, &listing("https://api.example/rain", "eip155:84532", "10000")).await;
        let made_body = made.json();
        assert_eq!(made.status, 201, "{made_body}");
        assert_eq!((&made_body["resource"], &made_body["type"]), (&json!("https://api.example/rain"), &json!("http")));
        assert!(made_body["createdAt"].as_str().unwrap().ends_with('Z') && made_body["t402Version"] == 2, "{made_body}");
        let id = made_body["id"].as_str().unwrap();

        let list = get(&door, "/discovery/resources").await.json();
        assert_eq!(list["pagination"], json!({"limit": 20, "offset": 0, "total": 1}));
        assert_eq!((&list["x402Version"], &list["items"][0]["x402Version"]), (&json!(2), &json!(2)));
        let way = &list["items"][0]["accepts"][0];
        assert_eq!((&way["network"], &way["amount"]), (&json!("eip155:84532"), &json!("10000")));
        assert!(list["items"][0]["lastUpdated"].is_i64(), "{list}");

        let list = get(&door, "/v1/discovery/resources").await.json();
        let item = &list["items"][0];
        let way = &item["accepts"][0];
        assert_eq!((&item["id"], &way["network"]), (&json!(id), &json!("base-sepolia")));
        for name in ["scheme", "maxAmountRequired", "amount", "resource", "description", "mimeType", "payTo", "asset"] {
            assert!(way[name].is_string(), "{name}: {way}");
        }
        assert_eq!((&way["maxTimeoutSeconds"], &way["description"]), (&json!(60), &json!("rain or not")));
        assert_eq!(item["options"][0]["network"], "eip155:84532");

        let one = get(&door, &format!("/v1/discovery/resources/{id}")).await.json();
        assert_eq!((&one["accepts"][0]["amount"], &one["t402Version"]), (&json!("10000"), &json!(2)));
        let elsewhere = door_of_another_process(world, Default::default());
        assert_eq!(get(&elsewhere, "/discovery/resources").await.json()["pagination"]["total"], 1);
    }

    async fn a_network_that_version_1_has_no_name_for_spoils_no_list(world: &World) {
        let (door, key) = (door(world, Default::default()), seller(world).await);
        register(&door, &key, &listing("https://api.example/a", "eip155:31337", "1")).await;
        register(&door, &key, &listing("https://api.example/b", "iotex", "1")).await;
        let list = get(&door, "/v1/discovery/resources").await.json();
        for item in list["items"].as_array().unwrap() {
            assert_eq!((&item["accepts"], item["options"].as_array().unwrap().len()), (&json!([]), 1));
        }
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
    }

    async fn one_address_is_listed_once(world: &World) {
        let (door, key) = (door(world, Default::default()), seller(world).await);
        let body = listing("https://api.example/once", "base", "1");
        assert_eq!(register(&door, &key, &body).await.status, 201);
        register(&door, &seller(world).await, &body).await.refused("", 409, "RESOURCE_EXISTS");
        assert_eq!(get(&door, "/discovery/resources").await.json()["pagination"]["total"], 1);
    }

    async fn a_listing_is_its_owners_and_the_operators(world: &World) {
        let (door, key) = (door(world, Default::default()), seller(world).await);
        let id = register(&door, &key, &listing("https://api.example/mine", "base", "1")).await.json()["id"].clone();
        let id = id.as_str().unwrap();
        let stranger = seller(world).await;
        change(&door, Method::PUT, &stranger, id, &json!({"active": false})).await.refused("", 403, "FORBIDDEN");
        change(&door, Method::DELETE, &stranger, id, &json!({})).await.refused("", 403, "FORBIDDEN");
        let changed = change(&door, Method::PUT, &key, id, &json!({"active": false, "accepts": null})).await;
        assert_eq!((changed.status, &changed.json()["active"]), (200, &json!(false)));
        assert_eq!(get(&door, "/v1/discovery/resources").await.json()["pagination"]["total"], 0);
        assert_eq!(get(&door, "/v1/discovery/resources?activeOnly=false").await.json()["pagination"]["total"], 1);
        let (operator, _) = token(world, world.merchant, &[Scope::All], None).await;
        let gone = change(&door, Method::DELETE, &operator, id, &json!({})).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        change(&door, Method::PUT, &key, id, &json!({})).await.refused("", 404, "RESOURCE_NOT_FOUND");
        assert_eq!(world.count("resource_removed").await, 1);
        assert_eq!(register(&door, &key, &listing("https://api.example/mine", "base", "1")).await.status, 201);
    }

    async fn listing_needs_a_key_that_may_settle_whatever_the_policy(world: &World) {
        let door = door(world, Default::default());
        let body = listing("https://api.example/x", "base", "1");
        post(&door, "/v1/discovery/register", &[], &body).await.refused("", 401, "UNAUTHORIZED");
        let (reader, _) = token(world, world.merchant, &[Scope::Read, Scope::Verify], None).await;
        register(&door, &reader, &body).await.refused("", 403, "FORBIDDEN");
        assert_eq!(get(&door, "/discovery/resources").await.json()["pagination"]["total"], 0);
    }

    async fn lists_are_filtered_and_cut(world: &World) {
        let (door, key) = (door(world, Default::default()), seller(world).await);
        for (url, network, amount) in [("a", "base", "5"), ("b", "base-sepolia", "50"), ("c", "base", "500")] {
            let made = register(&door, &key, &listing(&format!("https://api.example/{url}"), network, amount)).await;
            assert_eq!(made.status, 201);
        }
        for (query, total) in [
            ("", 3), ("network=base", 2), ("network=eip155:84532", 1), ("minAmount=6&maxAmount=499", 1), ("category=weather", 3),
            ("provider=acme", 0), ("type=http&scheme=exact", 3), ("payTo=0x2222222222222222222222222222222222222222", 3),
        ] {
            for path in ["/discovery/resources", "/v1/discovery/resources"] {
                let list = get(&door, &format!("{path}?{query}")).await.json();
                assert_eq!(list["pagination"]["total"], total, "{path} {query}");
            }
        }
        let page = get(&door, "/discovery/resources?limit=1&offset=1").await.json();
        assert_eq!((page["items"].as_array().unwrap().len(), &page["pagination"]["total"]), (1, &json!(3)));
        for query in ["limit=0", "offset=-1", "minAmount=1e4", "network=nowhere"] {
            get(&door, &format!("/discovery/resources?{query}")).await.refused("", 400, "INVALID_REQUEST");
        }
    }

    async fn what_is_no_resource_is_not_found_and_what_is_no_listing_is_malformed(world: &World) {
        let (door, key) = (door(world, Default::default()), seller(world).await);
        for id in ["x", "res_00000000000000000000000000000000", "%ff", "7"] {
            get(&door, &format!("/v1/discovery/resources/{id}")).await.refused("", 404, "RESOURCE_NOT_FOUND");
        }
        for body in ["", "[]", "{}", "{\"resource\":7}", &"[".repeat(10_000)] {
            let headers = [("x-api-key", key.as_str())];
            let answer = call(&door, Method::POST, "/v1/discovery/register", &headers, Body::from(body.to_owned())).await;
            answer.refused("", 400, "INVALID_REQUEST");
        }
        let mut long = listing("https://api.example/x", "base", "1");
        long["metadata"]["description"] = json!("x".repeat(17_000));
        register(&door, &key, &long).await.refused("", 413, "REQUEST_TOO_LARGE");
    }
}
