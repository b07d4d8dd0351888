//! What must not be seen in a log, however much is logged.

use std::fs::{self, File};

use serde_json::json;

use super::{page::Page, shop::Shop};
use crate::{
    relay::{Relay, SECRET},
    world::Engine,
};

const PREVIOUS: &str = "the-secret-that-was-before-this-one";

#[tokio::test]
async fn a_relay_that_logs_everything_writes_no_secret_and_nobodys_address() {
    let shop = Shop::open(Engine::Sqlite).await.unwrap();
    let log = shop.world.folder.path().join("relay.log");
    let environment = [("FAREBOX_LOG", "trace"), ("PAYLERA_RELAY_SECRET_PREVIOUS", PREVIOUS)];
    let relay = Relay::logging(shop.relay_command(&[], &environment), File::create(&log).unwrap().into());

    let page = Page::open(&relay.url, "ann.private@example.com").await;
    page.get("/me").await;
    page.post("/attach", &json!({"plan_id": shop.plan("small").await})).await;
    let usage = json!({"feature_code": "api_calls", "value": 1, "dedup_key": "a-private-key-of-the-page"});
    assert_eq!(page.post("/track", &usage).await.status, 204);
    // Refused here, refused upstream, and not answered at all.
    page.through(&relay.url).post("/track", &json!({"value": -1})).await;
    page.post("/check", &json!({"feature_code": "no_such_feature"})).await;
    let token = page.token.clone();
    let (shop_token, folder) = (shop.token.clone(), log.clone());
    assert_eq!(shop.server.terminate(), Some(0));
    assert_eq!(page.get("/me").await.problem(), (502, "paylera.upstream_unavailable".to_owned()));
    drop(relay);

    let logged = fs::read_to_string(folder).unwrap();
    assert!(logged.contains("no answer from upstream"), "the log is this one: {logged}");
    for secret in [&*shop_token, SECRET, PREVIOUS, &*token, "ann.private", "a-private-key-of-the-page"] {
        assert!(!logged.contains(secret), "{secret} in the log");
    }
    shop.world.finish().await;
}
