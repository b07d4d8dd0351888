//! What the cold tables hold.

use farebox_engine::credits::PlanRules;
use farebox_types::{Address, Agent as AgentKind, ApiKey as ApiKeyKind, ApiToken as ApiTokenKind};
use farebox_types::{Delegation as DelegationKind, Id, Merchant as MerchantKind, Mode, Plan as PlanKind};
use farebox_types::{Resource as ResourceKind, Timestamp};
use uuid::Uuid;

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The tenant of every other row.
    pub id: Id<MerchantKind>,
    /// Unique.
    pub name: String,
    /// Which world.
    pub mode: Mode,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a buyer orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// The plan.
    pub id: Id<PlanKind>,
    /// For people.
    pub name: String,
    /// What the ledger applies.
    pub rules: PlanRules,
    /// The registered JSON object, as the API gives it back.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A service that plans give access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// The agent.
    pub id: Id<AgentKind>,
    /// For people.
    pub name: String,
    /// The registered JSON object, as the API gives it back.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a delegation stands; expiry and exhaustion are computed, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelegationState {
    /// In force.
    Active,
    /// Taken back by the payer.
    Revoked,
}

/// A payer's standing permission to spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// The delegation.
    pub id: Id<DelegationKind>,
    /// Who spends.
    pub holder: Address,
    /// Bound to one plan.
    pub plan: Option<Id<PlanKind>>,
    /// How many charges at most.
    pub max_uses: Option<u32>,
    /// Where it stands.
    pub state: DelegationState,
    /// The registered JSON object, as the API gives it back.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a credits key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs plans and settles; may buy too.
    Seller,
    /// Orders plans and spends.
    Buyer,
}

impl Role {
    /// `seller` or `buyer`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Buyer => "buyer",
        }
    }
}

/// A key of the credits API. The key itself is signed, not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// The key.
    pub id: Id<ApiKeyKind>,
    /// What it may do.
    pub role: Role,
    /// Whose credits it spends.
    pub account: Address,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// A token of the management API: only a keyed hash of its secret is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// The token.
    pub id: Id<ApiTokenKind>,
    /// For people.
    pub name: String,
    /// Keyed hash of the secret.
    pub hash: [u8; 32],
    /// What it may do, words between spaces; empty: everything that its merchant may.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// What a card provider signs its webhooks with. No `Debug`, though it is sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// Which provider: `sim`, `stripe`, …
    pub provider: String,
    /// Names it; later ones are newer.
    pub id: Uuid,
    /// Sealed by whoever stores it.
    pub sealed: Vec<u8>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Until when it still holds, once another has taken its place.
    pub expires_at: Option<Timestamp>,
}

/// Something that can be paid for, as its seller has registered it with a facilitator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The facilitator's merchant.
    pub tenant: Id<MerchantKind>,
    /// The resource.
    pub id: Id<ResourceKind>,
    /// Unique for the merchant.
    pub url: String,
    /// Who registered it: an API token's id.
    pub owner: String,
    /// The registered JSON object.
    pub document: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
}

/// One line of a merchant's audit trail: what one commit did. Lines of one chain are linked by hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// One writer's chain.
    pub chain: Uuid,
    /// Position in the chain, from 1.
    pub seq: i64,
    /// JSON array of what was done, by whom, to what.
    pub entries: String,
    /// SHA-256 over the line before and this one's content.
    pub hash: [u8; 32],
    /// When.
    pub created_at: Timestamp,
}

/// An audit line that has not been published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The merchant.
    pub tenant: Id<MerchantKind>,
    /// The audit line's chain.
    pub chain: Uuid,
    /// The audit line's position.
    pub seq: i64,
    /// The audit line's entries.
    pub entries: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often it was leased before.
    pub attempts: i32,
}

/// Where a line stands in a merchant's trail, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    /// When it was written.
    pub created_at: Timestamp,
    /// Its chain.
    pub chain: Uuid,
    /// Its number there.
    pub seq: i64,
}

impl AuditPlace {
    /// Before every line.
    pub(crate) const NEWEST: Self =
        Self { created_at: Timestamp::from_micros(i64::MAX), chain: Uuid::max(), seq: i64::MAX };
}

/// A window into a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows to skip.
    pub offset: u32,
    /// Rows at most, 1 to 1000.
    pub limit: u32,
}

impl Page {
    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { offset: 0, limit }
    }
}
