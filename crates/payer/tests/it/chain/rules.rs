//! What a payer with a wallet may not be talked into.

use std::time::Duration;

use farebox_payer::{Budget, Denied, Limit, PayError, Payer, Rule};
use serde_json::{Value, json};

use super::{PAY_TO, USDC, asks, builder, clock, exact, payer, seen, selling, upto, with};
use crate::seller::{Act, Seller};

fn limited(budget: Budget) -> Payer {
    builder(&clock()).budget(budget).build().unwrap()
}

fn limit(text: &str) -> Limit {
    text.parse().unwrap()
}

/// Why the one way to pay is not taken; nothing is signed.
async fn denied(payer: &Payer, accept: Value) -> Denied {
    let seller = selling(accept, []).await;
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    assert_eq!(seen(&seller), (0, 0));
    let text = error.to_string();
    let PayError::NothingPayable { mut denied, .. } = error else { panic!("{text}") };
    assert_eq!(denied.len(), 1);
    assert!(text.contains(&denied[0].to_string()), "{text}");
    denied.remove(0)
}

#[tokio::test]
async fn by_default_a_dollar_at_most_in_known_tokens() {
    let dear = denied(&payer(), with(exact(), &json!({"amount": "1000001"}))).await;
    assert_eq!(dear.to_string(), "$1.000001 is $0.000001 over the $1 allowed for one payment");
    let dear = denied(&payer(), with(upto(), &json!({"amount": "1000001"}))).await;
    assert!(matches!(dear, Denied::Over { rule: Rule::PerPayment, .. }));
    let odd = denied(&payer(), with(exact(), &json!({"asset": PAY_TO}))).await;
    assert!(matches!(odd, Denied::Asset { .. }));
    // The address of a known token, on a network where it is none.
    let odd = denied(&payer(), with(exact(), &json!({"network": "eip155:1"}))).await;
    assert!(matches!(odd, Denied::Asset { .. }));
}

#[tokio::test]
async fn networks_payees_and_tokens_can_be_named() {
    let elsewhere = denied(&limited(Budget::default().network("base")), exact()).await;
    assert_eq!(elsewhere, Denied::Network("eip155:84532".into()));
    let stranger = denied(&limited(Budget::default().payee(USDC)), exact()).await;
    assert_eq!(stranger, Denied::Payee(PAY_TO.into()));
    let other = denied(&limited(Budget::default().asset("base-sepolia", PAY_TO)), exact()).await;
    assert!(matches!(other, Denied::Asset { .. }));

    let budget = Budget::default().network("base-sepolia").payee(&PAY_TO.to_lowercase()).asset("eip155:84532", USDC);
    let seller = selling(exact(), [Act::Serve]).await;
    assert!(limited(budget).get(&seller.url("/joke")).send().await.unwrap().receipt().is_some());
}

#[tokio::test]
async fn a_limit_for_one_payment_is_kept_to_the_last_unit() {
    let cent = limited(Budget::default().per_payment(limit("$0.01")));
    let over = denied(&cent, with(exact(), &json!({"amount": "10001"}))).await;
    assert!(matches!(over, Denied::Over { rule: Rule::PerPayment, .. }));
    let seller = selling(exact(), [Act::Serve]).await;
    cent.get(&seller.url("/joke")).send().await.unwrap();
    let units = limited(Budget::default().per_payment(Limit::units("base-sepolia", USDC, 9_999.into()).unwrap()));
    assert!(matches!(denied(&units, exact()).await, Denied::Over { .. }));
}

#[tokio::test]
async fn offers_that_nobody_can_sign_are_passed_over_for_one_that_can_be() {
    let broken = [
        with(exact(), &json!({"network": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"})),
        with(exact(), &json!({"asset": "USDC"})),
        with(exact(), &json!({"payTo": "seller"})),
        with(exact(), &json!({"amount": "0"})),
        with(exact(), &json!({"maxTimeoutSeconds": 0})),
        with(exact(), &json!({"extra": {"assetTransferMethod": "erc7710"}})),
        with(exact(), &json!({"scheme": "batch-settlement"})),
        with(upto(), &json!({"extra": {"assetTransferMethod": "permit2"}})),
        with(upto(), &json!({"extra": {"assetTransferMethod": "eip3009", "facilitatorAddress": PAY_TO}})),
    ];
    for accept in &broken {
        let why = denied(&payer(), accept.clone()).await;
        assert!(matches!(why, Denied::Malformed(_) | Denied::Scheme(_)), "{accept}: {why:?}");
    }
    let all: Vec<_> = broken.into_iter().chain([exact()]).collect();
    let seller = Seller::offering(asks(&all), [Act::Serve]).await;
    let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(paid.fare().unwrap().scheme, "exact");
}

#[tokio::test]
async fn a_day_and_a_payee_have_their_limits_shared_by_clones() {
    for budget in [Budget::default().per_day(limit("$0.03")), Budget::default().per_payee(limit("$0.03"))] {
        let payer = limited(budget);
        let seller = selling(exact(), vec![Act::Serve; 20]).await;
        let requests = (0..20).map(|_| {
            let (payer, url) = (payer.clone(), seller.url("/joke"));
            tokio::spawn(async move { payer.get(&url).send().await })
        });
        let mut served = 0;
        for request in requests.collect::<Vec<_>>() {
            match request.await.unwrap() {
                Ok(_) => served += 1,
                Err(PayError::NothingPayable { denied, .. }) => assert!(matches!(denied[0], Denied::Over { .. })),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((served, seen(&seller)), (3, (3, 3)));
    }
}

#[tokio::test]
async fn a_limit_for_a_payee_leaves_room_for_others() {
    let payer = limited(Budget::default().per_payee(limit("$0.01")));
    let seller = selling(exact(), [Act::Serve]).await;
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert!(matches!(denied(&payer, exact()).await, Denied::Over { rule: Rule::PerPayee, .. }));
    let other = selling(with(exact(), &json!({"payTo": USDC})), [Act::Serve]).await;
    payer.get(&other.url("/joke")).send().await.unwrap();
}

#[tokio::test]
async fn the_next_day_has_a_budget_of_its_own() {
    let clock = clock();
    let payer = builder(&clock).budget(Budget::default().per_day(limit("$0.01"))).build().unwrap();
    let seller = selling(exact(), vec![Act::Serve; 2]).await;
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert!(matches!(denied(&payer, exact()).await, Denied::Over { rule: Rule::PerDay, .. }));
    clock.advance(Duration::from_hours(24));
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (2, 2));
}

#[tokio::test]
async fn what_a_seller_refused_still_counts_and_what_was_never_sent_does_not() {
    let payer = limited(Budget::default().per_day(limit("$0.01")));
    let seller = selling(exact(), [Act::Refuse("nope")]).await;
    payer.get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(denied(&payer, exact()).await, Denied::Over { .. }), "it can still be settled");

    // The seller goes away between the challenge and the payment.
    let payer = limited(Budget::default().per_day(limit("$0.01")).payments(1));
    let gone = Vanishing::start().await;
    let error = payer.get(&gone.url).send().await.unwrap_err();
    assert!(matches!(error, PayError::Transport { .. }), "{error:?}");
    let seller = selling(exact(), [Act::Serve]).await;
    payer.get(&seller.url("/joke")).send().await.unwrap();
}

/// Answers one connection with a 402, and takes no other.
struct Vanishing {
    url: String,
}

impl Vanishing {
    async fn start() -> Self {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/joke", listener.local_addr().unwrap());
        let offer = asks(&[exact()]).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(listener);
            let mut request = [0; 4096];
            _ = stream.read(&mut request).await.unwrap();
            let offer = offer.to_str().unwrap();
            let answer = format!(
                "HTTP/1.1 402 Payment Required\r\npayment-required: {offer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        Self { url }
    }
}
