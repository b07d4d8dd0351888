//! How much gas a transaction should be given.

use revm::context::TxEnv;

use super::{
    execute::{self, BLOCK_GAS, Outcome},
    node::Node,
    params::CallRequest,
    refused::{self, Refused},
};

/// Gas enough for `request`, and not much more.
pub(super) fn gas(node: &Node, request: CallRequest) -> Result<u64, Refused> {
    let most = request.gas_or(BLOCK_GAS).min(BLOCK_GAS);
    let env = request.env(most);
    let run = |gas: u64| -> Result<Outcome, Refused> {
        execute::simulate(&node.state, &node.setting().for_calls(), TxEnv { gas_limit: gas, ..env.clone() })
    };
    let done = run(most)?;
    let spent = done.gas().total_gas_spent().max(done.tx_gas_used());
    refused::output(done)?;
    let enough = |gas: u64| run(gas).is_ok_and(|done| done.is_success());
    if enough(spent) {
        return Ok(spent);
    }
    // Calls within keep a sixty-fourth back: more is needed than is spent.
    let (mut low, mut high) = (spent, most);
    while high - low > high / 64 {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    Ok(high)
}
