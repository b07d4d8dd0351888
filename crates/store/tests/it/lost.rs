//! PostgreSQL: the server's processes are killed under load.

use std::{sync::Arc, time::Duration};

use farebox_engine::ledger::{Command, Outcome};
use farebox_store::{Retry, Store};
use sqlx::{Connection, PgConnection};

use crate::{
    shop::micros,
    world::{Engine, World, another_process_at},
};

const CALLERS: u64 = 32;
const CHARGES: u64 = 12;

/// Sends a command until it is answered.
async fn insist(store: &Arc<dyn Store>, command: Command) -> (Outcome, u32) {
    for faults in 0..200 {
        match store.execute(vec![command.clone()]).await {
            Ok(mut answers) => return (answers.remove(0).unwrap(), faults),
            Err(fault) => {
                assert_ne!(fault.retry, Retry::Never, "{fault}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    panic!("no answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_the_connections_it_came_over() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let shop = world.shop;
    let other = another_process_at(&world.url(), &world.clock).await;
    for payer in 0..4 {
        world.ask(shop.grant(&format!("g{payer}"), payer, 1_000)).await.unwrap();
    }
    let until = world.now().after(Duration::from_secs(600));
    let stores = [Arc::clone(&world.store), Arc::clone(&other)];
    let callers: Vec<_> = (0..CALLERS)
        .zip(stores.iter().cycle())
        .map(|(name, store)| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for step in 0..CHARGES {
                    let key = format!("{name}/{step}");
                    let payer = if step % 2 == 0 { 0 } else { name % 4 };
                    if step % 3 == 0 {
                        insist(&store, shop.hold(&key, payer, 1, until)).await;
                    }
                    insist(&store, shop.post(&key, payer, 1)).await;
                }
            })
        })
        .collect();
    let killed = kill_while(&world.url(), || callers.iter().any(|caller| !caller.is_finished())).await;
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(killed > 10, "{killed} connections were killed");
    let mut left = 0;
    for payer in 0..4 {
        let account = world.account(&shop.holder(payer)).await;
        assert_eq!(account.held, 0);
        left += account.posted;
    }
    assert_eq!(left, micros(4_000 - CALLERS * CHARGES));
    other.close().await;
    world.finish().await;
}

/// Ends every connection of the stores again and again; returns how many there were.
async fn kill_while(url: &str, going: impl Fn() -> bool) -> i64 {
    let mut sql = PgConnection::connect(url).await.unwrap();
    let mut killed = 0;
    for _ in 0..60 {
        if !going() {
            break;
        }
        let ended: i64 = sqlx::query_scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'farebox'",
        )
        .fetch_one(&mut sql)
        .await
        .unwrap();
        killed += ended;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    killed
}
