//! Billing rows out of SQLite.

use farebox_engine::ledger::{TransferId, Usage, UsageEvent};
use farebox_types::{Id, Merchant, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use uuid::Uuid;

use super::ledger::uuid;
use crate::{
    Fault, OperationKey,
    billing::{AnsweredBefore, Cursor, EventCursor, Holder, Kind, StoredRow},
};

const ROW: &str = "SELECT tenant, kind, id, revision, document, created_at, updated_at FROM billing_row";

fn read(row: &Row<'_>) -> Result<StoredRow, Fault> {
    let kind: String = row.get(1)?;
    let known = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
    Ok(StoredRow {
        tenant: Id::from_uuid(uuid(row, 0)?),
        kind: known.ok_or_else(|| Fault::corrupt("billing_row", kind))?,
        id: uuid(row, 2)?,
        revision: row.get(3)?,
        document: row.get(4)?,
        created_at: Timestamp::from_micros(row.get(5)?),
        updated_at: Timestamp::from_micros(row.get(6)?),
    })
}

fn all(sql: &Connection, rest: &str, params: impl Params) -> Result<Vec<StoredRow>, Fault> {
    let mut statement = sql.prepare_cached(&format!("{ROW} {rest}"))?;
    let rows = statement.query_map(params, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn one(sql: &Connection, tenant: Id<Merchant>, kind: Kind, id: Uuid) -> Result<Option<StoredRow>, Fault> {
    let key = (tenant.uuid().into_bytes(), kind.as_str(), id.into_bytes());
    Ok(all(sql, "WHERE tenant = ?1 AND kind = ?2 AND id = ?3", key)?.pop())
}

pub(super) fn named(
    sql: &Connection,
    tenant: Id<Merchant>,
    kind: Kind,
    name: &str,
) -> Result<Option<StoredRow>, Fault> {
    let named = "WHERE tenant = ?1 AND kind = ?2 AND id = \
                 (SELECT id FROM billing_name WHERE tenant = ?1 AND kind = ?2 AND name = ?3)";
    Ok(all(sql, named, (tenant.uuid().into_bytes(), kind.as_str(), name))?.pop())
}

/// Ids are version 7: later ones are greater.
pub(super) fn several(
    sql: &Connection,
    tenant: Id<Merchant>,
    kind: Kind,
    parent: Option<Uuid>,
    cursor: Cursor,
) -> Result<Vec<StoredRow>, Fault> {
    let after = cursor.after.unwrap_or(Uuid::max()).into_bytes();
    let (tenant, kind) = (tenant.uuid().into_bytes(), kind.as_str());
    match parent {
        Some(parent) => {
            let rest = "WHERE tenant = ?1 AND kind = ?2 AND id < ?3 AND parent = ?5 ORDER BY id DESC LIMIT ?4";
            all(sql, rest, (tenant, kind, after, cursor.limit, parent.into_bytes()))
        }
        None => {
            let rest = "WHERE tenant = ?1 AND kind = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
            all(sql, rest, (tenant, kind, after, cursor.limit))
        }
    }
}

pub(super) fn holdings(sql: &Connection, holder: &Holder) -> Result<Vec<StoredRow>, Fault> {
    let key = (holder.tenant.uuid().into_bytes(), holder.customer.into_bytes());
    let mut rows = all(sql, "WHERE tenant = ?1 AND kind = 'customer' AND id = ?2", key)?;
    let of = "WHERE tenant = ?1 AND parent = ?2 AND kind IN ('subscription', 'override')";
    rows.extend(all(sql, of, key)?);
    rows.extend(all(sql, "WHERE tenant = ?1 AND kind IN ('test_clock', 'settings')", [key.0])?);
    if let Some(name) = &holder.feature {
        rows.extend(named(sql, holder.tenant, Kind::Feature, name)?);
    }
    Ok(rows)
}

const DUE: &str = "WHERE due_at <= ?1 AND leased_until <= ?1 AND NOT EXISTS \
     (SELECT 1 FROM billing_row c WHERE c.tenant = billing_row.tenant AND c.kind = 'test_clock') \
     ORDER BY due_at LIMIT ?2";

pub(super) fn lease(sql: &Connection, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
    let rows = all(sql, DUE, (now.micros(), limit))?;
    let mut update =
        sql.prepare_cached("UPDATE billing_row SET leased_until = ?4 WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?;
    for row in &rows {
        let tenant = row.tenant.uuid();
        update.execute((tenant.as_bytes(), row.kind.as_str(), row.id.as_bytes(), until.micros()))?;
    }
    Ok(rows)
}

pub(super) fn due_of(
    sql: &Connection,
    tenant: Id<Merchant>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StoredRow>, Fault> {
    let rest = "WHERE tenant = ?1 AND due_at <= ?2 ORDER BY due_at, id LIMIT ?3";
    all(sql, rest, (tenant.uuid().into_bytes(), now.micros(), limit))
}

pub(super) fn answered(
    sql: &Connection,
    tenant: Id<Merchant>,
    name: &OperationKey,
) -> Result<Option<AnsweredBefore>, Fault> {
    let mut statement =
        sql.prepare_cached("SELECT request_hash, answer FROM operation WHERE tenant = ?1 AND scope = ?2 AND key = ?3")?;
    let row =
        statement.query_row((tenant.uuid().as_bytes(), &name.scope, &name.key), |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

pub(super) fn forget(sql: &Connection, before: Timestamp, limit: u32) -> Result<u64, Fault> {
    let old = "DELETE FROM operation WHERE (tenant, scope, key) IN (SELECT tenant, scope, key FROM operation \
               WHERE scope IN ('v1', 'clock') AND created_at < ?1 ORDER BY created_at LIMIT ?2)";
    let forgotten = sql.prepare_cached(old)?.execute((before.micros(), limit))?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
}

/// Rows and names go together; the caller's transaction sees to that.
pub(super) fn forget_device_codes(sql: &Connection, before: Timestamp, limit: u32) -> Result<u64, Fault> {
    let key = (Uuid::nil().into_bytes(), before.micros(), limit);
    let old = "SELECT id FROM billing_row WHERE tenant = ?1 AND kind = 'device_code' AND created_at < ?2 ORDER BY id LIMIT ?3";
    let names = format!("DELETE FROM billing_name WHERE tenant = ?1 AND kind = 'device_code' AND id IN ({old})");
    sql.prepare_cached(&names)?.execute(key)?;
    let rows = format!("DELETE FROM billing_row WHERE tenant = ?1 AND kind = 'device_code' AND id IN ({old})");
    Ok(u64::try_from(sql.prepare_cached(&rows)?.execute(key)?).unwrap_or(u64::MAX))
}

const EVENT: &str = "SELECT tenant, id, customer, feature, value, occurred_at, received_at, window_start, late, answer, counted FROM usage_event";

fn event(row: &Row<'_>) -> Result<UsageEvent, Fault> {
    let time = |at| row.get(at).map(Timestamp::from_micros);
    let usage = Usage {
        customer: uuid(row, 2)?,
        feature: uuid(row, 3)?,
        occurred_at: time(5)?,
        window_start: time(7)?,
        late: row.get(8)?,
        telling: None,
    };
    let (tenant, id) = (Id::from_uuid(uuid(row, 0)?), TransferId::from_uuid(uuid(row, 1)?));
    Ok(UsageEvent {
        tenant,
        id,
        usage,
        value: row.get(4)?,
        counted: row.get(10)?,
        received_at: time(6)?,
        answer: row.get(9)?,
    })
}

pub(super) fn events(
    sql: &Connection,
    tenant: Id<Merchant>,
    customer: Uuid,
    cursor: EventCursor,
) -> Result<Vec<UsageEvent>, Fault> {
    let (at, id) = cursor.after.unwrap_or((Timestamp::from_micros(i64::MAX), Uuid::max()));
    let rest = "WHERE tenant = ?1 AND customer = ?2 AND (received_at, id) < (?3, ?4) \
                ORDER BY received_at DESC, id DESC LIMIT ?5";
    let mut statement = sql.prepare_cached(&format!("{EVENT} {rest}"))?;
    let key = (tenant.uuid().into_bytes(), customer.into_bytes(), at.micros(), id.into_bytes(), cursor.limit);
    let rows = statement.query_map(key, |row| Ok(event(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn told(sql: &Connection, tenant: Id<Merchant>, event: TransferId) -> Result<Option<String>, Fault> {
    let mut statement = sql.prepare_cached("SELECT answer FROM usage_event WHERE tenant = ?1 AND id = ?2")?;
    let row = statement.query_row((tenant.uuid().as_bytes(), event.uuid().as_bytes()), |row| row.get(0));
    Ok(row.optional()?.flatten())
}

/// Calls `see` with every event.
pub(super) fn each_event(sql: &Connection, mut see: impl FnMut(&UsageEvent)) -> Result<(), Fault> {
    let mut statement = sql.prepare(EVENT)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(&event(row)?);
    }
    Ok(())
}

/// Calls `see` with what is wrong between names and rows.
pub(super) fn each_difference(sql: &Connection, mut see: impl FnMut(String)) -> Result<(), Fault> {
    let mut statement = sql.prepare(crate::billing::NAME_DIFFERENCES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(row.get(0)?);
    }
    Ok(())
}
