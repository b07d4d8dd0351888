//! Transactions: fees, signing, sending. The same nonce, fees and payment always give the same bytes.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Signature as TxSignature, TxKind, U256};
use farebox_types::AtomicAmount;
use serde::Deserialize;
use serde_json::json;

use super::{
    Chain, Fault, calls,
    calls::ContractCall,
    quantity::{Hex, hex_bytes},
    rpc::{Call, RpcError, read},
};
use crate::{payload::Payment, wallet::Wallet};

/// What is offered for a block's room, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// At most, the maker's part included.
    pub max: u128,
    /// The maker's part.
    pub priority: u128,
}

impl Fees {
    /// These fees, or an eighth more than `max` and `priority` if that is higher: nodes take no replacement for less.
    #[must_use]
    pub fn above(self, max: u128, priority: u128) -> Self {
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        Self { max: self.max.max(more(max)), priority: self.priority.max(more(priority)) }
    }
}

/// A signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Its hash.
    pub hash: [u8; 32],
    /// Its bytes, as they are sent.
    pub raw: Vec<u8>,
}

/// What a node says to a transaction. None of it decides anything: the chain does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It waits for a block.
    Accepted,
    /// It was sent before.
    AlreadyKnown,
    /// Its nonce is in a block, by this transaction or another.
    NonceTooLow,
    /// Another transaction with its nonce offers as much.
    Underpriced,
    /// The signer cannot pay for gas.
    InsufficientFunds,
    /// Something else.
    Refused(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    #[serde(default)]
    base_fee_per_gas: Option<Hex<u128>>,
}

impl Chain {
    /// What a transaction should offer now: twice the base fee and the node's advice for the maker.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn fees(&self) -> Result<Fees, Fault> {
        if let Some(fees) = self.remembered_fees() {
            return Ok(fees);
        }
        let calls = [
            Call { method: "eth_getBlockByNumber", params: json!(["latest", false]) },
            Call { method: "eth_maxPriorityFeePerGas", params: json!([]) },
            Call { method: "eth_gasPrice", params: json!([]) },
        ];
        let mut answers = self.rpc().batch(&calls).await?.into_iter();
        let mut next =
            || answers.next().unwrap_or_else(|| Err(RpcError { code: 0, message: String::new(), data: None }));
        let block: Block = read("eth_getBlockByNumber", next())?;
        let priority = read::<Hex<u128>>("eth_maxPriorityFeePerGas", next()).map_or(1, |fee| fee.0.max(1));
        let max = match block.base_fee_per_gas {
            Some(Hex(base)) => base.saturating_mul(2).saturating_add(priority),
            None => read::<Hex<u128>>("eth_gasPrice", next())?.0.saturating_mul(2),
        };
        let fees = Fees { max: max.min(self.max_fee()), priority: priority.min(max).min(self.max_fee()) };
        self.remember_fees(fees);
        Ok(fees)
    }

    /// The transaction that settles each of `payments` for its amount; in one of several, each settles or fails by itself.
    ///
    /// # Errors
    /// [`Fault::Unbuildable`] for a payment that verify would have refused.
    pub fn sign_settlement(
        &self,
        payments: &[(&Payment, AtomicAmount)],
        nonce: u64,
        fees: Fees,
        wallet: &Wallet,
    ) -> Result<Signed, Fault> {
        let broken = || Fault::Unbuildable("the ERC-6492 wrapper cannot be read".into());
        let unwrap = |(payment, amount): &(&'_ Payment, AtomicAmount)| {
            calls::unwrap(&payment.signature).map(|unwrapped| (unwrapped, amount.units())).ok_or_else(broken)
        };
        let unwrapped = payments.iter().map(unwrap).collect::<Result<Vec<_>, _>>()?;
        let all: Vec<_> =
            payments.iter().zip(unwrapped).map(|((one, _), (inner, amount))| (*one, inner, amount)).collect();
        Ok(self.sign(&calls::settlements(&all), nonce, fees, wallet))
    }

    /// A transaction that does nothing but use its nonce up.
    #[must_use]
    pub fn sign_cancel(&self, nonce: u64, fees: Fees, wallet: &Wallet) -> Signed {
        let to = Address::new(*wallet.address().bytes());
        self.sign(&ContractCall { to, data: [].into(), gas: 0 }, nonce, fees, wallet)
    }

    fn sign(&self, call: &ContractCall, nonce: u64, fees: Fees, wallet: &Wallet) -> Signed {
        let transaction = TxEip1559 {
            chain_id: self.id(),
            nonce,
            gas_limit: call.limit(),
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.priority,
            to: TxKind::Call(call.to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: call.data.clone(),
        };
        let signature = wallet.sign(transaction.signature_hash());
        let signature = TxSignature::new(signature.r().into(), signature.s().into(), signature.is_odd());
        let signed = transaction.into_signed(signature);
        Signed { hash: signed.hash().0, raw: signed.encoded_2718() }
    }

    /// Sends transactions, in order, in one exchange.
    ///
    /// # Errors
    /// [`Fault`]: whether any of them arrived is unknown.
    pub async fn send(&self, raws: &[&[u8]]) -> Result<Vec<Sent>, Fault> {
        let call = |raw: &&[u8]| Call { method: "eth_sendRawTransaction", params: json!([hex_bytes(raw)]) };
        let calls: Vec<Call> = raws.iter().map(call).collect();
        let answers = self.rpc().batch(&calls).await?;
        Ok(answers.into_iter().map(|answer| answer.map_or_else(|error| classify(&error), |_| Sent::Accepted)).collect())
    }

    /// The nonce after the last one that the chain or its pool has of `signer`.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn next_nonce(&self, signer: farebox_types::Address) -> Result<u64, Fault> {
        let Hex(count) = self.rpc().ask("eth_getTransactionCount", json!([signer.to_string(), "pending"])).await?;
        Ok(count)
    }

    /// What `signer` has to pay for gas with, in wei.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn gas_money(&self, signer: farebox_types::Address) -> Result<u128, Fault> {
        let Hex(wei) = self.rpc().ask("eth_getBalance", json!([signer.to_string(), "latest"])).await?;
        Ok(wei)
    }
}

/// The words of the common nodes.
fn classify(error: &RpcError) -> Sent {
    let text = error.message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["already known", "already imported", "known transaction", "alreadyknown", "already exists"]) {
        Sent::AlreadyKnown
    } else if has(&["nonce too low", "nonce is too low", "oldnonce"]) {
        Sent::NonceTooLow
    } else if has(&[
        "underpriced",
        "fee too low",
        "feetoolow",
        "replacement",
        "block base fee",
        "below configured minimum",
    ]) {
        Sent::Underpriced
    } else if has(&["insufficient funds", "insufficientfunds", "insufficient balance", "upfront cost exceeds"]) {
        Sent::InsufficientFunds
    } else {
        Sent::Refused(error.message.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_common_nodes_are_understood() {
        let said = |message: &str| classify(&RpcError { code: -32_000, message: message.into(), data: None });
        assert_eq!(said("already known"), Sent::AlreadyKnown);
        assert_eq!(said("transaction already imported"), Sent::AlreadyKnown);
        assert_eq!(said("nonce too low: next nonce 5, tx nonce 4"), Sent::NonceTooLow);
        assert_eq!(said("replacement transaction underpriced"), Sent::Underpriced);
        assert_eq!(said("insufficient funds for gas * price + value"), Sent::InsufficientFunds);
        assert_eq!(said("max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1"), Sent::Underpriced);
        assert_eq!(said("FeeTooLowToCompete"), Sent::Underpriced);
        assert_eq!(said("OldNonce"), Sent::NonceTooLow);
        assert_eq!(said("InsufficientFunds, Account balance: 0, cumulative cost: 1"), Sent::InsufficientFunds);
        assert_eq!(said("Upfront cost exceeds account balance"), Sent::InsufficientFunds);
        assert_eq!(said("Internal error"), Sent::Refused("Internal error".into()));
    }

    #[test]
    fn a_replacement_offers_at_least_an_eighth_more() {
        let now = Fees { max: 100, priority: 1 };
        assert_eq!(now.above(800, 80), Fees { max: 901, priority: 91 });
        assert_eq!(now.above(8, 1), Fees { max: 100, priority: 2 });
    }
}
