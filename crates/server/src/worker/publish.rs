//! Publishes the outbox: each row becomes what merchants are told, and goes.

use std::time::Duration;

use farebox_store::{Fault, OutboxRow};
use farebox_telemetry::server::PUBLISH;
use tokio::sync::Notify;

use crate::{Backend, delivery::fan_out};

const BATCH: u32 = 100;
const LEASE: Duration = Duration::from_secs(30);

/// Publishes one batch; true if there may be more. `wake`: whoever posts what came of it.
#[tracing::instrument(name = PUBLISH, skip_all)]
pub(super) async fn step(backend: &Backend, wake: &Notify) -> bool {
    match publish(backend, wake).await {
        Ok(published) => published == usize::try_from(BATCH).unwrap_or(usize::MAX),
        Err(fault) => {
            tracing::warn!(error = %fault, "publishing failed, to be tried again");
            false
        }
    }
}

async fn publish(backend: &Backend, wake: &Notify) -> Result<usize, Fault> {
    let rows = backend.store().lease_outbox(BATCH, backend.now().after(LEASE)).await?;
    let leased = rows.len();
    rows.iter().for_each(log);
    if leased > 0 && fan_out(backend, rows).await? {
        wake.notify_one();
    }
    Ok(leased)
}

/// Which line it is. What it says stays in the audit trail.
fn log(row: &OutboxRow) {
    tracing::debug!(
        target: "farebox::event",
        merchant = %row.tenant,
        chain = %row.chain,
        seq = row.seq,
        attempts = row.attempts,
        "event"
    );
}
