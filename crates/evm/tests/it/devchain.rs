//! The development chain, as our own client and others see it. It needs nothing installed, so these run everywhere.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use farebox_evm::{
    Wallet,
    chain::{Chain, ChainConfig, Fees, Sent, Signed, Use},
    contracts::PERMIT2,
    devchain::{DevChain, DevOptions, Mining, TOKEN, wallets},
};
use farebox_types::{AtomicAmount, ManualClock, Timestamp};
use serde_json::{Value, json};

use crate::world::{CHAIN, USDC, World, address, approveCall, fresh_wallet, mintCall};

const FEES: Fees = Fees { max: 1_000_000_000, priority: 1_000_000 };

async fn start(mining: Mining) -> DevChain {
    DevChain::start(DevOptions { mining, ..DevOptions::default() }).await.unwrap()
}

/// People on `dev`: a signer with gas, a payer with a hundred dollars.
async fn world(dev: &DevChain) -> World {
    let (signer, payer) = (fresh_wallet(), fresh_wallet());
    dev.fund(&signer.address(), 1_000_000_000_000_000_000).await.unwrap();
    dev.mint(&payer.address(), 100_000_000.into()).await.unwrap();
    let chain = Chain::new(ChainConfig::new(CHAIN, vec![dev.url().to_owned()], vec![signer.address()])).unwrap();
    World { url: dev.url().to_owned(), chain, signer, payer, seller: address(&fresh_wallet()) }
}

impl World {
    fn signed_with(&self, nonce: u64, fees: Fees) -> Signed {
        let (payment, _) = self.pay(10_000);
        self.chain.sign_settlement(&[(&payment, 10_000.into())], nonce, fees, &self.signer).unwrap()
    }

    async fn say(&self, signed: &Signed) -> Sent {
        self.chain.send(&[&signed.raw]).await.unwrap().remove(0)
    }

    async fn counts(&self) -> (u64, u64) {
        let look = self.chain.look(&[], &[self.signer.address()]).await.unwrap();
        (look.counts[&self.signer.address()], self.chain.next_nonce(self.signer.address()).await.unwrap())
    }

    fn seller_of_types(&self) -> farebox_types::Address {
        farebox_types::Address::from_bytes(self.seller.into_array())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_is_verified_settled_and_found_used() {
    let dev = start(Mining::Instant).await;
    let world = world(&dev).await;
    assert_eq!(world.chain.ask_id().await.unwrap(), dev.chain_id());
    let (payment, requirements) = world.pay(10_000);
    assert_eq!(world.verify(&payment, &requirements).await.unwrap().amount, 10_000.into());
    assert_eq!(world.chain.use_of(&payment, 10_000.into(), crate::world::now()).await.unwrap(), Use::Unused);
    let (look, hash) = world.settle(&payment, 10_000).await;
    let receipt = &look.receipts[&hash];
    assert!(receipt.pays(&payment.asset(), &payment.payer(), &payment.pay_to(), 10_000.into()));
    assert_eq!(dev.balance(&world.seller_of_types()).await.unwrap(), 10_000.into());
    assert_eq!(dev.balance(&payment.payer()).await.unwrap(), AtomicAmount::from(99_990_000));
    let paid = Use::Paid { transaction: hash, block: receipt.block };
    assert_eq!(world.chain.use_of(&payment, 10_000.into(), crate::world::now()).await.unwrap(), paid);
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_nonce_already_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn gas_is_paid_for_and_a_reverted_settlement_moves_nothing_else() {
    let dev = start(Mining::Instant).await;
    let world = world(&dev).await;
    let (payment, _) = world.pay(10_000);
    world.settle(&payment, 10_000).await;
    let before = world.chain.gas_money(world.signer.address()).await.unwrap();
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(!look.receipts[&hash].succeeded);
    let receipt = dev.call("eth_getTransactionReceipt", json!([B256::new(hash)])).await.unwrap();
    let quantity = |name: &str| receipt[name].as_str().unwrap().parse::<U256>().unwrap();
    let paid = quantity("gasUsed") * quantity("effectiveGasPrice");
    assert!(paid > U256::ZERO);
    assert_eq!(U256::from(before - world.chain.gas_money(world.signer.address()).await.unwrap()), paid);
    assert_eq!(receipt["logs"], json!([]));
    assert_eq!(dev.balance(&world.seller_of_types()).await.unwrap(), 10_000.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn permit2_takes_what_was_used_up_to_a_limit() {
    let dev = start(Mining::Instant).await;
    let world = world(&dev).await;
    let approve = approveCall { spender: PERMIT2, value: U256::MAX }.abi_encode();
    world.send_as(address(&world.payer), USDC, approve).await;
    let (payment, requirements) = world.pay_by_permit2(20_000, Some(address(&world.signer)));
    world.verify(&payment, &requirements).await.unwrap();
    let (look, hash) = world.settle(&payment, 1_858).await;
    assert!(look.receipts[&hash].pays(&payment.asset(), &payment.payer(), &payment.pay_to(), 1_858.into()));
    assert_eq!(dev.balance(&world.seller_of_types()).await.unwrap(), 1_858.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_waits_until_it_is_filled() {
    let dev = start(Mining::Instant).await;
    let world = world(&dev).await;
    let (first, second, third) = (world.signed_with(0, FEES), world.signed_with(1, FEES), world.signed_with(2, FEES));
    assert_eq!(world.say(&third).await, Sent::Accepted);
    assert_eq!(world.say(&second).await, Sent::Accepted);
    assert_eq!(world.say(&second).await, Sent::AlreadyKnown);
    assert_eq!(world.counts().await, (0, 0));
    let waiting = dev.call("eth_getTransactionByHash", json!([B256::new(second.hash)])).await.unwrap();
    assert_eq!(waiting["blockHash"], Value::Null);
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([B256::new(second.hash)])).await.unwrap(), Value::Null);
    assert_eq!(world.say(&first).await, Sent::Accepted);
    assert_eq!(world.counts().await, (3, 3));
    assert_eq!(dev.balance(&world.seller_of_types()).await.unwrap(), 30_000.into());
    assert_eq!(world.say(&first).await, Sent::NonceTooLow);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_makes_way_for_a_better_offer_only() {
    let dev = start(Mining::OnDemand).await;
    let world = world(&dev).await;
    let old = world.signed_with(0, FEES);
    assert_eq!(world.say(&old).await, Sent::Accepted);
    assert_eq!(world.say(&old).await, Sent::AlreadyKnown);
    assert_eq!(world.counts().await, (0, 1));
    assert_eq!(world.say(&world.signed_with(0, FEES)).await, Sent::Underpriced);
    let new = world.signed_with(0, FEES.above(FEES.max, FEES.priority));
    assert_eq!(world.say(&new).await, Sent::Accepted);
    dev.mine().await.unwrap();
    let look = world.chain.look(&[old.hash, new.hash], &[]).await.unwrap();
    assert!(look.receipts.contains_key(&new.hash) && !look.receipts.contains_key(&old.hash));
    assert_eq!(world.counts().await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_block_could_take_is_refused_at_once() {
    let dev = start(Mining::Instant).await;
    let mut world = world(&dev).await;
    let stingy = format!("0x{}", hex::encode(world.signed_with(0, Fees { max: 1, priority: 1 }).raw));
    let refused = dev.call("eth_sendRawTransaction", json!([stingy])).await.unwrap_err();
    assert_eq!(refused.message, "max fee per gas less than block base fee");
    world.signer = fresh_wallet();
    assert_eq!(world.say(&world.signed_with(0, FEES)).await, Sent::InsufficientFunds);
    let elsewhere = DevChain::start(DevOptions { chain_id: 1_337, ..DevOptions::default() }).await.unwrap();
    let raw = format!("0x{}", hex::encode(world.signed_with(0, FEES).raw));
    let refused = elsewhere.call("eth_sendRawTransaction", json!([raw])).await.unwrap_err();
    assert!(refused.message.contains("invalid chain id"), "{refused}");
    let torn = dev.call("eth_sendRawTransaction", json!([&raw[..raw.len() - 2]])).await.unwrap_err();
    assert_eq!(torn.code, -32_602);
    assert_eq!(dev.call("eth_blockNumber", json!([])).await.unwrap(), json!("0x0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settlements_sent_all_at_once_land_each_once() {
    let dev = start(Mining::Every(Duration::from_millis(20))).await;
    let world = world(&dev).await;
    let signed: Vec<Signed> = (0..60).map(|nonce| world.signed_with(nonce, FEES)).collect();
    let raws: Vec<&[u8]> = signed.iter().rev().map(|signed| &signed.raw[..]).collect();
    assert!(world.chain.send(&raws).await.unwrap().iter().all(|sent| *sent == Sent::Accepted));
    let hashes: Vec<[u8; 32]> = signed.iter().map(|signed| signed.hash).collect();
    for _ in 0..200 {
        let look = world.chain.look(&hashes, &[]).await.unwrap();
        if look.receipts.len() == 60 {
            assert!(look.receipts.values().all(|receipt| receipt.succeeded));
            assert_eq!(dev.balance(&world.seller_of_types()).await.unwrap(), 600_000.into());
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not every settlement came into a block");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_calls_take_their_time_from_the_clock() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
    let dev = DevChain::start(DevOptions { clock: clock.clone(), ..DevOptions::default() }).await.unwrap();
    let world = world(&dev).await;
    let (payment, requirements) = world.pay(10_000);
    // By the chain's clock it has expired long ago; by ours it has not.
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_payload_authorization_valid_before");
    clock.advance(Duration::from_secs(7));
    dev.mine().await.unwrap();
    let block = dev.call("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
    assert_eq!(block["timestamp"], json!(format!("0x{:x}", 1_800_000_007)));
    let parent = dev.call("eth_getBlockByNumber", json!(["0x0", false])).await.unwrap();
    assert_eq!(block["parentHash"], parent["hash"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_in_the_codes_that_clients_know() {
    let dev = start(Mining::Instant).await;
    let code = async |method: &str, params: Value| dev.call(method, params).await.unwrap_err().code;
    assert_eq!(code("eth_nothing", json!([])).await, -32_601);
    assert_eq!(code("eth_getBalance", json!([])).await, -32_602);
    assert_eq!(code("eth_getBalance", json!(["0x12"])).await, -32_602);
    assert_eq!(code("eth_getBalance", json!([Address::ZERO, "0x5"])).await, -32_000);
    assert_eq!(code("eth_getLogs", json!([{"fromBlock": "0x2", "toBlock": "0x1"}])).await, -32_602);
    let call = json!({"to": TOKEN, "data": "0xa9059cbb"});
    assert_eq!(code("eth_call", json!([call, "latest"])).await, 3);
    let too_much = mintCall { to: Address::ZERO, value: U256::MAX }.abi_encode();
    let overflow = json!({"to": TOKEN, "data": format!("0x{}", hex::encode(too_much))});
    let refused = dev.call("eth_estimateGas", json!([overflow])).await.unwrap_err();
    assert_eq!(refused.code, 3);
    assert!(refused.data.is_some_and(|data| data.starts_with(&[0x4e, 0x48, 0x7b, 0x71])));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_starts_rich_and_the_chain_ends_with_its_last_handle() {
    let dev = start(Mining::Instant).await;
    let first: Wallet = wallets().remove(0);
    assert_eq!(dev.balance(&first.address()).await.unwrap(), 1_000_000_000_000.into());
    let world = world(&dev).await;
    assert_eq!(world.chain.gas_money(first.address()).await.unwrap(), 10_000_000_000_000_000_000_000);
    drop(dev);
    for _ in 0..200 {
        if world.chain.ask_id().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the chain still answers");
}

/// The proofs that a foreign client makes of a chain's contracts hold here and on anvil.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "tests take their tools from the environment")]
async fn a_foreign_client_finds_the_contracts_as_they_should_be() {
    let Ok(modules) = std::env::var("FAREBOX_NODE_MODULES") else {
        println!("skipped: FAREBOX_NODE_MODULES is not set");
        return;
    };
    let dev = start(Mining::Instant).await;
    let chains = [Some(dev.url().to_owned()), std::env::var("FAREBOX_TEST_ANVIL").ok()];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/chain/prove.mjs");
    for url in chains.into_iter().flatten() {
        let mut node = Command::new("node");
        node.arg(&script).arg(url).env("FAREBOX_NODE_MODULES", &modules);
        let told = tokio::task::spawn_blocking(move || node.output()).await.unwrap().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        assert_eq!(String::from_utf8_lossy(&told.stdout).lines().count(), 6);
    }
}
