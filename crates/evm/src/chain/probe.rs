//! The chain reads of all payments that wait at this moment go out as one `eth_call` of a contract that is never deployed.
//!
//! No timer: a call takes what is queued when there is room for another call, so batches appear when a node is slower than
//! arrivals, and a lone payment never waits.

use std::sync::{Arc, LazyLock};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolValue, sol};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Fault,
    quantity::{HexBytes, hex_bytes},
    rpc::{Rpc, unreadable},
};

sol! {
    struct Item {
        address asset;
        address payer;
        address spender;
        address nonceTarget;
        bytes nonceCall;
        uint256 usedMask;
        bytes32 digest;
        bytes signature;
        address factory;
        bytes factoryCall;
        address target;
        bytes call;
    }
    struct Finding {
        uint256 codeSize;
        uint256 flags;
        uint256 balance;
        uint256 allowance;
        bytes reverted;
    }
}

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
    pub(super) simulate: (Address, Bytes),
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

/// Payments in one call at most: creation code is limited to 49,152 bytes (EIP-3860).
const MOST: usize = 24;
/// An item longer than this goes alone.
const LONG: usize = 4 * 1024;
/// Calls under way at once.
const UNDER_WAY: usize = 4;
/// Questions that may wait.
const QUEUE: usize = 4_096;
/// Gas for one simulation.
const GAS_EACH: u64 = 1_500_000;
const METHOD: &str = "eth_call";

static CODE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // Written by our own build, and checked against its source by the tests.
    hex::decode(include_str!("../../contracts/artifacts/Probe.creation.hex").trim()).unwrap_or_default()
});

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
        let gone = || unreadable(METHOD, "the probe has ended");
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
        let (rpc, batch) = (rpc.clone(), std::mem::take(&mut waiting));
        tokio::spawn(async move {
            serve(&rpc, batch).await;
            drop(place);
        });
    }
}

/// Long items go alone; what fails in company is asked alone.
async fn serve(rpc: &Rpc, batch: Vec<Asked>) {
    let (long, short): (Vec<_>, Vec<_>) = batch.into_iter().partition(|(question, _)| question.length() > LONG);
    if !short.is_empty() {
        let (questions, replies): (Vec<_>, Vec<_>) = short.into_iter().unzip();
        match call(rpc, &questions).await {
            Ok(found) => {
                for ((question, reply), found) in questions.into_iter().zip(replies).zip(found) {
                    answer(rpc, question, reply, found).await;
                }
            }
            Err(fault @ Fault::Unreachable { .. }) => {
                for reply in replies {
                    let _ = reply.send(Err(fault.clone()));
                }
            }
            Err(_) => {
                for (question, reply) in questions.into_iter().zip(replies) {
                    alone(rpc, question, reply).await;
                }
            }
        }
    }
    for (question, reply) in long {
        alone(rpc, question, reply).await;
    }
}

type Reply = oneshot::Sender<Result<Found, Fault>>;

async fn answer(rpc: &Rpc, question: Question, reply: Reply, found: Option<Found>) {
    match found {
        Some(found) => {
            let _ = reply.send(Ok(found));
        }
        None => alone(rpc, question, reply).await,
    }
}

async fn alone(rpc: &Rpc, question: Question, reply: Reply) {
    let found = call(rpc, std::slice::from_ref(&question)).await;
    let found =
        found.and_then(|found| found.into_iter().next().flatten().ok_or_else(|| unreadable(METHOD, "no finding")));
    let _ = reply.send(found);
}

/// One call; `None` for an item that has no finding.
async fn call(rpc: &Rpc, questions: &[Question]) -> Result<Vec<Option<Found>>, Fault> {
    let items: Vec<Item> = questions.iter().map(Question::item).collect();
    let mut data = CODE.clone();
    data.extend((items, U256::from(GAS_EACH)).abi_encode_params());
    let HexBytes(answer) = rpc.ask(METHOD, json!([{"data": hex_bytes(&data)}, "latest"])).await?;
    let findings = Vec::<Bytes>::abi_decode(&answer).map_err(|error| unreadable(METHOD, error))?;
    if findings.len() != questions.len() {
        return Err(unreadable(METHOD, "another number of findings"));
    }
    Ok(findings.iter().map(|finding| Finding::abi_decode_params(finding).ok().map(Found::from)).collect())
}

impl Question {
    fn length(&self) -> usize {
        let factory = self.factory.as_ref().map_or(0, |(_, call)| call.len());
        self.signature.len() + factory + self.simulate.1.len()
    }

    fn item(&self) -> Item {
        let (factory, factory_call) = self.factory.clone().unwrap_or_default();
        Item {
            asset: self.asset,
            payer: self.payer,
            spender: self.spender.unwrap_or_default(),
            nonceTarget: self.nonce.0,
            nonceCall: self.nonce.1.clone(),
            usedMask: self.nonce.2,
            digest: self.digest,
            signature: self.signature.clone(),
            factory,
            factoryCall: factory_call,
            target: self.simulate.0,
            call: self.simulate.1.clone(),
        }
    }
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        let flag = |bit: usize| finding.flags.bit(bit);
        Self {
            payer_has_code: !finding.codeSize.is_zero(),
            asset_has_code: flag(0),
            used: flag(1).then(|| flag(2)),
            balance: flag(3).then_some(finding.balance),
            allowance: flag(4).then_some(finding.allowance),
            confirmed: flag(5),
            simulated: flag(6),
            reverted: finding.reverted,
        }
    }
}
