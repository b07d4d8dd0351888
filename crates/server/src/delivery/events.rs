//! What an outbox row tells a merchant: nothing, or events in the wire's own shapes. Internal documents stay inside.

use std::borrow::Cow;

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
    #[serde(borrow, default)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    subject: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    event: Cow<'a, str>,
    trail: Option<i64>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// Something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) kind: String,
    /// The JSON of `data`.
    pub(super) data: String,
}

/// What a row tells, of the types that somebody wants. What cannot be read tells nothing, and is logged.
pub(super) async fn of(
    backend: &Backend,
    row: &OutboxRow,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Happened>, Fault> {
    let mut happened = Vec::new();
    for entry in &entries(row) {
        let Some(kind) = kind_of(entry).filter(|kind| wanted(kind)) else { continue };
        let data = match kind.split_once('.') {
            Some(("payment", _)) => of_payment(backend, row, entry).await?,
            Some(("webhook_endpoint", _)) => of_endpoint(backend, row, entry).await?,
            _ => of_billing(backend, row, entry).await?,
        };
        match data {
            Some(data) => happened.push(Happened { kind: kind.to_owned(), data }),
            None => {
                tracing::error!(merchant = %row.tenant, subject = %entry.subject, kind, "an event has nothing to show")
            }
        }
    }
    Ok(happened)
}

/// One that cannot be read takes none of the others with it.
fn entries(row: &OutboxRow) -> Vec<Entry<'_>> {
    let unreadable = |error: serde_json::Error| {
        tracing::error!(merchant = %row.tenant, chain = %row.chain, seq = row.seq, %error, "an audit line cannot be read");
    };
    let raw: Vec<&RawValue> = serde_json::from_str(&row.entries).map_err(unreadable).unwrap_or_default();
    raw.into_iter().filter_map(|entry| serde_json::from_str(entry.get()).map_err(unreadable).ok()).collect()
}

/// The event's type, if the entry is one.
fn kind_of<'a>(entry: &'a Entry<'_>) -> Option<&'a str> {
    if entry.event.starts_with("payment.") {
        return Some(&entry.event);
    }
    match (&*entry.kind, &*entry.action) {
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

#[cfg(test)]
mod tests {
    use farebox_types::Timestamp;

    use super::*;

    fn kinds(entries_text: &str) -> Vec<String> {
        let row = OutboxRow {
            tenant: Id::generate(),
            chain: Uuid::nil(),
            seq: 1,
            entries: entries_text.to_owned(),
            created_at: Timestamp::from_seconds(1),
            attempts: 0,
        };
        entries(&row).iter().filter_map(kind_of).map(str::to_owned).collect()
    }

    #[test]
    fn an_entry_that_cannot_be_read_takes_no_other_with_it() {
        let line = r#"[{"action": "provider_event", "actor": "provider:x", "subject": "a\u0000\"b", "kind": "odd\n"}, 7,
            {"action": "provider_answered", "subject": "pay_1", "event": "payment.succeeded", "trail": 2},
            {"action": null}, {"action": "customer_created", "kind": "customer", "subject": "x", "object": {}}]"#;
        assert_eq!(kinds(line), ["payment.succeeded", "customer.created"]);
        assert!(kinds("not JSON").is_empty() && kinds("{}").is_empty());
    }

    #[test]
    fn a_write_is_an_event_by_its_kind_and_its_word() {
        let entry = |kind: &str, action: &str| format!(r#"{{"action": "{action}", "kind": "{kind}", "object": {{}}}}"#);
        for (kind, action, event) in [
            ("customer", "customer_updated", "customer.updated"),
            ("subscription", "subscription_created", "subscription.created"),
            ("subscription", "subscription_renewed", "subscription.renewed"),
            ("subscription", "subscription_paused", "subscription.updated"),
            ("subscription", "subscription_canceled", "subscription.canceled"),
            ("checkout", "checkout_completed", "checkout.completed"),
            ("", "webhook_endpoint_disabled", "webhook_endpoint.disabled"),
        ] {
            assert_eq!(kinds(&format!("[{}]", entry(kind, action))), [event]);
        }
        for (kind, action) in
            [("checkout", "checkout_attempted"), ("plan", "plan_written"), ("device_code", "device_code_created")]
        {
            assert!(kinds(&format!("[{}]", entry(kind, action))).is_empty(), "{action}");
        }
        assert!(kinds(r#"[{"action": "posted", "account": "x", "amount": "1"}]"#).is_empty());
    }
}
