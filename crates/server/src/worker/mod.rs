//! What time asks for: due holds end, periods are renewed, events are published. Any number of processes may run it.

mod due;
mod forget;
mod orders;
mod publish;
mod sweep;

use std::{future::Future, pin::pin};

use crate::Backend;

/// Ends due holds, grants paid orders, does what is due in billing, forgets old answers and publishes the outbox, until `shutdown` completes; what was begun is finished first.
///
/// Faults of the store are logged and tried again: this never gives up and never fails.
pub async fn run(backend: Backend, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = pin!(shutdown);
    let (mut sweeping, mut ordering) = (sweep::Sweep::default(), orders::Orders::default());
    let mut beat = tokio::time::interval(PAUSE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = beat.tick() => {}
        }
        sweeping.step(&backend).await;
        ordering.step(&backend).await;
        for _ in 0..BATCHES {
            if !due::step(&backend).await {
                break;
            }
        }
        for _ in 0..BATCHES {
            if !forget::step(&backend).await {
                break;
            }
        }
        // What is left over waits for the next beat: publishing never crowds out charges.
        for _ in 0..BATCHES {
            if !publish::step(&backend).await {
                break;
            }
        }
    }
}

const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
/// Batches of each in one beat at most.
const BATCHES: u32 = 50;
