//! What verify finds, on a real chain.

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use farebox_evm::{Payment, Signature, contracts::PERMIT2};
use serde_json::json;

use crate::world::{
    FACTORY, USDC, World, address, approveCall, createCall, fresh_wallet, predictCall, random_word, resigned,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_authorization_is_valid_and_costs_nothing() {
    let Some(world) = World::new().await else { return };
    let (payment, requirements) = world.pay(10_000);
    assert_eq!(world.verify(&payment, &requirements).await.unwrap().amount, 10_000.into());
    assert_eq!(world.chain.next_nonce(world.signer.address()).await.unwrap(), 0);
    assert_eq!(world.balance(world.seller).await, U256::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_payments_at_once_do_not_see_one_another() {
    let Some(world) = World::new().await else { return };
    // Together they are more than the payer has; each alone is not.
    let payments: Vec<_> = (0..60).map(|_| world.pay(60_000_000)).collect();
    let world = std::sync::Arc::new(world);
    let verifying = payments.into_iter().map(|(payment, requirements)| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move { world.verify(&payment, &requirements).await })
    });
    for verdict in verifying.collect::<Vec<_>>() {
        verdict.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dishonest_payment_is_refused_with_its_own_code() {
    let Some(world) = World::new().await else { return };
    let (payment, mut other) = world.pay(10_000);
    other.pay_to = "0x0000000000000000000000000000000000000009".into();
    assert_eq!(world.code(&payment, &other).await, "invalid_exact_evm_payload_recipient_mismatch");
    let more = world.requirements("exact", 10_001);
    assert_eq!(world.code(&payment, &more).await, "invalid_exact_evm_payload_authorization_value_mismatch");
    let (payment, requirements) = world.pay(100_000_001);
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_insufficient_balance");

    let requirements = world.requirements("exact", 10_000);
    let transfer = world.transfer(10_000);
    let forged = resigned(&world.signed(&transfer), &fresh_wallet().sign(transfer.digest(&World::domain())));
    let forged = Payment::read(&forged, None, &requirements).unwrap();
    assert_eq!(world.code(&forged, &requirements).await, "invalid_exact_evm_payload_signature");

    let mut late = world.transfer(10_000);
    late.valid_before = U256::from(u64::try_from(crate::world::now().seconds()).unwrap() + 5);
    let late = Payment::read(&world.signed(&late), None, &requirements).unwrap();
    assert_eq!(world.code(&late, &requirements).await, "invalid_exact_evm_payload_authorization_valid_before");
    let mut early = world.transfer(10_000);
    early.valid_after = early.valid_before - U256::from(10);
    let early = Payment::read(&world.signed(&early), None, &requirements).unwrap();
    assert_eq!(world.code(&early, &requirements).await, "invalid_exact_evm_payload_authorization_valid_after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_or_version_of_the_token_is_told_apart() {
    let Some(world) = World::new().await else { return };
    let (_, mut requirements) = world.pay(10_000);
    let payload = world.signed(&world.transfer(10_000));
    requirements.extra.insert("name".into(), "USD Coin".into());
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_token_name_mismatch");
    requirements.extra.insert("name".into(), "USDC".into());
    requirements.extra.insert("version".into(), "1".into());
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_token_version_mismatch");
    requirements.extra.clear();
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "missing_eip712_domain");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_without_code_is_not_a_token() {
    let Some(world) = World::new().await else { return };
    let mut requirements = world.requirements("exact", 10_000);
    requirements.asset = "0x00000000000000000000000000000000000000aa".into();
    let payment = Payment::read(&world.signed(&world.transfer(10_000)), None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "asset_not_deployed_contract");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_with_code_answers_for_itself_whatever_its_key_signs() {
    let Some(world) = World::new().await else { return };
    // An account that has delegated (EIP-7702) to code that confirms nothing: its own key does not count any more.
    let (payment, requirements) = world.pay(10_000);
    let code = format!("0xef0100{}", hex::encode(PERMIT2));
    world.rpc("anvil_setCode", json!([address(&world.payer), code])).await;
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_payload_signature");
}

sol! {
    struct Wrapped { address factory; bytes factoryCall; bytes inner; }
}

/// A payer that is a contract which `world.payer` owns, funded; its payment, wrapped for an account that is not there yet.
async fn contract_payer(world: &World, wrapped: bool) -> Payment {
    let (owner, salt) = (address(&world.payer), random_word());
    let word = world.view(&FACTORY.to_string(), predictCall { owner, salt }.abi_encode()).await;
    let account = alloy_primitives::Address::from_word(B256::from(word));
    world.mint(account, 1_000_000).await;
    let create = createCall { owner, salt }.abi_encode();
    let requirements = world.requirements("exact", 10_000);
    let mut transfer = world.transfer(10_000);
    transfer.from = account;
    let signature = world.payer.sign(transfer.digest(&World::domain()));
    let mut payload = farebox_evm::eip3009_payload(&transfer, &signature);
    if wrapped {
        let inner = Bytes::from(signature.bytes());
        let wrapped = Wrapped { factory: FACTORY, factoryCall: create.into(), inner }.abi_encode_params();
        payload["signature"] = format!("0x{}{}", hex::encode(wrapped), "6492".repeat(16)).into();
    } else {
        world.send_as(owner, &FACTORY.to_string(), create).await;
    }
    Payment::read(&payload, None, &requirements).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_account_pays_when_it_confirms_the_signature() {
    let Some(world) = World::new().await else { return };
    let payment = contract_payer(&world, false).await;
    world.verify(&payment, &world.requirements("exact", 10_000)).await.unwrap();
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(look.receipts[&hash].succeeded);
    assert_eq!(world.balance(world.seller).await, U256::from(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_deployed_yet_pays_by_an_allowed_factory() {
    let Some(world) = World::new().await else { return };
    let payment = contract_payer(&world, true).await;
    world.verify(&payment, &world.requirements("exact", 10_000)).await.unwrap();
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(look.receipts[&hash].pays(&payment.asset(), &payment.payer(), &payment.pay_to(), 10_000.into()));
    assert_eq!(world.balance(world.seller).await, U256::from(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn permit2_needs_an_allowance_first() {
    let Some(world) = World::new().await else { return };
    let (payment, requirements) = world.pay_by_permit2(10_000, None);
    assert_eq!(world.code(&payment, &requirements).await, "permit2_allowance_required");
    let approve = approveCall { spender: PERMIT2, value: U256::MAX }.abi_encode();
    world.send_as(address(&world.payer), USDC, approve).await;
    world.verify(&payment, &requirements).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn upto_is_for_the_facilitator_that_the_payer_named() {
    let Some(world) = World::new().await else { return };
    let approve = approveCall { spender: PERMIT2, value: U256::MAX }.abi_encode();
    world.send_as(address(&world.payer), USDC, approve).await;
    let (payment, requirements) = world.pay_by_permit2(20_000, Some(address(&world.signer)));
    world.verify(&payment, &requirements).await.unwrap();
    let (payment, requirements) = world.pay_by_permit2(20_000, Some(address(&world.payer)));
    assert_eq!(world.code(&payment, &requirements).await, "upto_facilitator_mismatch");
}

#[test]
fn a_signature_in_its_other_form_is_no_signature() {
    let mut bytes = [0; 65];
    bytes[31] = 1;
    bytes[32] = 0xff;
    assert!(Signature::read(&bytes).is_err());
}
