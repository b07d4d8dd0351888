//! Setting a payer up.

use std::{
    error::Error,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use farebox_types::{Clock, Secret, SystemClock};

use crate::{Budget, Journal, Payer, Tries, backend::Backend, cache::Cache, evm::Signer, payer::Rules, wire::Wire};

/// Sets a [`Payer`] up.
#[must_use = "a builder does nothing until it builds"]
pub struct PayerBuilder {
    credits: Option<(String, Secret)>,
    delegation: Option<String>,
    #[cfg(feature = "evm")]
    wallet: Option<Key>,
    #[cfg(feature = "evm")]
    rpc: Vec<(String, String)>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    rules: Rules,
    timeout: Duration,
    connect_timeout: Duration,
    max_answer: usize,
}

/// A wallet, or what is to become one.
#[cfg(feature = "evm")]
enum Key {
    Text(Secret),
    Wallet(farebox_evm::Wallet),
}

/// A payer that cannot be set up. The texts hold no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadSetup {
    /// No way to pay was given.
    #[error("no way to pay was given: neither a wallet nor a credits backend")]
    NoMeans,
    /// Not a key.
    #[error("the wallet's key is not one: 64 hex digits, with or without 0x")]
    Wallet,
    /// Not a network, or not an address of a node.
    #[error("a node's address is given as a network (eip155:8453 or base) and a URL (http or https)")]
    Rpc,
    /// Not `http(s)://host[:port][/path]`; user names, queries and fragments are refused.
    #[error("the backend's address must read http(s)://host[:port][/path], with no user, query or fragment")]
    Address,
    /// Empty, or with characters that no header can carry.
    #[error("the API key is empty or has characters that a header cannot carry")]
    Key,
    /// A request must be sent at least once.
    #[error("tries.most must be at least 1")]
    NoTries,
    /// The HTTP client is not available.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

impl Default for PayerBuilder {
    fn default() -> Self {
        Self {
            credits: None,
            delegation: None,
            #[cfg(feature = "evm")]
            wallet: None,
            #[cfg(feature = "evm")]
            rpc: Vec::new(),
            journal: Journal::memory(),
            clock: Arc::new(SystemClock),
            rules: Rules::default(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            max_answer: 16 * 1024 * 1024,
        }
    }
}

impl PayerBuilder {
    /// Pays with credits of the account that `api_key` belongs to, on the backend at `base_url`.
    pub fn credits(mut self, base_url: impl Into<String>, api_key: Secret) -> Self {
        self.credits = Some((base_url.into(), api_key));
        self
    }

    /// Mints tokens under this delegation, so that the backend bounds what they spend.
    pub fn delegation(mut self, id: impl Into<String>) -> Self {
        self.delegation = Some(id.into());
        self
    }

    /// Pays on EVM chains from this wallet: `exact` (EIP-3009, Permit2) and `upto`.
    #[cfg(feature = "evm")]
    pub fn wallet(mut self, wallet: farebox_evm::Wallet) -> Self {
        self.wallet = Some(Key::Wallet(wallet));
        self
    }

    /// The same from its key: 64 hex digits, with or without `0x`.
    #[cfg(feature = "evm")]
    pub fn wallet_key(mut self, key: Secret) -> Self {
        self.wallet = Some(Key::Text(key));
        self
    }

    /// A node of a network (`eip155:8453`, `base`). It is asked, before a payment through Permit2, whether the allowance is
    /// short, if the seller offers to bring a signed one along. Not needed otherwise.
    #[cfg(feature = "evm")]
    pub fn rpc_url(mut self, network: impl Into<String>, url: impl Into<String>) -> Self {
        self.rpc.push((network.into(), url.into()));
        self
    }

    /// Where payments on chains are written down; without it, in memory.
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = journal;
        self
    }

    /// Where "now" comes from; the machine's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Limits what is paid for.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.rules.budget = budget;
        self
    }

    /// How persistent to be while an outcome is unknown.
    pub const fn tries(mut self, tries: Tries) -> Self {
        self.rules.tries = tries;
        self
    }

    /// Pays with reusable tokens, one for each offer of an origin, instead of a single-use token for each request.
    ///
    /// Cheaper by one call, and weaker: the seller could charge such a token again, so it is sent once for each
    /// request, and an unknown outcome cannot be resumed.
    pub const fn reusable_tokens(mut self) -> Self {
        self.rules.reusable = true;
        self
    }

    /// For one try, answer included; 60 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For a new connection, within the timeout; 5 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The longest answer that is read, in bytes; 16 MiB.
    pub const fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// The payer. Nothing process-wide is touched, and nothing is sent.
    ///
    /// # Errors
    /// [`BadSetup`].
    pub fn build(self) -> Result<Payer, BadSetup> {
        let signer = self.signer()?;
        let backend = match self.credits {
            Some((base_url, key)) => Some(Backend::new(&base_url, key, self.delegation.as_deref())?),
            None => None,
        };
        if backend.is_none() && signer.is_none() {
            return Err(BadSetup::NoMeans);
        }
        if self.rules.tries.most == 0 {
            return Err(BadSetup::NoTries);
        }
        Ok(Payer {
            wire: Wire::new(self.timeout, self.connect_timeout, self.max_answer)?,
            backend,
            signer,
            rules: Arc::new(self.rules),
            journal: self.journal,
            clock: self.clock,
            payments: Arc::new(AtomicU64::new(0)),
            cache: Cache::default(),
        })
    }

    #[cfg(feature = "evm")]
    fn signer(&self) -> Result<Option<Signer>, BadSetup> {
        let mut nodes = std::collections::BTreeMap::new();
        for (network, url) in &self.rpc {
            let network = farebox_x402::networks::resolve(network).ok_or(BadSetup::Rpc)?;
            let url: reqwest::Url = url.parse().map_err(|_| BadSetup::Rpc)?;
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(BadSetup::Rpc);
            }
            nodes.insert(network.into_owned(), url);
        }
        let wallet = match &self.wallet {
            None => return Ok(None),
            Some(Key::Wallet(wallet)) => wallet.clone(),
            Some(Key::Text(key)) => farebox_evm::Wallet::new(key).map_err(|_| BadSetup::Wallet)?,
        };
        Ok(Some(Signer::new(wallet, nodes)))
    }

    #[cfg(not(feature = "evm"))]
    const fn signer(&self) -> Result<Option<Signer>, BadSetup> {
        Ok(None)
    }
}
