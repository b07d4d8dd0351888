//! One question to a chain: `eth_call`, answered by one word.

use farebox_evm::primitives::{Address, U256};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;

use crate::{
    answer::{self, Failed},
    wire::Wire,
};

const LONGEST_ANSWER: usize = 64 * 1024;

#[derive(Deserialize)]
struct Answer {
    result: Option<String>,
}

/// The word that a call of a contract returns. The error says what is wrong, and holds neither the URL (it may have a key
/// in it) nor the node's words.
pub(super) async fn call(wire: &Wire, url: &Url, to: Address, data: &str) -> Result<U256, &'static str> {
    let params = json!([{"to": to.to_checksum(None), "data": data}, "latest"]);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": params});
    let answer = wire.http().post(url.clone()).json(&body).send().await.map_err(|_| "the node does not answer")?;
    let answer = answer::read(answer, LONGEST_ANSWER).await.map_err(|failed| match failed {
        Failed::Network(_) => "the node's answer broke off",
        Failed::TooLong(_) => "the node's answer is too long",
    })?;
    let answer: Answer = serde_json::from_slice(answer.body()).map_err(|_| "the node's answer is not JSON-RPC")?;
    let word = answer.result.ok_or("the node refused the call")?;
    let digits =
        word.strip_prefix("0x").filter(|digits| digits.len() == 64).ok_or("the contract's answer is no word")?;
    U256::from_str_radix(digits, 16).map_err(|_| "the contract's answer is no number")
}
