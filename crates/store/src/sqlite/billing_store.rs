//! The [`BillingStore`] commands on SQLite.

use async_trait::async_trait;
use farebox_engine::ledger::{Account, Transfer, TransferId, UsageEvent};
use farebox_types::{Id, Merchant, Timestamp};
use rusqlite::{Transaction, TransactionBehavior};
use uuid::Uuid;

use super::{SqliteStore, billing, billing_reads, ledger, store::in_transaction};
use crate::{
    Fault, OperationKey,
    billing::{
        AccountsAt, AnsweredBefore, BillingStore, BillingWrite, Collected, Collecting, Committed, Cursor, EventCursor,
        Holder, Kind, StoredRow,
    },
};

#[async_trait]
impl BillingStore for SqliteStore {
    async fn bill(&self, write: BillingWrite) -> Result<Committed, Fault> {
        self.lanes.bill(write).await
    }

    async fn collect(&self, collecting: Collecting) -> Result<Collected, Fault> {
        self.lanes.collect(collecting).await
    }

    async fn answered(&self, names: &[(Id<Merchant>, OperationKey)]) -> Result<Vec<Option<AnsweredBefore>>, Fault> {
        let names = names.to_vec();
        let one = |sql: &_, (tenant, name): &(_, _)| billing_reads::answered(sql, *tenant, name);
        self.read(move |sql| names.iter().map(|name| one(sql, name)).collect()).await
    }

    async fn forget_answers(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        self.read(move |sql| billing_reads::forget(sql, before, limit)).await
    }

    async fn forget_device_codes(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        self.read(move |sql| {
            let transaction = Transaction::new_unchecked(sql, TransactionBehavior::Immediate)?;
            let forgotten = billing_reads::forget_device_codes(&transaction, before, limit)?;
            transaction.commit()?;
            Ok(forgotten)
        })
        .await
    }

    async fn billing_row(&self, tenant: Id<Merchant>, kind: Kind, id: Uuid) -> Result<Option<StoredRow>, Fault> {
        self.read(move |sql| billing_reads::one(sql, tenant, kind, id)).await
    }

    async fn billing_row_named(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        name: &str,
    ) -> Result<Option<StoredRow>, Fault> {
        let name = name.to_owned();
        self.read(move |sql| billing_reads::named(sql, tenant, kind, &name)).await
    }

    async fn billing_rows(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        parent: Option<Uuid>,
        cursor: Cursor,
    ) -> Result<Vec<StoredRow>, Fault> {
        self.read(move |sql| billing_reads::several(sql, tenant, kind, parent, cursor)).await
    }

    async fn holdings(&self, holders: &[Holder]) -> Result<Vec<Vec<StoredRow>>, Fault> {
        let holders = holders.to_vec();
        self.read(move |sql| {
            in_transaction(sql, |sql| holders.iter().map(|one| billing_reads::holdings(sql, one)).collect())
        })
        .await
    }

    async fn lease_due(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
        self.read(move |sql| {
            // Immediate: two leases at once take turns instead of failing.
            let transaction = Transaction::new_unchecked(sql, TransactionBehavior::Immediate)?;
            let rows = billing_reads::lease(&transaction, now, until, limit)?;
            transaction.commit()?;
            Ok(rows)
        })
        .await
    }

    async fn due_of(&self, tenant: Id<Merchant>, now: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
        self.read(move |sql| billing_reads::due_of(sql, tenant, now, limit)).await
    }

    async fn usage_events(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        cursor: EventCursor,
    ) -> Result<Vec<UsageEvent>, Fault> {
        self.read(move |sql| billing_reads::events(sql, tenant, customer, cursor)).await
    }

    async fn told(&self, events: &[(Id<Merchant>, TransferId)]) -> Result<Vec<Option<String>>, Fault> {
        let events = events.to_vec();
        self.read(move |sql| events.iter().map(|(tenant, id)| billing_reads::told(sql, *tenant, *id)).collect()).await
    }

    async fn transfers(&self, tenant: Id<Merchant>, ids: &[TransferId]) -> Result<Vec<Transfer>, Fault> {
        let ids = ids.to_vec();
        self.read(move |sql| {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(ledger::transfer(sql, tenant, id)?);
            }
            Ok(found)
        })
        .await
    }

    async fn accounts_at(&self, wanted: &[AccountsAt]) -> Result<Vec<Vec<Account>>, Fault> {
        let wanted = wanted.to_vec();
        self.read(move |sql| {
            in_transaction(sql, |sql| wanted.iter().map(|one| billing::accounts_at(sql, one)).collect())
        })
        .await
    }
}
