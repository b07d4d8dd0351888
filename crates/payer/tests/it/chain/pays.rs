//! The plain journey, in every dialect.

use farebox_evm::Authorization;
use farebox_payer::{Budget, PayError, Payer, Preview, Secret};
use farebox_x402::{Dialect, Receipt};
use serde_json::{Value, json};

use super::{PAY_TO, START, WALLET_KEY, address, asks, builder, clock, exact, payer, read, seen, selling, upto, with};
use crate::{
    backend::Backend,
    seller::{Act, Seller},
};

fn receipt() -> Receipt {
    Receipt {
        success: true,
        transaction: "0xabc".into(),
        network: "eip155:84532".into(),
        payer: Some(address()),
        amount: Some("10000".into()),
        ..Receipt::default()
    }
}

#[tokio::test]
async fn a_fare_is_signed_as_it_was_asked_and_the_receipt_is_shown() {
    let seller = selling(exact(), [Act::Receipt(Box::new(receipt()))]).await;
    let paid = payer().get(&seller.url("/joke")).header("x-mood", "good").send().await.unwrap();
    assert_eq!((&paid.body()[..], paid.receipt()), (&b"why did the chicken"[..], Some(&receipt())));
    assert_eq!(paid.fare().unwrap().to_string(), format!("0.01 USDC on Base Sepolia to {PAY_TO}"));
    assert!(!paid.is_pending() && paid.unspent().is_none() && paid.doubt().is_none());

    let requests = seller.seen();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.headers["x-mood"] == "good"));
    let (payload, payment) = read(requests[1].token.as_ref().unwrap(), &exact());
    assert_eq!(payload.dialect, Dialect::X402_V2);
    assert_eq!(serde_json::to_value(payload.accepted.unwrap()).unwrap(), exact());
    assert_eq!(payload.resource.unwrap().url, "https://jokes.example/joke");
    assert!(payload.extensions.is_empty());
    assert_eq!(payment.valid_until(), START + 60);
    assert!(matches!(payment.authorization(), Authorization::Transfer(_)));
}

#[tokio::test]
async fn an_authorization_is_never_good_for_longer_than_ten_minutes() {
    let asked = with(exact(), &json!({"maxTimeoutSeconds": 315_360_000}));
    let seller = selling(asked.clone(), [Act::Serve]).await;
    payer().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(read(&seller.tokens()[0], &asked).1.valid_until(), START + 600);
}

/// The offer of version 1, in a body.
fn v1(version: &str) -> String {
    let accept = json!({"scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "10000",
        "asset": super::USDC, "payTo": PAY_TO, "resource": "https://jokes.example/joke", "description": "A joke",
        "mimeType": "", "outputSchema": null, "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"}});
    json!({version: 1, "error": "pay", "accepts": [accept]}).to_string()
}

#[tokio::test]
async fn every_dialect_is_answered_in_kind() {
    for (version, dialect) in [("x402Version", Dialect::X402_V1), ("t402Version", Dialect::T402_V1)] {
        let seller = Seller::serving(None, v1(version), [Act::Serve]).await;
        let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
        assert!(paid.receipt().unwrap().success);
        let request = seller.seen().remove(1);
        assert!(request.headers.contains_key("x-payment") && !request.headers.contains_key("payment-signature"));
        assert_eq!(read(&request.token.unwrap(), &exact()).0.dialect, dialect);
    }
    let t402 = json!({"t402Version": 2, "resource": {"url": "/joke"}, "accepts": [exact()], "error": null});
    let seller = Seller::offering(Some(farebox_x402::header::encode(&t402)), [Act::Serve]).await;
    payer().get(&seller.url("/joke")).send().await.unwrap();
    let request = seller.seen().remove(1);
    assert!(request.headers.contains_key("payment-signature"));
    assert_eq!(read(&request.token.unwrap(), &exact()).0.dialect, Dialect::T402_V2);
}

#[tokio::test]
async fn the_header_goes_before_the_body_and_a_receipt_of_version_1_is_read() {
    let dear = v1("x402Version").replace("10000", "900000");
    let receipt = farebox_x402::header::encode(&receipt()).to_str().unwrap().to_owned();
    let act = Act::Answer(200, vec![("x-payment-response", receipt)], "ha".into());
    let seller = Seller::serving(asks(&[exact()]), dear, [act]).await;
    let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(paid.receipt().unwrap().transaction, "0xabc");
    assert_eq!(read(&seller.tokens()[0], &exact()).0.dialect, Dialect::X402_V2);
}

#[tokio::test]
async fn an_offer_without_a_resource_can_be_paid_on_a_chain() {
    let bare = json!({"x402Version": 2, "accepts": [exact()]});
    let seller = Seller::offering(Some(farebox_x402::header::encode(&bare)), [Act::Serve]).await;
    payer().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(read(&seller.tokens()[0], &exact()).0.resource, None);
}

#[tokio::test]
async fn with_both_credits_and_a_wallet_the_sellers_order_decides() {
    let credits = json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": "7",
                         "extra": {"version": "1", "httpVerb": "GET"}});
    let offer = |accepts: [Value; 2]| {
        let offer = json!({"x402Version": 2, "resource": {"url": "/joke"}, "accepts": accepts, "extensions": {}});
        Some(farebox_x402::header::encode(&offer))
    };
    for (accepts, on_chain) in [([exact(), credits.clone()], true), ([credits.clone(), exact()], false)] {
        let (backend, seller) = (Backend::start().await, Seller::offering(offer(accepts), [Act::Serve]).await);
        let payer = builder(&clock()).credits(backend.url(), Secret::new(crate::KEY.into())).build().unwrap();
        let paid = payer.get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!((paid.fare().is_some(), backend.asked().len()), (on_chain, usize::from(!on_chain)));
    }
    // A payer without a wallet passes a chain over, and the other way round.
    let (backend, seller) =
        (Backend::start().await, Seller::offering(offer([exact(), credits.clone()]), [Act::Serve]).await);
    crate::payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(backend.asked().len(), 1);
    let seller = Seller::offering(offer([credits, exact()]), [Act::Serve]).await;
    assert!(payer().get(&seller.url("/joke")).send().await.unwrap().fare().is_some());
}

#[tokio::test]
async fn less_may_be_taken_of_an_upto_fare() {
    let receipt = Receipt { amount: Some("1200".into()), ..receipt() };
    let seller = selling(upto(), [Act::Receipt(Box::new(receipt.clone()))]).await;
    let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!((paid.receipt(), paid.fare().unwrap().amount), (Some(&receipt), 100_000.into()));
}

#[tokio::test]
async fn what_would_be_paid_is_told_without_signing() {
    let seller = selling(exact(), []).await;
    let payer = payer();
    let Preview::Fare(fare) = payer.get(&seller.url("/joke")).preview().await.unwrap() else { panic!("a fare") };
    assert_eq!(fare.amount, 10_000.into());
    let Preview::Free(free) = payer.get(&seller.url("/free")).preview().await.unwrap() else { panic!("free") };
    assert_eq!(&free.body()[..], b"free");
    assert_eq!(seen(&seller), (0, 0));

    let dear = builder(&clock()).budget(Budget::default().per_payment("$0.001".parse().unwrap())).build().unwrap();
    let error = dear.get(&seller.url("/joke")).preview().await.unwrap_err();
    assert!(matches!(error, PayError::NothingPayable { .. }), "{error:?}");
}

#[tokio::test]
async fn neither_key_nor_signature_is_printed() {
    let echo = json!({"code": "bad", "message": "no"}).to_string();
    let seller = selling(exact(), [Act::Answer(402, Vec::new(), echo)]).await;
    let payer = payer();
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    let token = seller.tokens().remove(0);
    let payload = farebox_x402::PaymentPayload::from_header(token.as_bytes()).unwrap();
    let object: Value = serde_json::from_str(payload.payload.get()).unwrap();
    let signature = object["signature"].as_str().unwrap();

    let loud = json!({"code": "bad", "message": format!("your {signature} is bad")}).to_string();
    let silent = selling(exact(), [Act::Answer(402, Vec::new(), loud)]).await;
    let loud = payer.get(&silent.url("/other")).send().await.unwrap_err();
    let text = format!("{error} {error:?} {loud} {loud:?} {payer:?}");
    for secret in [WALLET_KEY, &token[..60], &signature[2..60]] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn a_wallet_that_is_none_is_not_built() {
    for key in ["", "0x", "zz", &"0".repeat(64), &"f".repeat(64), &"1".repeat(63)] {
        let built = Payer::builder().wallet_key(Secret::new(key.into())).build();
        assert!(matches!(built, Err(farebox_payer::BadSetup::Wallet)), "{key}");
    }
    for (network, url) in [("mars", "http://a"), ("base", "a"), ("base", "ftp://a")] {
        let built = Payer::builder().wallet_key(Secret::new(WALLET_KEY.into())).rpc_url(network, url).build();
        assert!(matches!(built, Err(farebox_payer::BadSetup::Rpc)), "{network} {url}");
    }
}
