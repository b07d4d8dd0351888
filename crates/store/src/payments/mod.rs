//! Payments on card rails: commands decided by [`farebox_engine::payment`], in the ledger's own commits.

pub(crate) mod audit;
pub(crate) mod auditor;
pub(crate) mod columns;

use async_trait::async_trait;
use farebox_engine::payment::{Answer, Command, Payment, ProviderEvent, Refund, Request, State, TrailEntry};
use farebox_types::{Id, Merchant, Payment as PaymentKind, Refund as RefundKind, Timestamp};

use crate::Fault;

/// Which payments of a merchant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Of this customer.
    pub customer: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Made then or later.
    pub since: Option<Timestamp>,
    /// Made earlier.
    pub until: Option<Timestamp>,
    /// Older than this one.
    pub after: Option<Id<PaymentKind>>,
    /// At most so many.
    pub limit: u32,
}

/// What waits for a provider, or for us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Payments to ask after.
    pub payments: Vec<Payment>,
    /// Refunds to ask after.
    pub refunds: Vec<Refund>,
    /// Events to apply.
    pub events: Vec<ProviderEvent>,
}

/// Durable payments. The promises of [`crate::Store`] hold: answers come after their commit, and a [`Fault`] may hide one.
#[async_trait]
pub trait PaymentStore: Send + Sync {
    /// Decides one command and writes rows, trail, postings, audit and outbox lines in one commit, together with whatever
    /// else waits.
    async fn pay(&self, command: Command) -> Result<Answer, Fault>;
    /// A payment.
    async fn payment(&self, tenant: Id<Merchant>, id: Id<PaymentKind>) -> Result<Option<Payment>, Fault>;
    /// A payment by the provider's id.
    async fn payment_at(&self, tenant: Id<Merchant>, provider_id: &str) -> Result<Option<Payment>, Fault>;
    /// A merchant's payments, newest first.
    async fn payments(&self, tenant: Id<Merchant>, filter: &PaymentFilter) -> Result<Vec<Payment>, Fault>;
    /// A payment's refunds, oldest first.
    async fn refunds(&self, tenant: Id<Merchant>, payment: Id<PaymentKind>) -> Result<Vec<Refund>, Fault>;
    /// A refund.
    async fn refund(&self, tenant: Id<Merchant>, id: Id<RefundKind>) -> Result<Option<Refund>, Fault>;
    /// A payment's trail, oldest first.
    async fn payment_trail(&self, tenant: Id<Merchant>, payment: Id<PaymentKind>) -> Result<Vec<TrailEntry>, Fault>;
    /// What a caller's name stands for.
    async fn payment_request(&self, tenant: Id<Merchant>, scope: &str, key: &str) -> Result<Option<Request>, Fault>;
    /// Up to `limit` of each kind whose time has come; nobody else gets them before `until`.
    async fn due_payments(&self, limit: u32, until: Timestamp) -> Result<Due, Fault>;
}
