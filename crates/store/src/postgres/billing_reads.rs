//! Billing rows out of PostgreSQL.

use farebox_engine::ledger::{TransferId, Usage, UsageEvent};
use farebox_types::{Id, Timestamp};
use sqlx::{Row, postgres::PgRow};

use super::fault::corrupt;
use crate::billing::{Kind, StoredRow};

macro_rules! billing_rows {
    ($rest:literal) => {
        concat!(
            "SELECT r.tenant, r.kind, r.id, r.revision, r.document, r.created_at, r.updated_at FROM billing_row r ",
            $rest
        )
    };
}
macro_rules! usage_events {
    ($rest:literal) => {
        concat!(
            "SELECT tenant, id, customer, feature, value, occurred_at, received_at, window_start, late, answer, counted FROM usage_event ",
            $rest
        )
    };
}

pub(super) const ONE: &str = billing_rows!("WHERE r.tenant = $1 AND r.kind = $2 AND r.id = $3");
pub(super) const NAMED: &str = billing_rows!(
    "JOIN billing_name n ON n.tenant = r.tenant AND n.kind = r.kind AND n.id = r.id \
     WHERE n.tenant = $1 AND n.kind = $2 AND n.name = $3"
);
/// Ids are version 7: later ones are greater.
pub(super) const OF_KIND: &str =
    billing_rows!("WHERE r.tenant = $1 AND r.kind = $2 AND r.id < $3 ORDER BY r.id DESC LIMIT $4");
pub(super) const OF_PARENT: &str =
    billing_rows!("WHERE r.tenant = $1 AND r.kind = $2 AND r.id < $3 AND r.parent = $5 ORDER BY r.id DESC LIMIT $4");
/// The last column says which of the holders a row is of. One look-up by key for each, in order.
pub(super) const HOLDINGS: &str = concat!(
    "SELECT r.*, n.at FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS n (tenant, customer, feature, at) \
     CROSS JOIN LATERAL (",
    billing_rows!("WHERE r.tenant = n.tenant AND r.kind = 'customer' AND r.id = n.customer"),
    " UNION ALL ",
    billing_rows!("WHERE r.tenant = n.tenant AND r.parent = n.customer AND r.kind IN ('subscription', 'override')"),
    " UNION ALL ",
    billing_rows!("WHERE r.tenant = n.tenant AND r.kind IN ('test_clock', 'settings')"),
    " UNION ALL ",
    billing_rows!(
        "JOIN billing_name b ON b.tenant = r.tenant AND b.kind = r.kind AND b.id = r.id \
         WHERE b.tenant = n.tenant AND b.kind = 'feature' AND b.name = n.feature"
    ),
    ") r"
);
/// The last column says which of the names an answer is to.
pub(super) const ANSWERED: &str = "SELECT o.request_hash, o.answer, n.at \
     FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS n (tenant, scope, key, at) \
     JOIN operation o ON o.tenant = n.tenant AND o.scope = n.scope AND o.key = n.key";
/// As [`ANSWERED`], of events.
pub(super) const TOLD: &str = "SELECT e.answer, n.at FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS n (tenant, id, at) \
     JOIN usage_event e ON e.tenant = n.tenant AND e.id = n.id";
/// Workers that lease at the same time pass over what the others are taking.
pub(super) const LEASE: &str = "WITH free AS (
        SELECT tenant, kind, id FROM billing_row d WHERE due_at <= $1 AND leased_until <= $1 AND NOT EXISTS
            (SELECT 1 FROM billing_row c WHERE c.tenant = d.tenant AND c.kind = 'test_clock')
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE billing_row r SET leased_until = $2 FROM free
    WHERE r.tenant = free.tenant AND r.kind = free.kind AND r.id = free.id
    RETURNING r.tenant, r.kind, r.id, r.revision, r.document, r.created_at, r.updated_at";
pub(super) const DUE_OF: &str =
    billing_rows!("WHERE r.tenant = $1 AND r.due_at <= $2 ORDER BY r.due_at, r.id LIMIT $3");
pub(super) const EVENTS: &str = usage_events!(
    "WHERE tenant = $1 AND customer = $2 AND (received_at, id) < ($3, $4) ORDER BY received_at DESC, id DESC LIMIT $5"
);
pub(super) const ALL_EVENTS: &str = usage_events!("");

pub(super) fn read(row: &PgRow) -> sqlx::Result<StoredRow> {
    let kind: &str = row.try_get(1)?;
    let known = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
    Ok(StoredRow {
        tenant: Id::from_uuid(row.try_get(0)?),
        kind: known.ok_or_else(|| corrupt("billing_row", kind))?,
        id: row.try_get(2)?,
        revision: row.try_get(3)?,
        document: row.try_get(4)?,
        created_at: Timestamp::from_micros(row.try_get(5)?),
        updated_at: Timestamp::from_micros(row.try_get(6)?),
    })
}

/// The place of a row's question among those that were asked; the database counts from one.
pub(super) fn place(row: &PgRow, column: usize) -> sqlx::Result<usize> {
    let at: i64 = row.try_get(column)?;
    usize::try_from(at - 1).map_err(|_| corrupt("a look", at))
}

pub(super) fn event(row: &PgRow) -> sqlx::Result<UsageEvent> {
    let time = |at: usize| -> sqlx::Result<Timestamp> { row.try_get(at).map(Timestamp::from_micros) };
    let usage = Usage {
        customer: row.try_get(2)?,
        feature: row.try_get(3)?,
        occurred_at: time(5)?,
        window_start: time(7)?,
        late: row.try_get(8)?,
        telling: None,
    };
    let (tenant, id) = (Id::from_uuid(row.try_get(0)?), TransferId::from_uuid(row.try_get(1)?));
    Ok(UsageEvent {
        tenant,
        id,
        usage,
        value: row.try_get(4)?,
        counted: row.try_get(10)?,
        received_at: time(6)?,
        answer: row.try_get(9)?,
    })
}
