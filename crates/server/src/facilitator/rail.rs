//! One chain: its signers' lanes, its sender and its watch.

use std::sync::Arc;

use farebox_engine::settlement::{PaymentKey, Slot};
use farebox_evm::{
    Payment, Wallet,
    chain::{Chain, ChainConfig},
};
use farebox_store::Store;
use farebox_types::{Address, Clock, Id, Merchant};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    BadChain, ChainOptions, Trouble,
    desk::Desk,
    lane::{self, Lane, Worker},
    moving, sender,
    watch::{Watch, Watched},
};

/// Batches between a lane and the sender.
const WRITTEN: usize = 64;
/// Batches between a sender and the watch.
const WATCHED: usize = 256;
/// Slots whose payments wait for another one.
const MOVES: usize = 1_024;

/// A chain that is settled on.
pub(super) struct Rail {
    network: String,
    chain: Chain,
    lanes: Vec<Lane>,
    watch: mpsc::Sender<Vec<Watched>>,
    owner: Uuid,
}

impl Rail {
    pub(super) fn start(
        options: ChainOptions,
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        tenant: Id<Merchant>,
        owner: Uuid,
        desk: &Desk,
    ) -> Result<Self, BadChain> {
        let id = options.id()?;
        if options.wallets.is_empty() {
            return Err(BadChain::NoWallet(options.network));
        }
        let patience = options.patience();
        let signers: Vec<Address> = options.wallets.iter().map(Wallet::address).collect();
        let mut config = ChainConfig::new(id, options.rpc_urls, signers);
        config.max_fee = options.max_fee;
        config.factories = options.factories;
        let chain = Chain::new(config)?;

        let (watch, coming) = mpsc::channel(WATCHED);
        let (moves, moving) = mpsc::channel(MOVES);
        let mut lanes = Vec::with_capacity(options.wallets.len());
        for wallet in &options.wallets {
            let (written, sending) = mpsc::channel(WRITTEN);
            tokio::spawn(sender::run(chain.clone(), Arc::clone(clock), sending, watch.clone()));
            lanes.push(lane::start(Worker {
                store: Arc::clone(store),
                clock: Arc::clone(clock),
                tenant,
                owner,
                chain: chain.clone(),
                wallet: wallet.clone(),
                batch: options.batch,
                written,
            }));
        }
        let watching = Watch {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            chain: chain.clone(),
            wallets: options.wallets,
            patience,
            desk: desk.clone(),
            moves,
        };
        tokio::spawn(watching.run(coming));
        tokio::spawn(moving::run(lanes.iter().map(Lane::downgrade).collect(), moving));
        Ok(Self { network: options.network, chain, lanes, watch, owner })
    }

    pub(super) fn network(&self) -> &str {
        &self.network
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(super) const fn owner(&self) -> Uuid {
        self.owner
    }

    /// The lane of a payment: the one that its payer named, else always the same one for a payer.
    pub(super) fn lane(&self, payment: &Payment) -> Result<&Lane, Trouble> {
        let lane = match payment.bound_to() {
            Some(signer) => self.lanes.iter().find(|lane| lane.signer == signer),
            None => self.lanes.get(usize::from(payment.payer().bytes()[19]) % self.lanes.len().max(1)),
        };
        lane.ok_or_else(|| Trouble { what: "no signer of ours may settle this payment".into(), retry_after: None })
    }

    /// Gives slots to the watch; those it has already stay as they are.
    pub(super) async fn watch(&self, slots: Vec<Watched>) {
        if !slots.is_empty() && self.watch.send(slots).await.is_err() {
            tracing::error!(network = self.network, "the watch has ended");
        }
    }

    /// What keeps it from settling, for an operator.
    pub(super) async fn trouble(&self) -> Option<String> {
        match self.chain.ask_id().await {
            Err(fault) => return Some(fault.to_string()),
            Ok(id) if id != self.chain.id() => {
                return Some(format!("its node is of eip155:{id}, not of {}", self.network));
            }
            Ok(_) => {}
        }
        for lane in &self.lanes {
            match self.chain.gas_money(lane.signer).await {
                Err(fault) => return Some(fault.to_string()),
                Ok(0) => return Some(format!("signer {} has nothing to pay for gas with", lane.signer)),
                Ok(_) => {}
            }
        }
        None
    }
}

/// Payments of a slot that need another one.
pub(super) type Move = (Slot, Vec<PaymentKey>);
