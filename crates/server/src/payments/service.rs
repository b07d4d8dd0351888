//! What every payment route works with.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use farebox_engine::{
    ledger::Actor,
    payment::{Answer, Command, Payment},
};
use farebox_providers::{Provider, Whose};
use farebox_store::{Fault, Store};
use farebox_types::{Id, Merchant, Payment as PaymentKind, Secret, Timestamp};
use uuid::Uuid;

use crate::{
    Backend,
    refusal::{Failure, Refusal, impossible},
};

/// What one payment may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentLimits {
    /// Minor units of any currency; more is refused.
    pub ceiling: i64,
}

impl Default for PaymentLimits {
    fn default() -> Self {
        Self { ceiling: 100_000_000 }
    }
}

/// The payments service. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Payments {
    inner: Arc<Inner>,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").field("provider", &self.inner.chosen).finish_non_exhaustive()
    }
}

struct Inner {
    backend: Backend,
    home: Id<Merchant>,
    chosen: String,
    rails: BTreeMap<String, Rail>,
    limits: PaymentLimits,
    /// Merchants that may be charged for, as far as they have been met; a merchant's mode never changes.
    welcome: Mutex<HashSet<Id<Merchant>>>,
}

#[derive(Clone)]
pub(crate) struct Rail {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) secrets: Vec<Secret>,
}

impl Payments {
    /// Payments on `provider`, whose webhooks are signed with one of `secrets` and are filed under the merchant `home` where
    /// they do not name another.
    #[must_use]
    pub fn new(
        backend: Backend,
        home: Id<Merchant>,
        provider: Arc<dyn Provider>,
        secrets: Vec<Secret>,
        limits: PaymentLimits,
    ) -> Self {
        let chosen = provider.name().to_owned();
        let rails = BTreeMap::from([(chosen.clone(), Rail { provider, secrets })]);
        let welcome = Mutex::default();
        Self { inner: Arc::new(Inner { backend, home, chosen, rails, limits, welcome }) }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.inner.backend
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &**self.inner.backend.store()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.backend.now()
    }

    pub(crate) fn home(&self) -> Id<Merchant> {
        self.inner.home
    }

    /// The merchant whose account at the provider it is.
    #[must_use]
    pub fn merchant(&self) -> Id<Merchant> {
        self.inner.home
    }

    pub(crate) fn limits(&self) -> PaymentLimits {
        self.inner.limits
    }

    /// The rail of this name; the configured one without a name.
    pub(crate) fn rail(&self, name: Option<&str>) -> Option<&Rail> {
        self.inner.rails.get(name.unwrap_or(&self.inner.chosen))
    }

    pub(crate) fn rail_of(&self, payment: &Payment) -> Result<Arc<dyn Provider>, Fault> {
        let rail = self.rail(Some(&payment.provider));
        let missing = || impossible(format!("the provider {} of a payment is not configured", payment.provider));
        rail.map(|rail| Arc::clone(&rail.provider)).ok_or_else(missing)
    }

    /// Test money is for merchants in test mode: with it a live one would give away what nobody has paid, and a test must not
    /// charge real cards. What a real account takes belongs to the merchant whose account it is.
    pub(crate) async fn may_charge(&self, tenant: Id<Merchant>, provider: &dyn Provider) -> Result<(), Failure> {
        let known = || self.inner.welcome.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&tenant) {
            return Ok(());
        }
        let simulated = provider.name() == "sim";
        if !simulated && tenant != self.inner.home {
            return Err(Refusal::OthersAccount.into());
        }
        let merchant = self.store().merchant(tenant).await?;
        let mode = merchant.map(|merchant| merchant.mode);
        match (provider.mode(), mode) {
            (Some(wanted), Some(mode)) if wanted == mode => {}
            (None, Some(_)) => {}
            _ if simulated => return Err(Refusal::Simulated.into()),
            _ => return Err(Refusal::OtherMode.into()),
        }
        known().insert(tenant);
        Ok(())
    }

    pub(crate) async fn pay(&self, command: Command) -> Result<Answer, Fault> {
        self.store().pay(command).await
    }
}

/// Our id as a provider is told it: merchant and payment, 64 hex digits.
pub(crate) fn our_id(tenant: Id<Merchant>, id: Id<PaymentKind>) -> String {
    format!("{}{}", tenant.uuid().simple(), id.uuid().simple())
}

/// Whose payment a provider's copy of our id names.
pub(crate) fn read_our_id(text: &str) -> Option<(Id<Merchant>, Id<PaymentKind>)> {
    let (tenant, id) = (text.len() == 64 && text.is_ascii()).then(|| text.split_at(32))?;
    let read = |text: &str| Uuid::try_parse(text).ok();
    Some((Id::from_uuid(read(tenant)?), Id::from_uuid(read(id)?)))
}

pub(crate) fn whose(payment: &Payment) -> Whose {
    Whose {
        our_id: our_id(payment.tenant, payment.id),
        provider_id: payment.provider_id.clone(),
        created: payment.created_at,
    }
}

pub(crate) fn worker() -> Actor {
    Actor::new("worker")
}
