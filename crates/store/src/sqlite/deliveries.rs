//! Endpoints, events and deliveries in and out of SQLite.

use farebox_engine::delivery::Standing;
use farebox_types::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{ledger::uuid, reads};
use crate::{
    DeliveryFilter, DeliveryLease, FanOut, Fault, OutboxRow, Parcel, SettledDelivery, WebhookDelivery, WebhookEndpoint,
    WebhookEvent,
    deliveries::{DeliveryRow, EndpointRow, standing},
};

pub(super) const ENDPOINT: &str = "SELECT e.tenant, e.id, e.url, e.description, e.events, e.sealed, e.previous, \
     e.previous_until, e.disabled_at, e.disabled_for, e.revision, e.created_at, e.updated_at FROM webhook_endpoint e";
pub(super) const DELIVERY: &str = "SELECT d.tenant, d.id, d.endpoint, d.event, v.kind, d.state, d.attempts, d.next_at, \
     d.status, d.snippet, d.failure, d.created_at, d.updated_at \
     FROM webhook_delivery d JOIN webhook_event v ON v.tenant = d.tenant AND v.id = d.event";
const PARCEL: &str = "SELECT e.tenant, e.id, e.url, e.description, e.events, e.sealed, e.previous, \
     e.previous_until, e.disabled_at, e.disabled_for, e.revision, e.created_at, e.updated_at, \
     d.id, d.attempts, d.next_at, v.id, v.kind, v.sequence, v.api_version, v.data, v.created_at, m.mode \
     FROM webhook_delivery d JOIN webhook_endpoint e ON e.tenant = d.tenant AND e.id = d.endpoint \
     JOIN webhook_event v ON v.tenant = d.tenant AND v.id = d.event JOIN merchant m ON m.tenant = d.tenant \
     WHERE d.tenant = ?1 AND d.id = ?2";

pub(super) fn endpoint(row: &Row<'_>) -> Result<WebhookEndpoint, Fault> {
    Ok(EndpointRow {
        key: (uuid(row, 0)?, uuid(row, 1)?),
        texts: [row.get(2)?, row.get(3)?, row.get(4)?],
        sealed: row.get(5)?,
        previous: (row.get(6)?, row.get(7)?),
        disabled: (row.get(8)?, row.get(9)?),
        revision: row.get(10)?,
        times: (row.get(11)?, row.get(12)?),
    }
    .read())
}

pub(super) fn delivery(row: &Row<'_>) -> Result<WebhookDelivery, Fault> {
    DeliveryRow {
        ids: [uuid(row, 0)?, uuid(row, 1)?, uuid(row, 2)?, uuid(row, 3)?],
        kind: row.get(4)?,
        state: row.get(5)?,
        attempts: row.get(6)?,
        next_at: row.get(7)?,
        status: row.get(8)?,
        words: (row.get(9)?, row.get(10)?),
        times: (row.get(11)?, row.get(12)?),
    }
    .read()
}

fn parcel(row: &Row<'_>) -> Result<Parcel, Fault> {
    Ok(Parcel {
        endpoint: endpoint(row)?,
        id: uuid(row, 13)?,
        attempts: row.get(14)?,
        until: Timestamp::from_micros(row.get(15)?),
        event: WebhookEvent {
            id: uuid(row, 16)?,
            kind: row.get(17)?,
            sequence: row.get(18)?,
            api_version: row.get(19)?,
            data: row.get(20)?,
            created_at: Timestamp::from_micros(row.get(21)?),
        },
        mode: row.get::<_, String>(22)?.parse().map_err(|error| Fault::corrupt("merchant", error))?,
    })
}

/// A new endpoint or its next revision; nothing, if it is not at the one before.
pub(super) fn put_endpoint(sql: &Connection, row: &WebhookEndpoint) -> Result<usize, Fault> {
    let mut put = sql.prepare_cached(
        "INSERT INTO webhook_endpoint (tenant, id, url, description, events, sealed, previous, previous_until, \
         disabled_at, disabled_for, revision, created_at, updated_at) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 WHERE ?11 = 1 OR EXISTS \
         (SELECT 1 FROM webhook_endpoint WHERE tenant = ?1 AND id = ?2) \
         ON CONFLICT (tenant, id) DO UPDATE SET url = excluded.url, description = excluded.description, \
         events = excluded.events, sealed = excluded.sealed, previous = excluded.previous, \
         previous_until = excluded.previous_until, disabled_at = excluded.disabled_at, \
         disabled_for = excluded.disabled_for, revision = excluded.revision, updated_at = excluded.updated_at, \
         failures = CASE WHEN excluded.disabled_at IS NULL AND disabled_at IS NOT NULL THEN 0 ELSE failures END, \
         failing_since = CASE WHEN excluded.disabled_at IS NULL AND disabled_at IS NOT NULL THEN NULL \
         ELSE failing_since END WHERE revision = excluded.revision - 1",
    )?;
    Ok(put.execute(params![
        row.tenant.uuid().as_bytes(),
        row.id.as_bytes(),
        row.url,
        row.description,
        row.events,
        row.sealed,
        row.previous.as_ref().map(|(sealed, _)| sealed),
        row.previous.as_ref().map(|(_, until)| until.micros()),
        row.disabled.map(|(at, _)| at.micros()),
        row.disabled.map(|(_, why)| why.as_str()),
        row.revision,
        row.created_at.micros(),
        row.updated_at.micros(),
    ])?)
}

/// Takes an endpoint out; nothing, if it is not there.
pub(super) fn remove_endpoint(sql: &Connection, tenant: &[u8; 16], id: Uuid, at: Timestamp) -> Result<usize, Fault> {
    sql.prepare_cached(
        "UPDATE webhook_delivery SET state = 'exhausted', next_at = NULL, failure = 'endpoint_removed', updated_at = ?3 \
         WHERE tenant = ?1 AND endpoint = ?2 AND next_at IS NOT NULL",
    )?
    .execute((tenant, id.as_bytes(), at.micros()))?;
    let mut delete = sql.prepare_cached("DELETE FROM webhook_endpoint WHERE tenant = ?1 AND id = ?2")?;
    Ok(delete.execute((tenant, id.as_bytes()))?)
}

/// A delivery, if its endpoint and its event are there.
pub(super) fn add_delivery(sql: &Connection, row: &WebhookDelivery) -> Result<usize, Fault> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO webhook_delivery (tenant, id, endpoint, event, state, next_at, created_at, updated_at) \
         SELECT ?1, ?2, ?3, ?4, 'pending', ?5, ?5, ?5 FROM webhook_endpoint e JOIN webhook_event v ON v.tenant = e.tenant \
         WHERE e.tenant = ?1 AND e.id = ?3 AND v.id = ?4",
    )?;
    Ok(insert.execute((
        row.tenant.uuid().as_bytes(),
        row.id.as_bytes(),
        row.endpoint.as_bytes(),
        row.event.as_bytes(),
        row.created_at.micros(),
    ))?)
}

/// Events and their deliveries for outbox rows; false if nothing may be written. The caller commits or rolls back.
pub(super) fn fan_out(sql: &Connection, fan_out: &FanOut) -> Result<bool, Fault> {
    let tenant = fan_out.tenant.uuid();
    let Some(first) = fan_out.rows.iter().min_by_key(|row| order(row)) else { return Ok(true) };
    let mut older = sql
        .prepare_cached("SELECT 1 FROM outbox WHERE tenant = ?1 AND (created_at, chain, seq) < (?2, ?3, ?4) LIMIT 1")?;
    let key = (tenant.as_bytes(), first.created_at.micros(), first.chain.as_bytes(), first.seq);
    if older.query_row(key, |_| Ok(())).optional()?.is_some() || reads::finish(sql, &fan_out.rows)? < fan_out.rows.len()
    {
        return Ok(false);
    }
    let mut number = sql.prepare_cached(
        "INSERT INTO webhook_sequence (tenant, last) VALUES (?1, 1) \
         ON CONFLICT (tenant) DO UPDATE SET last = last + 1 RETURNING last",
    )?;
    let mut insert = sql.prepare_cached(
        "INSERT INTO webhook_event (tenant, id, kind, sequence, api_version, data, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for new in &fan_out.events {
        let sequence: i64 = number.query_row([tenant.as_bytes()], |row| row.get(0))?;
        let event = &new.event;
        let at = event.created_at.micros();
        let (id, kind, version) = (event.id.as_bytes(), &event.kind, &event.api_version);
        insert.execute((tenant.as_bytes(), id, kind, sequence, version, &event.data, at))?;
        for (id, endpoint) in &new.deliveries {
            add_delivery(sql, &fresh(fan_out, (*id, *endpoint), event))?;
        }
    }
    Ok(true)
}

fn order(row: &OutboxRow) -> (Timestamp, Uuid, i64) {
    (row.created_at, row.chain, row.seq)
}

fn fresh(fan_out: &FanOut, (id, endpoint): (Uuid, Uuid), event: &WebhookEvent) -> WebhookDelivery {
    WebhookDelivery {
        tenant: fan_out.tenant,
        id,
        endpoint,
        event: event.id,
        kind: event.kind.clone(),
        state: farebox_engine::delivery::State::Pending,
        attempts: 0,
        next_at: Some(fan_out.at),
        status: None,
        snippet: None,
        failure: None,
        created_at: fan_out.at,
        updated_at: fan_out.at,
    }
}

/// Whether anything waits to be taken; a look that locks nothing.
pub(super) fn is_due(sql: &Connection, now: Timestamp) -> Result<bool, Fault> {
    let mut due = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM webhook_endpoint e WHERE e.disabled_at IS NULL AND EXISTS (SELECT 1 \
         FROM webhook_delivery d WHERE d.tenant = e.tenant AND d.endpoint = e.id AND d.next_at <= ?1))",
    )?;
    Ok(due.query_row([now.micros()], |row| row.get(0))?)
}

/// Takes what is due, the oldest first, but of each endpoint no more than its share; the caller commits.
pub(super) fn lease(sql: &Connection, lease: &DeliveryLease) -> Result<Vec<Parcel>, Fault> {
    let mut endpoints = sql.prepare_cached("SELECT tenant, id FROM webhook_endpoint WHERE disabled_at IS NULL")?;
    let endpoints = endpoints.query_map([], |row| Ok((uuid(row, 0)?, uuid(row, 1)?)))?;
    let mut due = sql.prepare_cached(
        "SELECT id, next_at FROM webhook_delivery WHERE tenant = ?1 AND endpoint = ?2 AND next_at <= ?3 \
         ORDER BY next_at LIMIT ?4",
    )?;
    let mut found: Vec<(i64, Uuid, Uuid)> = Vec::new();
    for endpoint in endpoints {
        let (tenant, id) = endpoint?;
        if lease.busy.contains(&id) {
            continue;
        }
        let key = (tenant.as_bytes(), id.as_bytes(), lease.now.micros(), lease.each);
        let rows = due.query_map(key, |row| Ok((row.get(1)?, tenant, uuid(row, 0)?)))?;
        found.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    found.sort_unstable();
    found.truncate(usize::try_from(lease.limit).unwrap_or(usize::MAX));
    let mut take = sql.prepare_cached(
        "UPDATE webhook_delivery SET state = 'delivering', next_at = ?3 WHERE tenant = ?1 AND id = ?2",
    )?;
    let mut parcels = Vec::with_capacity(found.len());
    for (_, tenant, id) in found {
        take.execute((tenant.as_bytes(), id.as_bytes(), lease.until.micros()))?;
        parcels.extend(reads::one(sql, PARCEL, "", (tenant.as_bytes(), id.as_bytes()), parcel)?);
    }
    Ok(parcels)
}

/// Writes an attempt's end and counts it for its endpoint; the caller commits.
pub(super) fn settle(sql: &Connection, done: &SettledDelivery) -> Result<Option<Standing>, Fault> {
    let tenant = done.tenant.uuid();
    let written = sql
        .prepare_cached(
            "UPDATE webhook_delivery SET state = ?4, attempts = ?5, next_at = ?6, status = ?7, snippet = ?8, \
             failure = ?9, updated_at = ?10 WHERE tenant = ?1 AND id = ?2 AND state = 'delivering' AND next_at = ?3",
        )?
        .execute(params![
            tenant.as_bytes(),
            done.id.as_bytes(),
            done.lease.micros(),
            done.state.as_str(),
            done.attempts,
            done.next_at.map(Timestamp::micros),
            done.status,
            done.snippet,
            done.failure,
            done.at.micros(),
        ])?;
    if written == 0 {
        return Ok(None);
    }
    let counted = if done.failure.is_none() {
        "UPDATE webhook_endpoint SET failures = 0, failing_since = NULL \
         WHERE tenant = ?1 AND id = ?2 AND failures > 0 AND ?3 = ?3 RETURNING failures, failing_since"
    } else {
        "UPDATE webhook_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, ?3) \
         WHERE tenant = ?1 AND id = ?2 RETURNING failures, failing_since"
    };
    let mut count = sql.prepare_cached(counted)?;
    let counted = count.query_row((tenant.as_bytes(), done.endpoint.as_bytes(), done.at.micros()), |row| {
        Ok(standing(row.get(0)?, row.get(1)?))
    });
    Ok(Some(counted.optional()?.unwrap_or_default()))
}

pub(super) fn deliveries(
    sql: &Connection,
    tenant: [u8; 16],
    filter: &DeliveryFilter,
) -> Result<Vec<WebhookDelivery>, Fault> {
    let rest = "WHERE d.tenant = ?1 AND (?2 IS NULL OR d.endpoint = ?2) AND (?3 IS NULL OR d.state = ?3) AND d.id < ?4 \
                ORDER BY d.id DESC LIMIT ?5";
    let after = filter.after.unwrap_or(Uuid::max());
    let values = params![
        tenant,
        filter.endpoint.map(Uuid::into_bytes),
        filter.state.map(farebox_engine::delivery::State::as_str),
        after.as_bytes(),
        filter.limit,
    ];
    reads::all(sql, DELIVERY, rest, values, delivery)
}

/// The caller commits.
pub(super) fn forget(sql: &Connection, before: Timestamp, limit: u32) -> Result<u64, Fault> {
    let mut old = sql.prepare_cached("SELECT tenant, id FROM webhook_event WHERE created_at < ?1 LIMIT ?2")?;
    let old = old.query_map((before.micros(), limit), |row| Ok((uuid(row, 0)?, uuid(row, 1)?)))?;
    let old: Vec<(Uuid, Uuid)> = old.collect::<Result<_, _>>()?;
    for (tenant, event) in &old {
        let key = (tenant.as_bytes(), event.as_bytes());
        sql.prepare_cached("DELETE FROM webhook_delivery WHERE tenant = ?1 AND event = ?2")?.execute(key)?;
        sql.prepare_cached("DELETE FROM webhook_event WHERE tenant = ?1 AND id = ?2")?.execute(key)?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}
