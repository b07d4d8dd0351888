//! A secret is replaced while a page goes on asking.

use serde_json::json;

use super::{page::Page, shop::Shop};
use crate::{
    relay::{Relay, SECRET},
    world::Engine,
};

const FRESH: &str = "fresh-secret-of-thirty-two-bytes";

/// Asks through each instance with the token of each; all must be served.
async fn all_served(relays: &[&Relay]) {
    for minting in relays {
        let page = Page::open(&minting.url, "ann@example.com").await;
        for checking in relays {
            let page = page.through(&checking.url);
            let answer = page.post("/check", &json!({"feature_code": "api_calls"})).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_rotation_over_two_processes_drops_no_request() {
    let shop = Shop::open(Engine::Sqlite).await.unwrap();
    let with = |current: &str, previous: &str| {
        shop.relay(&[], &[("PAYLERA_RELAY_SECRET", current), ("PAYLERA_RELAY_SECRET_PREVIOUS", previous)])
    };
    let (one, two) = (with(SECRET, ""), with(SECRET, ""));
    all_served(&[&one, &two]).await;
    // First every instance learns to take the new secret's tokens, then every instance signs with it.
    let one = with(SECRET, FRESH);
    all_served(&[&one, &two]).await;
    let two = with(SECRET, FRESH);
    all_served(&[&one, &two]).await;
    let one = with(FRESH, SECRET);
    all_served(&[&one, &two]).await;
    let two = with(FRESH, SECRET);
    all_served(&[&one, &two]).await;
    let old = Page::open(&with(SECRET, "").url, "ann@example.com").await;
    let after = with(FRESH, "");
    let refused = old.through(&after.url).post("/check", &json!({"feature_code": "api_calls"})).await;
    assert_eq!(refused.problem(), (403, "paylera.csrf_mismatch".to_owned()));
    shop.close().await;
}
