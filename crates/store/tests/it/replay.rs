//! One key, one effect, one answer.

use std::{sync::Arc, time::Duration};

use farebox_engine::ledger::{Command, Outcome, Refusal};
use rstest::rstest;

use crate::{
    shop::{as_fresh, is_replay, micros, posted, posted_before},
    world::{Engine, World},
};

#[rstest]
#[tokio::test]
async fn a_replay_in_the_same_batch_shares_the_answer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    let twice = vec![shop.post("p", 1, 3), shop.post("p", 1, 3), shop.post("p", 1, 4)];
    let answers = world.store.execute(twice).await.unwrap();
    assert_eq!(answers, [posted(3, 7), posted_before(3, 7), Err(Refusal::Conflict)]);
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(7));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_replay_later_repeats_the_answer_of_then(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, until) = (world.shop, world.now().after(Duration::from_secs(600)));
    let commands: Vec<(&str, Command)> = vec![
        ("grant", shop.grant("g", 1, 10)),
        ("post", shop.post("p", 1, 3)),
        ("hold", shop.hold("h", 1, 2, until)),
        ("token", Command::Post(shop.charge_by_token("t", 1, 1, "nonce"))),
        ("unmetered", Command::Post(shop.unmetered("u", 1))),
    ];
    let mut first = Vec::new();
    for (_, command) in &commands {
        first.push(world.ask(command.clone()).await);
    }
    world.ask(shop.post("between", 1, 1)).await.unwrap();
    let before = world.account(&shop.holder(1)).await;
    for ((name, command), first) in commands.into_iter().zip(first) {
        let again = world.ask(command).await;
        assert!(is_replay(&again), "{name}: {again:?}");
        assert_eq!(as_fresh(again), first, "{name}");
    }
    assert_eq!(world.account(&shop.holder(1)).await, before);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn the_same_key_for_something_else_is_a_conflict(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.store.execute(vec![shop.grant("g", 1, 10), shop.grant("g2", 2, 10)]).await.unwrap();
    world.ask(shop.post("p", 1, 3)).await.unwrap();
    for other in [shop.post("p", 1, 4), shop.post("p", 2, 3), shop.grant("p", 1, 3), shop.post("g", 1, 10)] {
        assert_eq!(world.ask(other).await, Err(Refusal::Conflict));
    }
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(7));
    assert_eq!(world.account(&shop.holder(2)).await.posted, micros(10));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_release_again_returns_nothing_more(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, until) = (world.shop, world.now().after(Duration::from_secs(600)));
    let nothing = Ok(Outcome::Released { returned: 0, lapsed: 0, replayed: true });
    assert_eq!(world.ask(shop.release("never", 1, 2)).await, nothing);
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    world.ask(shop.hold("h", 1, 2, until)).await.unwrap();
    let released = Ok(Outcome::Released { returned: micros(2), lapsed: 0, replayed: false });
    assert_eq!(world.ask(shop.release("h", 1, 2)).await, released);
    assert_eq!(world.ask(shop.release("h", 1, 2)).await, nothing);
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(10));
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_times_the_same_key_in_parallel_has_one_effect(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let store = Arc::clone(&world.store);
            tokio::spawn(async move { store.execute(vec![shop.post("p", 1, 3)]).await.unwrap().remove(0) })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        fresh += i32::from(!is_replay(&answer));
        assert_eq!(as_fresh(answer), posted(3, 7));
    }
    assert_eq!(fresh, 1);
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(7));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_given_the_same_keys_have_one_effect_each() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let shop = world.shop;
    let processes = [Arc::clone(&world.store), world.another_process().await];
    // Nobody has an account yet: even the first grants, which open them, race. The unmetered uses lock the same holder
    // but write an account that is never locked.
    for round in 0..20_u64 {
        let commands = move || {
            let key = |name: &str| format!("{name}{round}");
            vec![
                shop.grant(&key("grant"), round, 5),
                shop.post(&key("post"), round, 2),
                Command::Post(shop.charge_by_token(&key("token"), round, 1, &key("nonce"))),
                Command::Post(shop.unmetered(&key("use"), round)),
            ]
        };
        let tasks = processes.iter().flat_map(|store| [store, store]).map(|store| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.execute(commands()).await.unwrap() })
        });
        let mut answers = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            answers.push(task.await.unwrap());
        }
        for at in 0..4 {
            let fresh = answers.iter().filter(|answer| answer[at].is_ok() && !is_replay(&answer[at])).count();
            assert_eq!(fresh, 1, "round {round}: {answers:?}");
        }
        assert_eq!(world.account(&shop.holder(round)).await.posted, micros(2));
    }
    processes[1].close().await;
    world.finish().await;
}
