//! Sellers that want more than they were promised.

use axum::http::HeaderValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_payer::PayError;
use farebox_x402::{Receipt, header};
use serde_json::{Value, json};

use super::{USDC, address, asks, exact, payer, read, seen, selling, with};
use crate::seller::{Act, Seller};

fn ask(accept: &Value) -> Act {
    Act::Ask(asks(std::slice::from_ref(accept)).unwrap())
}

#[tokio::test]
async fn a_seller_that_asks_again_and_again_gets_one_authorization() {
    let dearer = with(exact(), &json!({"amount": "20000"}));
    let other = with(exact(), &json!({"payTo": USDC}));
    let script = [ask(&exact()), ask(&dearer), ask(&other), ask(&exact()), Act::Refuse("no"), Act::Serve];
    let seller = selling(exact(), script).await;
    let payer = payer();
    for _ in 0..5 {
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::Refused { .. }), "{error:?}");
    }
    let paid = payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(paid.fare().unwrap().amount, 10_000.into());
    assert_eq!(seen(&seller), (1, 6));
    for token in seller.tokens() {
        read(&token, &exact());
    }
}

#[tokio::test]
async fn after_a_lost_answer_a_dearer_challenge_is_no_reason_to_sign_again() {
    let dearer = with(exact(), &json!({"amount": "20000", "payTo": USDC}));
    let seller = selling(exact(), [Act::Break, ask(&dearer)]).await;
    let error = payer().get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::Refused { .. }), "{error:?}");
    assert_eq!(seen(&seller), (1, 2));
}

#[tokio::test]
async fn receipts_about_other_payments_are_not_believed() {
    let good = Receipt { success: true, network: "base-sepolia".into(), payer: Some(address()), ..Receipt::default() };
    for wrong in [
        Receipt { network: "eip155:8453".into(), ..good.clone() },
        Receipt { payer: Some(USDC.into()), ..good.clone() },
        Receipt { amount: Some("10001".into()), ..good.clone() },
        Receipt { amount: Some("-1".into()), ..good.clone() },
    ] {
        let seller = selling(exact(), [Act::Receipt(Box::new(wrong.clone()))]).await;
        let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!(paid.receipt(), None, "{wrong:?}");
        assert!(paid.doubt().is_some() && paid.fare().is_some());

        // With a 402 it is a refusal like any other, not a success.
        let value = header::encode(&wrong).to_str().unwrap().to_owned();
        let seller = selling(exact(), [Act::Answer(402, vec![("payment-response", value)], String::new())]).await;
        let error = payer().get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::Refused { .. }), "{error:?}");
    }
    let seller = selling(exact(), [Act::Receipt(Box::new(good.clone()))]).await;
    assert_eq!(payer().get(&seller.url("/joke")).send().await.unwrap().receipt(), Some(&good));
}

#[tokio::test]
async fn a_redirect_is_the_answer_and_carries_no_payment_elsewhere() {
    let elsewhere = selling(exact(), [Act::Serve]).await;
    for status in [301, 302, 303, 307, 308] {
        let act = Act::Answer(status, vec![("location", elsewhere.url("/joke"))], String::new());
        let seller = selling(exact(), [act]).await;
        let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!((paid.status().as_u16(), paid.receipt()), (status, None));
        assert!(paid.unspent().is_some());
        assert_eq!(seen(&seller), (1, 1));
    }
    assert!(elsewhere.seen().is_empty());
}

/// What a payer says to a 402 of this header and body; nothing is signed.
async fn refusal(offer: Option<HeaderValue>, body: String) -> PayError {
    let seller = Seller::serving(offer, body, []).await;
    let error = payer().get(&seller.url("/joke")).send().await.unwrap_err();
    assert_eq!(seen(&seller), (0, 0));
    error
}

#[tokio::test]
async fn huge_and_deep_offers_are_not_read() {
    let bytes = |text: String| Some(HeaderValue::try_from(STANDARD.encode(text)).unwrap());
    let fat = super::offer(&[exact()]).to_string().replace("/joke", &format!("/{}", "x".repeat(20_000)));
    let deep = format!("{{\"x402Version\":2,\"accepts\":{}", "[".repeat(8_000));
    let bodies = [
        format!("{{\"x402Version\":1,\"accepts\":{}", "[".repeat(20_000)),
        format!("{{\"x402Version\":1,\"accepts\":[],\"error\":\"{}\"}}", "x".repeat(70_000)),
        "{\"x402Version\":1}".into(),
        "{\"x402Version\":3,\"accepts\":[]}".into(),
        "<html>pay</html>".into(),
        String::new(),
    ];
    let mut cases = vec![(bytes(fat), String::new()), (bytes(deep), String::new())];
    cases.extend(bodies.map(|body| (None, body)));
    for (offer, body) in cases {
        let error = refusal(offer, body.clone()).await;
        assert!(matches!(error, PayError::BadOffer(_)), "{}: {error:?}", &body[..body.len().min(60)]);
    }
}

#[tokio::test]
async fn numbers_that_are_none_are_not_signed() {
    for amount in
        [json!(10_000), json!("1e4"), json!("-1"), json!("0x10"), json!("١٠٠٠٠"), json!([1]), json!("9".repeat(90))]
    {
        let error = refusal(asks(&[with(exact(), &json!({"amount": amount}))]), String::new()).await;
        assert!(matches!(error, PayError::NothingPayable { .. }), "{amount}: {error:?}");
    }
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let error = refusal(asks(&[with(exact(), &json!({"amount": most}))]), String::new()).await;
    assert!(error.to_string().contains("over the $1"), "{error}");
}

#[tokio::test]
async fn a_long_list_of_ways_to_pay_is_looked_at_up_to_a_point() {
    let mut ways = vec![json!({"scheme": "x"}); 300];
    ways.push(exact());
    let error = refusal(asks(&ways), String::new()).await;
    assert!(error.to_string().len() < 500, "{error}");
}
