//! The payments worker. Any number of processes may run it.

use std::{future::Future, pin::pin, time::Duration};

use farebox_engine::payment::WITHIN;
use farebox_store::Fault;
use tokio::task::JoinSet;

use super::{Payments, resume};

const LIMIT: u32 = 32;
const PAUSE: Duration = Duration::from_millis(300);

/// Applies webhooks and settles what is not known, until `shutdown`; what was begun is finished first. Faults are logged and
/// tried again.
pub async fn run(payments: Payments, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = pin!(shutdown);
    let mut beat = tokio::time::interval(PAUSE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = beat.tick() => {}
        }
        if let Err(fault) = step(&payments).await {
            tracing::warn!(error = %fault, "looking for payments that wait failed, to be tried again");
        }
    }
}

/// One round over whatever is due; how much that was.
///
/// # Errors
/// [`Fault`] of the store if nothing could be taken in hand.
pub async fn step(payments: &Payments) -> Result<usize, Fault> {
    let due = payments.store().due_payments(LIMIT, payments.now().after(WITHIN)).await?;
    let mut tasks = JoinSet::new();
    for row in due.payments {
        let payments = payments.clone();
        tasks.spawn(async move { resume::payment(&payments, row).await });
    }
    for row in due.refunds {
        let payments = payments.clone();
        tasks.spawn(async move { resume::refund(&payments, row).await });
    }
    for row in due.events {
        let payments = payments.clone();
        tasks.spawn(async move { resume::event(&payments, row).await });
    }
    let mut done = 0;
    while let Some(ended) = tasks.join_next().await {
        done += 1;
        if let Ok(Err(fault)) = ended {
            tracing::warn!(error = %fault, "a payment that waits could not be driven on, to be tried again");
        }
    }
    Ok(done)
}
