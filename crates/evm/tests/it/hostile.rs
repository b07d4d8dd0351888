//! Nodes that lie, stammer or say nothing: whatever they answer, it is a fault of theirs and never a verdict on a payment.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolValue, sol};
use farebox_evm::{Payment, Phase, chain::Fault};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    fake::{Node, Reply, agreeable, each, items},
    world::{FACTORY, World, address, fresh_wallet, now, resigned},
};

const AT_ONCE: Duration = Duration::ZERO;

async fn verdict(world: &World) -> Result<(), Fault> {
    let (payment, requirements) = world.pay(10_000);
    let verdict = world.chain.verify(&payment, &requirements, Phase::Verify, now()).await?;
    verdict.map(|_| ()).map_err(|refusal| panic!("a verdict: {} {}", refusal.code, refusal.reason))
}

/// The same answer to every call.
fn always(result: &Value) -> impl Fn(&Value) -> Reply + Send + Sync + use<> {
    let result = result.clone();
    move |request| each(request, |_, _| Ok(result.clone()))
}

fn assert_fault<T>(of: &str, answer: Result<T, Fault>) {
    let Err(fault) = answer else { panic!("{of}: no fault") };
    let text = fault.to_string();
    assert!(text.len() < 500 && !text.contains(char::is_control) && !text.contains("127.0.0.1"), "{of}: {text}");
}

/// Asks everything that may be asked of a chain.
async fn assert_faults(node: &Node, of: &str) {
    let world = node.world(&[]);
    let (payment, _) = world.pay(10_000);
    assert_fault(of, verdict(&world).await);
    assert_fault(of, world.chain.ask_id().await);
    assert_fault(of, world.chain.use_of(&payment, 10_000.into(), crate::world::now()).await);
    assert_fault(of, world.chain.look(&[[1; 32]], &[world.signer.address()]).await);
    assert_fault(of, world.chain.fees().await);
    assert_fault(of, world.chain.next_nonce(world.signer.address()).await);
    assert_fault(of, world.chain.gas_money(world.signer.address()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_json_rpc_is_a_fault() {
    let deep = "[".repeat(200_000);
    let bodies = [
        String::new(),
        "<html>busy</html>".into(),
        "null".into(),
        "5".into(),
        "[]".into(),
        "{}".into(),
        "[{}]".into(),
        "[null]".into(),
        deep.clone(),
        format!("{{\"id\":0,\"result\":{deep}"),
        format!("{{\"id\":0,\"error\":{{\"code\":1,\"data\":{deep}"),
        json!({"id": 77, "result": "0x1"}).to_string(),
        json!({"id": "0", "result": "0x1"}).to_string(),
        json!({"id": -1, "result": "0x1"}).to_string(),
        json!([{"id": 0, "result": "0x1"}, {"id": 77, "result": "0x1"}]).to_string(),
        json!({"id": 0, "error": "no"}).to_string(),
        json!({"id": 0, "error": {"code": 9e99}}).to_string(),
        json!({"id": format!("\u{0}{}", "x".repeat(100_000)), "result": 1}).to_string(),
        json!({"id": 0, "error": {"code": -1, "message": format!("\u{0}{}", "x".repeat(1_000_000))}}).to_string(),
    ];
    for body in bodies {
        let of = body.chars().take(60).collect::<String>();
        let node = Node::start(AT_ONCE, move |_| Reply::Http(200, body.clone())).await;
        assert_faults(&node, &of).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_another_type_is_a_fault() {
    let results = [
        Value::Null,
        json!(1),
        json!(true),
        json!([]),
        json!({}),
        json!("0x"),
        json!("1"),
        json!("0xzz"),
        json!("-0x1"),
        json!(format!("0x{}", "f".repeat(129))),
        json!("٣"),
    ];
    for result in results {
        let node = Node::start(AT_ONCE, always(&result)).await;
        let world = node.world(&[]);
        let of = result.to_string();
        // Bytes that are none say that there is no contract, and that is a verdict.
        if result != "0x" {
            assert_fault(&of, verdict(&world).await);
        }
        let (payment, _) = world.pay(10_000);
        assert_fault(&of, world.chain.ask_id().await);
        assert_fault(&of, world.chain.look(&[[1; 32]], &[world.signer.address()]).await);
        assert_fault(&of, world.chain.use_of(&payment, 10_000.into(), crate::world::now()).await);
        assert_fault(&of, world.chain.fees().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_that_cannot_be_are_faults() {
    let empty: Vec<Bytes> = Vec::new();
    let many: Vec<Bytes> = vec![Bytes::from([0; 160]); 3];
    let long: Vec<Bytes> = vec![Bytes::from(vec![0; 100_000])];
    let hollow: Vec<Bytes> = vec![Bytes::new()];
    let wild: Vec<Bytes> = vec![Bytes::from([0xff; 320])];
    for findings in [empty, many, long, hollow, wild] {
        let answer = json!(format!("0x{}", hex::encode(findings.abi_encode())));
        let node = Node::start(AT_ONCE, move |request| {
            each(request, |method, params| match items(method, params) {
                Some(_) => Ok(answer.clone()),
                None => agreeable(method, params),
            })
        })
        .await;
        assert_fault("findings", verdict(&node.world(&[])).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_breaks_off_or_says_nothing_or_never_stops_is_left() {
    for reply in [Reply::Cut, Reply::Silence, Reply::Endless, Reply::Http(500, "oops".into())] {
        let node = Node::start(AT_ONCE, move |_| reply.clone()).await;
        let began = Instant::now();
        assert_fault("node", verdict(&node.world(&[])).await);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_busy_or_broken_is_passed_over() {
    let good = Node::start(AT_ONCE, |request| each(request, agreeable)).await;
    let said = json!({"jsonrpc": "2.0", "id": 0, "error": {"code": -32_005, "message": "rate limited"}}).to_string();
    for reply in [Reply::Http(429, said), Reply::Http(503, "{}".into()), Reply::Cut, Reply::Http(200, "[]".into())] {
        let busy = Node::start(AT_ONCE, move |_| reply.clone()).await;
        verdict(&busy.world(&[&good])).await.unwrap();
        assert!(!busy.asked().is_empty());
    }
    let limited = |_: &str, _: &Value| Err(json!({"code": -32_005, "message": "daily request count exceeded"}));
    let busy = Node::start(AT_ONCE, move |request| each(request, limited)).await;
    verdict(&busy.world(&[&good])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_node_could_not_run_says_nothing_about_a_payment() {
    // The simulation in the facilitator's name, and the look at the token's name, each in turn.
    for (broken, scheme) in [("from", "upto"), ("to", "exact")] {
        let node = Node::start(AT_ONCE, move |request| {
            each(request, |method, params| {
                if params[0].get(broken).is_some() {
                    return Err(json!({"code": -32_000, "message": "header not found"}));
                }
                agreeable(method, params)
            })
        })
        .await;
        let world = node.world(&[]);
        let (payment, requirements) = if scheme == "upto" {
            world.pay_by_permit2(10_000, Some(address(&world.signer)))
        } else {
            world.pay(10_000)
        };
        assert_fault(scheme, world.chain.verify(&payment, &requirements, Phase::Verify, now()).await);
    }
}

sol! {
    struct Wrapped { address factory; bytes factoryCall; bytes inner; }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_agrees_to_everything_makes_no_bad_signature_good() {
    let node = Node::start(AT_ONCE, |request| each(request, agreeable)).await;
    let world = node.world(&[]);
    let (transfer, requirements) = (world.transfer(10_000), world.requirements("exact", 10_000));
    let digest = transfer.digest(&World::domain());
    let (good, forged) = (world.payer.sign(digest).bytes(), fresh_wallet().sign(digest).bytes());
    let last = |byte: u8| [&good[..64], &[byte]].concat();
    let order =
        U256::from_be_slice(&hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap());
    let other_s = (order - U256::from_be_slice(&good[32..64])).to_be_bytes::<32>();
    let other_parity = if good[64] == 27 { 28 } else { 27 };
    let other_form = [&good[..32], &other_s, &[other_parity]].concat();
    let wrapped = Wrapped { factory: FACTORY, factoryCall: Bytes::from([1]), inner: Bytes::from(good) };
    let wrapper = [0x64, 0x92].repeat(16);
    let bad = "invalid_exact_evm_payload_signature";
    let cases = [
        (forged.to_vec(), bad),
        (other_form, bad),
        (last(5), bad),
        (last(2), bad),
        (last(29), bad),
        (last(other_parity), bad),
        (vec![0; 65], bad),
        ([&[0xff; 64][..], &[27]].concat(), bad),
        (good[..64].to_vec(), "invalid_exact_evm_payload_undeployed_smart_wallet"),
        (Vec::new(), "invalid_exact_evm_payload_undeployed_smart_wallet"),
        ([&good[..], &[0]].concat(), "invalid_exact_evm_payload_undeployed_smart_wallet"),
        (wrapper.clone(), bad),
        ([&[0xff; 96][..], &wrapper].concat(), bad),
        ([&wrapped.abi_encode_params()[..], &wrapper].concat(), "eip6492_factory_not_allowed"),
    ];
    for (signature, code) in cases {
        let mut payload = world.signed(&transfer);
        payload["signature"] = format!("0x{}", hex::encode(&signature)).into();
        let payment = Payment::read(&payload, None, &requirements).unwrap();
        assert_eq!(world.code(&payment, &requirements).await, code, "{}", hex::encode(signature));
    }
    for byte in [good[64], good[64] - 27] {
        let payload = resigned(&world.signed(&transfer), &farebox_evm::Signature::read(&last(byte)).unwrap());
        let payment = Payment::read(&payload, None, &requirements).unwrap();
        world.verify(&payment, &requirements).await.unwrap();
    }
}

/// Verifies `count` payments at once.
async fn at_once(world: World, count: usize) -> Vec<Result<(), Fault>> {
    let world = Arc::new(world);
    let verifying: Vec<_> = (0..count)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { verdict(&world).await })
        })
        .collect();
    let mut verdicts = Vec::new();
    for one in verifying {
        verdicts.push(one.await.unwrap());
    }
    verdicts
}

/// How many payments each call has asked about.
fn asked_together(node: &Node) -> Vec<usize> {
    let calls = node.asked().into_iter().flat_map(|request| match request {
        Value::Array(calls) => calls,
        one => vec![one],
    });
    calls.filter_map(|call| items(call["method"].as_str().unwrap(), &call["params"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_that_wait_for_a_slow_node_are_asked_about_together() {
    let node = Node::start(Duration::from_millis(100), |request| each(request, agreeable)).await;
    let world = node.world(&[]);
    verdict(&world).await.unwrap();
    assert!(at_once(world, 60).await.iter().all(Result::is_ok));
    let together = asked_together(&node);
    assert_eq!(together.iter().sum::<usize>(), 61);
    // One, then at most four under way, then the rest by two dozen.
    assert!(together.len() <= 1 + 4 + 4, "{together:?}");
    assert!(together.iter().all(|items| *items <= 24), "{together:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_cannot_answer_together_is_asked_one_by_one_in_one_more_exchange() {
    let node = Node::start(Duration::from_millis(100), |request| {
        each(request, |method, params| match items(method, params) {
            Some(2..) => Err(json!({"code": -32_000, "message": "out of gas"})),
            _ => agreeable(method, params),
        })
    })
    .await;
    let world = node.world(&[]);
    verdict(&world).await.unwrap();
    let before = node.asked().len();
    assert!(at_once(world, 40).await.iter().all(Result::is_ok));
    let together = asked_together(&node);
    assert!(together.iter().any(|items| *items > 1), "{together:?}");
    let exchanges = node.asked().len() - before;
    assert!(exchanges <= 2 * (4 + 3), "{exchanges}");
}
