//! Many callers at once: nothing is lost, nothing is doubled, nothing falls below its floor.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use farebox_engine::ledger::{Command, Outcome, Refusal};
use farebox_store::{Decision, Store};
use farebox_types::Timestamp;
use rstest::rstest;

use crate::{
    shop::{Shop, micros},
    world::{Engine, World},
};

const TASKS: u64 = 64;
const ACCOUNTS: u64 = 12;
const GRANTED: u64 = 1_000;

/// What the answers say has left each account.
type Spent = BTreeMap<u64, i64>;

async fn fund(world: &World) {
    let grants = (0..ACCOUNTS).map(|payer| world.shop.grant(&format!("g{payer}"), payer, GRANTED)).collect();
    assert!(world.store.execute(grants).await.unwrap().iter().all(Result::is_ok));
}

/// A caller: charges at once, charges in two steps, changes its mind, repeats itself, asks for too much.
async fn caller(store: Arc<dyn Store>, shop: Shop, name: u64, steps: u64, until: Timestamp) -> Spent {
    let mut spent = Spent::new();
    for step in 0..steps {
        // Half of all steps hit payer 0.
        let payer = if step % 2 == 0 { 0 } else { (name + step) % ACCOUNTS };
        let key = format!("{name}/{step}");
        let units = 1 + step % 3;
        let commands = match step % 5 {
            0 => vec![shop.post(&key, payer, units), shop.post(&key, payer, units)],
            1 => vec![shop.hold(&key, payer, units, until), shop.post(&key, payer, units)],
            2 => vec![shop.hold(&key, payer, units, until), shop.release(&key, payer, units)],
            3 => vec![Command::Post(shop.charge_by_token(&key, payer, units, &key))],
            _ => vec![shop.post(&key, payer, 10 * GRANTED)],
        };
        for answer in store.execute(commands).await.unwrap() {
            *spent.entry(payer).or_default() += taken(&answer);
        }
    }
    spent
}

fn taken(answer: &Decision) -> i64 {
    match answer {
        Ok(Outcome::Posted { amount, replayed: false, .. }) => amount.micros(),
        Ok(_) | Err(Refusal::Insufficient { .. }) => 0,
        Err(refusal) => panic!("{refusal}"),
    }
}

async fn total(tasks: Vec<tokio::task::JoinHandle<Spent>>) -> Spent {
    let mut total = Spent::new();
    for task in tasks {
        for (payer, spent) in task.await.unwrap() {
            *total.entry(payer).or_default() += spent;
        }
    }
    total
}

async fn assert_balances(world: &World, spent: &Spent) {
    assert!(spent[&0] > 0, "the load did something");
    for payer in 0..ACCOUNTS {
        let account = world.account(&world.shop.holder(payer)).await;
        let left = micros(GRANTED) - spent.get(&payer).copied().unwrap_or_default();
        assert_eq!((account.posted, account.held), (left, 0), "payer {payer}");
        assert!(left >= 0);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_in_the_balances(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    fund(&world).await;
    let until = world.now().after(Duration::from_secs(600));
    let tasks = (0..TASKS).map(|name| tokio::spawn(caller(Arc::clone(&world.store), world.shop, name, 20, until)));
    let spent = total(tasks.collect()).await;
    assert_balances(&world, &spent).await;
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_charges_never_spend_one_credit_twice(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 50)).await.unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|name| {
            let store = Arc::clone(&world.store);
            tokio::spawn(
                async move { store.execute(vec![shop.post(&format!("p{name}"), 1, 1)]).await.unwrap().remove(0) },
            )
        })
        .collect();
    let mut paid = 0;
    for task in tasks {
        paid += u32::from(task.await.unwrap().is_ok());
    }
    assert_eq!(paid, 50);
    assert_eq!(world.account(&shop.holder(1)).await.posted, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_accounts_without_losing_anything() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    fund(&world).await;
    let until = world.now().after(Duration::from_secs(600));
    let other = world.another_process().await;
    let stores = [Arc::clone(&world.store), Arc::clone(&other)];
    let tasks = (0..TASKS).zip(stores.iter().cycle());
    let tasks = tasks.map(|(name, store)| tokio::spawn(caller(Arc::clone(store), world.shop, name, 20, until)));
    let spent = total(tasks.collect()).await;
    assert_balances(&world, &spent).await;
    other.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charges_of_many_accounts_in_opposite_orders_do_not_deadlock() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    fund(&world).await;
    let (shop, other) = (world.shop, world.another_process().await);
    let stores = [Arc::clone(&world.store), Arc::clone(&other)];
    let tasks: Vec<_> = (0..32_u64)
        .zip(stores.iter().cycle())
        .map(|(name, store)| {
            let store = Arc::clone(store);
            let mut payers: Vec<u64> = (0..ACCOUNTS).collect();
            if name % 2 == 0 {
                payers.reverse();
            }
            tokio::spawn(async move {
                for step in 0..10 {
                    let operation = shop.charge_all(&format!("{name}/{step}"), &payers, 1);
                    store.execute(vec![Command::Post(operation)]).await.unwrap().remove(0).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for payer in 0..ACCOUNTS {
        assert_eq!(world.account(&shop.holder(payer)).await.posted, micros(GRANTED - 320));
    }
    other.close().await;
    assert_eq!(deadlocks(&world.url()).await, 0);
    world.finish().await;
}

async fn deadlocks(url: &str) -> i64 {
    let mut sql = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
    let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(count).fetch_one(&mut sql).await.unwrap()
}
