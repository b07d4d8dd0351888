//! Payment rows in and out of SQLite.

use farebox_engine::payment::{Changes, Loaded, Needs, Payment, ProviderEvent, Refund, Request, TrailEntry};
use farebox_types::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::ledger::uuid;
use crate::{
    Due, Fault, PaymentFilter,
    payments::columns::{EventRow, PaymentRow, RefundRow, RequestRow, TrailRow, details},
};

pub(super) const PAYMENT: &str = "tenant, id, customer_id, provider, provider_id, minor, currency, captured, refunded, \
     refunding, status, next_check, trail_length, trail_hash, details, created_at, updated_at";
pub(super) const REFUND: &str =
    "tenant, id, payment, minor, state, provider_id, reason, failure, next_check, created_at, updated_at";
const REQUEST: &str = "tenant, scope, key, hash, payment, refund, status, body, created_at";
const EVENT: &str = "tenant, provider, id, kind, our_id, provider_id, received_at, applied_at, next_try, tries";
pub(super) const TRAIL: &str = "tenant, payment, seq, kind, actor, before, after, detail, at, hash";

/// Rows of `columns FROM table rest`.
pub(super) fn select<T>(
    sql: &Connection,
    text: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = sql.prepare_cached(text)?;
    let rows = statement.query_map(params, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn payment(row: &Row<'_>) -> Result<Payment, Fault> {
    PaymentRow {
        key: (uuid(row, 0)?, uuid(row, 1)?),
        customer_id: row.get(2)?,
        provider: row.get(3)?,
        provider_id: row.get(4)?,
        minor: row.get(5)?,
        currency: row.get(6)?,
        captured: row.get(7)?,
        refunded: row.get(8)?,
        refunding: row.get(9)?,
        status: row.get(10)?,
        next_check: row.get(11)?,
        trail: (row.get(12)?, row.get(13)?),
        details: row.get(14)?,
        created_at: row.get(15)?,
        updated_at: row.get(16)?,
    }
    .read()
}

pub(super) fn refund(row: &Row<'_>) -> Result<Refund, Fault> {
    RefundRow {
        key: (uuid(row, 0)?, uuid(row, 1)?),
        payment: uuid(row, 2)?,
        minor: row.get(3)?,
        state: row.get(4)?,
        provider_id: row.get(5)?,
        reason: row.get(6)?,
        failure: row.get(7)?,
        next_check: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    }
    .read()
}

fn request(row: &Row<'_>) -> Result<Request, Fault> {
    let refund: Option<[u8; 16]> = row.get(5)?;
    Ok(RequestRow {
        tenant: uuid(row, 0)?,
        scope: row.get(1)?,
        key: row.get(2)?,
        hash: row.get(3)?,
        payment: uuid(row, 4)?,
        refund: refund.map(uuid::Uuid::from_bytes),
        status: row.get(6)?,
        body: row.get(7)?,
        created_at: row.get(8)?,
    }
    .read())
}

fn event(row: &Row<'_>) -> Result<ProviderEvent, Fault> {
    Ok(EventRow {
        tenant: uuid(row, 0)?,
        provider: row.get(1)?,
        id: row.get(2)?,
        kind: row.get(3)?,
        our_id: row.get(4)?,
        provider_id: row.get(5)?,
        received_at: row.get(6)?,
        applied_at: row.get(7)?,
        next_try: row.get(8)?,
        tries: row.get(9)?,
    }
    .read())
}

pub(super) fn trail(row: &Row<'_>) -> Result<TrailEntry, Fault> {
    Ok(TrailRow {
        key: (uuid(row, 0)?, uuid(row, 1)?, row.get(2)?),
        texts: [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?],
        at: row.get(8)?,
        hash: row.get(9)?,
    }
    .read())
}

/// What a batch needs.
pub(super) fn load(sql: &Connection, needs: &Needs) -> Result<Loaded, Fault> {
    let mut loaded = Loaded::default();
    for (tenant, id) in &needs.payments {
        let text = format!("SELECT {PAYMENT} FROM payment WHERE tenant = ?1 AND id = ?2");
        loaded.payments.extend(select(sql, &text, (tenant.uuid().as_bytes(), id.uuid().as_bytes()), payment)?);
    }
    for (tenant, id) in &needs.refunds {
        let text = format!("SELECT {REFUND} FROM payment_refund WHERE tenant = ?1 AND id = ?2");
        loaded.refunds.extend(select(sql, &text, (tenant.uuid().as_bytes(), id.uuid().as_bytes()), refund)?);
    }
    for (tenant, scope, key) in &needs.requests {
        loaded.requests.extend(named(sql, tenant.uuid().as_bytes(), scope, key)?);
    }
    for key in &needs.events {
        let text = format!("SELECT {EVENT} FROM provider_event WHERE tenant = ?1 AND provider = ?2 AND id = ?3");
        loaded.events.extend(select(sql, &text, (key.tenant.uuid().as_bytes(), &key.provider, &key.id), event)?);
    }
    Ok(loaded)
}

pub(super) fn named(sql: &Connection, tenant: &[u8; 16], scope: &str, key: &str) -> Result<Option<Request>, Fault> {
    let text = format!("SELECT {REQUEST} FROM payment_request WHERE tenant = ?1 AND scope = ?2 AND key = ?3");
    let mut statement = sql.prepare_cached(&text)?;
    statement.query_row((tenant, scope, key), |row| Ok(request(row))).optional()?.transpose()
}

/// Writes what a batch has changed; the caller writes its postings beside it.
pub(super) fn write(sql: &Connection, changes: &Changes) -> Result<(), Fault> {
    for row in &changes.payments {
        put_payment(sql, row)?;
    }
    for row in &changes.refunds {
        put_refund(sql, row)?;
    }
    for row in changes.new_requests.iter().chain(&changes.requests) {
        put_request(sql, row)?;
    }
    for row in changes.new_events.iter().chain(&changes.events) {
        put_event(sql, row)?;
    }
    for row in &changes.trail {
        let text = format!("INSERT INTO payment_trail ({TRAIL}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
        let (tenant, payment) = (row.tenant.uuid(), row.payment.uuid());
        sql.prepare_cached(&text)?.execute(params![
            tenant.as_bytes(),
            payment.as_bytes(),
            row.seq,
            row.kind,
            row.actor,
            row.before,
            row.after,
            row.detail,
            row.at.micros(),
            row.hash,
        ])?;
    }
    Ok(())
}

fn put_payment(sql: &Connection, row: &Payment) -> Result<(), Fault> {
    let text = format!(
        "INSERT INTO payment ({PAYMENT}, exponent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
         ON CONFLICT (tenant, id) DO UPDATE SET provider_id = excluded.provider_id, captured = excluded.captured, \
         refunded = excluded.refunded, refunding = excluded.refunding, status = excluded.status, \
         next_check = excluded.next_check, trail_length = excluded.trail_length, trail_hash = excluded.trail_hash, \
         details = excluded.details, updated_at = excluded.updated_at"
    );
    sql.prepare_cached(&text)?.execute(params![
        row.tenant.uuid().as_bytes(),
        row.id.uuid().as_bytes(),
        row.customer_id,
        row.provider,
        row.provider_id,
        row.money.minor,
        row.money.currency.code(),
        row.captured,
        row.refunded,
        row.refunding,
        row.state.as_str(),
        row.next_check.map(Timestamp::micros),
        row.trail.0,
        row.trail.1,
        details(&row.details)?,
        row.created_at.micros(),
        row.updated_at.micros(),
        row.money.currency.exponent(),
    ])?;
    Ok(())
}

fn put_refund(sql: &Connection, row: &Refund) -> Result<(), Fault> {
    let text = format!(
        "INSERT INTO payment_refund ({REFUND}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, provider_id = excluded.provider_id, \
         failure = excluded.failure, next_check = excluded.next_check, updated_at = excluded.updated_at"
    );
    sql.prepare_cached(&text)?.execute(params![
        row.tenant.uuid().as_bytes(),
        row.id.uuid().as_bytes(),
        row.payment.uuid().as_bytes(),
        row.minor,
        row.state.as_str(),
        row.provider_id,
        row.reason,
        row.failure,
        row.next_check.map(Timestamp::micros),
        row.created_at.micros(),
        row.updated_at.micros(),
    ])?;
    Ok(())
}

fn put_request(sql: &Connection, row: &Request) -> Result<(), Fault> {
    let text = format!(
        "INSERT INTO payment_request ({REQUEST}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (tenant, scope, key) DO UPDATE SET hash = excluded.hash, payment = excluded.payment, \
         refund = excluded.refund, status = excluded.status, body = excluded.body, created_at = excluded.created_at"
    );
    sql.prepare_cached(&text)?.execute(params![
        row.tenant.uuid().as_bytes(),
        row.scope,
        row.key,
        row.hash,
        row.payment.uuid().as_bytes(),
        row.refund.map(|id| id.uuid().into_bytes()),
        row.answer.as_ref().map(|(status, _)| *status),
        row.answer.as_ref().map(|(_, body)| body),
        row.created_at.micros(),
    ])?;
    Ok(())
}

fn put_event(sql: &Connection, row: &ProviderEvent) -> Result<(), Fault> {
    let text = format!(
        "INSERT INTO provider_event ({EVENT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (tenant, provider, id) DO UPDATE SET applied_at = excluded.applied_at, \
         next_try = excluded.next_try, tries = excluded.tries"
    );
    sql.prepare_cached(&text)?.execute(params![
        row.key.tenant.uuid().as_bytes(),
        row.key.provider,
        row.key.id,
        row.kind,
        row.our_id,
        row.provider_id,
        row.received_at.micros(),
        row.applied_at.map(Timestamp::micros),
        row.next_try.map(Timestamp::micros),
        row.tries,
    ])?;
    Ok(())
}

pub(super) fn list(sql: &Connection, tenant: &[u8; 16], filter: &PaymentFilter) -> Result<Vec<Payment>, Fault> {
    let text = format!(
        "SELECT {PAYMENT} FROM payment WHERE tenant = ?1 AND (?2 IS NULL OR customer_id = ?2) \
         AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR created_at >= ?4) AND (?5 IS NULL OR created_at < ?5) \
         AND (?6 IS NULL OR id < ?6) ORDER BY id DESC LIMIT ?7"
    );
    let values = params![
        tenant,
        filter.customer,
        filter.state.map(farebox_engine::payment::State::as_str),
        filter.since.map(Timestamp::micros),
        filter.until.map(Timestamp::micros),
        filter.after.map(|id| id.uuid().into_bytes()),
        filter.limit,
    ];
    select(sql, &text, values, payment)
}

/// Takes what is due; the caller commits.
pub(super) fn due(sql: &Connection, limit: u32, now: Timestamp, until: Timestamp) -> Result<Due, Fault> {
    let take = |table: &str, column: &str, key: &str, columns: &str| {
        format!(
            "UPDATE {table} SET {column} = ?3 WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {column} <= ?2 \
             ORDER BY {column} LIMIT ?1) RETURNING {columns}"
        )
    };
    let values = (limit, now.micros(), until.micros());
    Ok(Due {
        payments: select(sql, &take("payment", "next_check", "tenant, id", PAYMENT), values, payment)?,
        refunds: select(sql, &take("payment_refund", "next_check", "tenant, id", REFUND), values, refund)?,
        events: select(sql, &take("provider_event", "next_try", "tenant, provider, id", EVENT), values, event)?,
    })
}
