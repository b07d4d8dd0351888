//! PostgreSQL: settlements while connections are lost, and from processes that meet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use farebox_engine::settlement::{Outcome, posting_id};
use farebox_store::{Intended, Intents, PostgresOptions, PostgresStore, Retry, SettlementStore, Store};
use farebox_types::{Address, ManualClock, Secret};
use sqlx::{AssertSqlSafe, Connection};

use crate::{
    lost::kill_connections,
    office::{CHAIN, Office, SIGNER, key},
    proxy::{Cut, Proxy},
    world::{Engine, World},
};

/// A world, and a store on it by way of a proxy.
async fn over_a_wire() -> Option<(World, Proxy, PostgresStore)> {
    let world = World::new(Engine::Postgres).await?;
    let proxy = Proxy::before(&world.url()).await;
    let options = PostgresOptions { lanes: 1, max_connections: 1 };
    let (url, clock) = (Secret::new(proxy.url(&world.url())), Arc::<ManualClock>::clone(&world.clock));
    let store = PostgresStore::open_with(&url, clock, options).await.unwrap();
    Some((world, proxy, store))
}

/// Writes intents as their driver does: after an unknown commit it looks before it writes again.
async fn insist(store: &dyn Store, reader: &dyn Store, intents: impl Fn(Option<u64>) -> Intents) -> u32 {
    for unknown in 0..200 {
        let expected = loop {
            match reader.next_nonce(intents(None).tenant, CHAIN, SIGNER).await {
                Ok(expected) => break expected,
                Err(fault) => assert_ne!(fault.retry, Retry::Never, "{fault}"),
            }
        };
        let intents = intents(expected);
        let payment = intents.intents[0].settlements[0].key;
        match store.intend(intents.clone()).await {
            Ok(Intended::Written) => return unknown,
            Ok(Intended::Moved(_)) => {}
            Ok(Intended::Known(keys)) => {
                assert!(unknown > 0 && keys.contains(&payment), "nobody else writes it");
                return unknown;
            }
            Ok(taken) => panic!("{taken:?}"),
            Err(fault) => assert_ne!(fault.retry, Retry::Never, "{fault}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_wire_is_cut_an_intent_is_written_once() {
    let Some((world, proxy, store)) = over_a_wire().await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1_000, 1)).await.unwrap();
    let (mut written, mut cuts_met) = (0, 0);
    let mut cuts: Vec<Cut> = (1..=9).flat_map(|nth| [Cut::Before(nth), Cut::After(nth)]).collect();
    cuts.extend([Cut::BeforeCommit, Cut::AfterCommit]);
    for cut in cuts {
        written += 1;
        proxy.arm(&[cut]);
        let intents = |expected| office.intents(expected, written, 1);
        let unknown = insist(&store, &*world.store, intents).await;
        let met = proxy.disarm() == 0;
        cuts_met += u32::from(met);
        assert!(unknown <= 1, "{cut:?}");
        if matches!(cut, Cut::BeforeCommit | Cut::AfterCommit) {
            assert_eq!((met, unknown), (true, 1), "{cut:?}: whoever asked is told that nobody knows");
        }
        let next = world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap();
        assert_eq!(next, Some(written + 1), "{cut:?}: no nonce is lost, none is used twice");
        let row = world.store.settlement(office.tenant, key(written)).await.unwrap().unwrap();
        assert_eq!(row.slot, Some(Office::slot(written)), "{cut:?}");
    }
    assert!(cuts_met >= 14, "{cuts_met}");
    store.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_wire_is_cut_a_step_has_its_effect_once() {
    let Some((world, proxy, store)) = over_a_wire().await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 0, 24)).await.unwrap();
    let mut cuts: Vec<Cut> = (1..=11).flat_map(|nth| [Cut::Before(nth), Cut::After(nth)]).collect();
    cuts.extend([Cut::BeforeCommit, Cut::AfterCommit]);
    let mut met = 0;
    for (nonce, cut) in (0..).zip(cuts) {
        proxy.arm(&[cut]);
        store.step(vec![office.settled(nonce, nonce, true)]).await.unwrap();
        met += u32::from(proxy.disarm() == 0);
        assert!(matches!(office.outcome(nonce).await, Outcome::Settled { .. }), "{cut:?}");
        let posted = world.store.transfer(office.tenant, posting_id(office.tenant, key(nonce))).await.unwrap();
        assert_eq!(posted.unwrap().settled.micros(), 10_000, "{cut:?}");
        assert!(world.store.verify().await.unwrap().is_clean(), "{cut:?}");
    }
    assert!(met >= 16, "{met}");
    store.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_stays_away_a_step_is_unknown_and_may_be_sent_again() {
    let Some((world, proxy, store)) = over_a_wire().await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 0, 2)).await.unwrap();
    // Its writer connects with the first step.
    store.step(vec![office.looked(0)]).await.unwrap();
    for (nonce, cut) in [(0, Cut::AfterCommit), (1, Cut::BeforeCommit)] {
        proxy.arm(&[cut]);
        proxy.close(true);
        let step = || vec![office.settled(nonce, nonce, true)];
        let fault = store.step(step()).await.unwrap_err();
        assert_eq!(fault.retry, Retry::Unknown, "{cut:?}: {fault}");
        assert_eq!(office.outcome(nonce).await == Outcome::Unknown, cut == Cut::BeforeCommit);
        proxy.close(false);
        store.step(step()).await.unwrap();
        assert!(matches!(office.outcome(nonce).await, Outcome::Settled { .. }), "{cut:?}");
    }
    store.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_survive_the_connections_they_were_written_over() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let office = Office::new(&world);
    let other = world.another_process().await;
    let (stop, payments) = (AtomicBool::new(false), AtomicU64::new(0));
    let writer = async |store: &dyn Store| {
        while !stop.load(Ordering::SeqCst) {
            let number = payments.fetch_add(1, Ordering::SeqCst);
            insist(store, store, |expected| office.intents(expected, number, 1)).await;
        }
    };
    let killing = async {
        let killed = kill_connections(&world.url(), || payments.load(Ordering::SeqCst) > 13).await;
        stop.store(true, Ordering::SeqCst);
        killed
    };
    let ((), (), (), killed) = tokio::join!(writer(&*world.store), writer(&*other), writer(&*world.store), killing);
    let payments = payments.load(Ordering::SeqCst);
    assert!(killed > 20 && payments > 10, "{killed} connections, {payments} payments");
    assert_eq!(world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap(), Some(payments));
    let mut nonces = Vec::new();
    for number in 0..payments {
        let row = world.store.settlement(office.tenant, key(number)).await.unwrap().unwrap();
        nonces.push(row.slot.unwrap().nonce);
    }
    nonces.sort_unstable();
    assert_eq!(nonces, (0..payments).collect::<Vec<_>>());
    other.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_use_the_same_names_and_steps_crosswise_never_wait_for_each_other() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let other = world.another_process().await;
    let (mut ours, mut theirs) = (Office::new(&world), Office::new(&world));
    (ours.signer, theirs.signer, theirs.tenant) = (SIGNER, Address::from_bytes([8; 20]), ours.tenant);
    for round in 0..15 {
        let batch = |office: &Office<'_>, first: u64| {
            let expected = (round > 0).then_some(round * 20);
            let mut intents = office.intents(expected, first + round * 20, 20);
            intents.names = (0..20).map(|at| office.named(&format!("{round}/{at}"), first + round * 20 + at)).collect();
            intents
        };
        // Another process's payments have names of their own first: it keeps its nonces in step.
        let mut crossing = batch(&theirs, 10_000);
        crossing.names.reverse();
        let (one, two) = tokio::join!(world.store.intend(batch(&ours, 0)), other.intend(crossing.clone()));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!((one == Intended::Written) != (two == Intended::Written), "{one:?} {two:?}");
        let last = if one == Intended::Written { crossing } else { batch(&ours, 0) };
        let last = Intents { names: vec![], ..last };
        let written = world.store.intend(last).await.unwrap();
        assert_eq!(written, Intended::Written);

        let steps: Vec<_> = (0..20).map(|at| ours.settled(round * 20 + at, round * 20 + at, true)).collect();
        let (one, two) = tokio::join!(world.store.step(steps.clone()), other.step(steps.into_iter().rev().collect()));
        one.unwrap();
        two.unwrap();
    }
    // The server counts when a connection has been idle for a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    world.store.ping().await.unwrap();
    assert_eq!(deadlocks(&world).await, 0);
    other.close().await;
    world.finish().await;
}

async fn deadlocks(world: &World) -> i64 {
    counted(world, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await
}

async fn counted(world: &World, count: &str) -> i64 {
    let mut sql = sqlx::PgConnection::connect(&world.url()).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(count.to_owned())).fetch_one(&mut sql).await.unwrap()
}

const ROWS: i64 = 20_000;
/// A merchant's settlements, each in a closed slot of its own.
const FILL: [&str; 3] = [
    "INSERT INTO settlement SELECT s.tenant, sha256(g::text::bytea), chain, scheme, asset, payer, pay_to, amount, valid_until, \
     '', signer, 1000000 + g, 'failed', NULL, NULL, 'x', created_at FROM settlement s, generate_series(1, 20000) g \
     WHERE nonce = 99",
    "INSERT INTO slot SELECT tenant, chain, signer, 1000000 + g, 'closed', lease_owner, lease_until, created_at \
     FROM slot, generate_series(1, 20000) g WHERE nonce = 99",
    "INSERT INTO attempt SELECT tenant, chain, signer, 1000000 + g, hash, '', max_fee, priority_fee, purpose, created_at \
     FROM attempt, generate_series(1, 20000) g WHERE nonce = 99",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_reads_its_own_rows_however_many_there_are() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let office = Office::new(&world);
    let everything = async |nonce: u64, next: u64| {
        world.store.step(vec![office.settled(nonce, nonce, true)]).await.unwrap();
        let moving = office.intents(Some(next), nonce + 1, 1);
        let moved = world.store.move_settlements(Office::slot(nonce + 1), moving).await.unwrap();
        assert_eq!(moved, Intended::Written);
        world.store.slot(office.tenant, Office::slot(next)).await.unwrap().unwrap();
        world.store.settlements(office.tenant, &[key(nonce), key(next)]).await.unwrap();
    };
    world.store.intend(office.intents(None, 0, 100)).await.unwrap();
    // All is planned while there is next to nothing.
    for (nonce, next) in (0..20).step_by(2).zip(100..) {
        everything(nonce, next).await;
    }
    for fill in FILL {
        assert_eq!(i64::try_from(world.behind_its_back(fill).await).unwrap(), ROWS);
    }
    let read = "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) + \
                (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('settlement', 'slot', 'attempt'))";
    let read = async || {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        world.store.ping().await.unwrap();
        counted(&world, &format!("SELECT ({read})::bigint")).await
    };
    let before = read().await;
    for (nonce, next) in (20..24).step_by(2).zip(110..) {
        everything(nonce, next).await;
    }
    let rows = read().await - before;
    assert!(rows > 0 && rows < ROWS / 10, "{rows} rows read");
    world.discard().await;
}
