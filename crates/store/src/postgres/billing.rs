//! Billing writes: the idempotency record, the rows and their names.

use farebox_engine::ledger::UsageEvent;
use farebox_types::Timestamp;
use sqlx::PgConnection;

use crate::billing::{BillingWrite, Committed, StoredPut};

/// The name first: while another process has it in hand, this waits for that process to commit or to give up.
const OPERATION: &str = "INSERT INTO operation (tenant, scope, key, request_hash, answer, created_at) \
                         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const BEFORE: &str = "SELECT request_hash, answer FROM operation WHERE tenant = $1 AND scope = $2 AND key = $3";
const INSERT: &str = "INSERT INTO billing_row (tenant, kind, id, parent, due_at, revision, document, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6 + 1, $7, $8, $8) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE billing_row SET parent = $4, due_at = $5, leased_until = 0, revision = $6 + 1, \
     document = $7, updated_at = $8 WHERE tenant = $1 AND kind = $2 AND id = $3 AND revision = $6";
const EVENTS: &str = "INSERT INTO usage_event (tenant, id, customer, feature, value, occurred_at, received_at, \
     window_start, late, answer, counted) SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::uuid[]), unnest($4::uuid[]), \
     unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::bigint[]), unnest($8::bigint[]), unnest($9::bool[]), \
     unnest($10::text[]), unnest($11::bigint[])";

/// Writes the record and the rows; `Some` if something of it cannot be written, or was before.
///
/// The record's age is counted by the machine's time: a test clock must not end it.
pub(super) async fn write(
    sql: &mut PgConnection,
    write: &BillingWrite,
    now: Timestamp,
) -> sqlx::Result<Option<Committed>> {
    let named = sqlx::query(OPERATION)
        .bind(write.tenant.uuid())
        .bind(&write.operation.scope)
        .bind(&write.operation.key)
        .bind(write.request_hash)
        .bind(&write.answer)
        .bind(now.micros());
    if named.execute(&mut *sql).await?.rows_affected() == 0 {
        return before(sql, write).await.map(Some);
    }
    for put in write.in_order() {
        if !write_row(sql, write, put).await? {
            return Ok(Some(Committed::Stale(put.kind, put.id)));
        }
        if let Some(name) = write_names(sql, write, put).await? {
            return Ok(Some(Committed::Taken(put.kind, name)));
        }
    }
    Ok(None)
}

async fn before(sql: &mut PgConnection, write: &BillingWrite) -> sqlx::Result<Committed> {
    let query = sqlx::query_as(BEFORE).bind(write.tenant.uuid());
    let (hash, answer): ([u8; 32], String) =
        query.bind(&write.operation.scope).bind(&write.operation.key).fetch_one(sql).await?;
    Ok(if hash == write.request_hash { Committed::Replayed(answer) } else { Committed::Conflict })
}

/// False if the row is not at the revision that was read.
async fn write_row(sql: &mut PgConnection, write: &BillingWrite, put: &StoredPut) -> sqlx::Result<bool> {
    let query = sqlx::query(if put.revision == 0 { INSERT } else { UPDATE })
        .bind(write.tenant.uuid())
        .bind(put.kind.as_str())
        .bind(put.id)
        .bind(put.parent)
        .bind(put.due_at.map(Timestamp::micros))
        .bind(put.revision)
        .bind(&put.document)
        .bind(write.at.micros());
    Ok(query.execute(sql).await?.rows_affected() == 1)
}

/// Gives the row its names and takes back those it no longer has; the name that is another's, if one is.
async fn write_names(sql: &mut PgConnection, write: &BillingWrite, put: &StoredPut) -> sqlx::Result<Option<String>> {
    let (tenant, kind) = (write.tenant.uuid(), put.kind.as_str());
    if put.revision > 0 {
        let drop = sqlx::query("DELETE FROM billing_name WHERE tenant = $1 AND kind = $2 AND id = $3");
        drop.bind(tenant).bind(kind).bind(put.id).execute(&mut *sql).await?;
    }
    for name in &put.names {
        let insert = sqlx::query(
            "INSERT INTO billing_name (tenant, kind, name, id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        let insert = insert.bind(tenant).bind(kind).bind(name).bind(put.id);
        if insert.execute(&mut *sql).await?.rows_affected() == 0 {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// The events of a batch, in one statement.
pub(super) async fn write_events(sql: &mut PgConnection, events: &[UsageEvent]) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    fn column<T>(events: &[UsageEvent], of: impl Fn(&UsageEvent) -> T) -> Vec<T> {
        events.iter().map(of).collect()
    }
    let query = sqlx::query(EVENTS)
        .bind(column(events, |event| event.tenant.uuid()))
        .bind(column(events, |event| event.id.uuid()))
        .bind(column(events, |event| event.usage.customer))
        .bind(column(events, |event| event.usage.feature))
        .bind(column(events, |event| event.value))
        .bind(column(events, |event| event.usage.occurred_at.micros()))
        .bind(column(events, |event| event.received_at.micros()))
        .bind(column(events, |event| event.usage.window_start.micros()))
        .bind(column(events, |event| event.usage.late))
        .bind(column(events, |event| event.answer.clone()))
        .bind(column(events, |event| event.counted));
    query.execute(sql).await?;
    Ok(())
}
