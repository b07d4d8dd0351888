//! Four instances, and one user whom none of them has seen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{page::Page, shop::Shop};
use crate::world::Engine;

async fn first_requests(engine: Engine) {
    let Some(shop) = Shop::open(engine).await else { return };
    let relays: Vec<_> = (0..4).map(|_| shop.relay(&[], &[])).collect();
    let page = Page::open(&relays[0].url, " Ann@Example.com ").await;
    let asking: Vec<_> = (0..16)
        .map(|at| {
            let page = page.through(&relays[at % 4].url);
            tokio::spawn(async move {
                if at % 2 == 0 {
                    return page.get("/me").await.json()["id"].clone();
                }
                page.post("/check", &json!({"feature_code": "api_calls"})).await.json()["customer_id"].clone()
            })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for asked in asking {
        ids.insert(asked.await.unwrap().as_str().unwrap().to_owned());
    }
    let (_, all) = shop.ask("/v1/customers").await;
    let all: Value = serde_json::from_slice(&all).unwrap();
    let all: BTreeSet<String> =
        all["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ids.len(), &ids), (1, &all));
    shop.close().await;
}

#[tokio::test]
async fn first_requests_on_four_instances_meet_in_one_customer_on_sqlite() {
    first_requests(Engine::Sqlite).await;
}

#[tokio::test]
async fn first_requests_on_four_instances_meet_in_one_customer_on_postgres() {
    first_requests(Engine::Postgres).await;
}
