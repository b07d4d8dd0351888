//! Publishes the outbox: for now, to the log. Delivery to webhooks is a later step and will take this one's place.

use std::time::Duration;

use farebox_store::{Fault, OutboxRow};
use farebox_telemetry::server::PUBLISH;

use crate::Backend;

const BATCH: u32 = 100;
const LEASE: Duration = Duration::from_secs(30);

/// Publishes one batch; true if there may be more.
#[tracing::instrument(name = PUBLISH, skip_all)]
pub(super) async fn step(backend: &Backend) -> bool {
    match publish(backend).await {
        Ok(published) => published == usize::try_from(BATCH).unwrap_or(usize::MAX),
        Err(fault) => {
            tracing::warn!(error = %fault, "publishing failed, to be tried again");
            false
        }
    }
}

async fn publish(backend: &Backend) -> Result<usize, Fault> {
    let rows = backend.store().lease_outbox(BATCH, backend.now().after(LEASE)).await?;
    rows.iter().for_each(emit);
    if !rows.is_empty() {
        backend.store().finish_outbox(&rows).await?;
    }
    Ok(rows.len())
}

fn emit(row: &OutboxRow) {
    tracing::debug!(
        target: "farebox::event",
        merchant = %row.tenant,
        chain = %row.chain,
        seq = row.seq,
        attempts = row.attempts,
        entries = %row.entries,
        "event"
    );
}
