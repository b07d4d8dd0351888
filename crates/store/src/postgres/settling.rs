//! The [`SettlementStore`] commands on PostgreSQL.

use async_trait::async_trait;
use farebox_engine::settlement::{PaymentKey, Settlement, Slot, SlotId};
use farebox_types::{Address, Id, Merchant, Timestamp};
use uuid::Uuid;

use super::{PostgresStore, connect::limited, settlement_reads, settlements};
use crate::{Fault, Intended, Intents, SettlementName, SettlementStore, SlotStep};

#[async_trait]
impl SettlementStore for PostgresStore {
    async fn next_nonce(&self, tenant: Id<Merchant>, chain: u64, signer: Address) -> Result<Option<u64>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlement_reads::next_nonce(&mut sql, tenant, chain, signer)).await?)
    }

    async fn intend(&self, intents: Intents) -> Result<Intended, Fault> {
        self.lanes.intend(intents, None).await
    }

    async fn settlement(&self, tenant: Id<Merchant>, key: PaymentKey) -> Result<Option<Settlement>, Fault> {
        Ok(self.settlements(tenant, &[key]).await?.pop())
    }

    async fn settlements(&self, tenant: Id<Merchant>, keys: &[PaymentKey]) -> Result<Vec<Settlement>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlement_reads::settlements(&mut sql, tenant, keys)).await?)
    }

    async fn owed(
        &self,
        tenant: Id<Merchant>,
        after: Option<PaymentKey>,
        limit: u32,
    ) -> Result<Vec<Settlement>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlement_reads::owed(&mut sql, tenant, after, limit)).await?)
    }

    async fn given(&self, tenant: Id<Merchant>, key: PaymentKey, at: Timestamp) -> Result<(), Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlements::given(&mut sql, tenant, key, at)).await?)
    }

    async fn settlement_named(
        &self,
        tenant: Id<Merchant>,
        scope: &str,
        name: &str,
    ) -> Result<Option<SettlementName>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlement_reads::named(&mut sql, tenant, scope, name)).await?)
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
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlement_reads::lease(&mut sql, tenant, (owner, until), limit, self.clock.now())).await?)
    }

    async fn slot(&self, tenant: Id<Merchant>, slot: SlotId) -> Result<Option<Slot>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(settlement_reads::slot(&mut sql, tenant, slot)).await?)
    }
}
