//! One EVM chain: asked about payments, and written to.

mod calls;
mod domains;
mod fault;
mod look;
mod probe;
mod quantity;
mod revert;
mod rpc;
mod transaction;
mod uses;
mod verify;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use farebox_types::Address;
use serde_json::json;
use tokio::time::Instant;

pub use fault::Fault;
pub use look::{Look, Receipt};
pub use rpc::BadNode;
pub use transaction::{Fees, Sent, Signed};
pub use uses::Use;
pub use verify::Good;

use self::{domains::Domains, probe::Probe, quantity::Hex, rpc::Rpc};
use crate::typed::Domain;

/// How long a fee suggestion is believed.
const FEES_FOR: Duration = Duration::from_secs(2);

/// Which chain, and how it is used.
#[derive(Debug, Clone)]
pub struct ChainConfig {
    /// The chain's number, as in `eip155:84532`.
    pub id: u64,
    /// Its nodes, asked in this order.
    pub rpc_urls: Vec<String>,
    /// For one exchange with one node.
    pub timeout: Duration,
    /// Wei per gas that is never exceeded.
    pub max_fee: u128,
    /// Factories whose accounts may be deployed (ERC-6492): their code runs in our transactions.
    pub factories: HashSet<Address>,
    /// The addresses that settle: `upto` payments name one of them.
    pub signers: Vec<Address>,
}

impl ChainConfig {
    /// The usual limits: 3 s, 1,000 gwei, no factories.
    #[must_use]
    pub fn new(id: u64, rpc_urls: Vec<String>, signers: Vec<Address>) -> Self {
        let max_fee = 1_000_000_000_000;
        Self { id, rpc_urls, timeout: Duration::from_secs(3), max_fee, factories: HashSet::new(), signers }
    }
}

/// One chain. Cheap to clone; clones share connections and what is remembered.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

struct Inner {
    config: ChainConfig,
    rpc: Rpc,
    probe: Probe,
    domains: Domains,
    permit2: Domain,
    fees: Mutex<Option<(Instant, Fees)>>,
}

impl Chain {
    /// A chain behind its nodes; nothing is asked yet. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`BadNode`].
    pub fn new(config: ChainConfig) -> Result<Self, BadNode> {
        let rpc = Rpc::new(&format!("eip155:{}", config.id), &config.rpc_urls, config.timeout)?;
        let inner = Inner {
            probe: Probe::start(rpc.clone()),
            domains: Domains::default(),
            permit2: Domain::permit2(config.id),
            fees: Mutex::new(None),
            rpc,
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The chain's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.inner.config.id
    }

    /// The number that its node says it has.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn ask_id(&self) -> Result<u64, Fault> {
        let Hex(id) = self.rpc().ask("eth_chainId", json!([])).await?;
        Ok(id)
    }

    /// The addresses that settle.
    #[must_use]
    pub fn signers(&self) -> &[Address] {
        &self.inner.config.signers
    }

    fn allows_factory(&self, factory: &alloy_primitives::Address) -> bool {
        self.inner.config.factories.contains(&Address::from_bytes(factory.into_array()))
    }

    fn rpc(&self) -> &Rpc {
        &self.inner.rpc
    }

    fn probe(&self) -> &Probe {
        &self.inner.probe
    }

    fn domains(&self) -> &Domains {
        &self.inner.domains
    }

    fn permit2_domain(&self) -> Domain {
        self.inner.permit2
    }

    /// Wei per gas that is never exceeded.
    #[must_use]
    pub fn max_fee(&self) -> u128 {
        self.inner.config.max_fee
    }

    fn remembered_fees(&self) -> Option<Fees> {
        let fees = self.inner.fees.lock().unwrap_or_else(PoisonError::into_inner);
        fees.filter(|(at, _)| at.elapsed() < FEES_FOR).map(|(_, fees)| fees)
    }

    fn remember_fees(&self, fees: Fees) {
        *self.inner.fees.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), fees));
    }
}
