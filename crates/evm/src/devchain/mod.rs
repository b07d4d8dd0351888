//! A development chain in this process: an EVM, the contracts that payments need, blocks, and JSON-RPC on 127.0.0.1.
//!
//! It is in memory and gone with its last handle. Its keys are published, anybody may mint, and it sends for any account
//! without a signature: nothing of value belongs on it. What it keeps grows with every transaction.

mod block;
mod estimate;
mod execute;
mod genesis;
mod head;
mod logs;
mod methods;
mod node;
mod params;
mod pool;
mod refused;
mod server;
mod transaction;

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use farebox_types::{Address, AtomicAmount, Clock, SystemClock};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::AbortHandle};

pub use genesis::{FACTORY, TOKEN, wallets};
pub use refused::Refused;

use self::{node::Node, server::Shared};

/// When transactions come into a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    /// Each at once, in a block of its own.
    Instant,
    /// All that wait, this often.
    Every(Duration),
    /// All that wait, when [`DevChain::mine`] is called.
    OnDemand,
}

/// What a development chain is like.
#[derive(Clone)]
pub struct DevOptions {
    /// Its number, as in `eip155:84532`.
    pub chain_id: u64,
    /// A port of 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// When transactions come into a block.
    pub mining: Mining,
    /// What blocks take their time from.
    pub clock: Arc<dyn Clock>,
}

impl Default for DevOptions {
    /// Base Sepolia's number, any free port, instant blocks, the machine's clock.
    fn default() -> Self {
        Self { chain_id: 84_532, port: 0, mining: Mining::Instant, clock: Arc::new(SystemClock) }
    }
}

/// A running chain. Cheap to clone; it ends with its last clone.
#[derive(Clone)]
pub struct DevChain {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    chain_id: u64,
    node: Shared,
    miner: Option<AbortHandle>,
    /// The server stops when it is dropped.
    _serving: oneshot::Sender<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(miner) = &self.miner {
            miner.abort();
        }
    }
}

impl DevChain {
    /// Starts a chain with the contracts of tests in their places, and ten accounts that have gas and a million dollars
    /// each. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(options: DevOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (chain_id, mining) = (options.chain_id, options.mining);
        let node = Shared::new(Node::new(options)?);
        let (serving, stop) = oneshot::channel();
        tokio::spawn(server::serve(listener, node.clone(), stop));
        let miner = match mining {
            Mining::Every(period) => Some(tokio::spawn(server::mine(node.clone(), period)).abort_handle()),
            Mining::Instant | Mining::OnDemand => None,
        };
        Ok(Self { inner: Arc::new(Inner { url, chain_id, node, miner, _serving: serving }) })
    }

    /// Where its JSON-RPC is, as `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Its number.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.inner.chain_id
    }

    /// Gives `to` that much of [`TOKEN`], at once and outside of any block.
    ///
    /// # Errors
    /// [`Refused`] if there would be more of the token than a word can say.
    pub async fn mint(&self, to: &Address, amount: AtomicAmount) -> Result<(), Refused> {
        let to = alloy_primitives::Address::new(*to.bytes());
        self.inner.node.change(move |node| node.mint(to, amount.units())).await
    }

    /// Sets what `of` has to pay for gas with, in wei, at once and outside of any block.
    ///
    /// # Errors
    /// None as things are.
    pub async fn fund(&self, of: &Address, wei: u128) -> Result<(), Refused> {
        let of = alloy_primitives::Address::new(*of.bytes());
        let change = move |node: &mut Node| {
            node.set_balance(of, alloy_primitives::U256::from(wei));
            Ok(())
        };
        self.inner.node.change(change).await
    }

    /// How much of [`TOKEN`] `of` has.
    ///
    /// # Errors
    /// None as things are.
    pub async fn balance(&self, of: &Address) -> Result<AtomicAmount, Refused> {
        let of = alloy_primitives::Address::new(*of.bytes());
        self.inner.node.look(move |node| node.token_balance(of)).await.map(AtomicAmount::new)
    }

    /// Makes a block of what waits, even of nothing; answers its number.
    ///
    /// # Errors
    /// None as things are.
    pub async fn mine(&self) -> Result<u64, Refused> {
        self.inner.node.change(|node| Ok(node.mine())).await
    }

    /// One JSON-RPC call without the way over HTTP.
    ///
    /// # Errors
    /// [`Refused`]: what a client would have been told.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, Refused> {
        self.inner.node.call(method.to_owned(), params).await
    }
}
