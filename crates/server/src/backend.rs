//! What every verb works with: the store, the clock, the keys, and short memories of rows that seldom change.

use std::{future::Future, hash::Hash, sync::Arc, time::Duration};

use farebox_engine::ledger::Command;
use farebox_store::{ApiKey, ApiToken, Decision, Delegation, Fault, Plan, Store, billing::Billing};
use farebox_types::{
    Agent as AgentKind, ApiKey as ApiKeyKind, ApiToken as ApiTokenKind, Clock, Delegation as DelegationKind, Id,
    Merchant as MerchantKind, Plan as PlanKind, PublicId, Timestamp,
};
use moka::future::Cache;

use crate::{
    credits::AgentFacts, delivery::WebhookTargets, facilitator::Facilitating, keys::Keyring, refusal::impossible,
};

/// How long a row is believed without looking again: a revoked key, delegation or link may work that much longer.
/// Balances are never remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// Rows of one kind that are remembered at most.
const REMEMBERED: u64 = 10_000;

/// The credits backend. Cloning it is cheap; clones share everything.
///
/// Serve it with [`crate::router`], or use it in process as a [`farebox_x402::Facilitator`]; run [`crate::worker::run`]
/// beside it.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
    facilitating: Option<Facilitating>,
    webhook_targets: WebhookTargets,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keyring: Keyring,
    billing: Billing,
    keys: Memory<ApiKeyKind, ApiKey>,
    tokens: Memory<ApiTokenKind, ApiToken>,
    plans: Memory<PlanKind, Plan>,
    agents: Memory<AgentKind, AgentFacts>,
    delegations: Memory<DelegationKind, Delegation>,
}

impl Backend {
    /// A backend over `store`, which must have been claimed for `keyring` ([`Store::claim`]) and be at the current schema.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, keyring: Keyring) -> Self {
        let billing = Billing::new(Arc::clone(&store), Arc::clone(&clock));
        let inner = Inner {
            store,
            clock,
            billing,
            keyring,
            keys: Memory::new(),
            tokens: Memory::new(),
            plans: Memory::new(),
            agents: Memory::new(),
            delegations: Memory::new(),
        };
        Self { inner: Arc::new(inner), facilitating: None, webhook_targets: WebhookTargets::default() }
    }

    /// The same backend, where plans with a price in a known token can be ordered: such an order is paid through this
    /// facilitator.
    #[must_use]
    pub fn paid_through(self, facilitating: Facilitating) -> Self {
        Self { facilitating: Some(facilitating), ..self }
    }

    /// The same backend, whose webhooks may be posted there.
    #[must_use]
    pub fn posting_to(self, webhook_targets: WebhookTargets) -> Self {
        Self { webhook_targets, ..self }
    }

    pub(crate) const fn webhook_targets(&self) -> WebhookTargets {
        self.webhook_targets
    }

    pub(crate) fn facilitating(&self) -> Option<&Facilitating> {
        self.facilitating.as_ref()
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// Billing on it: one for the process, since it remembers.
    pub(crate) fn billing(&self) -> &Billing {
        &self.inner.billing
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    /// Decides one ledger command.
    pub(crate) async fn decide(&self, command: Command) -> Result<Decision, Fault> {
        let decisions = self.inner.store.execute(vec![command]).await?;
        decisions.into_iter().next().ok_or_else(|| impossible("the ledger gave no answer"))
    }

    pub(crate) async fn plan(&self, id: PublicId<PlanKind>) -> Result<Option<Arc<Plan>>, Fault> {
        self.inner.plans.get(id, self.inner.store.plan(id.tenant, id.id)).await
    }

    pub(crate) async fn agent(&self, id: PublicId<AgentKind>) -> Result<Option<Arc<AgentFacts>>, Fault> {
        self.inner.agents.get(id, AgentFacts::read(&*self.inner.store, id)).await
    }

    pub(crate) async fn delegation(&self, id: PublicId<DelegationKind>) -> Result<Option<Arc<Delegation>>, Fault> {
        self.inner.delegations.get(id, self.inner.store.delegation(id.tenant, id.id)).await
    }

    pub(crate) async fn api_key(&self, id: PublicId<ApiKeyKind>) -> Result<Option<Arc<ApiKey>>, Fault> {
        self.inner.keys.get(id, self.inner.store.api_key(id.tenant, id.id)).await
    }

    pub(crate) async fn api_token(&self, id: PublicId<ApiTokenKind>) -> Result<Option<Arc<ApiToken>>, Fault> {
        self.inner.tokens.get(id, self.inner.store.api_token(id.tenant, id.id)).await
    }

    /// Makes this process see at once that a management token was taken back.
    pub(crate) async fn forget_token(&self, id: PublicId<ApiTokenKind>) {
        self.inner.tokens.0.invalidate(&(id.tenant, id.id)).await;
    }

    /// Makes this process see a change of an agent at once.
    pub(crate) async fn forget_agent(&self, id: PublicId<AgentKind>) {
        self.inner.agents.0.invalidate(&(id.tenant, id.id)).await;
    }
}

/// Rows by tenant and id. What is not there is not remembered.
struct Memory<K, V>(Cache<(Id<MerchantKind>, Id<K>), Arc<V>>);

impl<K: 'static, V: Send + Sync + 'static> Memory<K, V>
where
    Id<K>: Hash + Eq + Send + Sync,
{
    fn new() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build())
    }

    async fn get(
        &self,
        id: PublicId<K>,
        read: impl Future<Output = Result<Option<V>, Fault>>,
    ) -> Result<Option<Arc<V>>, Fault> {
        let key = (id.tenant, id.id);
        if let Some(row) = self.0.get(&key).await {
            return Ok(Some(row));
        }
        let Some(row) = read.await?.map(Arc::new) else { return Ok(None) };
        self.0.insert(key, Arc::clone(&row)).await;
        Ok(Some(row))
    }
}
