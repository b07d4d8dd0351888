//! Billing writes: the idempotency record, the rows and their names.

use farebox_engine::ledger::{Account, UsageEvent};
use farebox_types::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::ledger;
use crate::{
    Fault,
    billing::{AccountsAt, BillingWrite, Committed, StoredPut},
};

/// What was answered before under the write's name.
pub(super) fn before(sql: &Connection, write: &BillingWrite) -> Result<Option<Committed>, Fault> {
    let mut statement =
        sql.prepare_cached("SELECT request_hash, answer FROM operation WHERE tenant = ?1 AND scope = ?2 AND key = ?3")?;
    let (tenant, operation) = (write.tenant.uuid(), &write.operation);
    let row = statement.query_row((tenant.as_bytes(), &operation.scope, &operation.key), |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?))
    });
    let same = |(hash, answer)| {
        if hash == write.request_hash { Committed::Replayed(answer) } else { Committed::Conflict }
    };
    Ok(row.optional()?.map(same))
}

/// Writes the rows; `Some` if one of them cannot be. The record's age is counted by the machine's time: a test clock must
/// not end it.
pub(super) fn write_rows(sql: &Connection, write: &BillingWrite, now: Timestamp) -> Result<Option<Committed>, Fault> {
    for put in write.in_order() {
        if !write_row(sql, write, put)? {
            return Ok(Some(Committed::Stale(put.kind, put.id)));
        }
        if let Some(name) = write_names(sql, write, put)? {
            return Ok(Some(Committed::Taken(put.kind, name)));
        }
    }
    sql.prepare_cached(
        "INSERT INTO operation (tenant, scope, key, request_hash, answer, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        write.tenant.uuid().as_bytes(),
        &write.operation.scope,
        &write.operation.key,
        write.request_hash,
        &write.answer,
        now.micros(),
    ))?;
    Ok(None)
}

/// False if the row is not at the revision that was read.
fn write_row(sql: &Connection, write: &BillingWrite, put: &StoredPut) -> Result<bool, Fault> {
    let statement = if put.revision == 0 {
        "INSERT INTO billing_row (tenant, kind, id, parent, due_at, revision, document, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6 + 1, ?7, ?8, ?8) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE billing_row SET parent = ?4, due_at = ?5, leased_until = 0, revision = ?6 + 1, document = ?7, \
         updated_at = ?8 WHERE tenant = ?1 AND kind = ?2 AND id = ?3 AND revision = ?6"
    };
    let written = sql.prepare_cached(statement)?.execute((
        write.tenant.uuid().as_bytes(),
        put.kind.as_str(),
        put.id.as_bytes(),
        put.parent.map(uuid::Uuid::into_bytes),
        put.due_at.map(Timestamp::micros),
        put.revision,
        &put.document,
        write.at.micros(),
    ))?;
    Ok(written == 1)
}

/// Gives the row its names and takes back those it no longer has; the name that is another's, if one is.
fn write_names(sql: &Connection, write: &BillingWrite, put: &StoredPut) -> Result<Option<String>, Fault> {
    let tenant = write.tenant.uuid();
    let (tenant, kind, id) = (tenant.as_bytes(), put.kind.as_str(), put.id.as_bytes());
    if put.revision > 0 {
        sql.prepare_cached("DELETE FROM billing_name WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?
            .execute((tenant, kind, id))?;
    }
    let mut insert = sql.prepare_cached(
        "INSERT INTO billing_name (tenant, kind, name, id) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    for name in &put.names {
        if insert.execute((tenant, kind, name, id))? == 0 {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// The events of a batch.
pub(super) fn write_events(sql: &Connection, events: &[UsageEvent]) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert = sql.prepare_cached(
        "INSERT INTO usage_event (tenant, id, customer, feature, value, occurred_at, received_at, window_start, late, \
         answer, counted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for event in events {
        let (tenant, usage) = (event.tenant.uuid(), &event.usage);
        insert.execute((
            tenant.as_bytes(),
            event.id.uuid().as_bytes(),
            usage.customer.as_bytes(),
            usage.feature.as_bytes(),
            event.value,
            usage.occurred_at.micros(),
            event.received_at.micros(),
            usage.window_start.micros(),
            usage.late,
            &event.answer,
            event.counted,
        ))?;
    }
    Ok(())
}

/// Accounts as they stand at a time; the caller's transaction is their snapshot.
pub(super) fn accounts_at(sql: &Connection, wanted: &AccountsAt) -> Result<Vec<Account>, Fault> {
    let mut found = Vec::with_capacity(wanted.specs.len());
    for spec in &wanted.specs {
        found.extend(ledger::account_in(sql, spec.tenant, spec.id, wanted.at)?);
    }
    Ok(found)
}
