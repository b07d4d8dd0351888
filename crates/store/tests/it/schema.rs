//! Schema states, migrations side by side, the claim, and that both engines keep the same tables.

use std::{collections::BTreeMap, sync::Arc};

use farebox_store::{SchemaState, SqliteStore};
use farebox_types::ManualClock;
use rstest::rstest;
use sqlx::{Connection, PgConnection};

use crate::{
    shop::posted,
    world::{Engine, World},
};

#[rstest]
#[tokio::test]
async fn a_schema_is_empty_then_current_then_newer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::bare(engine).await else { return };
    assert_eq!(world.store.schema().await.unwrap(), SchemaState::Empty);
    let SchemaState::Current { at } = world.store.migrate().await.unwrap() else { panic!("up to date") };
    assert_eq!(world.store.schema().await.unwrap(), SchemaState::Current { at });
    assert_eq!(world.store.migrate().await.unwrap(), SchemaState::Current { at }, "harmless when it is");

    let newer = format!("INSERT INTO schema_migration (number, name, applied_at) VALUES ({}, 'later', 0)", at + 7);
    world.behind_its_back(&newer).await;
    let expected = SchemaState::Newer { at: at + 7, latest: at };
    assert_eq!(world.store.schema().await.unwrap(), expected);
    assert_eq!(world.store.migrate().await.unwrap(), expected, "a newer schema is left alone");
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_migrate_at_once_all_succeed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::bare(engine).await else { return };
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let store = Arc::clone(&world.store);
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    for task in tasks {
        let state = task.await.unwrap().unwrap();
        assert!(matches!(state, SchemaState::Current { .. }), "{state:?}");
    }
    world.ask(world.shop.grant("g", 1, 2)).await.unwrap();
    assert_eq!(world.ask(world.shop.post("p", 1, 1)).await, posted(1, 1));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_database_belongs_to_the_first_key_it_was_used_with(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    assert!(!world.store.is_claimed().await.unwrap());
    assert!(world.store.claim([1; 32]).await.unwrap());
    assert!(world.store.is_claimed().await.unwrap());
    assert!(world.store.claim([1; 32]).await.unwrap());
    assert!(!world.store.claim([2; 32]).await.unwrap());
    assert!(world.store.claim([1; 32]).await.unwrap());
    world.store.ping().await.unwrap();
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_write_without_a_schema_says_what_is_missing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::bare(engine).await else { return };
    let fault = world.store.execute(vec![world.shop.grant("g", 1, 2)]).await.unwrap_err();
    assert_eq!(fault.retry, farebox_store::Retry::Never);
    assert!(fault.what.contains("account"), "{fault}");
    world.store.migrate().await.unwrap();
    world.ask(world.shop.grant("g", 1, 2)).await.unwrap();
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn columns_that_a_newer_version_adds_disturb_nobody(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 5)).await.unwrap();
    assert_eq!(world.ask(shop.post("before", 1, 1)).await, posted(1, 4));
    assert!(world.store.account(&shop.holder(1)).await.unwrap().is_some());
    for table in ["account", "transfer", "audit", "outbox"] {
        world.behind_its_back(&format!("ALTER TABLE {table} ADD COLUMN later TEXT")).await;
    }
    assert_eq!(world.ask(shop.post("after", 1, 1)).await, posted(1, 3));
    assert_eq!(world.account(&shop.holder(1)).await.spec, shop.holder(1));
    world.finish().await;
}

#[tokio::test]
async fn a_sqlite_file_has_one_owner() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let second = SqliteStore::open(&world.file(), Arc::<ManualClock>::clone(&world.clock));
    let Err(fault) = second else { panic!("two owners") };
    assert!(fault.what.contains("in use by another farebox process"), "{fault}");
    // One that only reads is welcome, and cannot write.
    let reader = world.reader();
    world.ask(world.shop.grant("g", 1, 2)).await.unwrap();
    let seen = farebox_store::Store::account(&reader, &world.shop.holder(1)).await.unwrap();
    assert_eq!(seen.unwrap(), world.account(&world.shop.holder(1)).await);
    let refused = farebox_store::Store::execute(&reader, vec![world.shop.post("p", 1, 1)]).await;
    assert!(refused.is_err());
    world.finish().await;
}

/// Table, then column and whether it may be null.
type Tables = BTreeMap<String, Vec<(String, bool)>>;

#[tokio::test]
async fn both_engines_keep_the_same_tables() {
    let Some(postgres) = World::new(Engine::Postgres).await else { return };
    let sqlite = World::new(Engine::Sqlite).await.unwrap();
    let (left, right) = (sqlite_tables(&sqlite), postgres_tables(&postgres).await);
    assert!(left.len() > 10, "{left:?}");
    assert_eq!(left, right);
    sqlite.finish().await;
    postgres.finish().await;
}

fn sqlite_tables(world: &World) -> Tables {
    let sql = rusqlite::Connection::open(world.file()).unwrap();
    let mut statement = sql
        .prepare(
            "SELECT t.name, c.name, c.\"notnull\" FROM sqlite_master t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' ORDER BY t.name, c.cid",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get::<_, i64>(2)? == 0)))).unwrap();
    by_table(rows.map(Result::unwrap))
}

async fn postgres_tables(world: &World) -> Tables {
    let mut sql = PgConnection::connect(&world.url()).await.unwrap();
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, is_nullable = 'YES' FROM information_schema.columns \
         JOIN information_schema.tables USING (table_schema, table_name) WHERE table_type = 'BASE TABLE' AND table_schema = 'public' ORDER BY table_name, ordinal_position",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    by_table(rows.into_iter().map(|(table, column, null)| (table, (column, null))))
}

fn by_table(rows: impl Iterator<Item = (String, (String, bool))>) -> Tables {
    let mut tables = Tables::new();
    for (table, column) in rows {
        tables.entry(table).or_default().push(column);
    }
    tables
}
