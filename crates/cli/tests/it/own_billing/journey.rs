//! The typed client's own example.

// Its `main` reads the command line; what it does is called from here.
#[allow(dead_code)]
#[path = "../../../../client/examples/journey.rs"]
mod example;

use super::shop::Shop;
use crate::world::Engine;

async fn a_day(engine: Engine) {
    let Some(shop) = Shop::empty(engine, &[]).await else { return };
    assert_eq!(example::day(&shop.server.url, shop.token.clone()).await.unwrap(), "7.5");
    assert_eq!(example::day(&shop.server.url, shop.token.clone()).await.unwrap(), "7.5", "a repeat changes nothing");
    shop.close().await;
}

#[tokio::test]
async fn the_clients_example_runs_against_our_own_server_on_sqlite() {
    a_day(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_clients_example_runs_against_our_own_server_on_postgres() {
    a_day(Engine::Postgres).await;
}
