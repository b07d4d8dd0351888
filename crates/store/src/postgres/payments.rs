//! Payment rows in and out of PostgreSQL. One look-up by key for each wanted row, as in `steps.rs`.

use farebox_engine::payment::{Changes, Loaded, Needs, Payment, ProviderEvent, Refund, Request, TrailEntry};
use farebox_types::Timestamp;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::fault::unreadable;
use crate::payments::columns::{EventRow, PaymentRow, RefundRow, RequestRow, TrailRow, details};

macro_rules! payment_columns {
    () => {
        "tenant, id, customer_id, provider, provider_id, minor, currency, captured, refunded, refunding, status, \
         next_check, trail_length, trail_hash, details, created_at, updated_at"
    };
}
macro_rules! refund_columns {
    () => {
        "tenant, id, payment, minor, state, provider_id, reason, failure, next_check, created_at, updated_at"
    };
}
macro_rules! request_columns {
    () => {
        "tenant, scope, key, hash, payment, refund, status, body, created_at"
    };
}
macro_rules! event_columns {
    () => {
        "tenant, provider, id, kind, our_id, provider_id, received_at, applied_at, next_try, tries"
    };
}
macro_rules! trail_columns {
    () => {
        "tenant, payment, seq, kind, actor, before, after, detail, at, hash"
    };
}
pub(super) use {event_columns, payment_columns, refund_columns, request_columns, trail_columns};

const LOCK_PAYMENTS: &str = concat!(
    "SELECT s.* FROM (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant, id) ORDER BY tenant, id) n \
     CROSS JOIN LATERAL (SELECT ",
    payment_columns!(),
    " FROM payment p WHERE p.tenant = n.tenant AND p.id = n.id FOR UPDATE) s"
);
const LOAD_REFUNDS: &str = concat!(
    "SELECT s.* FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant, id) CROSS JOIN LATERAL (SELECT ",
    refund_columns!(),
    " FROM payment_refund p WHERE p.tenant = n.tenant AND p.id = n.id) s"
);
const LOAD_REQUESTS: &str = concat!(
    // Locked: a name that was forgotten is taken anew by one.
    "SELECT s.* FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (tenant, scope, key) \
     ORDER BY tenant, scope, key) n CROSS JOIN LATERAL (SELECT ",
    request_columns!(),
    " FROM payment_request p WHERE p.tenant = n.tenant AND p.scope = n.scope AND p.key = n.key FOR UPDATE) s"
);
const LOAD_EVENTS: &str = concat!(
    // Locked in order: processes that end the same events at once take turns.
    "SELECT s.* FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (tenant, provider, id) \
     ORDER BY tenant, provider, id) n CROSS JOIN LATERAL (SELECT ",
    event_columns!(),
    " FROM provider_event p WHERE p.tenant = n.tenant AND p.provider = n.provider AND p.id = n.id FOR UPDATE) s"
);
const PUT_PAYMENTS: &str = concat!(
    "INSERT INTO payment (",
    payment_columns!(),
    ", exponent) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], \
     $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::bytea[], $15::text[], \
     $16::bigint[], $17::bigint[], $18::int[]) \
     ON CONFLICT (tenant, id) DO UPDATE SET provider_id = excluded.provider_id, captured = excluded.captured, \
     refunded = excluded.refunded, refunding = excluded.refunding, status = excluded.status, \
     next_check = excluded.next_check, trail_length = excluded.trail_length, trail_hash = excluded.trail_hash, \
     details = excluded.details, updated_at = excluded.updated_at"
);
const PUT_REFUNDS: &str = concat!(
    "INSERT INTO payment_refund (",
    refund_columns!(),
    ") SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], \
     $8::text[], $9::bigint[], $10::bigint[], $11::bigint[]) \
     ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, provider_id = excluded.provider_id, \
     failure = excluded.failure, next_check = excluded.next_check, updated_at = excluded.updated_at"
);
const ADD_REQUESTS: &str = concat!(
    "INSERT INTO payment_request (",
    request_columns!(),
    ") SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[], $7::int[], \
     $8::text[], $9::bigint[])"
);
const CHANGE_REQUESTS: &str = "UPDATE payment_request p SET hash = n.hash, payment = n.payment, refund = n.refund, \
     status = n.status, body = n.body, created_at = n.created_at \
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[], $7::int[], $8::text[], \
     $9::bigint[]) AS n (tenant, scope, key, hash, payment, refund, status, body, created_at) \
     WHERE p.tenant = n.tenant AND p.scope = n.scope AND p.key = n.key";
const ADD_EVENTS: &str = concat!(
    "INSERT INTO provider_event (",
    event_columns!(),
    ") SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], \
     $8::bigint[], $9::bigint[], $10::int[])"
);
const CHANGE_EVENTS: &str = "UPDATE provider_event p SET applied_at = n.applied_at, next_try = n.next_try, \
     tries = n.tries FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], \
     $8::bigint[], $9::bigint[], $10::int[]) \
     AS n (tenant, provider, id, kind, our_id, provider_id, received_at, applied_at, next_try, tries) \
     WHERE p.tenant = n.tenant AND p.provider = n.provider AND p.id = n.id";
const ADD_TRAIL: &str = concat!(
    "INSERT INTO payment_trail (",
    trail_columns!(),
    ") SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], \
     $8::text[], $9::bigint[], $10::bytea[])"
);

fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// What a batch needs; payments are locked in order.
pub(super) async fn load(sql: &mut PgConnection, needs: &Needs) -> sqlx::Result<Loaded> {
    let mut loaded = Loaded::default();
    if !needs.payments.is_empty() {
        let query = sqlx::query(LOCK_PAYMENTS).bind(column(&needs.payments, |key| key.0.uuid()));
        let rows = query.bind(column(&needs.payments, |key| key.1.uuid())).fetch_all(&mut *sql).await?;
        loaded.payments = rows.iter().map(payment).collect::<sqlx::Result<_>>()?;
    }
    if !needs.refunds.is_empty() {
        let query = sqlx::query(LOAD_REFUNDS).bind(column(&needs.refunds, |key| key.0.uuid()));
        let rows = query.bind(column(&needs.refunds, |key| key.1.uuid())).fetch_all(&mut *sql).await?;
        loaded.refunds = rows.iter().map(refund).collect::<sqlx::Result<_>>()?;
    }
    if !needs.requests.is_empty() {
        let query = sqlx::query(LOAD_REQUESTS).bind(column(&needs.requests, |key| key.0.uuid()));
        let query = query.bind(column(&needs.requests, |key| key.1.as_str()));
        let rows = query.bind(column(&needs.requests, |key| key.2.as_str())).fetch_all(&mut *sql).await?;
        loaded.requests = rows.iter().map(request).collect::<sqlx::Result<_>>()?;
    }
    if !needs.events.is_empty() {
        let query = sqlx::query(LOAD_EVENTS).bind(column(&needs.events, |key| key.tenant.uuid()));
        let query = query.bind(column(&needs.events, |key| key.provider.as_str()));
        let rows = query.bind(column(&needs.events, |key| key.id.as_str())).fetch_all(&mut *sql).await?;
        loaded.events = rows.iter().map(event).collect::<sqlx::Result<_>>()?;
    }
    Ok(loaded)
}

/// Writes what a batch has changed; the caller writes its postings beside it.
pub(super) async fn write(sql: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    put_payments(sql, &changes.payments).await?;
    put_refunds(sql, &changes.refunds).await?;
    put_requests(sql, ADD_REQUESTS, &changes.new_requests).await?;
    put_requests(sql, CHANGE_REQUESTS, &changes.requests).await?;
    put_events(sql, ADD_EVENTS, &changes.new_events).await?;
    put_events(sql, CHANGE_EVENTS, &changes.events).await?;
    add_trail(sql, &changes.trail).await
}

async fn put_payments(sql: &mut PgConnection, rows: &[Payment]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let texts = rows.iter().map(|row| details(&row.details).map_err(unreadable)).collect::<sqlx::Result<Vec<_>>>()?;
    let query = sqlx::query(PUT_PAYMENTS)
        .bind(column(rows, |row| row.tenant.uuid()))
        .bind(column(rows, |row| row.id.uuid()))
        .bind(column(rows, |row| row.customer_id.as_str()))
        .bind(column(rows, |row| row.provider.as_str()))
        .bind(column(rows, |row| row.provider_id.clone()))
        .bind(column(rows, |row| row.money.minor))
        .bind(column(rows, |row| row.money.currency.code().to_owned()))
        .bind(column(rows, |row| row.captured))
        .bind(column(rows, |row| row.refunded))
        .bind(column(rows, |row| row.refunding))
        .bind(column(rows, |row| row.state.as_str()))
        .bind(column(rows, |row| row.next_check.map(Timestamp::micros)))
        .bind(column(rows, |row| row.trail.0))
        .bind(column(rows, |row| row.trail.1.to_vec()))
        .bind(texts)
        .bind(column(rows, |row| row.created_at.micros()))
        .bind(column(rows, |row| row.updated_at.micros()))
        .bind(column(rows, |row| i32::from(row.money.currency.exponent())));
    query.execute(sql).await.map(drop)
}

async fn put_refunds(sql: &mut PgConnection, rows: &[Refund]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(PUT_REFUNDS)
        .bind(column(rows, |row| row.tenant.uuid()))
        .bind(column(rows, |row| row.id.uuid()))
        .bind(column(rows, |row| row.payment.uuid()))
        .bind(column(rows, |row| row.minor))
        .bind(column(rows, |row| row.state.as_str()))
        .bind(column(rows, |row| row.provider_id.clone()))
        .bind(column(rows, |row| row.reason.clone()))
        .bind(column(rows, |row| row.failure.clone()))
        .bind(column(rows, |row| row.next_check.map(Timestamp::micros)))
        .bind(column(rows, |row| row.created_at.micros()))
        .bind(column(rows, |row| row.updated_at.micros()));
    query.execute(sql).await.map(drop)
}

async fn put_requests(sql: &mut PgConnection, text: &'static str, rows: &[Request]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(text)
        .bind(column(rows, |row| row.tenant.uuid()))
        .bind(column(rows, |row| row.scope.as_str()))
        .bind(column(rows, |row| row.key.as_str()))
        .bind(column(rows, |row| row.hash.to_vec()))
        .bind(column(rows, |row| row.payment.uuid()))
        .bind(column(rows, |row| row.refund.map(farebox_types::Id::uuid)))
        .bind(column(rows, |row| row.answer.as_ref().map(|(status, _)| i32::from(*status))))
        .bind(column(rows, |row| row.answer.as_ref().map(|(_, body)| body.clone())))
        .bind(column(rows, |row| row.created_at.micros()));
    query.execute(sql).await.map(drop)
}

async fn put_events(sql: &mut PgConnection, text: &'static str, rows: &[ProviderEvent]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(text)
        .bind(column(rows, |row| row.key.tenant.uuid()))
        .bind(column(rows, |row| row.key.provider.as_str()))
        .bind(column(rows, |row| row.key.id.as_str()))
        .bind(column(rows, |row| row.kind.as_str()))
        .bind(column(rows, |row| row.our_id.clone()))
        .bind(column(rows, |row| row.provider_id.clone()))
        .bind(column(rows, |row| row.received_at.micros()))
        .bind(column(rows, |row| row.applied_at.map(Timestamp::micros)))
        .bind(column(rows, |row| row.next_try.map(Timestamp::micros)))
        .bind(column(rows, |row| i32::try_from(row.tries).unwrap_or(i32::MAX)));
    query.execute(sql).await.map(drop)
}

async fn add_trail(sql: &mut PgConnection, rows: &[TrailEntry]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(ADD_TRAIL)
        .bind(column(rows, |row| row.tenant.uuid()))
        .bind(column(rows, |row| row.payment.uuid()))
        .bind(column(rows, |row| row.seq))
        .bind(column(rows, |row| row.kind.as_str()))
        .bind(column(rows, |row| row.actor.as_str()))
        .bind(column(rows, |row| row.before.as_str()))
        .bind(column(rows, |row| row.after.as_str()))
        .bind(column(rows, |row| row.detail.as_str()))
        .bind(column(rows, |row| row.at.micros()))
        .bind(column(rows, |row| row.hash.to_vec()));
    query.execute(sql).await.map(drop)
}

pub(super) fn payment(row: &PgRow) -> sqlx::Result<Payment> {
    let raw = PaymentRow {
        key: (row.try_get::<Uuid, _>(0)?, row.try_get(1)?),
        customer_id: row.try_get(2)?,
        provider: row.try_get(3)?,
        provider_id: row.try_get(4)?,
        minor: row.try_get(5)?,
        currency: row.try_get(6)?,
        captured: row.try_get(7)?,
        refunded: row.try_get(8)?,
        refunding: row.try_get(9)?,
        status: row.try_get(10)?,
        next_check: row.try_get(11)?,
        trail: (row.try_get(12)?, row.try_get(13)?),
        details: row.try_get(14)?,
        created_at: row.try_get(15)?,
        updated_at: row.try_get(16)?,
    };
    raw.read().map_err(unreadable)
}

pub(super) fn refund(row: &PgRow) -> sqlx::Result<Refund> {
    let raw = RefundRow {
        key: (row.try_get(0)?, row.try_get(1)?),
        payment: row.try_get(2)?,
        minor: row.try_get(3)?,
        state: row.try_get(4)?,
        provider_id: row.try_get(5)?,
        reason: row.try_get(6)?,
        failure: row.try_get(7)?,
        next_check: row.try_get(8)?,
        created_at: row.try_get(9)?,
        updated_at: row.try_get(10)?,
    };
    raw.read().map_err(unreadable)
}

pub(super) fn request(row: &PgRow) -> sqlx::Result<Request> {
    let raw = RequestRow {
        tenant: row.try_get(0)?,
        scope: row.try_get(1)?,
        key: row.try_get(2)?,
        hash: row.try_get(3)?,
        payment: row.try_get(4)?,
        refund: row.try_get(5)?,
        status: row.try_get(6)?,
        body: row.try_get(7)?,
        created_at: row.try_get(8)?,
    };
    Ok(raw.read())
}

pub(super) fn event(row: &PgRow) -> sqlx::Result<ProviderEvent> {
    let raw = EventRow {
        tenant: row.try_get(0)?,
        provider: row.try_get(1)?,
        id: row.try_get(2)?,
        kind: row.try_get(3)?,
        our_id: row.try_get(4)?,
        provider_id: row.try_get(5)?,
        received_at: row.try_get(6)?,
        applied_at: row.try_get(7)?,
        next_try: row.try_get(8)?,
        tries: row.try_get(9)?,
    };
    Ok(raw.read())
}

pub(super) fn trail(row: &PgRow) -> sqlx::Result<TrailEntry> {
    let raw = TrailRow {
        key: (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
        texts: [row.try_get(3)?, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?, row.try_get(7)?],
        at: row.try_get(8)?,
        hash: row.try_get(9)?,
    };
    Ok(raw.read())
}
