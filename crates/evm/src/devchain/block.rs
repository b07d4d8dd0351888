//! Blocks, and what transactions did in them. Hashes chain blocks together; they are not those of a real header.

use alloy_primitives::{Address, B256, Bloom, Log, U64, U256, b256, keccak256, logs_bloom};
use revm::context::result::{ExecutionResult, Output};
use serde_json::{Value, json};

use super::{
    execute::{BLOCK_GAS, Outcome},
    head::BASE_FEE,
    transaction::Transaction,
};

/// Of an empty list of uncles.
const NO_UNCLES: B256 = b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
/// Of an empty trie.
const NO_TRIE: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// One block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) number: u64,
    pub(super) hash: B256,
    pub(super) parent: B256,
    pub(super) timestamp: u64,
    pub(super) gas_used: u64,
    pub(super) transactions: Vec<B256>,
    pub(super) bloom: Bloom,
    /// Events in it.
    pub(super) logs: usize,
}

/// A transaction in a block.
#[derive(Debug, Clone)]
pub(super) struct Mined {
    pub(super) transaction: Transaction,
    pub(super) block: u64,
    pub(super) at: usize,
    pub(super) logs: Vec<Log>,
    /// Where in the block its events begin.
    pub(super) first_log: usize,
    succeeded: bool,
    gas_used: u64,
    gas_so_far: u64,
    created: Option<Address>,
}

impl Block {
    /// A block without transactions yet.
    pub(super) fn after(parent: Option<&Self>, timestamp: u64) -> Self {
        Self {
            number: parent.map_or(0, |parent| parent.number + 1),
            hash: B256::ZERO,
            parent: parent.map_or(B256::ZERO, |parent| parent.hash),
            timestamp,
            gas_used: 0,
            transactions: Vec::new(),
            bloom: Bloom::ZERO,
            logs: 0,
        }
    }

    /// Takes a transaction that has been run.
    pub(super) fn take(&mut self, transaction: Transaction, outcome: Outcome) -> Mined {
        let (gas_used, succeeded) = (outcome.tx_gas_used(), outcome.is_success());
        let created = match &outcome {
            ExecutionResult::Success { output: Output::Create(_, created), .. } => *created,
            _ => None,
        };
        let logs = if succeeded { outcome.into_logs() } else { Vec::new() };
        self.gas_used += gas_used;
        let (at, first_log) = (self.transactions.len(), self.logs);
        self.transactions.push(transaction.hash);
        self.logs += logs.len();
        self.bloom |= logs_bloom(&logs);
        let (block, gas_so_far) = (self.number, self.gas_used);
        Mined { transaction, block, at, logs, first_log, succeeded, gas_used, gas_so_far, created }
    }

    /// Gives the block its hash.
    pub(super) fn seal(mut self) -> Self {
        let mut bytes = Vec::with_capacity(48 + 32 * self.transactions.len());
        bytes.extend_from_slice(self.parent.as_slice());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        self.transactions.iter().for_each(|hash| bytes.extend_from_slice(hash.as_slice()));
        self.hash = keccak256(bytes);
        self
    }

    /// As JSON-RPC tells it, with what it should say of its transactions.
    pub(super) fn json(&self, transactions: &[Value]) -> Value {
        json!({
            "number": U64::from(self.number), "hash": self.hash, "parentHash": self.parent, "timestamp": U64::from(self.timestamp),
            "gasLimit": U64::from(BLOCK_GAS), "gasUsed": U64::from(self.gas_used), "baseFeePerGas": U64::from(BASE_FEE),
            "transactions": transactions, "logsBloom": self.bloom, "miner": Address::ZERO, "difficulty": U64::ZERO,
            "totalDifficulty": U64::ZERO, "extraData": "0x", "nonce": "0x0000000000000000", "mixHash": B256::ZERO,
            "sha3Uncles": NO_UNCLES, "uncles": [], "stateRoot": B256::ZERO, "transactionsRoot": NO_TRIE,
            "receiptsRoot": NO_TRIE, "size": U64::from(512 + 32 * self.transactions.len()),
        })
    }
}

impl Mined {
    /// Its receipt.
    pub(super) fn receipt(&self, block: &Block) -> Value {
        let of = &self.transaction;
        json!({
            "transactionHash": of.hash, "transactionIndex": U64::from(self.at), "blockHash": block.hash,
            "blockNumber": U64::from(block.number), "from": of.from(), "to": of.to(), "contractAddress": self.created,
            "status": U64::from(u64::from(self.succeeded)), "type": U64::from(of.env.tx_type),
            "gasUsed": U64::from(self.gas_used), "cumulativeGasUsed": U64::from(self.gas_so_far),
            "effectiveGasPrice": U256::from(of.price()), "logsBloom": logs_bloom(&self.logs), "logs": self.log_list(block),
        })
    }

    /// Its events.
    pub(super) fn log_list(&self, block: &Block) -> Vec<Value> {
        (0..self.logs.len()).filter_map(|at| self.log(block, at)).collect()
    }

    /// One of its events.
    pub(super) fn log(&self, block: &Block, at: usize) -> Option<Value> {
        let log = self.logs.get(at)?;
        Some(json!({
            "address": log.address, "topics": log.data.topics(), "data": log.data.data, "blockHash": block.hash,
            "blockNumber": U64::from(block.number), "blockTimestamp": U64::from(block.timestamp),
            "transactionHash": self.transaction.hash, "transactionIndex": U64::from(self.at),
            "logIndex": U64::from(self.first_log + at), "removed": false,
        }))
    }
}
