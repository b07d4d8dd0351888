//! PostgreSQL: the connection is lost at every point of a transaction, and around its commit.

use std::sync::Arc;

use farebox_store::{Change, Merchant, OperationKey, PostgresOptions, PostgresStore, Record, Recorded, Retry, Store};
use farebox_types::{ManualClock, Mode, Secret};

use crate::{
    proxy::{Cut, Proxy},
    shop::{micros, posted, posted_before},
    world::{Engine, World},
};

/// A world whose account 1 has 1,000 credits, and a store on it by way of a proxy, with one lane.
async fn over_a_wire() -> Option<(World, Proxy, PostgresStore)> {
    let world = World::new(Engine::Postgres).await?;
    world.ask(world.shop.grant("g", 1, 1_000)).await.unwrap();
    let proxy = Proxy::before(&world.url()).await;
    let options = PostgresOptions { lanes: 1, max_connections: 1 };
    let (url, clock) = (Secret::new(proxy.url(&world.url())), Arc::<ManualClock>::clone(&world.clock));
    let store = PostgresStore::open_with(&url, clock, options).await.unwrap();
    Some((world, proxy, store))
}

async fn balance(world: &World) -> i64 {
    world.account(&world.shop.holder(1)).await.posted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_wire_is_cut_a_charge_has_its_effect_once() {
    let Some((world, proxy, store)) = over_a_wire().await else { return };
    let mut left = 1_000;
    let mut charge = async |cuts: &[Cut]| {
        proxy.arm(cuts);
        let answer = store.execute(vec![world.shop.post(&format!("{cuts:?}"), 1, 1)]).await.unwrap().remove(0);
        left -= 1;
        assert!([posted(1, left), posted_before(1, left)].contains(&answer), "{cuts:?}: {answer:?}");
        assert_eq!(balance(&world).await, micros(left), "{cuts:?}");
        assert!(world.store.verify().await.unwrap().is_clean(), "{cuts:?}");
        cuts.len() - proxy.disarm()
    };
    // BEGIN, accounts, transfers, rows, COMMIT.
    for nth in 1..=5 {
        assert_eq!(charge(&[Cut::Before(nth)]).await, 1, "{nth}");
        assert_eq!(charge(&[Cut::After(nth)]).await, 1, "{nth}");
    }
    assert_eq!(charge(&[]).await, 0);
    assert_eq!(charge(&[Cut::Before(6)]).await, 0, "a charge takes five round trips");
    // And again on the connection that replaces the lost one, where each statement is prepared first.
    let mut twice = 0;
    for nth in 1..=16 {
        twice += usize::from(charge(&[Cut::AfterCommit, Cut::Before(nth)]).await == 2);
        twice += usize::from(charge(&[Cut::BeforeCommit, Cut::After(nth)]).await == 2);
    }
    assert!(twice > 20, "{twice}");
    store.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_again() {
    let Some((world, proxy, store)) = over_a_wire().await else { return };
    proxy.arm(&[Cut::AfterCommit]);
    let answer = store.execute(vec![world.shop.post("after", 1, 1)]).await.unwrap().remove(0);
    assert_eq!((answer, proxy.disarm()), (posted_before(1, 999), 0));
    proxy.arm(&[Cut::BeforeCommit]);
    let answer = store.execute(vec![world.shop.post("before", 1, 1)]).await.unwrap().remove(0);
    assert_eq!((answer, proxy.disarm()), (posted(1, 998), 0));
    assert_eq!(balance(&world).await, micros(998));

    let merchant = Merchant { id: world.shop.tenant, name: "acme".into(), mode: Mode::Test, created_at: world.now() };
    let record = Record {
        tenant: merchant.id,
        operation: OperationKey { scope: "init".into(), key: "acme".into() },
        request_hash: [1; 32],
        changes: vec![Change::Merchant(merchant)],
        answer: "made".into(),
        actor: farebox_engine::ledger::Actor::new("cli"),
        at: world.now(),
    };
    proxy.arm(&[Cut::AfterCommit]);
    assert_eq!(store.record(record).await.unwrap(), Recorded::Replayed("made".into()));
    store.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_stays_away_a_commit_is_unknown_and_anything_else_is_not_written() {
    let Some((world, proxy, store)) = over_a_wire().await else { return };
    for (cut, again) in
        [(Cut::AfterCommit, posted_before as fn(u64, u64) -> farebox_store::Decision), (Cut::BeforeCommit, posted)]
    {
        let left = u64::try_from(balance(&world).await / micros(1)).unwrap() - 1;
        let key = format!("{cut:?}");
        proxy.arm(&[cut]);
        proxy.close(true);
        let fault = store.execute(vec![world.shop.post(&key, 1, 1)]).await.unwrap_err();
        assert_eq!(fault.retry, Retry::Unknown, "{cut:?}: {fault}");

        // The connection is gone by now, so this one is not even begun.
        let fault = store.execute(vec![world.shop.post("not written", 1, 1)]).await.unwrap_err();
        assert!(matches!(fault.retry, Retry::After(_)), "{fault:?}");
        assert!(store.account(&world.shop.holder(1)).await.is_err(), "reads fail too");
        assert_eq!(world.store.transfer(world.shop.tenant, world.shop.id("not written")).await.unwrap(), None);

        proxy.close(false);
        assert_eq!(store.execute(vec![world.shop.post(&key, 1, 1)]).await.unwrap(), [again(1, left)], "{cut:?}");
        assert_eq!(balance(&world).await, micros(left));
    }
    store.close().await;
    world.finish().await;
}
