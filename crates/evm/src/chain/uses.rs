//! What became of an authorization: who used it, if anybody did.

use alloy_primitives::{Address, U256};
use farebox_types::{AtomicAmount, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    Chain, Fault, calls,
    look::{AUTHORIZATION_USED, TRANSFER},
    quantity::{Hex, HexBytes, hex_bytes},
    rpc::{Call, read, unreadable},
};
use crate::payload::{Authorization, Payment};

/// Blocks that are looked through for events; nodes that show fewer at once are asked a tenth, and a tenth of that.
const BLOCKS: u64 = 100_000;
/// Fewer at once are not asked.
const FEWEST: u64 = 100;
/// Questions about blocks at most.
const PAGES: u64 = 100;
/// The chain's clock and ours may differ by so much.
const MARGIN: i64 = 900;
/// Transactions in one exchange.
const TOGETHER: usize = 50;

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
struct LogWire {
    #[serde(default)]
    transaction_hash: Option<HexBytes>,
}

#[derive(Deserialize)]
struct BlockWire {
    timestamp: Hex<u64>,
}

#[derive(Deserialize)]
struct TransactionWire {
    #[serde(default)]
    to: Option<Address>,
    input: HexBytes,
}

impl Chain {
    /// Who used the payment's authorization, if anybody did. At `since` nobody had: only who has seen all blocks from then on
    /// can say that it has not paid.
    ///
    /// # Errors
    /// [`Fault`]; also when the node shows too few blocks to tell.
    pub async fn use_of(&self, payment: &Payment, amount: AtomicAmount, since: Timestamp) -> Result<Use, Fault> {
        let (target, call, mask) = calls::nonce_state(payment);
        let state = Call { method: "eth_call", params: json!([{"to": target, "data": hex_bytes(&call)}, "latest"]) };
        let (HexBytes(word), head) = self.with_head(state).await?;
        let word = U256::try_from_be_slice(&word).ok_or_else(|| unreadable("eth_call", "not a word"))?;
        if (word & mask).is_zero() {
            return Ok(Use::Unused);
        }
        let since = u64::try_from(since.seconds().saturating_sub(MARGIN)).unwrap_or_default();
        self.user_of(payment, amount, head, since).await
    }

    /// An answer, and a block that the node had when it gave it.
    async fn with_head<T: DeserializeOwned>(&self, call: Call) -> Result<(T, u64), Fault> {
        const HEAD: &str = "eth_blockNumber";
        let method = call.method;
        let mut answers = self.rpc().batch(&[Call { method: HEAD, params: json!([]) }, call]).await?.into_iter();
        let (Some(head), Some(answer)) = (answers.next(), answers.next()) else {
            return Err(unreadable(method, "too few answers"));
        };
        let Hex(head) = read(HEAD, head)?;
        Ok((read(method, answer)?, head))
    }

    /// Looks through blocks from `head` back to the last one before `since`.
    async fn user_of(&self, payment: &Payment, amount: AtomicAmount, head: u64, since: u64) -> Result<Use, Fault> {
        let (mut last, mut span, mut pages) = (head, BLOCKS, 0);
        loop {
            let first = (last + 1).saturating_sub(span);
            let hashes = match self.candidates(payment, first, last).await {
                Err(Fault::Refused { .. }) if span > FEWEST => {
                    span /= 10;
                    continue;
                }
                other => other?,
            };
            for some in hashes.chunks(TOGETHER) {
                if let Some(paid) = self.paid_by(payment, amount, some).await? {
                    return Ok(paid);
                }
            }
            pages += 1;
            if first == 0 || self.time_of(first).await? < since {
                return Ok(Use::Spent);
            }
            if pages == PAGES {
                return Err(unreadable(
                    "eth_getLogs",
                    "the node shows too few blocks to tell who used an authorization",
                ));
            }
            last = first - 1;
        }
    }

    /// When a block was made, in seconds.
    async fn time_of(&self, number: u64) -> Result<u64, Fault> {
        const METHOD: &str = "eth_getBlockByNumber";
        let call = Call { method: METHOD, params: json!([format!("0x{number:x}"), false]) };
        let answer = self.rpc().batch(&[call]).await?.into_iter().next();
        let block: Option<BlockWire> = read(METHOD, answer.ok_or_else(|| unreadable(METHOD, "no answer"))?)?;
        let Hex(time) =
            block.ok_or_else(|| unreadable(METHOD, "a block that was looked through is not there"))?.timestamp;
        Ok(time)
    }

    /// Transactions of these blocks that may have used it, newest first.
    async fn candidates(&self, payment: &Payment, first: u64, last: u64) -> Result<Vec<[u8; 32]>, Fault> {
        let topics = match &payment.authorization {
            Authorization::Transfer(transfer) => json!([AUTHORIZATION_USED, transfer.from.into_word(), transfer.nonce]),
            Authorization::Permit2(transfer) => {
                json!([TRANSFER, payment.payer.into_word(), transfer.witness.to.into_word()])
            }
        };
        let block = |number: u64| format!("0x{number:x}");
        let filter =
            json!({"address": payment.asset, "topics": topics, "fromBlock": block(first), "toBlock": block(last)});
        let (logs, head): (Vec<LogWire>, u64) =
            self.with_head(Call { method: "eth_getLogs", params: json!([filter]) }).await?;
        // Behind one address there may be nodes that lag: what such a one does not show has happened all the same.
        if head < last {
            return Err(unreadable("eth_getLogs", "the node lags behind another one"));
        }
        let hash = |log: &LogWire| log.transaction_hash.as_ref()?.0.as_ref().try_into().ok();
        let mut hashes: Vec<[u8; 32]> = logs.iter().rev().filter_map(hash).collect();
        hashes.dedup();
        Ok(hashes)
    }

    /// The one of these transactions that used it to pay.
    async fn paid_by(
        &self,
        payment: &Payment,
        amount: AtomicAmount,
        hashes: &[[u8; 32]],
    ) -> Result<Option<Use>, Fault> {
        let hashes = self.settling(payment, hashes).await?;
        if hashes.is_empty() {
            return Ok(None);
        }
        let look = self.look(&hashes, &[]).await?;
        for hash in hashes {
            let missing = || unreadable("eth_getTransactionReceipt", "a transaction of a block has no receipt");
            let receipt = look.receipts.get(&hash).ok_or_else(missing)?;
            if receipt.settles(payment, amount) {
                return Ok(Some(Use::Paid { transaction: hash, block: receipt.block }));
            }
        }
        Ok(None)
    }

    /// Those that name the payment's nonce. Permit2 tells no nonce in its events, so the transaction itself must be its
    /// settlement: with any other one, a transfer could be taken for the payment of every nonce that its bytes mention.
    async fn settling(&self, payment: &Payment, hashes: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, Fault> {
        const METHOD: &str = "eth_getTransactionByHash";
        let Authorization::Permit2(transfer) = &payment.authorization else { return Ok(hashes.to_vec()) };
        let call = |hash: &[u8; 32]| Call { method: METHOD, params: json!([hex_bytes(hash)]) };
        let answers = self.rpc().batch(&hashes.iter().map(call).collect::<Vec<_>>()).await?;
        let mut settling = Vec::new();
        for (hash, answer) in hashes.iter().zip(answers) {
            let found: Option<TransactionWire> = read(METHOD, answer)?;
            let settles = found.is_some_and(|found| {
                found.to.is_some_and(|to| calls::settles_permit2(payment, transfer, to, &found.input.0))
            });
            settling.extend(settles.then_some(*hash));
        }
        Ok(settling)
    }
}
