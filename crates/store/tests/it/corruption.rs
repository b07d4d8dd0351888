//! `verify` finds what was changed behind the ledger's back, and nothing where nothing was.

use std::time::Duration;

use farebox_engine::ledger::Command;
use rstest::rstest;

use crate::world::{Engine, World};

/// Balances, lots, holds, a release, an expiry, a token, and a chain of several lines.
async fn some_history(world: &World) {
    let (shop, now) = (world.shop, world.now());
    let until = now.after(Duration::from_secs(60));
    let far = now.after(Duration::from_secs(6_000));
    for command in [
        shop.grant("g1", 1, 7),
        shop.grant_until("g2", 1, 5, Some(until)),
        shop.grant("g3", 2, 3),
        shop.grant_until("g4", 2, 2, Some(until)),
        shop.post("p1", 1, 6),
        Command::Post(shop.charge_by_token("p2", 2, 1, "nonce")),
        shop.hold("h1", 1, 1, far),
        shop.hold("h2", 2, 1, until),
        shop.hold("h3", 2, 1, far),
        shop.release("h3", 2, 1),
    ] {
        world.ask(command).await.unwrap();
    }
    world.pass(60);
    world.ask(shop.post("p3", 2, 1)).await.unwrap();
    world.ask(shop.post("p4", 1, 1)).await.unwrap();
}

/// A statement that damages the rows, and what `verify` must say about it.
const DAMAGE: &[(&str, &str)] = &[
    ("UPDATE account SET posted = posted + 1 WHERE kind = 'holder' AND held > 0", "posted says"),
    ("UPDATE account SET posted = posted + 1 WHERE kind = 'limit'", "posted says"),
    ("UPDATE account SET held = held + 1 WHERE kind = 'holder' AND held > 0", "held says"),
    ("UPDATE account SET lots = replace(lots, ',4000000,1000000]', ',4000001,1000000]')", "its transfers say"),
    ("UPDATE account SET lots = replace(lots, ',4000000,1000000]', ',4000000,1000001]')", "its transfers say"),
    ("UPDATE account SET lots = '[]' WHERE held > 0", "is not open on its account"),
    ("UPDATE transfer SET settled = settled - 1 WHERE amount = 6000000", "posted says"),
    ("UPDATE transfer SET settled = settled - 1 WHERE amount = 6000000", "its lots paid"),
    ("UPDATE transfer SET amount = amount + 1 WHERE state = 'held'", "held says"),
    ("UPDATE transfer SET lots = '[]' WHERE amount = 6000000", "its transfers say"),
    ("UPDATE transfer SET state = 'released' WHERE state = 'held'", "held says"),
    ("UPDATE transfer SET state = 'released' WHERE amount = 6000000", "released but settled"),
    ("UPDATE transfer SET to_account = from_account WHERE amount = 6000000", "posted says"),
    ("DELETE FROM transfer WHERE amount = 6000000", "posted says"),
    ("DELETE FROM transfer WHERE state = 'held'", "held says"),
    ("DELETE FROM account WHERE kind = 'holder'", "has transfers but no row"),
    ("DELETE FROM account WHERE kind = 'revenue'", "has transfers but no row"),
    ("UPDATE audit SET entries = replace(entries, 'posted', 'granted')", "does not have its hash"),
    ("UPDATE audit SET created_at = created_at + 1 WHERE seq = 1", "does not have its hash"),
    ("DELETE FROM audit WHERE seq = 1", "follows line 0"),
];

#[rstest]
#[tokio::test]
async fn every_kind_of_damage_is_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    some_history(&world).await;
    let whole = world.store.verify().await.unwrap();
    assert!(whole.is_clean(), "{:#?}", whole.differences);
    // Two holders and a token; what `some_history` asks for, a second leg, and a lapse.
    assert_eq!((whole.accounts, whole.transfers), (3, 13));
    assert!(whole.audit_lines >= 10);
    let tables = ["account", "transfer", "audit"];
    for table in tables {
        world.behind_its_back(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    for (damage, expected) in DAMAGE {
        assert!(world.behind_its_back(damage).await > 0, "{damage} changes something");
        let report = world.store.verify().await.unwrap();
        let found: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|difference| difference.contains(expected)), "{damage}: {found:#?}");
        for table in tables {
            world.behind_its_back(&format!("DELETE FROM {table}")).await;
            world.behind_its_back(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
    }
    world.finish().await;
}
