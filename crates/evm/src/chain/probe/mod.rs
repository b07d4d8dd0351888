//! The chain reads of all payments that wait at this moment go out as one `eth_call` of a contract that is never deployed.
//!
//! No timer: a call takes what is queued when there is room for another call, so batches appear when a node is slower than
//! arrivals, and a lone payment never waits.

mod wire;

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256};
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::wire::{CALL, findings, parts};
use super::{Fault, calls::ContractCall, rpc::Rpc, rpc::unreadable};

/// What is asked about one payment.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) asset: Address,
    pub(super) payer: Address,
    pub(super) spender: Option<Address>,
    pub(super) nonce: (Address, Bytes, U256),
    pub(super) digest: B256,
    pub(super) signature: Bytes,
    pub(super) factory: Option<(Address, Bytes)>,
    pub(super) simulate: ContractCall,
}

/// What a chain says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) payer_has_code: bool,
    pub(super) asset_has_code: bool,
    /// `None` if the contract does not say.
    pub(super) used: Option<bool>,
    pub(super) balance: Option<U256>,
    pub(super) allowance: Option<U256>,
    /// The payer's own code confirms the signature.
    pub(super) confirmed: bool,
    pub(super) simulated: bool,
    /// The beginning of what the simulation reverted with.
    pub(super) reverted: Bytes,
}

/// Payments in one exchange at most.
const MOST: usize = 24;
/// Exchanges under way at once.
const UNDER_WAY: usize = 4;
/// Questions that may wait.
const QUEUE: usize = 4_096;

type Asked = (Question, oneshot::Sender<Result<Found, Fault>>);

/// Asks about payments. Cheap to clone; clones share the queue.
#[derive(Clone)]
pub(super) struct Probe {
    queue: mpsc::Sender<Asked>,
}

impl Probe {
    /// Starts asking `rpc`; ends when the last clone is dropped.
    pub(super) fn start(rpc: Rpc) -> Self {
        let (queue, asked) = mpsc::channel(QUEUE);
        tokio::spawn(run(rpc, asked));
        Self { queue }
    }

    pub(super) async fn ask(&self, question: Question) -> Result<Found, Fault> {
        let gone = || unreadable(CALL, "the probe has ended");
        let (reply, answer) = oneshot::channel();
        self.queue.send((question, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn run(rpc: Rpc, mut asked: mpsc::Receiver<Asked>) {
    let room = Arc::new(Semaphore::new(UNDER_WAY));
    let mut waiting = Vec::with_capacity(MOST);
    loop {
        // Room first, then whatever has gathered meanwhile.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        if asked.recv_many(&mut waiting, MOST).await == 0 {
            return;
        }
        // Who has gone away is not asked for.
        let batch: Vec<Asked> = waiting.drain(..).filter(|(_, reply)| !reply.is_closed()).collect();
        let rpc = rpc.clone();
        tokio::spawn(async move {
            let failed = exchange(&rpc, parts(batch)).await;
            // What failed in company may have failed by its company.
            exchange(&rpc, failed.into_iter().map(|one| vec![one]).collect()).await;
            drop(place);
        });
    }
}

/// Asks each part in a call of its own, all in one exchange. Gives back those that have company and no finding.
async fn exchange(rpc: &Rpc, parts: Vec<Vec<Asked>>) -> Vec<Asked> {
    let calls: Vec<_> = parts.iter().map(|part| wire::call(part)).collect();
    let answers = match rpc.batch(&calls).await {
        Ok(answers) => answers,
        Err(fault) => {
            for (_, reply) in parts.into_iter().flatten() {
                let _ = reply.send(Err(fault.clone()));
            }
            return Vec::new();
        }
    };
    let mut again = Vec::new();
    for (part, answer) in parts.into_iter().zip(answers) {
        let alone = part.len() == 1;
        let found = findings(answer, part.len());
        for ((question, reply), found) in part.into_iter().zip(found) {
            if found.is_ok() || alone {
                // A caller that has gone away needs no answer.
                let _ = reply.send(found);
            } else {
                again.push((question, reply));
            }
        }
    }
    again
}
