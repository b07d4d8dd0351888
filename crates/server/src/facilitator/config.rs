//! How a chain is settled on.

use std::{collections::HashSet, time::Duration};

use farebox_engine::settlement::Patience;
use farebox_evm::{Wallet, chain::BadNode};
use farebox_types::Address;

/// One chain's options.
#[derive(Clone)]
pub struct ChainOptions {
    /// CAIP-2, `eip155:84532`.
    pub network: String,
    /// Its nodes, asked in this order.
    pub rpc_urls: Vec<String>,
    /// The keys that settle; payers are spread over them.
    pub wallets: Vec<Wallet>,
    /// Blocks that must have a transaction before it counts; 1.
    pub confirmations: u64,
    /// Blocks after which a reorganisation is not looked for any more; 6.
    pub watch: u64,
    /// Factories whose accounts may be deployed (ERC-6492); none.
    pub factories: HashSet<Address>,
    /// Wei per gas that is never exceeded; 1,000 gwei.
    pub max_fee: u128,
    /// Payments that may share one transaction of Multicall3 when they wait together; 16. With 1, none do.
    pub batch: usize,
}

/// A chain that cannot be settled on as configured.
#[derive(Debug, thiserror::Error)]
pub enum BadChain {
    /// Not an EVM chain's name.
    #[error("`{0}` is not an EVM chain: write `eip155:` and its number, as in eip155:84532")]
    Network(String),
    /// No key.
    #[error("{0} has no signer key")]
    NoWallet(String),
    /// A node's address.
    #[error(transparent)]
    Node(#[from] BadNode),
    /// The same chain twice.
    #[error("{0} is configured twice")]
    Twice(String),
}

impl ChainOptions {
    /// The usual options.
    #[must_use]
    pub fn new(network: impl Into<String>, rpc_urls: Vec<String>, wallets: Vec<Wallet>) -> Self {
        Self {
            network: network.into(),
            rpc_urls,
            wallets,
            confirmations: 1,
            watch: 6,
            factories: HashSet::new(),
            max_fee: 1_000_000_000_000,
            batch: 16,
        }
    }

    pub(super) fn id(&self) -> Result<u64, BadChain> {
        let bad = || BadChain::Network(self.network.clone());
        let text = self.network.strip_prefix("eip155:").ok_or_else(bad)?;
        let id: u64 = text.parse().map_err(|_| bad())?;
        // Storage counts chains in 63 bits; one spelling only.
        if id.to_string() == text && i64::try_from(id).is_ok() { Ok(id) } else { Err(bad()) }
    }

    pub(super) const fn patience(&self) -> Patience {
        Patience {
            confirmations: self.confirmations,
            watch: self.watch,
            resend: Duration::from_secs(5),
            bump: Duration::from_secs(20),
            lag: Duration::from_secs(30),
        }
    }
}
