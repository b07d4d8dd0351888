//! Looking at a chain: its head, receipts, counts, and who used an authorization.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256, b256};
use farebox_types::AtomicAmount;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Chain, Fault, calls,
    quantity::{Hex, HexBytes, hex_bytes},
    rpc::{Call, read, unreadable},
};
use crate::payload::{Authorization, Payment};

/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `AuthorizationUsed(address,bytes32)`.
const AUTHORIZATION_USED: B256 = b256!("98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5");
/// How far back events are looked for.
const BLOCKS: u64 = 5_000;

/// One look.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The latest block.
    pub head: u64,
    /// Transactions in blocks, by hash; those that are in none are not there.
    pub receipts: HashMap<[u8; 32], Receipt>,
    /// Transactions in blocks, by signer.
    pub counts: HashMap<farebox_types::Address, u64>,
}

/// What a transaction in a block did.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Its hash.
    pub transaction: [u8; 32],
    /// Its block.
    pub block: u64,
    /// It was not reverted.
    pub succeeded: bool,
    transfers: Vec<Transfer>,
    /// Token, payer and nonce of the authorizations that it used.
    used: Vec<(Address, Address, B256)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Transfer {
    asset: Address,
    from: Address,
    to: Address,
    value: U256,
}

/// What became of an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Nothing.
    Unused,
    /// It paid its payee.
    Paid {
        /// By this transaction.
        transaction: [u8; 32],
        /// In this block.
        block: u64,
    },
    /// It was cancelled, or used for something else.
    Spent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptWire {
    transaction_hash: B256Wire,
    block_number: Option<Hex<u64>>,
    status: Option<Hex<u64>>,
    #[serde(default)]
    logs: Vec<LogWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogWire {
    address: HexBytes,
    topics: Vec<HexBytes>,
    data: HexBytes,
    #[serde(default)]
    transaction_hash: Option<HexBytes>,
}

#[derive(Deserialize)]
struct TransactionWire {
    input: HexBytes,
}

type B256Wire = HexBytes;

impl Receipt {
    /// Whether the transaction moved exactly this.
    #[must_use]
    pub fn pays(
        &self,
        asset: &farebox_types::Address,
        from: &farebox_types::Address,
        to: &farebox_types::Address,
        amount: AtomicAmount,
    ) -> bool {
        let address = |one: &farebox_types::Address| Address::new(*one.bytes());
        let wanted = Transfer { asset: address(asset), from: address(from), to: address(to), value: amount.units() };
        self.succeeded && self.transfers.contains(&wanted)
    }

    /// Whether the transaction used this payment's authorization, and moved `amount` by it.
    #[must_use]
    pub fn settles(&self, payment: &Payment, amount: AtomicAmount) -> bool {
        let used = match &payment.authorization {
            Authorization::Transfer(transfer) => self.used.contains(&(payment.asset, transfer.from, transfer.nonce)),
            // Permit2 tells no nonce; its payments have a transaction each.
            Authorization::Permit2(_) => true,
        };
        used && self.pays(&payment.asset(), &payment.payer(), &payment.pay_to(), amount)
    }

    fn read(wire: ReceiptWire) -> Option<Self> {
        let transaction = wire.transaction_hash.0.as_ref().try_into().ok()?;
        let Hex(block) = wire.block_number?;
        let transfers = wire.logs.iter().filter_map(transfer).collect();
        let used = wire.logs.iter().filter_map(used).collect();
        Some(Self { transaction, block, succeeded: wire.status == Some(Hex(1)), transfers, used })
    }
}

fn transfer(log: &LogWire) -> Option<Transfer> {
    let topic = |at: usize| log.topics.get(at).and_then(|topic| B256::try_from(&topic.0[..]).ok());
    (topic(0)? == TRANSFER && log.data.0.len() == 32).then_some(())?;
    Some(Transfer {
        asset: Address::try_from(&log.address.0[..]).ok()?,
        from: Address::from_word(topic(1)?),
        to: Address::from_word(topic(2)?),
        value: U256::from_be_slice(&log.data.0),
    })
}

fn used(log: &LogWire) -> Option<(Address, Address, B256)> {
    let topic = |at: usize| log.topics.get(at).and_then(|topic| B256::try_from(&topic.0[..]).ok());
    (topic(0)? == AUTHORIZATION_USED).then_some(())?;
    Some((Address::try_from(&log.address.0[..]).ok()?, Address::from_word(topic(1)?), topic(2)?))
}

impl Chain {
    /// Head, receipts and counts in one exchange.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn look(&self, hashes: &[[u8; 32]], signers: &[farebox_types::Address]) -> Result<Look, Fault> {
        let mut calls = vec![Call { method: "eth_blockNumber", params: json!([]) }];
        let count = |signer: &farebox_types::Address| Call {
            method: "eth_getTransactionCount",
            params: json!([signer.to_string(), "latest"]),
        };
        calls.extend(signers.iter().map(count));
        let receipt = |hash: &[u8; 32]| Call { method: "eth_getTransactionReceipt", params: json!([hex_bytes(hash)]) };
        calls.extend(hashes.iter().map(receipt));
        let mut answers = self.rpc().batch(&calls).await?.into_iter();
        let missing = || unreadable("eth_blockNumber", "too few answers");
        let Hex(head) = read("eth_blockNumber", answers.next().ok_or_else(missing)?)?;
        let mut look = Look { head, ..Look::default() };
        for signer in signers {
            let Hex(count) = read("eth_getTransactionCount", answers.next().ok_or_else(missing)?)?;
            look.counts.insert(*signer, count);
        }
        for (hash, answer) in hashes.iter().zip(answers) {
            let found: Option<ReceiptWire> = read("eth_getTransactionReceipt", answer)?;
            let receipt = found.and_then(Receipt::read).filter(|receipt| receipt.transaction == *hash);
            look.receipts.extend(receipt.map(|receipt| (*hash, receipt)));
        }
        Ok(look)
    }

    /// Who used the payment's authorization, if anybody did.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn use_of(&self, payment: &Payment, amount: AtomicAmount) -> Result<Use, Fault> {
        let (target, call, mask) = calls::nonce_state(payment);
        let params = json!([{"to": target, "data": hex_bytes(&call)}, "latest"]);
        let HexBytes(word) = self.rpc().ask("eth_call", params).await?;
        let word = U256::try_from_be_slice(&word).ok_or_else(|| unreadable("eth_call", "not a word"))?;
        if (word & mask).is_zero() {
            return Ok(Use::Unused);
        }
        for hash in self.candidates(payment).await? {
            if !self.carries(payment, hash).await? {
                continue;
            }
            let look = self.look(&[hash], &[]).await?;
            let paid = look.receipts.get(&hash);
            if let Some(receipt) = paid.filter(|one| one.settles(payment, amount)) {
                return Ok(Use::Paid { transaction: hash, block: receipt.block });
            }
        }
        Ok(Use::Spent)
    }

    /// Transactions that may have used it, newest first.
    async fn candidates(&self, payment: &Payment) -> Result<Vec<[u8; 32]>, Fault> {
        let Hex(head): Hex<u64> = self.rpc().ask("eth_blockNumber", json!([])).await?;
        let topics = match &payment.authorization {
            Authorization::Transfer(transfer) => json!([AUTHORIZATION_USED, transfer.from.into_word(), transfer.nonce]),
            Authorization::Permit2(transfer) => {
                json!([TRANSFER, payment.payer.into_word(), transfer.witness.to.into_word()])
            }
        };
        let from = format!("0x{:x}", head.saturating_sub(BLOCKS));
        let params = json!([{"address": payment.asset, "topics": topics, "fromBlock": from, "toBlock": "latest"}]);
        let logs: Vec<LogWire> = self.rpc().ask("eth_getLogs", params).await?;
        let hashes = logs.iter().rev().filter_map(|log| log.transaction_hash.as_ref()?.0.as_ref().try_into().ok());
        Ok(hashes.take(50).collect())
    }

    /// Permit2 tells no nonce in its events: the transaction's own bytes do.
    async fn carries(&self, payment: &Payment, hash: [u8; 32]) -> Result<bool, Fault> {
        let Authorization::Permit2(transfer) = &payment.authorization else { return Ok(true) };
        let params: Value = json!([hex_bytes(&hash)]);
        let found: Option<TransactionWire> = self.rpc().ask("eth_getTransactionByHash", params).await?;
        let nonce = transfer.nonce.to_be_bytes::<32>();
        Ok(found.is_some_and(|found| found.input.0.windows(32).any(|window| window == nonce)))
    }
}
