//! The [`DeliveryStore`] commands on PostgreSQL.

use async_trait::async_trait;
use farebox_engine::delivery::{Standing, State};
use farebox_types::{Id, Merchant, Timestamp};
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::{
    PostgresStore,
    connect::limited,
    deliveries::{
        self, DELIVERIES, EVENTS, FAILED, FORGET, LEASE, LIST, NUMBER, OLDER, SETTLE, SUCCEEDED, endpoints,
        webhook_deliveries,
    },
    fault::at_commit,
    reads::{self, all, one},
};
use crate::{
    DeliveryFilter, DeliveryLease, DeliveryStore, FanOut, Fault, Parcel, SettledDelivery, WebhookDelivery,
    WebhookEndpoint, deliveries::standing,
};

#[async_trait]
impl DeliveryStore for PostgresStore {
    async fn webhook_endpoints(&self, tenant: Id<Merchant>) -> Result<Vec<WebhookEndpoint>, Fault> {
        let query = sqlx::query(endpoints!("WHERE e.tenant = $1 ORDER BY e.id")).bind(tenant.uuid());
        all(&self.pool, query, deliveries::endpoint).await
    }

    async fn webhook_endpoint(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<WebhookEndpoint>, Fault> {
        let query = sqlx::query(endpoints!("WHERE e.tenant = $1 AND e.id = $2")).bind(tenant.uuid()).bind(id);
        one(&self.pool, query, deliveries::endpoint).await
    }

    async fn fan_out(&self, fan_out: &FanOut) -> Result<bool, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        let mut transaction = limited(sql.begin()).await?;
        let written = limited(write(&mut transaction, fan_out)).await?;
        if written {
            limited(transaction.commit()).await.map_err(|error| at_commit(&error))?;
        } else {
            limited(transaction.rollback()).await?;
        }
        Ok(written)
    }

    async fn lease_deliveries(&self, lease: &DeliveryLease) -> Result<Vec<Parcel>, Fault> {
        let query = sqlx::query(LEASE).bind(lease.now.micros()).bind(lease.until.micros());
        let query = query.bind(i64::from(lease.limit)).bind(i64::from(lease.each)).bind(&lease.busy);
        all(&self.pool, query, deliveries::parcel).await
    }

    async fn settle_delivery(&self, settled: &SettledDelivery) -> Result<Option<Standing>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        let mut transaction = limited(sql.begin()).await?;
        let standing = limited(settle(&mut transaction, settled)).await?;
        limited(transaction.commit()).await.map_err(|error| at_commit(&error))?;
        Ok(standing)
    }

    async fn webhook_delivery(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<WebhookDelivery>, Fault> {
        let query = sqlx::query(webhook_deliveries!("WHERE d.tenant = $1 AND d.id = $2")).bind(tenant.uuid()).bind(id);
        one(&self.pool, query, deliveries::delivery).await
    }

    async fn webhook_deliveries(
        &self,
        tenant: Id<Merchant>,
        filter: &DeliveryFilter,
    ) -> Result<Vec<WebhookDelivery>, Fault> {
        let query = sqlx::query(LIST).bind(tenant.uuid()).bind(filter.endpoint).bind(filter.state.map(State::as_str));
        let query = query.bind(filter.after.unwrap_or(Uuid::max())).bind(i64::from(filter.limit));
        all(&self.pool, query, deliveries::delivery).await
    }

    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        let query = sqlx::query(FORGET).bind(before.micros()).bind(i64::from(limit));
        Ok(limited(query.execute(&self.pool)).await?.rows_affected())
    }
}

/// Events and their deliveries for outbox rows; false if nothing may be written.
async fn write(sql: &mut PgConnection, fan_out: &FanOut) -> sqlx::Result<bool> {
    let tenant = fan_out.tenant.uuid();
    let Some(first) = fan_out.rows.iter().min_by_key(|row| (row.created_at, row.chain, row.seq)) else {
        return Ok(true);
    };
    let count = i64::try_from(fan_out.events.len()).unwrap_or(i64::MAX);
    let last: i64 =
        if count > 0 { sqlx::query_scalar(NUMBER).bind(tenant).bind(count).fetch_one(&mut *sql).await? } else { 0 };
    let older = sqlx::query_scalar(OLDER).bind(tenant).bind(first.created_at.micros());
    if older.bind(first.chain).bind(first.seq).fetch_one(&mut *sql).await? {
        return Ok(false);
    }
    let gone = reads::finished(&fan_out.rows).execute(&mut *sql).await?.rows_affected();
    if usize::try_from(gone).is_ok_and(|gone| gone < fan_out.rows.len()) {
        return Ok(false);
    }
    events(sql, fan_out, last - count).await?;
    Ok(true)
}

async fn events(sql: &mut PgConnection, fan_out: &FanOut, last: i64) -> sqlx::Result<()> {
    let (mut ids, mut kinds, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    let (mut versions, mut data, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut deliveries, mut endpoints, mut of) = (Vec::new(), Vec::new(), Vec::new());
    for (new, sequence) in fan_out.events.iter().zip(last + 1..) {
        let event = &new.event;
        ids.push(event.id);
        kinds.push(event.kind.as_str());
        sequences.push(sequence);
        versions.push(event.api_version.as_str());
        data.push(event.data.as_str());
        times.push(event.created_at.micros());
        for (id, endpoint) in &new.deliveries {
            deliveries.push(*id);
            endpoints.push(*endpoint);
            of.push(event.id);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let tenant = fan_out.tenant.uuid();
    let query = sqlx::query(EVENTS).bind(tenant).bind(ids).bind(kinds).bind(sequences).bind(versions);
    query.bind(data).bind(times).execute(&mut *sql).await?;
    let query = sqlx::query(DELIVERIES).bind(tenant).bind(deliveries).bind(endpoints).bind(of);
    query.bind(fan_out.at.micros()).execute(sql).await?;
    Ok(())
}

/// Writes an attempt's end and counts it for its endpoint.
async fn settle(sql: &mut PgConnection, done: &SettledDelivery) -> sqlx::Result<Option<Standing>> {
    let tenant = done.tenant.uuid();
    let attempts = i32::try_from(done.attempts).unwrap_or(i32::MAX);
    let query = sqlx::query(SETTLE).bind(tenant).bind(done.id).bind(done.lease.micros()).bind(done.state.as_str());
    let query = query.bind(attempts).bind(done.next_at.map(Timestamp::micros)).bind(done.status.map(i32::from));
    let query = query.bind(&done.snippet).bind(&done.failure).bind(done.at.micros());
    if query.execute(&mut *sql).await?.rows_affected() == 0 {
        return Ok(None);
    }
    let count = if done.failure.is_none() { SUCCEEDED } else { FAILED };
    let mut query = sqlx::query(count).bind(tenant).bind(done.endpoint);
    if done.failure.is_some() {
        query = query.bind(done.at.micros());
    }
    let row = query.fetch_optional(sql).await?;
    let read =
        |row: sqlx::postgres::PgRow| -> sqlx::Result<Standing> { Ok(standing(row.try_get(0)?, row.try_get(1)?)) };
    Ok(Some(row.map(read).transpose()?.unwrap_or_default()))
}
