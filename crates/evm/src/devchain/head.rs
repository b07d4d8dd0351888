//! Fees, which never change here.

use alloy_primitives::{U64, U256};
use serde_json::{Value, json};

use super::{block::Block, execute::BLOCK_GAS, node::Node, params::Params, refused::Refused};

/// Wei per gas that every transaction pays: a hundredth of a gwei.
pub(super) const BASE_FEE: u64 = 10_000_000;
/// Wei per gas for the maker, as advised.
pub(super) const TIP: u64 = 1_000_000;
/// Blocks in one history.
const MOST: u64 = 1_024;

/// `eth_feeHistory`.
pub(super) fn history(node: &Node, params: Params<'_>) -> Result<Value, Refused> {
    let wanted: U64 = params.get(0)?;
    let newest = node.block_number(params.raw(1))?.min(node.head().number);
    let percentiles: Vec<Value> = params.or_default(2)?;
    let count = wanted.to::<u64>().clamp(1, MOST).min(newest + 1);
    let oldest = newest + 1 - count;
    let blocks: Vec<&Block> = (oldest..=newest).filter_map(|number| node.block(number)).collect();
    let fees: Vec<U256> = (0..=blocks.len()).map(|_| U256::from(BASE_FEE)).collect();
    let mut history = json!({
        "oldestBlock": U64::from(oldest), "baseFeePerGas": fees,
        "gasUsedRatio": blocks.iter().map(|block| ratio(block)).collect::<Vec<_>>(),
    });
    if !percentiles.is_empty() {
        let rewards = vec![U64::from(TIP); percentiles.len()];
        history["reward"] = json!(vec![rewards; blocks.len()]);
    }
    Ok(history)
}

/// The part of its gas that a block has used, to four decimals.
fn ratio(block: &Block) -> Value {
    let tenths_of_thousandths = (block.gas_used * 10_000 / BLOCK_GAS).min(9_999);
    serde_json::from_str(&format!("0.{tenths_of_thousandths:04}")).unwrap_or_default()
}
