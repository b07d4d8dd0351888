//! Permit2, and the allowance that is signed along with it.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::post};
use farebox_evm::{
    Authorization, Signature,
    contracts::{EXACT_PROXY, PERMIT2, UPTO_PROXY},
    typed::{Domain, Permit},
};
use farebox_payer::PayError;
use farebox_x402::header;
use serde_json::{Value, json};

use super::{USDC, address, builder, clock, exact, payer, read, seen, selling, upto, with};
use crate::seller::{Act, Seller};

fn exact_by_permit2() -> Value {
    with(exact(), &json!({"extra": {"name": "USDC", "version": "2", "assetTransferMethod": "permit2"}}))
}

#[tokio::test]
async fn permit2_is_signed_where_the_offer_says_so() {
    for (asked, spender, upto) in [(exact_by_permit2(), EXACT_PROXY, false), (upto(), UPTO_PROXY, true)] {
        let seller = selling(asked.clone(), [Act::Serve]).await;
        payer().get(&seller.url("/joke")).send().await.unwrap();
        let (payload, payment) = read(&seller.tokens()[0], &asked);
        let Authorization::Permit2(transfer) = payment.authorization() else { panic!("another kind") };
        assert_eq!((transfer.spender, payment.is_upto()), (spender, upto));
        assert!(payload.extensions.is_empty());
    }
}

/// A node that knows one allowance and one count of permits.
async fn node(allowance: u64) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let app = Router::new().route("/", post(answer)).with_state((allowance, Arc::clone(&asked)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

async fn answer(
    State((allowance, asked)): State<(u64, Arc<Mutex<Vec<String>>>)>,
    Json(call): Json<Value>,
) -> Json<Value> {
    assert_eq!((call["method"].as_str(), call["params"][0]["to"].as_str()), (Some("eth_call"), Some(USDC)));
    let data = call["params"][0]["data"].as_str().unwrap().to_owned();
    let word = match &data[..10] {
        "0xdd62ed3e" => allowance,
        "0x7ecebe00" => 5,
        other => panic!("{other}"),
    };
    asked.lock().unwrap().push(data);
    Json(json!({"jsonrpc": "2.0", "id": 1, "result": format!("0x{word:064x}")}))
}

/// An offer that brings an allowance along.
async fn sponsor(script: impl IntoIterator<Item = Act>) -> Seller {
    let offer = json!({"x402Version": 2, "resource": {"url": "/joke"}, "accepts": [exact_by_permit2()],
        "extensions": {"eip2612GasSponsoring": {"info": {"description": "d", "version": "1"}, "schema": {"a": 1}}}});
    Seller::offering(Some(header::encode(&offer)), script).await
}

#[tokio::test]
async fn a_short_allowance_is_signed_along_when_the_seller_offers_to_bring_it() {
    let ((url, asked), seller) = (node(9_999).await, sponsor([Act::Serve]).await);
    let payer = builder(&clock()).rpc_url("base-sepolia", url).build().unwrap();
    payer.get(&seller.url("/joke")).send().await.unwrap();

    let (payload, payment) = read(&seller.tokens()[0], &exact_by_permit2());
    let Authorization::Permit2(transfer) = payment.authorization() else { panic!("another kind") };
    let extension = &payload.extensions["eip2612GasSponsoring"];
    assert_eq!((&extension["info"]["description"], &extension["schema"]), (&json!("d"), &json!({"a": 1})));
    let info = &extension["info"];
    let permit = Permit {
        owner: address().parse().unwrap(),
        spender: PERMIT2,
        value: transfer.amount,
        nonce: "5".parse().unwrap(),
        deadline: transfer.deadline,
    };
    assert_eq!((info["amount"].as_str(), info["nonce"].as_str()), (Some("10000"), Some("5")));
    let signature = hex::decode(&info["signature"].as_str().unwrap()[2..]).unwrap();
    let digest = permit.digest(&Domain::token("USDC", "2", 84_532, USDC.parse().unwrap()));
    assert_eq!(Signature::read(&signature).unwrap().recover(digest).unwrap(), permit.owner);

    let asked = asked.lock().unwrap().clone();
    let owner = &address()[2..];
    assert!(asked[0].contains(owner) && asked[0].ends_with(&hex::encode(PERMIT2)) && asked[1].contains(owner));
}

#[tokio::test]
async fn no_allowance_is_signed_without_need_and_no_node_is_asked_for_nothing() {
    let ((url, asked), seller) = (node(10_000).await, sponsor([Act::Serve]).await);
    builder(&clock()).rpc_url("base-sepolia", &url).build().unwrap().get(&seller.url("/joke")).send().await.unwrap();
    assert!(read(&seller.tokens()[0], &exact_by_permit2()).0.extensions.is_empty());
    assert_eq!(asked.lock().unwrap().len(), 1);

    // A node of another network, an offer that brings nothing along, a payment by EIP-3009.
    let other = builder(&clock()).rpc_url("base", &url).build().unwrap();
    other.get(&sponsor([Act::Serve]).await.url("/joke")).send().await.unwrap();
    let same = builder(&clock()).rpc_url("base-sepolia", &url).build().unwrap();
    for accept in [exact_by_permit2(), exact()] {
        same.get(&selling(accept, [Act::Serve]).await.url("/joke")).send().await.unwrap();
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_node_that_does_not_say_ends_the_payment_before_it_begins() {
    let broken = Seller::start([]).await;
    for url in ["http://127.0.0.1:1/secret".to_owned(), broken.url("/secret")] {
        let seller = sponsor([]).await;
        let payer = builder(&clock()).rpc_url("base-sepolia", url).build().unwrap();
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::Rpc { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert_eq!(seen(&seller), (0, 0));
    }
}

#[tokio::test]
async fn a_payment_is_named_when_the_seller_wants_a_name() {
    let offer = json!({"x402Version": 2, "resource": {"url": "/joke"}, "accepts": [exact()],
        "extensions": {"payment-identifier": {"info": {"required": true}, "schema": {}}}});
    let busy = Act::Answer(503, Vec::new(), String::new());
    let seller = Seller::offering(Some(header::encode(&offer)), [busy, Act::Serve]).await;
    payer().get(&seller.url("/joke")).send().await.unwrap();
    let tokens = seller.tokens();
    assert_eq!(tokens[0], tokens[1], "the name too is the same");
    let payload = read(&tokens[0], &exact()).0;
    let id = payload.extensions["payment-identifier"]["info"]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("pay_") && id.len() == 36, "{id}");
}

#[tokio::test]
async fn a_missing_allowance_is_a_refusal() {
    let act = Act::Answer(412, Vec::new(), json!({"code": "permit2_allowance_required"}).to_string());
    let seller = selling(exact_by_permit2(), [act]).await;
    let error = payer().get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::Refused { code, .. } = error else { panic!("{error:?}") };
    assert_eq!(code, "permit2_allowance_required");
}
