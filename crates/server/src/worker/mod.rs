//! What time asks for: due holds end, periods are renewed, events are published. Any number of processes may run it.

mod due;
mod forget;
mod orders;
mod publish;
mod sweep;

use std::{future::Future, pin::pin};

use tokio::sync::{Notify, watch};

use crate::{Backend, delivery};

/// Ends due holds, grants paid orders, does what is due in billing, forgets old answers, publishes the outbox and posts
/// webhooks, until `shutdown` completes; what was begun is finished first.
///
/// Faults of the store are logged and tried again: this never gives up and never fails.
pub async fn run(backend: Backend, shutdown: impl Future<Output = ()> + Send) {
    let wake = Notify::new();
    let (stop, stopping) = watch::channel(());
    let beating = async {
        beats(&backend, &wake, shutdown).await;
        drop(stop);
    };
    let mut stopped = stopping;
    let stopped = async move { while stopped.changed().await.is_ok() {} };
    tokio::join!(beating, delivery::run(backend.clone(), &wake, stopped));
}

async fn beats(backend: &Backend, wake: &Notify, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = pin!(shutdown);
    let (mut sweeping, mut ordering) = (sweep::Sweep::default(), orders::Orders::default());
    let mut swept: Option<std::time::Instant> = None;
    let mut beat = tokio::time::interval(PAUSE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = beat.tick() => {}
        }
        sweeping.step(backend).await;
        ordering.step(backend).await;
        for _ in 0..BATCHES {
            if !due::step(backend).await {
                break;
            }
        }
        for _ in 0..BATCHES {
            if !forget::step(backend).await {
                break;
            }
        }
        if swept.is_none_or(|at| at.elapsed() >= EVENTS_EVERY) {
            let more = forget::events(backend).await;
            swept = (!more).then(std::time::Instant::now);
        }
        // What is left over waits for the next beat: publishing never crowds out charges.
        for _ in 0..BATCHES {
            if !publish::step(backend, wake).await {
                break;
            }
        }
    }
}

const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
/// Batches of each in one beat at most.
const BATCHES: u32 = 50;
/// What is a month old need not go to the second.
const EVENTS_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
