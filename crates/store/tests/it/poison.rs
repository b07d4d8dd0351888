//! One command that cannot be carried out does not take its neighbours with it.

use std::sync::Arc;

use farebox_store::Retry;
use rstest::rstest;

use crate::{
    shop::micros,
    world::{Engine, World},
};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_command_fails_alone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 100)).await.unwrap();
    world.ask(shop.post("bad", 1, 1)).await.unwrap();
    // Whoever names this transfer again cannot read it.
    let id = shop.id("bad").uuid().simple().to_string();
    let bad = match engine {
        Engine::Sqlite => format!("UPDATE transfer SET lots = '[}}' WHERE id = x'{id}'"),
        Engine::Postgres => format!("UPDATE transfer SET lots = '[}}' WHERE id = '{id}'"),
    };
    assert_eq!(world.behind_its_back(&bad).await, 1);

    // All in one lane, so that they share batches.
    let callers: Vec<_> = (0..40)
        .map(|name| {
            let store = Arc::clone(&world.store);
            let key = if name == 20 { "bad".to_owned() } else { format!("p{name}") };
            tokio::spawn(async move { store.execute(vec![shop.post(&key, 1, 1)]).await })
        })
        .collect();
    let (mut paid, mut faults) = (0, Vec::new());
    for caller in callers {
        match caller.await.unwrap() {
            Ok(answers) => paid += i32::from(answers[0].is_ok()),
            Err(fault) => faults.push(fault),
        }
    }
    assert_eq!((paid, faults.len()), (39, 1), "{faults:?}");
    assert_eq!(faults[0].retry, Retry::Never);
    assert!(faults[0].what.contains("row of transfer"), "{}", faults[0]);
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(100 - 1 - 39));

    let good = bad.replace("'[}'", &format!("'[[\"{}\",1000000]]'", shop.id("g").uuid()));
    assert_eq!(world.behind_its_back(&good).await, 1);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_database_that_refuses_a_row_refuses_only_that_command(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.store.execute(vec![shop.grant("g1", 1, 10), shop.grant("g2", 2, 10)]).await.unwrap();
    // The database's own rule, as strict as the one in memory, is what a bug in memory would meet.
    let id = shop.id("refused").uuid().simple().to_string();
    let trigger = match engine {
        Engine::Sqlite => vec![format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON transfer WHEN NEW.id = x'{id}' \
             BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END"
        )],
        Engine::Postgres => vec![format!("ALTER TABLE transfer ADD CONSTRAINT refuse CHECK (id <> '{id}')")],
    };
    for sql in trigger {
        world.behind_its_back(&sql).await;
    }
    let commands = || vec![shop.post("a", 1, 1), shop.post("refused", 1, 1), shop.post("b", 2, 1)];
    let fault = world.store.execute(commands()).await.unwrap_err();
    assert_eq!(fault.retry, Retry::Never, "{fault}");
    let (one, two) = (world.account(&shop.holder(1)).await, world.account(&shop.holder(2)).await);
    assert_eq!((one.posted, two.posted), (micros(9), micros(9)));
    assert_eq!(world.store.transfer(shop.tenant, shop.id("refused")).await.unwrap(), None);
    world.finish().await;
}
