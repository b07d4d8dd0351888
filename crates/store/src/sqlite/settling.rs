//! The [`SettlementStore`] commands on SQLite.

use async_trait::async_trait;
use farebox_engine::settlement::{PaymentKey, Settlement, Slot, SlotId};
use farebox_types::{Address, Id, Merchant, Timestamp};
use rusqlite::Connection;
use uuid::Uuid;

use super::{SqliteStore, settlement_reads, settlements, store::in_transaction};
use crate::{Fault, Intended, Intents, SettlementName, SettlementStore, SlotStep};

#[async_trait]
impl SettlementStore for SqliteStore {
    async fn next_nonce(&self, tenant: Id<Merchant>, chain: u64, signer: Address) -> Result<Option<u64>, Fault> {
        self.read(move |sql| settlement_reads::next_nonce(sql, tenant, chain, signer)).await
    }

    async fn intend(&self, intents: Intents) -> Result<Intended, Fault> {
        self.lanes.intend(intents, None).await
    }

    async fn settlement(&self, tenant: Id<Merchant>, key: PaymentKey) -> Result<Option<Settlement>, Fault> {
        self.read(move |sql| settlement_reads::settlement(sql, tenant, key)).await
    }

    async fn settlements(&self, tenant: Id<Merchant>, keys: &[PaymentKey]) -> Result<Vec<Settlement>, Fault> {
        let keys = keys.to_vec();
        self.read(move |sql| {
            let found: Result<Vec<_>, _> =
                keys.iter().map(|key| settlement_reads::settlement(sql, tenant, *key)).collect();
            Ok(found?.into_iter().flatten().collect())
        })
        .await
    }

    async fn owed(
        &self,
        tenant: Id<Merchant>,
        after: Option<PaymentKey>,
        limit: u32,
    ) -> Result<Vec<Settlement>, Fault> {
        self.read(move |sql| settlement_reads::owed(sql, tenant, after, limit)).await
    }

    async fn given(&self, tenant: Id<Merchant>, key: PaymentKey, at: Timestamp) -> Result<(), Fault> {
        self.read(move |sql| in_transaction(sql, |sql| settlements::given(sql, tenant, key, at))).await
    }

    async fn settlement_named(
        &self,
        tenant: Id<Merchant>,
        scope: &str,
        name: &str,
    ) -> Result<Option<SettlementName>, Fault> {
        let (scope, name) = (scope.to_owned(), name.to_owned());
        self.read(move |sql| settlement_reads::named(sql, tenant, &scope, &name)).await
    }

    async fn name_settlement(
        &self,
        tenant: Id<Merchant>,
        name: SettlementName,
        at: Timestamp,
    ) -> Result<SettlementName, Fault> {
        self.lanes.name(tenant, name, at).await
    }

    async fn step(&self, steps: Vec<SlotStep>) -> Result<(), Fault> {
        self.lanes.step(steps).await
    }

    async fn move_settlements(&self, from: SlotId, intents: Intents) -> Result<Intended, Fault> {
        self.lanes.intend(intents, Some(from)).await
    }

    async fn lease_slots(
        &self,
        tenant: Id<Merchant>,
        owner: Uuid,
        limit: u32,
        until: Timestamp,
    ) -> Result<Vec<Slot>, Fault> {
        let now = self.clock.now();
        let lease = move |sql: &Connection| settlement_reads::lease(sql, tenant, owner, limit, now, until);
        self.read(move |sql| in_transaction(sql, lease)).await
    }

    async fn slot(&self, tenant: Id<Merchant>, slot: SlotId) -> Result<Option<Slot>, Fault> {
        self.read(move |sql| in_transaction(sql, |sql| settlement_reads::slot(sql, tenant, slot))).await
    }
}
