//! What was committed and not yet published.

use std::time::Duration;

use rstest::rstest;

use crate::world::{Engine, World};

#[rstest]
#[tokio::test]
async fn a_line_is_leased_to_one_worker_at_a_time(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    for payer in 0..5 {
        world.ask(shop.grant(&format!("g{payer}"), payer, 1)).await.unwrap();
        world.pass(1);
    }
    let until = world.now().after(Duration::from_secs(30));
    let first = world.store.lease_outbox(2, until).await.unwrap();
    let second = world.store.lease_outbox(10, until).await.unwrap();
    assert_eq!((first.len(), second.len()), (2, 3));
    assert!(world.store.lease_outbox(10, until).await.unwrap().is_empty());
    let oldest = first.iter().map(|row| row.created_at).max().unwrap();
    assert!(second.iter().all(|row| row.created_at > oldest && row.attempts == 0));
    assert!(first.iter().chain(&second).all(|row| row.tenant == shop.tenant && row.entries.contains("granted")));

    world.store.finish_outbox(&first).await.unwrap();
    world.pass(30);
    let mut again = world.store.lease_outbox(10, world.now().after(Duration::from_secs(30))).await.unwrap();
    again.sort_by_key(|row| row.created_at);
    assert_eq!(
        again.iter().map(|row| row.seq).collect::<Vec<_>>(),
        second.iter().map(|row| row.seq).collect::<Vec<_>>()
    );
    assert!(again.iter().all(|row| row.attempts == 1));
    world.store.finish_outbox(&again).await.unwrap();
    world.store.finish_outbox(&again).await.unwrap();
    world.pass(60);
    assert!(world.store.lease_outbox(10, world.now()).await.unwrap().is_empty());
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_lease_at_once_get_different_lines(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    for payer in 0..40 {
        world.ask(shop.grant(&format!("g{payer}"), payer, 1)).await.unwrap();
    }
    let until = world.now().after(Duration::from_secs(30));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = std::sync::Arc::clone(&world.store);
            tokio::spawn(async move {
                let mut leased = Vec::new();
                // A worker that found the rows in other hands comes back for more.
                for _ in 0..20 {
                    leased.extend(store.lease_outbox(5, until).await.unwrap());
                }
                leased
            })
        })
        .collect();
    let mut leased = Vec::new();
    for worker in workers {
        leased.extend(worker.await.unwrap().into_iter().map(|row| (row.chain, row.seq)));
    }
    assert_eq!(leased.len(), 40);
    leased.sort_unstable();
    leased.dedup();
    assert_eq!(leased.len(), 40, "no line was leased twice");
    world.finish().await;
}
