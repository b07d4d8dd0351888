//! Payers that try, on a real chain: one transfer for two payments, code that misbehaves, authorizations used elsewhere.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use farebox_evm::{
    Authorization, EIP2612_EXTENSION, Payment, Wallet,
    chain::Use,
    contracts::{EXACT_PROXY, MULTICALL3, PERMIT2},
    eip3009_payload, permit2_payload, sponsoring_extension,
    typed::{Domain, Permit, Permit2Transfer, TransferAuthorization},
};
use serde_json::{Map, Value, json};

use crate::fake::{Finding, Node, Reply, items};
use crate::world::{
    CHAIN, FACTORY, USDC, World, address, approveCall, createCall, fresh_wallet, post, predictCall, random_word,
};

sol! {
    struct Permitted { address token; uint256 amount; }
    struct PermitTransfer { Permitted permitted; uint256 nonce; uint256 deadline; }
    struct Witness { address to; uint256 validAfter; }
    struct Call3 { address target; bool allowFailure; bytes callData; }
    struct Wrapped { address factory; bytes factoryCall; bytes inner; }
    function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature);
    function settle(PermitTransfer permit, address owner, Witness witness, bytes signature);
    function aggregate3(Call3[] calls);
}

/// The token's call of an authorization that `wallet` signs.
fn transfer_call(of: &TransferAuthorization, wallet: &Wallet) -> Vec<u8> {
    transferWithAuthorizationCall {
        from: of.from,
        to: of.to,
        value: of.value,
        validAfter: of.valid_after,
        validBefore: of.valid_before,
        nonce: of.nonce,
        signature: wallet.sign(of.digest(&World::domain())).bytes().into(),
    }
    .abi_encode()
}

fn settle_call(of: &Permit2Transfer, wallet: &Wallet) -> Vec<u8> {
    let permitted = Permitted { token: of.token, amount: of.amount };
    settleCall {
        permit: PermitTransfer { permitted, nonce: of.nonce, deadline: of.deadline },
        owner: address(wallet),
        witness: Witness { to: of.witness.to, validAfter: of.witness.valid_after },
        signature: wallet.sign(of.digest(&Domain::permit2(CHAIN))).bytes().into(),
    }
    .abi_encode()
}

fn transfer_of(payment: &Payment) -> TransferAuthorization {
    let Authorization::Transfer(transfer) = payment.authorization() else { panic!("no transfer") };
    *transfer
}

fn permit2_of(payment: &Payment) -> Permit2Transfer {
    let Authorization::Permit2(transfer) = payment.authorization() else { panic!("no Permit2 transfer") };
    *transfer
}

impl World {
    async fn approve_permit2(&self, owner: Address) {
        let approve = approveCall { spender: PERMIT2, value: U256::MAX }.abi_encode();
        self.send_as(owner, USDC, approve).await;
    }

    async fn fate(&self, payment: &Payment) -> Use {
        self.chain.use_of(payment, 10_000.into(), crate::world::now()).await.unwrap()
    }

    /// Somebody else brings `data` to the chain.
    async fn outsider(&self, to: &str, data: Vec<u8>) {
        self.send_as(address(&fresh_wallet()), to, data).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_faster_with_the_authorization_pays_the_seller_for_the_payer() {
    let Some(world) = World::new().await else { return };
    let (payment, _) = world.pay(10_000);
    world.outsider(USDC, transfer_call(&transfer_of(&payment), &world.payer)).await;
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(!look.receipts[&hash].succeeded);
    let fate = world.fate(&payment).await;
    assert!(matches!(fate, Use::Paid { transaction, .. } if transaction != hash), "{fate:?}");
    assert_eq!(world.balance(world.seller).await, U256::from(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_moved_something_else_has_not_paid() {
    let Some(world) = World::new().await else { return };
    let (payment, requirements) = world.pay(10_000);
    let home = TransferAuthorization { to: address(&world.payer), ..transfer_of(&payment) };
    world.outsider(USDC, transfer_call(&home, &world.payer)).await;
    assert_eq!(world.fate(&payment).await, Use::Spent);
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_nonce_already_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transfer_does_not_pay_for_two_authorizations() {
    let Some(world) = World::new().await else { return };
    // Both promise the same amount to the same seller. In one transaction one of them pays; the other is used up at home.
    for paid_first in [true, false] {
        let ((paid, _), (burnt, _)) = (world.pay(10_000), world.pay(10_000));
        let home = TransferAuthorization { to: address(&world.payer), value: U256::ZERO, ..transfer_of(&burnt) };
        let call = |of: &TransferAuthorization| Call3 {
            target: USDC.parse().unwrap(),
            allowFailure: false,
            callData: transfer_call(of, &world.payer).into(),
        };
        let mut calls = vec![call(&transfer_of(&paid)), call(&home)];
        if !paid_first {
            calls.reverse();
        }
        world.outsider(&MULTICALL3.to_string(), aggregate3Call { calls }.abi_encode()).await;
        assert!(matches!(world.fate(&paid).await, Use::Paid { .. }));
        assert_eq!(world.fate(&burnt).await, Use::Spent);
    }
    assert_eq!(world.balance(world.seller).await, U256::from(20_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_a_transaction_only_mentions_has_not_paid() {
    let Some(world) = World::new().await else { return };
    world.approve_permit2(address(&world.payer)).await;
    let ((paid, _), (burnt, requirements)) = (world.pay_by_permit2(10_000, None), world.pay_by_permit2(10_000, None));
    // The settlement of the one, with the other's nonce behind it, where no contract looks.
    let mut call = settle_call(&permit2_of(&paid), &world.payer);
    call.extend(permit2_of(&burnt).nonce.to_be_bytes::<32>());
    world.outsider(&EXACT_PROXY.to_string(), call).await;
    let mut home = permit2_of(&burnt);
    home.witness.to = address(&world.payer);
    world.outsider(&EXACT_PROXY.to_string(), settle_call(&home, &world.payer)).await;
    assert!(matches!(world.fate(&paid).await, Use::Paid { .. }));
    assert_eq!(world.fate(&burnt).await, Use::Spent);
    assert_eq!(world.balance(world.seller).await, U256::from(10_000));
    assert_eq!(world.code(&burnt, &requirements).await, "permit2_invalid_nonce");
}

#[tokio::test(flavor = "multi_thread")]
async fn permit2_takes_no_more_than_the_payer_has() {
    let Some(world) = World::new().await else { return };
    world.approve_permit2(address(&world.payer)).await;
    let (payment, requirements) = world.pay_by_permit2(100_000_001, None);
    assert_eq!(world.code(&payment, &requirements).await, "permit2_insufficient_balance");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowance_that_comes_along_is_enough_and_settles() {
    let Some(world) = World::new().await else { return };
    let (payment, requirements) = world.pay_by_permit2(10_000, None);
    let transfer = permit2_of(&payment);
    let sponsored = |signer: &Wallet| {
        let permit = Permit {
            owner: address(&world.payer),
            spender: PERMIT2,
            value: transfer.amount,
            nonce: U256::ZERO,
            deadline: transfer.deadline,
        };
        let info = sponsoring_extension(transfer.token, &permit, &signer.sign(permit.digest(&World::domain())));
        let extensions: Map<String, Value> =
            [(EIP2612_EXTENSION.to_owned(), json!({"info": info}))].into_iter().collect();
        let signature = world.payer.sign(transfer.digest(&Domain::permit2(CHAIN)));
        let payload = permit2_payload(address(&world.payer), &transfer, &signature);
        Payment::read(&payload, Some(&extensions), &requirements).unwrap()
    };
    assert_eq!(world.code(&sponsored(&fresh_wallet()), &requirements).await, "permit2_allowance_required");
    let payment = sponsored(&world.payer);
    world.verify(&payment, &requirements).await.unwrap();
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(look.receipts[&hash].settles(&payment, 10_000.into()));
    assert!(matches!(world.fate(&payment).await, Use::Paid { transaction, .. } if transaction == hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_with_its_parity_as_a_bit_settles_by_permit2_too() {
    let Some(world) = World::new().await else { return };
    world.approve_permit2(address(&world.payer)).await;
    let (payment, requirements) = world.pay_by_permit2(10_000, None);
    let transfer = permit2_of(&payment);
    let signature = world.payer.sign(transfer.digest(&Domain::permit2(CHAIN)));
    let mut payload = permit2_payload(address(&world.payer), &transfer, &signature);
    let mut bytes = signature.bytes();
    bytes[64] -= 27;
    payload["signature"] = format!("0x{}", hex::encode(bytes)).into();
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    world.verify(&payment, &requirements).await.unwrap();
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(look.receipts[&hash].succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_knows_no_authorizations_is_told() {
    let Some(world) = World::new().await else { return };
    let mut requirements = world.requirements("exact", 0);
    requirements.asset = PERMIT2.to_string();
    let transfer = world.transfer(0);
    let payment = Payment::read(&world.signed(&transfer), None, &requirements).unwrap();
    // It has another domain, and says so.
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_token_name_mismatch");
    requirements.asset = MULTICALL3.to_string();
    let domain = Domain::token("USDC", "2", CHAIN, MULTICALL3);
    let payload = eip3009_payload(&transfer, &world.payer.sign(transfer.digest(&domain)));
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_eip3009_not_supported");
}

/// An account's code that confirms every signature after some rounds of work, 26 gas each.
fn diligent(rounds: u32) -> String {
    let rounds = &format!("{rounds:08x}")[2..];
    format!("0x62{rounds}5b6001900380600457631626ba7e60e01b60005260206000f3")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_code_uses_more_gas_than_a_settlement_has_is_refused_and_not_found_out_later() {
    let Some(world) = World::new().await else { return };
    let (payment, requirements) = world.pay(10_000);
    let account = address(&world.payer);
    world.rpc("anvil_setCode", json!([account, diligent(20_000)])).await;
    let refusal = world.verify(&payment, &requirements).await.unwrap_err();
    assert_eq!(refusal.code, "invalid_exact_evm_payload_signature", "{}", refusal.reason);
    // As much as is left to it settles, too.
    let mut most = None;
    for rounds in [1_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000] {
        world.rpc("anvil_setCode", json!([account, diligent(rounds)])).await;
        if world.verify(&payment, &requirements).await.is_ok() {
            most = Some(rounds);
        }
    }
    let most = most.expect("none of them verifies");
    world.rpc("anvil_setCode", json!([account, diligent(most)])).await;
    let (look, hash) = world.settle(&payment, 10_000).await;
    assert!(look.receipts[&hash].succeeded, "{most} rounds verify, and do not settle");
}

/// A node that gives each of its calls less gas than two dozen payments may need.
async fn poor_node(of: &World) -> Node {
    let url = of.url.clone();
    Node::start(Duration::from_millis(50), move |request| {
        let mut request = request.clone();
        let calls = match &mut request {
            Value::Array(calls) => calls.iter_mut().collect(),
            one => vec![one],
        };
        for call in calls.into_iter().filter(|call| call["method"] == "eth_call") {
            call["params"][0]["gas"] = "0x4c4b40".into();
        }
        Reply::Of(url.clone(), request)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_burn_all_gas_harm_nobody_who_is_asked_about_with_them() {
    let Some(rich) = World::new().await else { return };
    let node = poor_node(&rich).await;
    let world = Arc::new(World { payer: rich.payer.clone(), seller: rich.seller, ..node.world(&[]) });
    let (first, requirements) = world.pay(10_000);
    world.verify(&first, &requirements).await.unwrap();
    let mut all = Vec::new();
    for at in 0..60 {
        if at % 3 == 0 {
            all.push((true, world.pay(10_000).0));
            continue;
        }
        let burner = fresh_wallet();
        rich.rpc("anvil_setCode", json!([address(&burner), "0x5b600056"])).await;
        let transfer = TransferAuthorization { from: address(&burner), ..world.transfer(10_000) };
        let payload = eip3009_payload(&transfer, &burner.sign(transfer.digest(&World::domain())));
        all.push((false, Payment::read(&payload, None, &requirements).unwrap()));
    }
    let verifying: Vec<_> = all
        .into_iter()
        .map(|(honest, payment)| {
            let (world, requirements) = (Arc::clone(&world), requirements.clone());
            tokio::spawn(async move { (honest, world.verify(&payment, &requirements).await) })
        })
        .collect();
    for one in verifying {
        let (honest, verdict) = one.await.unwrap();
        assert_eq!(honest, verdict.is_ok(), "{verdict:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_gas_a_node_gives_a_good_payment_is_found_good_or_not_at_all() {
    let Some(rich) = World::new().await else { return };
    let node = poor_node(&rich).await;
    let world = World { payer: rich.payer.clone(), seller: rich.seller, ..node.world(&[]) };
    let (payment, requirements) = world.pay(10_000);
    world.verify(&payment, &requirements).await.unwrap();
    let asked = node.asked();
    let mut probe = asked.into_iter().find(|one| items("eth_call", &one["params"]) == Some(1)).unwrap();
    let (mut good, mut missing) = (0, 0);
    for gas in (300_000..3_000_000).step_by(20_000) {
        probe["params"][0]["gas"] = format!("0x{gas:x}").into();
        let answer = post(&rich.url, &probe).await;
        // Too little even for the call itself.
        let Some(answer) = answer["result"].as_str() else { continue };
        let findings = Vec::<Bytes>::abi_decode(&hex::decode(&answer[2..]).unwrap()).unwrap();
        match Finding::abi_decode_params(&findings[0]) {
            Ok(finding) => {
                assert_eq!(finding.flags & U256::from(0b100_1011), U256::from(0b100_1011), "with {gas} gas");
                good += 1;
            }
            Err(_) => missing += 1,
        }
    }
    assert!(good > 0 && missing > 0, "{good} good, {missing} missing");
}

/// An account that `world.payer` owns, with money: its address, and the call that deploys it.
async fn owned_account(world: &World) -> (Address, Vec<u8>) {
    let (owner, salt) = (address(&world.payer), random_word());
    let word = world.view(&FACTORY.to_string(), predictCall { owner, salt }.abi_encode()).await;
    let account = Address::from_word(B256::from(word));
    world.mint(account, 1_000_000).await;
    (account, createCall { owner, salt }.abi_encode())
}

fn wrapped(factory: Address, call: &[u8], inner: &[u8]) -> Value {
    let parts = Wrapped { factory, factoryCall: Bytes::copy_from_slice(call), inner: Bytes::copy_from_slice(inner) };
    format!("0x{}{}", hex::encode(parts.abi_encode_params()), "6492".repeat(16)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_in_our_transactions_is_of_factories_that_are_allowed() {
    let Some(world) = World::new().await else { return };
    let (account, create) = owned_account(&world).await;
    let requirements = world.requirements("exact", 10_000);
    let transfer = TransferAuthorization { from: account, ..world.transfer(10_000) };
    let signature = world.payer.sign(transfer.digest(&World::domain()));
    let mut payload = eip3009_payload(&transfer, &signature);
    payload["signature"] = wrapped(MULTICALL3, &create, &signature.bytes());
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "eip6492_factory_not_allowed");
    // Allowed, but it deploys somebody else's account.
    let other = createCall { owner: address(&fresh_wallet()), salt: random_word() }.abi_encode();
    payload["signature"] = wrapped(FACTORY, &other, &signature.bytes());
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    assert_eq!(world.code(&payment, &requirements).await, "invalid_exact_evm_payload_signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_account_that_still_wraps_its_signature_pays_upto_what_it_permitted() {
    let Some(world) = World::new().await else { return };
    let (account, create) = owned_account(&world).await;
    world.send_as(address(&world.payer), &FACTORY.to_string(), create.clone()).await;
    world.approve_permit2(account).await;
    let (payment, requirements) = world.pay_by_permit2(20_000, Some(address(&world.signer)));
    let transfer = permit2_of(&payment);
    let signature = world.payer.sign(transfer.digest(&Domain::permit2(CHAIN)));
    let mut payload = permit2_payload(account, &transfer, &signature);
    payload["signature"] = wrapped(FACTORY, &create, &signature.bytes());
    let payment = Payment::read(&payload, None, &requirements).unwrap();
    world.verify(&payment, &requirements).await.unwrap();
    let (look, hash) = world.settle(&payment, 1_858).await;
    assert!(look.receipts[&hash].settles(&payment, 1_858.into()));
    assert_eq!(world.balance(world.seller).await, U256::from(1_858));
}
