//! Transactions as they come in and as they are told.

use alloy_consensus::{EthereumTxEnvelope, Transaction as _, TxEip4844, Typed2718};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, TxKind, U64, U256, keccak256};
use revm::context::{TxEnv, either::Either};
use serde_json::{Value, json};

use super::{
    block::Block,
    head::{BASE_FEE, TIP},
    params::CallRequest,
    refused::Refused,
};
use crate::signature::Signature;

const LEGACY: u8 = 0;
const BLOBS: u8 = 3;

/// One transaction, and who sends it.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) hash: B256,
    pub(super) env: TxEnv,
    /// `r`, `s` and the parity; zeros for one that was not signed.
    signature: (U256, U256, bool),
}

impl Transaction {
    /// Reads a signed one.
    pub(super) fn decode(raw: &[u8], chain_id: u64) -> Result<Self, Refused> {
        let unreadable = |_| Refused::coded(-32_602, "the transaction cannot be decoded");
        let signed = EthereumTxEnvelope::<TxEip4844>::decode_2718_exact(raw).map_err(unreadable)?;
        if signed.ty() == BLOBS {
            return Err(Refused::new("transaction type not supported"));
        }
        if let Some(other) = signed.chain_id().filter(|id| *id != chain_id) {
            return Err(Refused::new(format!("invalid chain id for signer: have {other} want {chain_id}")));
        }
        let signature = signed.signature();
        let unsigned = |_| Refused::new("invalid transaction v, r, s values");
        let caller = Signature::read(&signature.as_bytes())
            .and_then(|signature| signature.recover(signed.signature_hash()))
            .map_err(unsigned)?;
        let env = TxEnv {
            tx_type: signed.ty(),
            caller,
            gas_limit: signed.gas_limit(),
            gas_price: signed.max_fee_per_gas(),
            kind: signed.kind(),
            value: signed.value(),
            data: signed.input().clone(),
            nonce: signed.nonce(),
            chain_id: signed.chain_id(),
            access_list: signed.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: signed.max_priority_fee_per_gas(),
            authorization_list: signed
                .authorization_list()
                .unwrap_or_default()
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
            ..TxEnv::default()
        };
        Ok(Self { hash: *signed.hash(), env, signature: (signature.r(), signature.s(), signature.v()) })
    }

    /// One that its account sends without a signature, with the next nonce.
    pub(super) fn unsigned(request: CallRequest, nonce: u64, gas: u64, chain_id: u64) -> Self {
        let mut env = request.env(gas);
        env.tx_type = 2;
        env.nonce = nonce;
        env.chain_id = Some(chain_id);
        env.gas_price = u128::from(2 * BASE_FEE + TIP);
        env.gas_priority_fee = Some(u128::from(TIP));
        let hash = keccak256([env.caller.as_slice(), &nonce.to_be_bytes(), &env.data].concat());
        Self { hash, env, signature: (U256::ZERO, U256::ZERO, false) }
    }

    pub(super) fn from(&self) -> Address {
        self.env.caller
    }

    pub(super) fn nonce(&self) -> u64 {
        self.env.nonce
    }

    pub(super) fn to(&self) -> Option<Address> {
        match self.env.kind {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        }
    }

    pub(super) fn max_fee(&self) -> u128 {
        self.env.gas_price
    }

    pub(super) fn max_tip(&self) -> u128 {
        self.env.gas_priority_fee.unwrap_or(self.env.gas_price)
    }

    /// Wei per gas that it pays in a block.
    pub(super) fn price(&self) -> u128 {
        match self.env.gas_priority_fee {
            Some(tip) => u128::from(BASE_FEE).saturating_add(tip).min(self.env.gas_price),
            None => self.env.gas_price,
        }
    }

    /// As JSON-RPC tells it; `place` is its block and its place in it.
    pub(super) fn json(&self, place: Option<(&Block, usize)>) -> Value {
        let (r, s, odd) = self.signature;
        let mut told = json!({
            "hash": self.hash, "type": U64::from(self.env.tx_type), "nonce": U64::from(self.nonce()), "from": self.from(),
            "to": self.to(), "value": self.env.value, "input": self.env.data, "gas": U64::from(self.env.gas_limit),
            "r": r, "s": s, "v": U256::from(self.v(odd)),
            "blockHash": place.map(|(block, _)| block.hash), "blockNumber": place.map(|(block, _)| U64::from(block.number)),
            "transactionIndex": place.map(|(_, at)| U64::from(at)),
        });
        if let Some(id) = self.env.chain_id {
            told["chainId"] = json!(U64::from(id));
        }
        if self.env.tx_type != LEGACY {
            told["accessList"] = access_list(&self.env);
            told["yParity"] = json!(U64::from(u64::from(odd)));
        }
        let price = if place.is_some() { self.price() } else { self.max_fee() };
        told["gasPrice"] = json!(U256::from(price));
        if let Some(tip) = self.env.gas_priority_fee {
            told["maxFeePerGas"] = json!(U256::from(self.max_fee()));
            told["maxPriorityFeePerGas"] = json!(U256::from(tip));
        }
        told
    }

    fn v(&self, odd: bool) -> u64 {
        match (self.env.tx_type, self.env.chain_id) {
            (LEGACY, Some(id)) => id.saturating_mul(2).saturating_add(35 + u64::from(odd)),
            (LEGACY, None) => 27 + u64::from(odd),
            _ => u64::from(odd),
        }
    }
}

fn access_list(env: &TxEnv) -> Value {
    let item =
        |item: &alloy_eips::eip2930::AccessListItem| json!({"address": item.address, "storageKeys": item.storage_keys});
    env.access_list.0.iter().map(item).collect()
}
