//! The audit trail: one line per merchant and commit, linked by hash within its writer's chain.

use std::collections::{BTreeMap, HashMap};

use farebox_engine::ledger::Entry;
use farebox_types::{Id, Merchant, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::AuditRow;

/// A chain remembered for this many merchants; beyond that the writer starts a new chain.
const MAX_HEADS: usize = 10_000;

/// One writer's chains: a line needs no lock, because no other writer appends to them.
#[derive(Debug)]
pub(crate) struct Chains {
    chain: Uuid,
    heads: HashMap<Id<Merchant>, (i64, [u8; 32])>,
}

impl Chains {
    /// Fresh chains, under an id nobody else has.
    pub(crate) fn start() -> Self {
        Self { chain: Uuid::now_v7(), heads: HashMap::new() }
    }

    /// The next line of each merchant in `entries`. Nothing is remembered until [`Chains::advance`].
    pub(crate) fn next(&mut self, entries: &[Entry], at: Timestamp) -> Vec<AuditRow> {
        let mut by_tenant: BTreeMap<Id<Merchant>, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            by_tenant.entry(entry.tenant).or_default().push(entry);
        }
        if self.heads.len() > MAX_HEADS {
            *self = Self::start();
        }
        by_tenant.into_iter().map(|(tenant, entries)| self.line(tenant, ledger_entries(&entries), at)).collect()
    }

    /// As [`Chains::next`], with further entries of one merchant. Nothing to say is no line.
    pub(crate) fn next_with(
        &mut self,
        ledger: &[Entry],
        tenant: Id<Merchant>,
        others: Vec<serde_json::Value>,
        at: Timestamp,
    ) -> Vec<AuditRow> {
        if self.heads.len() > MAX_HEADS {
            *self = Self::start();
        }
        let own: Vec<&Entry> = ledger.iter().filter(|entry| entry.tenant == tenant).collect();
        let mut entries: Vec<serde_json::Value> = serde_json::from_str(&ledger_entries(&own)).unwrap_or_default();
        entries.extend(others);
        if entries.is_empty() {
            return Vec::new();
        }
        vec![self.line(tenant, serde_json::Value::Array(entries).to_string(), at)]
    }

    /// One line of `tenant` with ready-made entries.
    pub(crate) fn line(&self, tenant: Id<Merchant>, entries: String, at: Timestamp) -> AuditRow {
        let (seq, previous) = self.heads.get(&tenant).copied().unwrap_or((0, [0; 32]));
        let mut row = AuditRow { tenant, chain: self.chain, seq: seq + 1, entries, hash: [0; 32], created_at: at };
        row.hash = link(&previous, &row);
        row
    }

    /// The lines are committed: the next ones follow them.
    pub(crate) fn advance(&mut self, rows: &[AuditRow]) {
        self.heads.extend(rows.iter().map(|row| (row.tenant, (row.seq, row.hash))));
    }
}

/// The hash that ties a line to the one before it.
pub(crate) fn link(previous: &[u8; 32], row: &AuditRow) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(row.tenant.uuid().as_bytes());
    hash.update(row.chain.as_bytes());
    hash.update(row.seq.to_be_bytes());
    hash.update(row.created_at.micros().to_be_bytes());
    hash.update(row.entries.as_bytes());
    hash.finalize().into()
}

#[derive(Serialize)]
struct LedgerEntry<'a> {
    operation: Uuid,
    action: &'a str,
    actor: &'a str,
    account: Uuid,
    amount: String,
}

fn ledger_entries(entries: &[&Entry]) -> String {
    let lines: Vec<LedgerEntry<'_>> = entries
        .iter()
        .map(|entry| LedgerEntry {
            operation: entry.operation.uuid(),
            action: entry.action,
            actor: entry.actor.as_str(),
            account: entry.account.uuid(),
            amount: entry.amount.to_string(),
        })
        .collect();
    serde_json::to_string(&lines).unwrap_or_default()
}

/// The entries of a cold write.
pub(crate) fn record_entries(record: &crate::Record) -> String {
    let lines: Vec<serde_json::Value> = record
        .changes
        .iter()
        .map(|change| {
            let (action, subject) = change.describe();
            serde_json::json!({"action": action, "actor": record.actor.as_str(), "subject": subject})
        })
        .collect();
    serde_json::Value::Array(lines).to_string()
}

/// The entries of a billing write, beside the ledger's own.
pub(crate) fn billing_entries(write: &crate::billing::BillingWrite) -> Vec<serde_json::Value> {
    let line = |put: &crate::billing::StoredPut| {
        let object: serde_json::Value = serde_json::from_str(&put.document).unwrap_or_default();
        serde_json::json!({
            "action": put.action,
            "actor": write.actor.as_str(),
            "kind": put.kind.as_str(),
            "subject": put.id,
            "object": object,
        })
    };
    write.puts.iter().filter(|put| !put.action.is_empty()).map(line).collect()
}
