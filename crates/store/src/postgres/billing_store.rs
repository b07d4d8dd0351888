//! The [`BillingStore`] commands on PostgreSQL.

use async_trait::async_trait;
use farebox_engine::ledger::{Account, AccountSpec, Transfer, TransferId, UsageEvent};
use farebox_types::{Id, Merchant, Timestamp};
use sqlx::{Connection, Row};
use uuid::Uuid;

use super::{
    PostgresStore,
    billing_reads::{self, DUE_OF, EVENTS, HOLDINGS, LEASE, NAMED, OF_KIND, OF_PARENT, ONE},
    connect::limited,
    ledger,
    reads::{all, one},
};
use crate::{
    Fault, OperationKey,
    billing::{BillingStore, BillingWrite, Collected, Collecting, Committed, Cursor, EventCursor, Kind, StoredRow},
};

/// Workers that forget at the same time pass over what the others are taking.
const FORGET: &str = "DELETE FROM operation o USING (SELECT tenant, scope, key FROM operation \
     WHERE scope IN ('v1', 'clock') AND created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) old \
     WHERE o.tenant = old.tenant AND o.scope = old.scope AND o.key = old.key";
const FORGET_DEVICES: &str = "WITH old AS (
        SELECT tenant, kind, id FROM billing_row WHERE tenant = $1 AND kind = 'device_code' AND created_at < $2
        ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), named AS (
        DELETE FROM billing_name n USING old WHERE n.tenant = old.tenant AND n.kind = old.kind AND n.id = old.id
    )
    DELETE FROM billing_row r USING old WHERE r.tenant = old.tenant AND r.kind = old.kind AND r.id = old.id";
const TOLD: &str = "SELECT answer FROM usage_event WHERE tenant = $1 AND id = $2";
const ANSWERED: &str = "SELECT request_hash, answer FROM operation WHERE tenant = $1 AND scope = $2 AND key = $3";

#[async_trait]
impl BillingStore for PostgresStore {
    async fn bill(&self, write: BillingWrite) -> Result<Committed, Fault> {
        self.lanes.bill(write).await
    }

    async fn collect(&self, collecting: Collecting) -> Result<Collected, Fault> {
        self.lanes.collect(collecting).await
    }

    async fn answered(
        &self,
        tenant: Id<Merchant>,
        operation: &OperationKey,
    ) -> Result<Option<([u8; 32], String)>, Fault> {
        let query = sqlx::query(ANSWERED).bind(tenant.uuid()).bind(&operation.scope).bind(&operation.key);
        one(&self.pool, query, |row| Ok((row.try_get(0)?, row.try_get(1)?))).await
    }

    async fn forget_answers(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        let query = sqlx::query(FORGET).bind(before.micros()).bind(i64::from(limit));
        Ok(limited(query.execute(&self.pool)).await?.rows_affected())
    }

    async fn forget_device_codes(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        let query = sqlx::query(FORGET_DEVICES).bind(Uuid::nil()).bind(before.micros()).bind(i64::from(limit));
        Ok(limited(query.execute(&self.pool)).await?.rows_affected())
    }

    async fn billing_row(&self, tenant: Id<Merchant>, kind: Kind, id: Uuid) -> Result<Option<StoredRow>, Fault> {
        let query = sqlx::query(ONE).bind(tenant.uuid()).bind(kind.as_str()).bind(id);
        one(&self.pool, query, billing_reads::read).await
    }

    async fn billing_row_named(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        name: &str,
    ) -> Result<Option<StoredRow>, Fault> {
        let query = sqlx::query(NAMED).bind(tenant.uuid()).bind(kind.as_str()).bind(name);
        one(&self.pool, query, billing_reads::read).await
    }

    async fn billing_rows(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        parent: Option<Uuid>,
        cursor: Cursor,
    ) -> Result<Vec<StoredRow>, Fault> {
        let after = cursor.after.unwrap_or(Uuid::max());
        let query = sqlx::query(if parent.is_some() { OF_PARENT } else { OF_KIND });
        let query = query.bind(tenant.uuid()).bind(kind.as_str()).bind(after).bind(i64::from(cursor.limit));
        let query = match parent {
            Some(parent) => query.bind(parent),
            None => query,
        };
        all(&self.pool, query, billing_reads::read).await
    }

    async fn holdings(&self, tenant: Id<Merchant>, customer: Uuid) -> Result<Vec<StoredRow>, Fault> {
        let query = sqlx::query(HOLDINGS).bind(tenant.uuid()).bind(customer);
        all(&self.pool, query, billing_reads::read).await
    }

    async fn lease_due(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
        let query = sqlx::query(LEASE).bind(now.micros()).bind(until.micros()).bind(i64::from(limit));
        all(&self.pool, query, billing_reads::read).await
    }

    async fn due_of(&self, tenant: Id<Merchant>, now: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
        let query = sqlx::query(DUE_OF).bind(tenant.uuid()).bind(now.micros()).bind(i64::from(limit));
        all(&self.pool, query, billing_reads::read).await
    }

    async fn usage_events(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        cursor: EventCursor,
    ) -> Result<Vec<UsageEvent>, Fault> {
        let (at, id) = cursor.after.unwrap_or((Timestamp::from_micros(i64::MAX), Uuid::max()));
        let query = sqlx::query(EVENTS).bind(tenant.uuid()).bind(customer).bind(at.micros()).bind(id);
        all(&self.pool, query.bind(i64::from(cursor.limit)), billing_reads::event).await
    }

    async fn told(&self, tenant: Id<Merchant>, event: TransferId) -> Result<Option<String>, Fault> {
        let query = sqlx::query(TOLD).bind(tenant.uuid()).bind(event.uuid());
        Ok(one(&self.pool, query, |row| row.try_get::<Option<String>, _>(0)).await?.flatten())
    }

    async fn transfers(&self, tenant: Id<Merchant>, ids: &[TransferId]) -> Result<Vec<Transfer>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(ledger::transfers(&mut sql, ids.iter().map(|id| (tenant, *id)))).await?)
    }

    async fn accounts_at(&self, specs: &[AccountSpec], now: Timestamp) -> Result<Vec<Account>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        let keys = specs.iter().map(|spec| (spec.tenant, spec.id));
        let accounts = limited(ledger::accounts_in(&mut sql, keys.clone())).await?;
        if accounts.iter().all(|row| row.next_expiry.is_none_or(|at| at > now)) {
            return Ok(accounts.into_iter().map(|row| row.as_of(now, Vec::new())).collect());
        }
        // Holds are due: they and the accounts are read anew, from one snapshot.
        let mut snapshot = limited(sql.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")).await?;
        let accounts = limited(ledger::accounts_with_holds(&mut snapshot, keys, now)).await?;
        limited(snapshot.rollback()).await?;
        Ok(accounts)
    }
}
