//! What an attempt leads to: the delivery's next state, and the endpoint's end if it failed for too long.

use std::time::Duration;

use farebox_engine::{
    delivery::{Event, State, wait},
    ledger::Actor,
};
use farebox_store::{Change, Disabled, Fault, OperationKey, Parcel, Record, SettledDelivery};
use farebox_types::Timestamp;
use sha2::{Digest, Sha256};

use super::post::Outcome;
use crate::{Backend, refusal::impossible};

/// Writes what became of an attempt.
pub(super) async fn settle(backend: &Backend, parcel: &Parcel, outcome: Outcome) -> Result<(), Fault> {
    let now = backend.now();
    let settled = decided(parcel, outcome, now, roll()?);
    let standing = backend.store().settle_delivery(&settled).await?;
    if standing.is_some_and(|standing| settled.failure.is_some() && standing.is_hopeless(now)) {
        disable(backend, parcel, now).await?;
    }
    Ok(())
}

fn decided(parcel: &Parcel, outcome: Outcome, now: Timestamp, roll: u64) -> SettledDelivery {
    let attempts = parcel.attempts.saturating_add(1);
    let (event, next_at) = match (outcome.failure, wait(attempts, roll)) {
        (None, _) => (Event::Accepted, None),
        (Some(_), None) => (Event::GivenUp, None),
        (Some(_), Some(wait)) => {
            let wait = wait.max(outcome.pause.unwrap_or(Duration::ZERO));
            (Event::Failed, Some(now.after(wait)))
        }
    };
    SettledDelivery {
        tenant: parcel.endpoint.tenant,
        id: parcel.id,
        endpoint: parcel.endpoint.id,
        lease: parcel.until,
        // Whatever is in hand can end in each of these ways.
        state: State::Delivering.apply(event).unwrap_or(State::Exhausted),
        attempts,
        next_at,
        status: outcome.status,
        snippet: outcome.snippet,
        failure: outcome.failure.map(str::to_owned),
        at: now,
    }
}

fn roll() -> Result<u64, Fault> {
    getrandom::u64().map_err(|_| impossible("the system gave no random numbers"))
}

/// Once for each time it has been enabled; a change that came between goes first.
async fn disable(backend: &Backend, parcel: &Parcel, now: Timestamp) -> Result<(), Fault> {
    let endpoint = &parcel.endpoint;
    let row = backend.store().webhook_endpoint(endpoint.tenant, endpoint.id).await?;
    let Some(mut row) = row.filter(|row| row.disabled.is_none()) else { return Ok(()) };
    row.disabled = Some((now, Disabled::Failing));
    row.revision = row.revision.saturating_add(1);
    row.updated_at = now;
    let record = Record {
        tenant: row.tenant,
        operation: OperationKey {
            scope: "webhook_endpoint.disabled".to_owned(),
            key: format!("{}/{}", row.id, row.revision),
        },
        request_hash: Sha256::digest(row.id.as_bytes()).into(),
        changes: vec![Change::WebhookEndpoint { row, action: "webhook_endpoint_disabled" }],
        answer: "{}".to_owned(),
        actor: Actor::new("worker"),
        at: now,
    };
    backend.store().record(record).await?;
    tracing::warn!(merchant = %endpoint.tenant, endpoint = %endpoint.id, "a webhook endpoint failed for a day and was disabled");
    Ok(())
}
