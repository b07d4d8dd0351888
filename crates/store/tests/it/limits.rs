//! A full queue says so, and a closing store finishes what it took.

use std::{future::Future, sync::Arc, task::Poll};

use farebox_store::{Retry, Store};
use rstest::rstest;

use crate::{
    shop::micros,
    world::{Engine, World},
};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_keeps_what_it_took(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 100_000)).await.unwrap();
    let many: Vec<_> = (0..50_000).map(|name| shop.post(&format!("p{name}"), 1, 1)).collect();
    let fault = world.store.execute(many).await.unwrap_err();
    assert!(matches!(fault.retry, Retry::After(_)), "{fault:?}");
    assert!(fault.what.contains("queue is full"), "{fault}");
    // The queue empties by itself, and the next caller is served after what was taken before.
    let answer = loop {
        match world.store.execute(vec![shop.post("later", 1, 1)]).await {
            Ok(mut answers) => break answers.remove(0),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    answer.unwrap();
    let spent = micros(100_000) - world.account(&shop.holder(1)).await.posted;
    assert!(spent > micros(1) && spent < micros(50_000), "{spent}");
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_answers_what_was_queued_and_refuses_the_rest(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 10_000)).await.unwrap();
    let (queued, all_queued) = tokio::sync::oneshot::channel();
    let store = Arc::clone(&world.store);
    let caller = tokio::spawn(async move {
        let posts = (0..1_500).map(|name| shop.post(&format!("p{name}"), 1, 1)).collect();
        let answers = store.execute(posts);
        tokio::pin!(answers);
        // The first poll queues everything.
        let early = std::future::poll_fn(|context| Poll::Ready(answers.as_mut().poll(context))).await;
        queued.send(()).unwrap();
        match early {
            Poll::Ready(answers) => answers,
            Poll::Pending => answers.await,
        }
    });
    all_queued.await.unwrap();
    // A store with the same database reads what this one has committed by the time it is closed.
    world.store.close().await;
    let answers = caller.await.unwrap().unwrap();
    assert!(answers.len() == 1_500 && answers.iter().all(Result::is_ok));

    let late = world.store.execute(vec![shop.post("late", 1, 1)]).await.unwrap_err();
    assert!(matches!(late.retry, Retry::After(_)), "{late:?}");
    world.store.close().await;
    match engine {
        Engine::Sqlite => {
            let reader = world.reader();
            assert_eq!(reader.account(&shop.holder(1)).await.unwrap().unwrap().posted, micros(8_500));
            assert!(reader.verify().await.unwrap().is_clean());
        }
        Engine::Postgres => {
            let other = world.another_process().await;
            assert_eq!(other.account(&shop.holder(1)).await.unwrap().unwrap().posted, micros(8_500));
            assert!(other.verify().await.unwrap().is_clean());
            other.close().await;
        }
    }
    world.discard().await;
}
