//! What a store can do. Commands, each one atomic unit; no transaction leaks out.

use async_trait::async_trait;
use farebox_engine::ledger::{Account, AccountSpec, Command, Outcome, Refusal, Transfer, TransferId};
use farebox_types::{Address, Agent as AgentKind, ApiKey as ApiKeyKind, ApiToken as ApiTokenKind};
use farebox_types::{Delegation as DelegationKind, Id, Merchant as MerchantKind, Plan as PlanKind};
use farebox_types::{Resource as ResourceKind, Timestamp};

use crate::{
    Agent, ApiKey, ApiToken, AuditPlace, AuditRow, BillingStore, Delegation, DeliveryStore, Fault, GateAnswerStore,
    Merchant, OutboxRow, Page, PaymentStore, Plan, Record, Recorded, Report, Resource, SchemaState, SettlementStore,
    WebhookSecret,
};

/// The ledger's answer to one command.
pub type Decision = Result<Outcome, Refusal>;

/// Durable storage. Every answer to a write is given after its commit; a [`Fault`] on a write may hide a commit, so the
/// same write may be sent again with the same id.
#[async_trait]
pub trait Store:
    SettlementStore + GateAnswerStore + BillingStore + PaymentStore + DeliveryStore + Send + Sync + 'static
{
    /// Decides ledger commands and writes what they change, in as few commits as the load allows. Answers in order.
    async fn execute(&self, commands: Vec<Command>) -> Result<Vec<Decision>, Fault>;

    /// One cold write with its idempotency record: a merchant, a plan, a key.
    async fn record(&self, record: Record) -> Result<Recorded, Fault>;

    /// A guarded account as it stands now, due holds and lots ended, without a lock; `None` if it was never used.
    async fn account(&self, spec: &AccountSpec) -> Result<Option<Account>, Fault>;
    /// One transfer.
    async fn transfer(&self, tenant: Id<MerchantKind>, id: TransferId) -> Result<Option<Transfer>, Fault>;

    /// A merchant.
    async fn merchant(&self, id: Id<MerchantKind>) -> Result<Option<Merchant>, Fault>;
    /// A merchant by its unique name.
    async fn merchant_named(&self, name: &str) -> Result<Option<Merchant>, Fault>;
    /// Every merchant, oldest first.
    async fn merchants(&self) -> Result<Vec<Merchant>, Fault>;

    /// A plan.
    async fn plan(&self, tenant: Id<MerchantKind>, id: Id<PlanKind>) -> Result<Option<Plan>, Fault>;
    /// A merchant's plans, newest first, and how many there are in all.
    async fn plans(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Plan>, u64), Fault>;
    /// An agent.
    async fn agent(&self, tenant: Id<MerchantKind>, id: Id<AgentKind>) -> Result<Option<Agent>, Fault>;
    /// A merchant's agents, newest first, and how many there are in all.
    async fn agents(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Agent>, u64), Fault>;
    /// The plans that give access to an agent.
    async fn plans_of_agent(&self, tenant: Id<MerchantKind>, id: Id<AgentKind>) -> Result<Vec<Plan>, Fault>;
    /// The agents that a plan gives access to.
    async fn agents_of_plan(&self, tenant: Id<MerchantKind>, id: Id<PlanKind>) -> Result<Vec<Agent>, Fault>;

    /// A delegation.
    async fn delegation(&self, tenant: Id<MerchantKind>, id: Id<DelegationKind>) -> Result<Option<Delegation>, Fault>;
    /// A payer's delegations, newest first, and how many there are in all.
    async fn delegations(
        &self,
        tenant: Id<MerchantKind>,
        holder: Address,
        page: Page,
    ) -> Result<(Vec<Delegation>, u64), Fault>;

    /// A key of the credits API.
    async fn api_key(&self, tenant: Id<MerchantKind>, id: Id<ApiKeyKind>) -> Result<Option<ApiKey>, Fault>;
    /// A token of the management API.
    async fn api_token(&self, tenant: Id<MerchantKind>, id: Id<ApiTokenKind>) -> Result<Option<ApiToken>, Fault>;
    /// A merchant's management tokens, newest first.
    async fn api_tokens(&self, tenant: Id<MerchantKind>) -> Result<Vec<ApiToken>, Fault>;

    /// A provider's inbound webhook secrets, newest first, expired ones too.
    async fn webhook_secrets(&self, tenant: Id<MerchantKind>, provider: &str) -> Result<Vec<WebhookSecret>, Fault>;

    /// A registered resource.
    async fn resource(&self, tenant: Id<MerchantKind>, id: Id<ResourceKind>) -> Result<Option<Resource>, Fault>;
    /// A merchant's registered resources, newest first, and how many there are in all.
    async fn resources(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Resource>, u64), Fault>;

    /// Ends due holds on at most `limit` accounts of a merchant; returns how many accounts it touched. Safe to run anywhere,
    /// any number of times: whatever touches an account ends its due holds anyway.
    async fn sweep(&self, tenant: Id<MerchantKind>, limit: u32) -> Result<u32, Fault>;
    /// Leases up to `limit` unpublished outbox rows until `until`; another worker may take them after that.
    async fn lease_outbox(&self, limit: u32, until: Timestamp) -> Result<Vec<OutboxRow>, Fault>;
    /// Deletes published outbox rows. The audit trail they point to stays.
    async fn finish_outbox(&self, rows: &[OutboxRow]) -> Result<(), Fault>;
    /// A merchant's audit trail, newest first.
    async fn audit(&self, tenant: Id<MerchantKind>, page: Page) -> Result<Vec<AuditRow>, Fault>;

    /// The same, from behind a line on: lines that are written meanwhile move nothing.
    async fn audit_after(
        &self,
        tenant: Id<MerchantKind>,
        line: Option<AuditPlace>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Fault>;

    /// Rebuilds every balance, lot and audit chain from the rows and compares. Reads one consistent snapshot.
    async fn verify(&self) -> Result<Report, Fault>;

    /// Where the schema stands.
    async fn schema(&self) -> Result<SchemaState, Fault>;
    /// Brings the schema up to date, under a lock; harmless when it is.
    async fn migrate(&self) -> Result<SchemaState, Fault>;
    /// Whether the database has been tied to a secret key.
    async fn is_claimed(&self) -> Result<bool, Fault>;
    /// Ties the database to one secret key: true if `fingerprint` is the one it was first used with (or this is the first).
    async fn claim(&self, fingerprint: [u8; 32]) -> Result<bool, Fault>;
    /// A round trip, for readiness.
    async fn ping(&self) -> Result<(), Fault>;
    /// Stops taking commands, answers what is queued, ends the writers.
    async fn close(&self);
}
