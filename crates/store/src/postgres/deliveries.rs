//! Endpoints, events and deliveries in and out of PostgreSQL.

use farebox_types::Timestamp;
use sqlx::{Postgres, Row, postgres::PgArguments, postgres::PgRow, query::Query};
use uuid::Uuid;

use super::fault::{corrupt, unreadable};
use crate::{
    Parcel, WebhookDelivery, WebhookEndpoint, WebhookEvent,
    deliveries::{DeliveryRow, EndpointRow},
};

macro_rules! endpoints {
    ($rest:literal) => {
        concat!(
            "SELECT e.tenant, e.id, e.url, e.description, e.events, e.sealed, e.previous, e.previous_until, \
             e.disabled_at, e.disabled_for, e.revision, e.created_at, e.updated_at FROM webhook_endpoint e ",
            $rest
        )
    };
}
macro_rules! webhook_deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT d.tenant, d.id, d.endpoint, d.event, v.kind, d.state, d.attempts, d.next_at, d.status, d.snippet, \
             d.failure, d.created_at, d.updated_at \
             FROM webhook_delivery d JOIN webhook_event v ON v.tenant = d.tenant AND v.id = d.event ",
            $rest
        )
    };
}
pub(super) use {endpoints, webhook_deliveries};

/// The oldest of each endpoint, so many at most; of those the oldest. What others are taking is passed over.
pub(super) const LEASE: &str = "WITH due AS (
        SELECT d.tenant, d.id FROM webhook_endpoint e CROSS JOIN LATERAL (
            SELECT w.tenant, w.id, w.next_at FROM webhook_delivery w
            WHERE w.tenant = e.tenant AND w.endpoint = e.id AND w.next_at <= $1
            ORDER BY w.next_at LIMIT $4 FOR UPDATE SKIP LOCKED
        ) d WHERE e.disabled_at IS NULL AND NOT (e.id = ANY($5)) ORDER BY d.next_at LIMIT $3
    ), taken AS (
        UPDATE webhook_delivery w SET state = 'delivering', next_at = $2 FROM due
        WHERE w.tenant = due.tenant AND w.id = due.id RETURNING w.tenant, w.id, w.endpoint, w.event, w.attempts, w.next_at
    )
    SELECT e.tenant, e.id, e.url, e.description, e.events, e.sealed, e.previous, e.previous_until, e.disabled_at,
        e.disabled_for, e.revision, e.created_at, e.updated_at, d.id, d.attempts, d.next_at, v.id, v.kind, v.sequence,
        v.api_version, v.data, v.created_at, m.mode
    FROM taken d JOIN webhook_endpoint e ON e.tenant = d.tenant AND e.id = d.endpoint
    JOIN webhook_event v ON v.tenant = d.tenant AND v.id = d.event JOIN merchant m ON m.tenant = d.tenant";

pub(super) const SETTLE: &str = "UPDATE webhook_delivery SET state = $4, attempts = $5, next_at = $6, status = $7, \
     snippet = $8, failure = $9, updated_at = $10 \
     WHERE tenant = $1 AND id = $2 AND state = 'delivering' AND next_at = $3";
pub(super) const SUCCEEDED: &str = "UPDATE webhook_endpoint SET failures = 0, failing_since = NULL \
     WHERE tenant = $1 AND id = $2 AND failures > 0 RETURNING failures, failing_since";
pub(super) const FAILED: &str = "UPDATE webhook_endpoint SET failures = failures + 1, \
     failing_since = coalesce(failing_since, $3) WHERE tenant = $1 AND id = $2 RETURNING failures, failing_since";

/// Takes the merchant's turn: whoever fans out for the same merchant waits here.
pub(super) const NUMBER: &str = "INSERT INTO webhook_sequence (tenant, last) VALUES ($1, $2) \
     ON CONFLICT (tenant) DO UPDATE SET last = webhook_sequence.last + excluded.last RETURNING last";
pub(super) const OLDER: &str =
    "SELECT EXISTS (SELECT 1 FROM outbox WHERE tenant = $1 AND (created_at, chain, seq) < ($2, $3, $4))";
pub(super) const EVENTS: &str = "INSERT INTO webhook_event (tenant, id, kind, sequence, api_version, data, created_at) \
     SELECT $1, n.id, n.kind, n.sequence, n.api_version, n.data, n.created_at \
     FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[]) \
     AS n (id, kind, sequence, api_version, data, created_at)";
pub(super) const DELIVERIES: &str = "INSERT INTO webhook_delivery \
     (tenant, id, endpoint, event, state, next_at, created_at, updated_at) \
     SELECT $1, n.id, n.endpoint, n.event, 'pending', $5, $5, $5 \
     FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS n (id, endpoint, event) \
     JOIN webhook_endpoint e ON e.tenant = $1 AND e.id = n.endpoint";
pub(super) const LIST: &str = webhook_deliveries!(
    "WHERE d.tenant = $1 AND ($2::uuid IS NULL OR d.endpoint = $2) AND ($3::text IS NULL OR d.state = $3) \
     AND d.id < $4 ORDER BY d.id DESC LIMIT $5"
);
pub(super) const FORGET: &str = "WITH old AS (SELECT tenant, id FROM webhook_event WHERE created_at < $1 LIMIT $2
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM webhook_delivery d USING old WHERE d.tenant = old.tenant AND d.event = old.id
    ) DELETE FROM webhook_event v USING old WHERE v.tenant = old.tenant AND v.id = old.id";

pub(super) fn endpoint(row: &PgRow) -> sqlx::Result<WebhookEndpoint> {
    Ok(EndpointRow {
        key: (row.try_get(0)?, row.try_get(1)?),
        texts: [row.try_get(2)?, row.try_get(3)?, row.try_get(4)?],
        sealed: row.try_get(5)?,
        previous: (row.try_get(6)?, row.try_get(7)?),
        disabled: (row.try_get(8)?, row.try_get(9)?),
        revision: row.try_get(10)?,
        times: (row.try_get(11)?, row.try_get(12)?),
    }
    .read())
}

pub(super) fn delivery(row: &PgRow) -> sqlx::Result<WebhookDelivery> {
    DeliveryRow {
        ids: [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?],
        kind: row.try_get(4)?,
        state: row.try_get(5)?,
        attempts: row.try_get(6)?,
        next_at: row.try_get(7)?,
        status: row.try_get(8)?,
        words: (row.try_get(9)?, row.try_get(10)?),
        times: (row.try_get(11)?, row.try_get(12)?),
    }
    .read()
    .map_err(unreadable)
}

pub(super) fn parcel(row: &PgRow) -> sqlx::Result<Parcel> {
    Ok(Parcel {
        endpoint: endpoint(row)?,
        id: row.try_get(13)?,
        attempts: row.try_get::<i32, _>(14)?.unsigned_abs(),
        until: Timestamp::from_micros(row.try_get(15)?),
        event: WebhookEvent {
            id: row.try_get(16)?,
            kind: row.try_get(17)?,
            sequence: row.try_get(18)?,
            api_version: row.try_get(19)?,
            data: row.try_get(20)?,
            created_at: Timestamp::from_micros(row.try_get(21)?),
        },
        mode: row.try_get::<&str, _>(22)?.parse().map_err(|error| corrupt("merchant", error))?,
    })
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A new endpoint or its next revision; nothing, if it is not at the one before.
pub(super) fn put_endpoint(row: &WebhookEndpoint) -> Statement<'_> {
    let statement = if row.revision == 1 {
        "INSERT INTO webhook_endpoint (tenant, id, url, description, events, sealed, previous, previous_until, \
         disabled_at, disabled_for, revision, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, $12) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE webhook_endpoint SET url = $3, description = $4, events = $5, sealed = $6, previous = $7, \
         previous_until = $8, disabled_at = $9, disabled_for = $10, revision = $11, updated_at = $12, \
         failures = CASE WHEN $9 IS NULL AND disabled_at IS NOT NULL THEN 0 ELSE failures END, \
         failing_since = CASE WHEN $9 IS NULL AND disabled_at IS NOT NULL THEN NULL ELSE failing_since END \
         WHERE tenant = $1 AND id = $2 AND revision = $11 - 1"
    };
    let query = sqlx::query(statement).bind(row.tenant.uuid()).bind(row.id).bind(&row.url).bind(&row.description);
    let query = query.bind(&row.events).bind(&row.sealed).bind(row.previous.as_ref().map(|(sealed, _)| sealed));
    let query = query.bind(row.previous.as_ref().map(|(_, until)| until.micros()));
    let query = query.bind(row.disabled.map(|(at, _)| at.micros())).bind(row.disabled.map(|(_, why)| why.as_str()));
    let query = query.bind(row.revision).bind(row.updated_at.micros());
    if row.revision == 1 { query.bind(row.created_at.micros()) } else { query }
}

/// Takes an endpoint out, and gives up what was on its way to it.
pub(super) fn remove_endpoint<'q>(tenant: Uuid, id: Uuid, at: Timestamp) -> Statement<'q> {
    let query = sqlx::query(
        "WITH gone AS (DELETE FROM webhook_endpoint WHERE tenant = $1 AND id = $2) \
         UPDATE webhook_delivery SET state = 'exhausted', next_at = NULL, failure = 'endpoint_removed', updated_at = $3 \
         WHERE tenant = $1 AND endpoint = $2 AND next_at IS NOT NULL",
    );
    query.bind(tenant).bind(id).bind(at.micros())
}

/// A delivery, if its endpoint and its event are there.
pub(super) fn add_delivery(row: &WebhookDelivery) -> Statement<'_> {
    let query = sqlx::query(
        "INSERT INTO webhook_delivery (tenant, id, endpoint, event, state, next_at, created_at, updated_at) \
         SELECT $1, $2, $3, $4, 'pending', $5, $5, $5 FROM webhook_endpoint e JOIN webhook_event v ON v.tenant = e.tenant \
         WHERE e.tenant = $1 AND e.id = $3 AND v.id = $4",
    );
    let query = query.bind(row.tenant.uuid()).bind(row.id).bind(row.endpoint).bind(row.event);
    query.bind(row.created_at.micros())
}
