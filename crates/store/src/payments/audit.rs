//! What the audit trail and the outbox say of payments.

use std::collections::{BTreeMap, BTreeSet};

use farebox_engine::{
    ledger::Entry,
    payment::{Changes, TrailEntry},
};
use farebox_types::{Id, Merchant, Timestamp};
use serde_json::{Value, json};

use crate::{AuditRow, audit::Chains};

/// One line for each merchant that a batch touched.
pub(crate) fn lines(chains: &mut Chains, ledger: &[Entry], changes: &Changes, now: Timestamp) -> Vec<AuditRow> {
    with(chains, ledger, changes, BTreeMap::new(), now)
}

/// As [`lines`], with further entries of one merchant.
pub(crate) fn lines_beside(
    chains: &mut Chains,
    ledger: &[Entry],
    changes: &Changes,
    (tenant, others): (Id<Merchant>, Vec<Value>),
    now: Timestamp,
) -> Vec<AuditRow> {
    with(chains, ledger, changes, BTreeMap::from([(tenant, others)]), now)
}

fn with(
    chains: &mut Chains,
    ledger: &[Entry],
    changes: &Changes,
    mut by_tenant: BTreeMap<Id<Merchant>, Vec<Value>>,
    now: Timestamp,
) -> Vec<AuditRow> {
    for entry in &changes.trail {
        by_tenant.entry(entry.tenant).or_default().push(of(entry));
    }
    for event in &changes.new_events {
        let actor = format!("provider:{}", event.key.provider);
        let entry = json!({"action": "provider_event", "actor": actor, "subject": event.key.id, "kind": event.kind});
        by_tenant.entry(event.key.tenant).or_default().push(entry);
    }
    let tenants: BTreeSet<_> = by_tenant.keys().copied().chain(ledger.iter().map(|entry| entry.tenant)).collect();
    let mut line = |tenant| chains.next_with(ledger, tenant, by_tenant.remove(&tenant).unwrap_or_default(), now);
    tenants.into_iter().flat_map(&mut line).collect()
}

fn of(entry: &TrailEntry) -> Value {
    let mut line = json!({
        "action": entry.kind,
        "actor": entry.actor,
        "subject": entry.payment.to_string(),
        "before": entry.before,
        "after": entry.after,
        "trail": entry.seq,
    });
    if let Some(event) = event(entry) {
        line["event"] = event.into();
    }
    line
}

/// What a merchant is told, if anything.
fn event(entry: &TrailEntry) -> Option<&'static str> {
    match entry.kind.as_str() {
        "refund_succeeded" => return Some("payment.refunded"),
        "refund_failed" | "refund_returned" => return Some("payment.refund_failed"),
        // One that is won leads back to a state that was told before.
        "dispute_won" | "dispute_lost" => return Some("payment.dispute_closed"),
        _ => {}
    }
    // A dispute that ends well leads back to a state that was told before.
    if entry.before == "disputed" && entry.after != "disputed" {
        return Some("payment.dispute_closed");
    }
    match (entry.before == entry.after, entry.after.as_str()) {
        (false, "requires_action") => Some("payment.requires_action"),
        (false, "requires_capture") => Some("payment.authorized"),
        (false, "succeeded") => Some("payment.succeeded"),
        (false, "failed") => Some("payment.failed"),
        (false, "canceled") => Some("payment.canceled"),
        (false, "disputed") => Some("payment.disputed"),
        _ => None,
    }
}
