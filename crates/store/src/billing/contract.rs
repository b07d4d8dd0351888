//! What a store promises about billing: rows that are kept alike, and one write for all of them.

use async_trait::async_trait;
use farebox_engine::ledger::{
    Account, AccountSpec, Actor, Command, Outcome, Refusal, Transfer, TransferId, UsageEvent,
};
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::{Collected, Collecting};
use crate::{Fault, OperationKey};

/// What a billing row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Who is billed.
    Customer,
    /// What plans belong to.
    Product,
    /// One version of a plan.
    Plan,
    /// What plans give.
    Feature,
    /// How usage is counted.
    Metric,
    /// A customer's plan.
    Subscription,
    /// An exception for one customer.
    Override,
    /// Credits of a customer's own.
    Credit,
    /// Units that are held for a customer.
    Reservation,
    /// A first payment that is waited for.
    Checkout,
    /// A tenant's own time.
    TestClock,
    /// A device that waits to be let in.
    DeviceCode,
    /// A tenant's settings.
    Settings,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Customer,
        Self::Product,
        Self::Plan,
        Self::Feature,
        Self::Metric,
        Self::Subscription,
        Self::Override,
        Self::Credit,
        Self::Reservation,
        Self::Checkout,
        Self::TestClock,
        Self::DeviceCode,
        Self::Settings,
    ];

    /// The word storage keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Product => "product",
            Self::Plan => "plan",
            Self::Feature => "feature",
            Self::Metric => "metric",
            Self::Subscription => "subscription",
            Self::Override => "override",
            Self::Credit => "credit",
            Self::Reservation => "reservation",
            Self::Checkout => "checkout",
            Self::TestClock => "test_clock",
            Self::DeviceCode => "device_code",
            Self::Settings => "settings",
        }
    }
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: Uuid,
    /// How often it was written, from 1.
    pub revision: i64,
    /// A JSON object.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPut {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: Uuid,
    /// The revision it was read at; 0 for a new one. Another one there now makes the whole write stale.
    pub revision: i64,
    /// What it belongs to.
    pub parent: Option<Uuid>,
    /// When time has something to do with it.
    pub due_at: Option<Timestamp>,
    /// Names that no other row of its kind may have.
    pub names: Vec<String>,
    /// A JSON object.
    pub document: String,
    /// The audit trail's word for it; empty for what is not worth a line.
    pub action: &'static str,
}

/// Rows, ledger commands, audit line, outbox line and answer, all or nothing.
#[derive(Debug, Clone)]
pub struct BillingWrite {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The write's name.
    pub operation: OperationKey,
    /// SHA-256 of the request: another request under the same name is a conflict.
    pub request_hash: [u8; 32],
    /// Rows, each once.
    pub puts: Vec<StoredPut>,
    /// What the ledger is to do; a refusal of any of it refuses all.
    pub commands: Vec<Command>,
    /// What a replay answers; never a secret.
    pub answer: String,
    /// Who asked.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

impl BillingWrite {
    /// Every write locks its rows in the same order. Those that give a name up come before those that take one.
    pub(crate) fn in_order(&self) -> Vec<&StoredPut> {
        let mut puts: Vec<&StoredPut> = self.puts.iter().collect();
        puts.sort_by_key(|put| (put.revision == 0, put.kind, put.id));
        puts
    }
}

/// What became of a write. Only [`Committed::Fresh`] wrote anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Written, with the ledger's answers in order.
    Fresh(Vec<Outcome>),
    /// Written before, with this answer.
    Replayed(String),
    /// The name was used before for another request.
    Conflict,
    /// Another row of the kind has this name.
    Taken(Kind, String),
    /// This row was written by somebody else meanwhile: read it again.
    Stale(Kind, Uuid),
    /// The ledger refused.
    Refused(Refusal),
}

/// A window into a list that is ordered by id, newest first; it stays what it is under inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last row that was seen.
    pub after: Option<Uuid>,
    /// Rows at most, 1 to 1000.
    pub limit: u32,
}

impl Cursor {
    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

/// A window into a customer's events, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventCursor {
    /// The last event that was seen: when it was received, and its id.
    pub after: Option<(Timestamp, Uuid)>,
    /// Events at most, 1 to 1000.
    pub limit: u32,
}

/// Whose holdings, and for which feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The customer.
    pub customer: Uuid,
    /// A feature by its name ([`super::Entity::names`]), if one is wanted beside them.
    pub feature: Option<String>,
}

/// Accounts, as they stand at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsAt {
    /// Which.
    pub specs: Vec<AccountSpec>,
    /// When.
    pub at: Timestamp,
}

/// The hash of a request, and what it was answered.
pub type AnsweredBefore = ([u8; 32], String);

/// Durable billing rows. The promises of [`crate::Store`] hold: answers come after their commit, and a [`Fault`] may hide one.
#[async_trait]
pub trait BillingStore: Send + Sync {
    /// Writes, once under one name.
    async fn bill(&self, write: BillingWrite) -> Result<Committed, Fault>;
    /// Decides payment commands and writes the rows that depend on them, once under one name.
    async fn collect(&self, collecting: Collecting) -> Result<Collected, Fault>;
    /// What was answered under each name, with the hash of what was asked; in order.
    async fn answered(&self, names: &[(Id<Merchant>, OperationKey)]) -> Result<Vec<Option<AnsweredBefore>>, Fault>;
    /// Forgets up to `limit` answers of scopes `v1` and `clock` that were given before `before`, oldest first. How many.
    /// Those of `clock` have done their work by then: each leads from a row's revision that is no more.
    async fn forget_answers(&self, before: Timestamp, limit: u32) -> Result<u64, Fault>;
    /// Deletes up to `limit` rows of device codes that were made before `before`, with their names. How many.
    async fn forget_device_codes(&self, before: Timestamp, limit: u32) -> Result<u64, Fault>;
    /// One row.
    async fn billing_row(&self, tenant: Id<Merchant>, kind: Kind, id: Uuid) -> Result<Option<StoredRow>, Fault>;
    /// The row that has a name.
    async fn billing_row_named(&self, tenant: Id<Merchant>, kind: Kind, name: &str)
    -> Result<Option<StoredRow>, Fault>;
    /// Rows of a kind, of one parent or of all.
    async fn billing_rows(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        parent: Option<Uuid>,
        cursor: Cursor,
    ) -> Result<Vec<StoredRow>, Fault>;
    /// For each holder, in order: the customer with its subscriptions and overrides, the tenant's test clock and settings,
    /// and the feature; all from one snapshot.
    async fn holdings(&self, holders: &[Holder]) -> Result<Vec<Vec<StoredRow>>, Fault>;
    /// Leases up to `limit` rows that were due at `now`, until `until`, oldest first; another worker may take them after
    /// that, or once they are written. Tenants with a test clock are left out: their clock drives them.
    async fn lease_due(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault>;
    /// A tenant's rows that were due at `now`, oldest first; without a lease.
    async fn due_of(&self, tenant: Id<Merchant>, now: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault>;
    /// A customer's usage events, newest first.
    async fn usage_events(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        cursor: EventCursor,
    ) -> Result<Vec<UsageEvent>, Fault>;
    /// What was said about each use when it was posted, if it was to be kept; in order.
    async fn told(&self, events: &[(Id<Merchant>, TransferId)]) -> Result<Vec<Option<String>>, Fault>;
    /// For each of `wanted`, in order: guarded accounts as they stand, from one snapshot; those that were never used are
    /// left out.
    async fn accounts_at(&self, wanted: &[AccountsAt]) -> Result<Vec<Vec<Account>>, Fault>;
    /// Transfers by their ids; those that are not there are left out.
    async fn transfers(&self, tenant: Id<Merchant>, ids: &[TransferId]) -> Result<Vec<Transfer>, Fault>;
}
