//! Nodes that show little of a chain's history: who used an authorization is found all the same, or nothing is said.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use alloy_primitives::{B256, U256, b256};
use farebox_evm::{
    Authorization, Payment,
    chain::{Fault, Use},
};
use farebox_types::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    fake::{Node, each},
    world::USDC,
};

const HEAD: u64 = 1_000_000;
const USED: B256 = b256!("98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5");
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
const HASH: B256 = B256::repeat_byte(7);

/// What a node knows of the transaction that used an authorization, and how it tells it.
#[derive(Clone, Copy)]
struct History {
    /// Its block, if there is one.
    block: Option<u64>,
    /// Blocks in one look at events, at most.
    most: u64,
    /// It tells the transfer before the use.
    backwards: bool,
    receipt: bool,
    /// Its head goes back by so much with each question.
    lag: u64,
    /// So many blocks ago nobody had used it.
    since: u64,
    /// Milliseconds from block to block.
    pace: u64,
}

const PLAIN: History = History {
    block: Some(HEAD - 4_000),
    most: u64::MAX,
    backwards: false,
    receipt: true,
    lag: 0,
    since: 100_000,
    pace: 2_000,
};

fn receipt(payment: &Payment, backwards: bool) -> Value {
    let Authorization::Transfer(transfer) = payment.authorization() else { panic!("no transfer") };
    let log = |topics: Value, data: &[u8]| json!({"address": USDC, "topics": topics, "data": format!("0x{}", hex::encode(data))});
    let used = log(json!([USED, transfer.from.into_word(), transfer.nonce]), &[]);
    let value = transfer.value.to_be_bytes::<32>();
    let moved = log(json!([TRANSFER, transfer.from.into_word(), transfer.to.into_word()]), &value);
    let logs = if backwards { [moved, used] } else { [used, moved] };
    json!({"transactionHash": HASH, "blockNumber": "0x5", "status": "0x1", "logs": logs})
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// What such a node makes us think of a payment.
async fn told(history: History) -> Result<Use, Fault> {
    let nobody = Node::start(Duration::ZERO, |request| each(request, |_, _| Ok(Value::Null))).await;
    let (payment, _) = nobody.world(&[]).pay(10_000);
    let receipt = receipt(&payment, history.backwards);
    let time = move |block: u64| 1_700_000_000 + block * history.pace / 1_000;
    let questions = AtomicU64::new(0);
    let node = Node::start(Duration::ZERO, move |request| {
        let head = HEAD - history.lag * questions.fetch_add(1, Ordering::Relaxed);
        each(request, |method, params| match method {
            "eth_call" => Ok(json!(B256::from(U256::ONE))),
            "eth_blockNumber" => Ok(json!(format!("0x{head:x}"))),
            "eth_getLogs" => {
                let (first, last) = (number(&params[0]["fromBlock"]), number(&params[0]["toBlock"]));
                if last - first >= history.most {
                    return Err(json!({"code": -32_005, "message": "query exceeds max block range"}));
                }
                let there = history.block.is_some_and(|block| (first..=last).contains(&block));
                Ok(if there { json!([{"transactionHash": HASH}]) } else { json!([]) })
            }
            "eth_getBlockByNumber" => Ok(json!({"timestamp": format!("0x{:x}", time(number(&params[0])))})),
            "eth_getTransactionReceipt" if history.receipt => Ok(receipt.clone()),
            _ => Ok(Value::Null),
        })
    })
    .await;
    let since = Timestamp::from_seconds(i64::try_from(time(HEAD - history.since)).unwrap());
    node.world(&[]).chain.use_of(&payment, 10_000.into(), since).await
}

#[rstest]
#[case::at_once(PLAIN)]
#[case::long_ago(History { block: Some(HEAD - 99_000), ..PLAIN })]
#[case::by_ten_thousand_blocks(History { block: Some(HEAD - 95_000), most: 10_000, ..PLAIN })]
#[case::by_thousands(History { most: 2_000, ..PLAIN })]
#[case::by_hundreds(History { block: Some(HEAD - 1_500), most: 100, ..PLAIN })]
#[case::at_the_head(History { block: Some(HEAD), most: 100, ..PLAIN })]
#[case::at_the_end_of_a_page(History { block: Some(HEAD - 100), most: 100, ..PLAIN })]
#[case::the_transfer_told_first(History { backwards: true, ..PLAIN })]
#[tokio::test]
async fn the_transaction_that_paid_is_found(#[case] history: History) {
    assert_eq!(told(history).await.unwrap(), Use::Paid { transaction: HASH.0, block: 5 });
}

#[rstest]
#[case::at_once(History { block: None, ..PLAIN })]
#[case::by_thousands(History { block: None, most: 1_000, since: 4_500, ..PLAIN })]
#[case::after_an_hour_on_a_fast_chain(History { block: None, most: 1_000, since: 14_400, pace: 250, ..PLAIN })]
#[tokio::test]
async fn what_nobody_paid_with_is_spent(#[case] history: History) {
    assert_eq!(told(history).await.unwrap(), Use::Spent);
}

#[rstest]
#[case::too_few_blocks(History { block: None, most: 100, ..PLAIN })]
#[case::after_a_day_on_a_fast_chain(History { block: None, most: 1_000, since: 345_600, pace: 250, ..PLAIN })]
#[case::an_older_use_than_is_shown(History { block: Some(HEAD - 300_000), most: 1_000, since: 345_600, pace: 250, ..PLAIN })]
#[case::hardly_any(History { most: 10, ..PLAIN })]
#[case::a_node_that_lags(History { lag: 1, block: None, ..PLAIN })]
#[case::no_receipt(History { receipt: false, ..PLAIN })]
#[tokio::test]
async fn with_too_little_to_see_nothing_is_said(#[case] history: History) {
    let fault = told(history).await.unwrap_err();
    assert!(matches!(fault, Fault::Unreadable { .. } | Fault::Refused { .. }), "{fault}");
}
