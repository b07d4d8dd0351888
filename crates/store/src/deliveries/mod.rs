//! Webhooks to merchants: endpoints, events, deliveries; decided by [`farebox_engine::delivery`].

mod rows;

use async_trait::async_trait;
use farebox_engine::delivery::Standing;
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use crate::Fault;

pub use rows::{
    DeliveryFilter, DeliveryLease, Disabled, FanOut, NewWebhookEvent, Parcel, SettledDelivery, WebhookDelivery,
    WebhookEndpoint, WebhookEvent,
};
pub(crate) use rows::{DeliveryRow, EndpointRow, standing};

/// Durable deliveries. Endpoints and replays are written by [`crate::Store::record`], with audit and outbox.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// A merchant's endpoints, oldest first, disabled ones too.
    async fn webhook_endpoints(&self, tenant: Id<Merchant>) -> Result<Vec<WebhookEndpoint>, Fault>;
    /// An endpoint.
    async fn webhook_endpoint(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<WebhookEndpoint>, Fault>;
    /// Writes events with their deliveries and removes the outbox rows they came from, in one commit. False, and nothing
    /// is written, if one of those rows is gone already, or if an older one of the merchant is still there: events are
    /// numbered in the order of the outbox, however many processes do this.
    async fn fan_out(&self, fan_out: &FanOut) -> Result<bool, Fault>;
    /// Takes deliveries whose time has come: nobody else gets them before the lease ends.
    async fn lease_deliveries(&self, lease: &DeliveryLease) -> Result<Vec<Parcel>, Fault>;
    /// Writes what became of an attempt, and how its endpoint stands now. `None`, and nothing is written, if the lease was
    /// over and another process has the delivery.
    async fn settle_delivery(&self, settled: &SettledDelivery) -> Result<Option<Standing>, Fault>;
    /// A delivery.
    async fn webhook_delivery(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<WebhookDelivery>, Fault>;
    /// A merchant's deliveries, newest first.
    async fn webhook_deliveries(
        &self,
        tenant: Id<Merchant>,
        filter: &DeliveryFilter,
    ) -> Result<Vec<WebhookDelivery>, Fault>;
    /// Forgets up to `limit` events that happened before `before`, with their deliveries. How many.
    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u64, Fault>;
}
