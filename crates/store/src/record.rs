//! Cold writes, and their idempotency.

use farebox_engine::ledger::Actor;
use farebox_types::{Agent as AgentKind, ApiKey as ApiKeyKind, ApiToken as ApiTokenKind};
use farebox_types::{Delegation as DelegationKind, Id, Merchant as MerchantKind, Plan as PlanKind};
use farebox_types::{Resource as ResourceKind, Timestamp};
use uuid::Uuid;

use crate::{
    Agent, ApiKey, ApiToken, Delegation, Merchant, Plan, Resource, WebhookDelivery, WebhookEndpoint, WebhookSecret,
};

/// The name of one write: the same key in the same scope is the same write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationKey {
    /// What kind of write, by whom: a short fixed word, with the caller's id where keys are per caller.
    pub scope: String,
    /// The caller's idempotency key, or a fresh id.
    pub key: String,
}

/// One cold write.
#[derive(Clone)]
pub struct Record {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// Its name.
    pub operation: OperationKey,
    /// SHA-256 of the request: another request under the same name is a conflict.
    pub request_hash: [u8; 32],
    /// What changes, in order, all or nothing.
    pub changes: Vec<Change>,
    /// What a replay answers; never a secret.
    pub answer: String,
    /// Who asked.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// One row that changes.
#[derive(Clone)]
pub enum Change {
    /// A new merchant.
    Merchant(Merchant),
    /// A new plan.
    Plan(Plan),
    /// A new agent, or its new document.
    Agent(Agent),
    /// A plan gives access to an agent.
    LinkPlan(Id<AgentKind>, Id<PlanKind>),
    /// It no longer does.
    UnlinkPlan(Id<AgentKind>, Id<PlanKind>),
    /// A new delegation.
    Delegation(Delegation),
    /// A delegation is taken back.
    RevokeDelegation(Id<DelegationKind>),
    /// A new credits key.
    ApiKey(ApiKey),
    /// A credits key is taken back.
    RevokeApiKey(Id<ApiKeyKind>),
    /// A new management token.
    ApiToken(ApiToken),
    /// A management token is taken back.
    RevokeApiToken(Id<ApiTokenKind>),
    /// A new resource, or its new document; its address does not change.
    Resource(Resource),
    /// A resource is taken out.
    RemoveResource(Id<ResourceKind>),
    /// A new inbound webhook secret.
    WebhookSecret(WebhookSecret),
    /// The ones before it hold until then, and no longer.
    RetireWebhookSecrets {
        /// Whose.
        provider: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A new endpoint, or its next revision: taken, if another change came first.
    WebhookEndpoint {
        /// As it is to be.
        row: WebhookEndpoint,
        /// The audit trail's word for it.
        action: &'static str,
    },
    /// An endpoint is taken out; what was on its way to it is given up.
    RemoveWebhookEndpoint(Uuid),
    /// One more delivery of an event.
    WebhookDelivery(WebhookDelivery),
    /// Nothing but a line in the audit trail, and the record's answer.
    Noted {
        /// The audit trail's word for it.
        action: &'static str,
        /// What it concerns.
        subject: String,
    },
}

impl Change {
    /// The audit trail's word for it, and what it concerns.
    pub(crate) fn describe(&self) -> (&'static str, String) {
        match self {
            Self::Merchant(row) => ("merchant_created", row.id.to_string()),
            Self::Plan(row) => ("plan_registered", row.id.to_string()),
            Self::Agent(row) => ("agent_registered", row.id.to_string()),
            Self::LinkPlan(agent, plan) => ("plan_linked", format!("{agent} {plan}")),
            Self::UnlinkPlan(agent, plan) => ("plan_unlinked", format!("{agent} {plan}")),
            Self::Delegation(row) => ("delegation_created", row.id.to_string()),
            Self::RevokeDelegation(id) => ("delegation_revoked", id.to_string()),
            Self::ApiKey(row) => ("api_key_created", row.id.to_string()),
            Self::RevokeApiKey(id) => ("api_key_revoked", id.to_string()),
            Self::ApiToken(row) => ("api_token_created", row.id.to_string()),
            Self::RevokeApiToken(id) => ("api_token_revoked", id.to_string()),
            Self::Resource(row) => ("resource_registered", row.id.to_string()),
            Self::RemoveResource(id) => ("resource_removed", id.to_string()),
            Self::WebhookSecret(row) => ("webhook_secret_set", format!("{} {}", row.provider, row.id)),
            Self::RetireWebhookSecrets { provider, .. } => ("webhook_secrets_retired", provider.clone()),
            Self::WebhookEndpoint { row, action } => (action, row.id.to_string()),
            Self::RemoveWebhookEndpoint(id) => ("webhook_endpoint_removed", id.to_string()),
            Self::WebhookDelivery(row) => ("webhook_delivery_replayed", row.id.to_string()),
            Self::Noted { action, subject } => (action, subject.clone()),
        }
    }
}

/// What became of a cold write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Written.
    Fresh,
    /// Written before, with this answer.
    Replayed(String),
    /// The name was used before for another request.
    Conflict,
    /// A unique name (a merchant's, a resource's address) is taken.
    Taken,
}
