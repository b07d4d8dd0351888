//! The facilitator as a value: what every verb works with.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use farebox_engine::settlement::PaymentKey;
use farebox_evm::Payment;
use farebox_store::Store;
use farebox_types::{Clock, Id, Merchant, Timestamp};
use farebox_x402::{Refusal, facilitation::Request};
use uuid::Uuid;

use super::{BadChain, ChainOptions, Trouble, desk::Desk, rail::Rail, resume};

/// Verifies and settles payments for one merchant, the facilitator's operator. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Facilitating {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenant: Id<Merchant>,
    desk: Desk,
    rails: BTreeMap<u64, Rail>,
}

/// How one part stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Which part: `database`, or a chain's name.
    pub part: String,
    /// What is wrong, for an operator; `None` if nothing is.
    pub trouble: Option<String>,
}

impl Facilitating {
    /// A facilitator over a store at the current schema. Must be called within a Tokio runtime; nothing is asked of any
    /// chain yet, and [`Facilitating::run`] must run beside it.
    ///
    /// # Errors
    /// [`BadChain`].
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        tenant: Id<Merchant>,
        chains: Vec<ChainOptions>,
    ) -> Result<Self, BadChain> {
        let (desk, owner) = (Desk::default(), Uuid::now_v7());
        let mut rails = BTreeMap::new();
        for options in chains {
            let id = options.id()?;
            let network = options.network.clone();
            let rail = Rail::start(options, &store, &clock, tenant, owner, &desk)?;
            if rails.insert(id, rail).is_some() {
                return Err(BadChain::Twice(network));
            }
        }
        Ok(Self { inner: Arc::new(Inner { store, clock, tenant, desk, rails }) })
    }

    /// Takes over what other processes have left unfinished, until `shutdown` completes.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        resume::run(&self, shutdown).await;
    }

    /// How the database and each chain stand.
    pub async fn readiness(&self) -> Vec<Readiness> {
        let database = self.store().ping().await.err().map(|fault| fault.what);
        let mut parts = vec![Readiness { part: "database".to_owned(), trouble: database }];
        for rail in self.rails() {
            parts.push(Readiness { part: rail.network().to_owned(), trouble: rail.trouble().await });
        }
        parts
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// The operator's merchant.
    #[must_use]
    pub fn tenant(&self) -> Id<Merchant> {
        self.inner.tenant
    }

    /// The chains that are settled on, CAIP-2.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &str> {
        self.rails().map(Rail::network)
    }

    /// Which payment this is, for whoever must not take it twice.
    pub(crate) fn key_of(&self, request: &Request) -> Result<PaymentKey, Refusal> {
        self.read(request).map(|payment| PaymentKey::from_bytes(payment.key()))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.inner.desk
    }

    pub(super) fn rails(&self) -> impl Iterator<Item = &Rail> {
        self.inner.rails.values()
    }

    /// Where this payment is settled.
    pub(super) fn rail(&self, payment: &Payment) -> Result<&Rail, Refusal> {
        self.inner.rails.get(&payment.chain()).ok_or_else(|| Refusal {
            code: "invalid_network".to_owned(),
            reason: format!("eip155:{} is not settled here", payment.chain()),
        })
    }

    /// Reads what was presented, for one of our chains.
    pub(super) fn read(&self, request: &Request) -> Result<Payment, Refusal> {
        let payment = super::evidence::payment(request)?;
        self.rail(&payment)?;
        Ok(payment)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self { what: refusal.reason, retry_after: None }
    }
}
