//! The JSON-RPC methods.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde_json::{Value, json};

use super::{
    block::Block,
    estimate,
    execute::{self, BLOCK_GAS, CALL_GAS},
    genesis,
    head::{self, BASE_FEE, TIP},
    logs,
    node::Node,
    params::{CallRequest, Params},
    refused::{self, Refused},
    transaction::Transaction,
};

type Answer = Result<Value, Refused>;

/// Whether a method changes the chain.
pub(super) fn changes(method: &str) -> bool {
    matches!(method, "eth_sendRawTransaction" | "eth_sendTransaction" | "evm_mine")
        || (method.starts_with("anvil_") && method != "anvil_impersonateAccount")
}

/// A method that changes nothing.
pub(super) fn look(node: &Node, method: &str, params: Params<'_>) -> Answer {
    match method {
        "web3_clientVersion" => Ok(json!(concat!("farebox-devchain/", env!("CARGO_PKG_VERSION")))),
        "eth_chainId" => Ok(json!(U64::from(node.chain_id))),
        "net_version" => Ok(json!(node.chain_id.to_string())),
        "net_listening" => Ok(json!(true)),
        "eth_syncing" => Ok(json!(false)),
        "eth_accounts" => Ok(json!(genesis::accounts())),
        // Every account may send without a signature here.
        "anvil_impersonateAccount" => Ok(Value::Null),
        "eth_blockNumber" => Ok(json!(U64::from(node.head().number))),
        "eth_gasPrice" => Ok(json!(U64::from(BASE_FEE + TIP))),
        "eth_maxPriorityFeePerGas" => Ok(json!(U64::from(TIP))),
        "eth_feeHistory" => head::history(node, params),
        "eth_getBalance" => at_latest(node, params, 1, |of| json!(node.account(of).balance)),
        "eth_getCode" => at_latest(node, params, 1, |of| json!(node.code(of))),
        "eth_getTransactionCount" => transaction_count(node, params),
        "eth_getStorageAt" => {
            let slot: U256 = params.get(1)?;
            at_latest(node, params, 2, |of| json!(B256::from(node.storage(of, slot))))
        }
        "eth_call" => call(node, params),
        "eth_estimateGas" => {
            node.require_latest(params.raw(1))?;
            estimate::gas(node, params.get(0)?).map(|gas| json!(U64::from(gas)))
        }
        "eth_getBlockByNumber" => {
            let number = node.block_number(params.raw(0))?;
            Ok(block(node, node.block(number), params.or_default(1)?))
        }
        "eth_getBlockByHash" => Ok(block(node, node.block_by_hash(&params.get(0)?), params.or_default(1)?)),
        "eth_getTransactionByHash" => Ok(transaction(node, &params.get(0)?)),
        "eth_getTransactionReceipt" => Ok(receipt(node, &params.get(0)?)),
        "eth_getLogs" => logs::find(node, &params.get(0)?).map(Value::from),
        other => Err(Refused::no_method(other)),
    }
}

/// A method that changes the chain.
pub(super) fn change(node: &mut Node, method: &str, params: Params<'_>) -> Answer {
    match method {
        "eth_sendRawTransaction" => {
            let raw: Bytes = params.get(0)?;
            let transaction = Transaction::decode(&raw, node.chain_id)?;
            node.submit(transaction).map(|hash| json!(hash))
        }
        "eth_sendTransaction" => send(node, params.get(0)?),
        "evm_mine" => {
            node.mine();
            Ok(json!("0x0"))
        }
        "anvil_setBalance" => {
            node.set_balance(params.get(0)?, params.get(1)?);
            Ok(Value::Null)
        }
        "anvil_setCode" => node.set_code(params.get(0)?, params.get(1)?).map(|()| Value::Null),
        other => Err(Refused::no_method(other)),
    }
}

/// Something about the account that comes first; the block is the parameter at `tag`.
fn at_latest(node: &Node, params: Params<'_>, tag: usize, tell: impl FnOnce(Address) -> Value) -> Answer {
    let of = params.get(0)?;
    node.require_latest(params.raw(tag))?;
    Ok(tell(of))
}

fn transaction_count(node: &Node, params: Params<'_>) -> Answer {
    let pending = params.raw(1).as_str() == Some("pending");
    at_latest(node, params, 1, |of| {
        let next = node.account(of).nonce;
        json!(U64::from(if pending { node.pool.nonce_after(of, next) } else { next }))
    })
}

fn call(node: &Node, params: Params<'_>) -> Answer {
    let request: CallRequest = params.get(0)?;
    node.require_latest(params.raw(1))?;
    let overrides = params.raw(2);
    if !overrides.is_null() && overrides.as_object().is_none_or(|object| !object.is_empty()) {
        return Err(Refused::parameter(2, "state cannot be overridden here"));
    }
    let gas = request.gas_or(CALL_GAS);
    let outcome = execute::simulate(&node.state, &node.setting().for_calls(), request.env(gas))?;
    refused::output(outcome).map(|output| json!(output))
}

fn send(node: &mut Node, request: CallRequest) -> Answer {
    let from = request.from.ok_or_else(|| Refused::parameter(0, "from is missing"))?;
    let next = node.pool.nonce_after(from, node.account(from).nonce);
    let nonce = request.nonce.map_or(next, |nonce| nonce.to());
    let gas = match request.gas {
        Some(gas) => gas.to(),
        // Room for what other transactions change until this one is in a block.
        None => estimate::gas(node, request.clone())?.saturating_mul(5).div_euclid(4).min(BLOCK_GAS),
    };
    let transaction = Transaction::unsigned(request, nonce, gas, node.chain_id);
    node.submit(transaction).map(|hash| json!(hash))
}

/// A block, with its transactions in full or only their hashes; null if there is none.
fn block(node: &Node, block: Option<&Block>, full: bool) -> Value {
    let Some(block) = block else { return Value::Null };
    let tell = |hash| if full { transaction(node, hash) } else { json!(hash) };
    block.json(&block.transactions.iter().map(tell).collect::<Vec<_>>())
}

fn transaction(node: &Node, hash: &B256) -> Value {
    let mined =
        node.mined(hash).and_then(|mined| Some(mined.transaction.json(Some((node.block(mined.block)?, mined.at)))));
    mined.or_else(|| node.pool.get(hash).map(|waiting| waiting.json(None))).unwrap_or_default()
}

fn receipt(node: &Node, hash: &B256) -> Value {
    let receipt = node.mined(hash).and_then(|mined| Some(mined.receipt(node.block(mined.block)?)));
    receipt.unwrap_or_default()
}
