//! Looking at a chain: its head, receipts and counts.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256, b256};
use farebox_types::AtomicAmount;
use serde::Deserialize;
use serde_json::json;

use super::{
    Chain, Fault,
    quantity::{Hex, HexBytes, hex_bytes},
    rpc::{Call, read, unreadable},
};
use crate::payload::{Authorization, Payment};

/// `Transfer(address,address,uint256)`.
pub(super) const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `AuthorizationUsed(address,bytes32)`.
pub(super) const AUTHORIZATION_USED: B256 = b256!("98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5");

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
    /// What tokens told, in order.
    events: Vec<(Address, Event)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Transfer { from: Address, to: Address, value: U256 },
    Used { payer: Address, nonce: B256 },
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
        let wanted = Event::Transfer { from: address(from), to: address(to), value: amount.units() };
        self.succeeded && self.of(address(asset)).any(|event| *event == wanted)
    }

    /// Whether the transaction used this payment's authorization, and moved `amount` by it. Of Permit2 it is asked only about
    /// transactions that settle this payment and nothing else.
    #[must_use]
    pub fn settles(&self, payment: &Payment, amount: AtomicAmount) -> bool {
        let Authorization::Transfer(transfer) = &payment.authorization else {
            return self.pays(&payment.asset(), &payment.payer(), &payment.pay_to(), amount);
        };
        let wanted = Event::Transfer { from: transfer.from, to: transfer.to, value: amount.units() };
        let use_of_it = Event::Used { payer: transfer.from, nonce: transfer.nonce };
        let events: Vec<&Event> = self.of(payment.asset).collect();
        let Some(at) = events.iter().position(|event| **event == use_of_it) else { return false };
        // Tokens tell the use, then its transfer. Pairing them keeps one transfer from paying for several authorizations, the
        // others of which moved something else, elsewhere. Alone in its transaction, a use may be told in any order.
        let paired = events.get(at + 1).is_some_and(|event| **event == wanted);
        let alone = || events.iter().filter(|event| matches!(event, Event::Used { .. })).count() == 1;
        self.succeeded && (paired || (alone() && events.contains(&&wanted)))
    }

    fn of(&self, asset: Address) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |(token, _)| *token == asset).map(|(_, event)| event)
    }

    fn read(wire: &ReceiptWire) -> Option<Self> {
        let transaction = wire.transaction_hash.0.as_ref().try_into().ok()?;
        let Hex(block) = wire.block_number?;
        let events = wire.logs.iter().filter_map(event).collect();
        Some(Self { transaction, block, succeeded: wire.status == Some(Hex(1)), events })
    }
}

fn event(log: &LogWire) -> Option<(Address, Event)> {
    let topic = |at: usize| log.topics.get(at).and_then(|topic| B256::try_from(&topic.0[..]).ok());
    let account = |at: usize| topic(at).map(Address::from_word);
    let event = match topic(0)? {
        TRANSFER if log.data.0.len() == 32 => {
            Event::Transfer { from: account(1)?, to: account(2)?, value: U256::from_be_slice(&log.data.0) }
        }
        AUTHORIZATION_USED => Event::Used { payer: account(1)?, nonce: topic(2)? },
        _ => return None,
    };
    Some((Address::try_from(&log.address.0[..]).ok()?, event))
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
            let receipt = found.as_ref().and_then(Receipt::read).filter(|receipt| receipt.transaction == *hash);
            look.receipts.extend(receipt.map(|receipt| (*hash, receipt)));
        }
        Ok(look)
    }
}
