//! What an outbox row tells a merchant: nothing, or events in the wire's own shapes. Internal documents stay inside.

use farebox_engine::payment::{Payment, TrailEntry};
use farebox_store::{
    Fault, OutboxRow,
    billing::{Kind, StoredRow},
};
use farebox_types::Id;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    Backend,
    billing::told::{self, Told},
    payments,
};

/// An entry of an audit line; the members that events are made of.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default)]
    action: &'a str,
    #[serde(default)]
    subject: &'a str,
    #[serde(default)]
    kind: &'a str,
    #[serde(default)]
    event: &'a str,
    trail: Option<i64>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// Something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) kind: &'static str,
    /// The JSON of `data`.
    pub(super) data: String,
}

/// What a row tells, of the types that somebody wants. What cannot be read tells nothing, and is logged.
pub(super) async fn of(
    backend: &Backend,
    row: &OutboxRow,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Happened>, Fault> {
    let entries: Vec<Entry<'_>> = serde_json::from_str(&row.entries).unwrap_or_else(|error| {
        tracing::error!(merchant = %row.tenant, chain = %row.chain, seq = row.seq, %error, "an audit line cannot be read");
        Vec::new()
    });
    let mut happened = Vec::new();
    for entry in &entries {
        let Some(kind) = kind_of(entry).filter(|kind| wanted(kind)) else { continue };
        let data = match kind.split_once('.') {
            Some(("payment", _)) => of_payment(backend, row, entry).await?,
            Some(("webhook_endpoint", _)) => of_endpoint(backend, row, entry).await?,
            _ => of_billing(backend, row, entry).await?,
        };
        match data {
            Some(data) => happened.push(Happened { kind, data }),
            None => {
                tracing::error!(merchant = %row.tenant, subject = entry.subject, kind, "an event has nothing to show")
            }
        }
    }
    Ok(happened)
}

/// The event's type, if the entry is one.
fn kind_of(entry: &Entry<'_>) -> Option<&'static str> {
    const OF_PAYMENTS: [&str; 8] = [
        "payment.requires_action",
        "payment.authorized",
        "payment.succeeded",
        "payment.failed",
        "payment.canceled",
        "payment.disputed",
        "payment.dispute_closed",
        "payment.refunded",
    ];
    if !entry.event.is_empty() {
        return OF_PAYMENTS.into_iter().find(|kind| *kind == entry.event);
    }
    match (entry.kind, entry.action) {
        ("", "webhook_endpoint_disabled") => Some("webhook_endpoint.disabled"),
        (kind, action) => told::kind_of(kind, action, entry.object),
    }
}

async fn of_payment(backend: &Backend, row: &OutboxRow, entry: &Entry<'_>) -> Result<Option<String>, Fault> {
    let (Ok(id), Some(seq)) = (entry.subject.parse::<Id<_>>(), entry.trail) else { return Ok(None) };
    let Some(payment): Option<Payment> = backend.store().payment(row.tenant, id).await? else { return Ok(None) };
    // The last entry is the usual case: then the row is as it was.
    let trail: Vec<TrailEntry> = match payment.trail.0 == seq {
        true => Vec::new(),
        false => backend.store().payment_trail(row.tenant, id).await?,
    };
    let object = payments::told(payment, &trail, seq);
    Ok(Some(data(&object)))
}

async fn of_billing(backend: &Backend, row: &OutboxRow, entry: &Entry<'_>) -> Result<Option<String>, Fault> {
    let (Ok(id), Some(object)) = (entry.subject.parse::<Uuid>(), entry.object) else { return Ok(None) };
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == entry.kind) else { return Ok(None) };
    let Some(now): Option<StoredRow> = backend.store().billing_row(row.tenant, kind, id).await? else {
        return Ok(None);
    };
    let told = Told { kind, document: object.get(), created_at: now.created_at, updated_at: row.created_at };
    Ok(told::object(&told)?.map(|object| data(&object)))
}

async fn of_endpoint(backend: &Backend, row: &OutboxRow, entry: &Entry<'_>) -> Result<Option<String>, Fault> {
    let Ok(id) = entry.subject.parse::<Uuid>() else { return Ok(None) };
    let endpoint = backend.store().webhook_endpoint(row.tenant, id).await?;
    Ok(endpoint.map(|endpoint| data(&told::endpoint(&endpoint))))
}

fn data(object: &str) -> String {
    format!("{{\"object\":{object}}}")
}
