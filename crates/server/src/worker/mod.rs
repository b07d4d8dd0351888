//! What time asks for: due holds end, events are published. Any number of processes may run it.

mod publish;
mod sweep;

use std::{future::Future, pin::pin};

use crate::Backend;

/// Ends due holds and publishes the outbox, until `shutdown` completes; what was begun is finished first.
///
/// Faults of the store are logged and tried again: this never gives up and never fails.
pub async fn run(backend: Backend, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = pin!(shutdown);
    let mut sweeping = sweep::Sweep::default();
    loop {
        sweeping.step(&backend).await;
        let more = publish::step(&backend).await;
        let pause = if more { std::time::Duration::ZERO } else { PAUSE };
        tokio::select! {
            () = &mut shutdown => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
