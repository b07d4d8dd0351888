//! What transactions do, and what is seen of it, on a real chain.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use farebox_evm::{
    chain::{Chain, ChainConfig, Sent, Use},
    contracts::PERMIT2,
};
use farebox_types::AtomicAmount;

use crate::world::{CHAIN, USDC, World, address, approveCall};

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_payment_moves_exactly_its_amount_and_is_used_afterwards() {
    let Some(world) = World::new().await else { return };
    let (payment, requirements) = world.pay(10_000);
    assert_eq!(world.chain.use_of(&payment, 10_000.into(), crate::world::now()).await.unwrap(), Use::Unused);
    let (look, hash) = world.settle(&payment, 10_000).await;
    let receipt = &look.receipts[&hash];
    assert!(receipt.pays(&payment.asset(), &payment.payer(), &payment.pay_to(), 10_000.into()));
    assert!(!receipt.pays(&payment.asset(), &payment.payer(), &payment.pay_to(), 10_001.into()));
    assert_eq!(look.counts[&world.signer.address()], 1);
    assert_eq!(world.balance(world.seller).await, U256::from(10_000));
    let paid = Use::Paid { transaction: hash, block: receipt.block };
    assert_eq!(world.chain.use_of(&payment, 10_000.into(), crate::world::now()).await.unwrap(), paid);
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_nonce_already_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_twice_are_one_transaction_and_another_nonce_moves_nothing() {
    let Some(world) = World::new().await else { return };
    let (payment, _) = world.pay(10_000);
    let fees = world.chain.fees().await.unwrap();
    let amount = AtomicAmount::from(10_000);
    let first = world.chain.sign_settlement(&[(&payment, amount)], 0, fees, &world.signer).unwrap();
    assert_eq!(first, world.chain.sign_settlement(&[(&payment, amount)], 0, fees, &world.signer).unwrap());
    assert_eq!(world.chain.send(&[&first.raw]).await.unwrap(), [Sent::Accepted]);
    let again = world.chain.send(&[&first.raw]).await.unwrap();
    assert!(matches!(&again[..], [Sent::AlreadyKnown | Sent::NonceTooLow]), "{again:?}");
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(!look.receipts[&hash].succeeded);
    assert_eq!(world.balance(world.seller).await, U256::from(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn upto_takes_what_was_used() {
    let Some(world) = World::new().await else { return };
    let approve = approveCall { spender: PERMIT2, value: U256::MAX }.abi_encode();
    world.send_as(address(&world.payer), USDC, approve).await;
    let (payment, _) = world.pay_by_permit2(20_000, Some(address(&world.signer)));
    let (look, hash) = world.settle(&payment, 1_858).await;
    assert!(look.receipts[&hash].pays(&payment.asset(), &payment.payer(), &payment.pay_to(), 1_858.into()));
    assert_eq!(world.balance(world.seller).await, U256::from(1_858));
    let paid = world.chain.use_of(&payment, 1_858.into(), crate::world::now()).await.unwrap();
    assert!(matches!(paid, Use::Paid { transaction, .. } if transaction == hash), "{paid:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_uses_the_nonce_up_and_nothing_else() {
    let Some(world) = World::new().await else { return };
    let fees = world.chain.fees().await.unwrap();
    let cancel = world.chain.sign_cancel(0, fees, &world.signer);
    assert_eq!(world.chain.send(&[&cancel.raw]).await.unwrap(), [Sent::Accepted]);
    assert_eq!(world.chain.next_nonce(world.signer.address()).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_down_is_passed_over() {
    let Some(world) = World::new().await else { return };
    let down = "http://127.0.0.1:9".to_owned();
    let chain = Chain::new(ChainConfig::new(CHAIN, vec![down.clone(), world.url.clone()], vec![])).unwrap();
    assert_eq!(chain.ask_id().await.unwrap(), CHAIN);
    let dead = Chain::new(ChainConfig::new(CHAIN, vec![down], vec![])).unwrap();
    let fault = dead.ask_id().await.unwrap_err().to_string();
    assert!(fault.contains("no connection") && !fault.contains("127.0.0.1"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_in_one_transaction_settle_or_fail_each_by_itself() {
    let Some(world) = World::new().await else { return };
    let (good, _) = world.pay(10_000);
    // As much, of the same payer, to the same seller: only the nonce tells them apart.
    let (used, _) = world.pay(10_000);
    world.settle(&used, 10_000).await;
    let (poor, _) = world.pay(100_000_001);
    let amount = AtomicAmount::from(10_000);
    let all = [(&used, amount), (&poor, AtomicAmount::from(100_000_001)), (&good, amount)];
    let fees = world.chain.fees().await.unwrap();
    let signed = world.chain.sign_settlement(&all, 1, fees, &world.signer).unwrap();
    assert_eq!(world.chain.send(&[&signed.raw]).await.unwrap(), [Sent::Accepted]);
    let look = world.mined(signed.hash).await;
    let receipt = &look.receipts[&signed.hash];
    assert_eq!(all.map(|(payment, amount)| receipt.settles(payment, amount)), [false, false, true]);
    assert_eq!(world.balance(world.seller).await, U256::from(20_000));
}
