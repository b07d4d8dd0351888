//! The [`DeliveryStore`] commands on SQLite.

use async_trait::async_trait;
use farebox_engine::delivery::Standing;
use farebox_types::{Id, Merchant, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::{SqliteStore, deliveries, reads};
use crate::{
    DeliveryFilter, DeliveryLease, DeliveryStore, FanOut, Fault, Parcel, SettledDelivery, WebhookDelivery,
    WebhookEndpoint,
};

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn webhook_endpoints(&self, tenant: Id<Merchant>) -> Result<Vec<WebhookEndpoint>, Fault> {
        let key = tenant.uuid().into_bytes();
        let rest = "WHERE e.tenant = ?1 ORDER BY e.id";
        self.read(move |sql| reads::all(sql, deliveries::ENDPOINT, rest, [key], deliveries::endpoint)).await
    }

    async fn webhook_endpoint(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<WebhookEndpoint>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.into_bytes());
        let rest = "WHERE e.tenant = ?1 AND e.id = ?2";
        self.read(move |sql| reads::one(sql, deliveries::ENDPOINT, rest, key, deliveries::endpoint)).await
    }

    async fn fan_out(&self, fan_out: &FanOut) -> Result<bool, Fault> {
        let fan_out = fan_out.clone();
        self.read(move |sql| {
            let transaction = begin(sql)?;
            let written = deliveries::fan_out(&transaction, &fan_out)?;
            if written {
                transaction.commit()?
            } else {
                transaction.rollback()?
            }
            Ok(written)
        })
        .await
    }

    async fn lease_deliveries(&self, lease: &DeliveryLease) -> Result<Vec<Parcel>, Fault> {
        let lease = lease.clone();
        self.read(move |sql| {
            if !deliveries::is_due(sql, lease.now)? {
                return Ok(Vec::new());
            }
            committed(sql, |sql| deliveries::lease(sql, &lease))
        })
        .await
    }

    async fn settle_delivery(&self, settled: &SettledDelivery) -> Result<Option<Standing>, Fault> {
        let settled = settled.clone();
        self.read(move |sql| committed(sql, |sql| deliveries::settle(sql, &settled))).await
    }

    async fn webhook_delivery(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<WebhookDelivery>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.into_bytes());
        let rest = "WHERE d.tenant = ?1 AND d.id = ?2";
        self.read(move |sql| reads::one(sql, deliveries::DELIVERY, rest, key, deliveries::delivery)).await
    }

    async fn webhook_deliveries(
        &self,
        tenant: Id<Merchant>,
        filter: &DeliveryFilter,
    ) -> Result<Vec<WebhookDelivery>, Fault> {
        let (tenant, filter) = (tenant.uuid().into_bytes(), *filter);
        self.read(move |sql| deliveries::deliveries(sql, tenant, &filter)).await
    }

    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        self.read(move |sql| committed(sql, |sql| deliveries::forget(sql, before, limit))).await
    }
}

/// Immediate: two writers at once take turns instead of failing.
fn begin(sql: &Connection) -> Result<Transaction<'_>, Fault> {
    Ok(Transaction::new_unchecked(sql, TransactionBehavior::Immediate)?)
}

fn committed<T>(sql: &Connection, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
    let transaction = begin(sql)?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}
