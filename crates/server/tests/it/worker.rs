//! What the worker does by itself.

use std::time::Duration;

use farebox_engine::ledger::State;
use farebox_types::Timestamp;

use crate::world::World;

/// Waits until `done`, at most ten seconds.
async fn until<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    for _ in 0..200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen within ten seconds");
}

on_both! {
    async fn the_worker_ends_due_holds_publishes_the_outbox_and_stops_when_told(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "2").await;
        world.pass(60);
        assert_eq!(world.credits(&plan).await, (5, 0), "a read counts a due hold as ended");
        assert_eq!(world.charge(&request).await.unwrap().state, State::Held, "but nothing is written yet");

        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let worker = tokio::spawn(farebox_server::worker::run(world.backend.clone(), async { drop(stopped.await) }));
        until(async || world.charge(&request).await.unwrap().state == State::Expired).await;
        stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(10), worker).await.unwrap().unwrap();
        // Past every lease: what is still there was never published.
        world.pass(3_600);
        let left = world.store.lease_outbox(1, Timestamp::from_seconds(i64::MAX / 2_000_000)).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
        assert!(world.count("expired").await >= 1, "the trail stays when the outbox is empty");
    }
}
