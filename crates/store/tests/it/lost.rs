//! PostgreSQL: the server's processes are killed under load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use farebox_engine::ledger::{Command, Outcome};
use farebox_store::{Retry, Store};
use sqlx::{Connection, PgConnection};

use crate::{
    shop::micros,
    world::{Engine, World, another_process_at},
};

const CALLERS: u64 = 32;
const PLENTY: u64 = 1_000_000;

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
        world.ask(shop.grant(&format!("g{payer}"), payer, PLENTY)).await.unwrap();
    }
    let until = world.now().after(Duration::from_secs(600));
    let stores = [Arc::clone(&world.store), Arc::clone(&other)];
    let (stop, sum) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .zip(stores.iter().cycle())
        .map(|(name, store)| {
            let (store, stop, sum) = (Arc::clone(store), Arc::clone(&stop), Arc::clone(&sum));
            tokio::spawn(async move {
                let mut charged = 0;
                for step in 0_u64.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let key = format!("{name}/{step}");
                    let payer = if step % 2 == 0 { 0 } else { name % 4 };
                    if step % 3 == 0 {
                        insist(&store, shop.hold(&key, payer, 1, until)).await;
                    }
                    insist(&store, shop.post(&key, payer, 1)).await;
                    charged += 1;
                    sum.fetch_add(1, Ordering::SeqCst);
                }
                charged
            })
        })
        .collect();
    let killed = kill_connections(&world.url(), || sum.load(Ordering::SeqCst) > 20).await;
    stop.store(true, Ordering::SeqCst);
    let mut charged = 0;
    for caller in callers {
        charged += caller.await.unwrap();
    }
    assert!(killed > 20 && charged > 20, "{killed} connections, {charged} charges");
    let mut left = 0;
    for payer in 0..4 {
        let account = world.account(&shop.holder(payer)).await;
        assert_eq!(account.held, 0);
        left += account.posted;
    }
    assert_eq!(left, micros(4 * PLENTY - charged));
    other.close().await;
    world.finish().await;
}

/// Ends every connection of the stores, twenty times and until that was `enough`, with ever longer pauses: on a busy machine
/// nothing gets done in a short one. Returns how many there were.
pub(crate) async fn kill_connections(url: &str, enough: impl Fn() -> bool) -> i64 {
    let mut sql = PgConnection::connect(url).await.unwrap();
    let mut killed = 0;
    for round in 0..200 {
        killed += end_connections(&mut sql).await;
        if round >= 20 && killed > 20 && enough() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(40 + 2 * round)).await;
    }
    killed
}

/// Ends every connection of the stores; returns how many there were.
async fn end_connections(sql: &mut PgConnection) -> i64 {
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'farebox'";
    sqlx::query_scalar(end).fetch_one(sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_may_no_longer_write_is_left() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    let database = world.url();
    let database = database.rsplit_once('/').unwrap().1.split('?').next().unwrap();
    let only_reads = format!("ALTER DATABASE {database} SET default_transaction_read_only =");
    world.behind_its_back(&format!("{only_reads} on")).await;
    let mut sql = PgConnection::connect(&world.url()).await.unwrap();
    end_connections(&mut sql).await;
    let fault = world.store.execute(vec![shop.post("p", 1, 1)]).await.unwrap_err();
    assert!(matches!(fault.retry, Retry::After(_)) && fault.what.contains("must lead to the primary"), "{fault:?}");
    // Its connection would go on refusing: the setting is taken over when a connection is made.
    let writes_again = format!("BEGIN READ WRITE; {only_reads} off; COMMIT");
    sqlx::raw_sql(sqlx::AssertSqlSafe(writes_again)).execute(&mut sql).await.unwrap();
    assert!(world.ask(shop.post("p", 1, 1)).await.is_ok());
    world.finish().await;
}
