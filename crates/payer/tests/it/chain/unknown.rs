//! When nobody knows what became of an authorization, the same one is shown again, and no other is signed.

use std::time::Duration;

use farebox_payer::{PayError, Preview, Tries};
use farebox_x402::{Receipt, credits::CODE_IN_USE, header};
use serde_json::json;

use super::{builder, clock, exact, payer, seen, selling};
use crate::{
    TRIES,
    seller::{Act, Seller},
};

pub(super) fn status(status: u16) -> Act {
    Act::Answer(status, Vec::new(), String::new())
}

fn pending(status: u16) -> Act {
    let receipt = Receipt { error_reason: Some("settlement_pending".into()), ..Receipt::default() };
    let receipt = header::encode(&receipt).to_str().unwrap().to_owned();
    Act::Answer(status, vec![("payment-response", receipt)], "{}".into())
}

/// Every way not to know.
fn unknown() -> Vec<Act> {
    let in_use = json!({"code": CODE_IN_USE}).to_string();
    let mut all = vec![
        Act::Silent,
        Act::Break,
        pending(402),
        pending(503),
        pending(202),
        Act::Answer(409, Vec::new(), in_use),
        Act::Answer(409, vec![("retry-after", "0".into())], String::new()),
        Act::Answer(503, vec![("retry-after", "1".into())], String::new()),
    ];
    all.extend([500, 502, 503, 504, 520].map(status));
    all
}

#[tokio::test]
async fn an_unknown_outcome_is_met_with_the_same_authorization() {
    for (case, act) in unknown().into_iter().enumerate() {
        let seller = selling(exact(), [act, Act::Serve]).await;
        let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
        assert!(paid.receipt().unwrap().success, "case {case}");
        assert_eq!(seen(&seller), (1, 2), "case {case}");
    }
}

#[tokio::test]
async fn the_same_request_sent_again_shows_the_same_authorization_until_it_is_answered() {
    let script = [status(503), Act::Break, pending(402), status(500), status(502), status(503), Act::Serve, Act::Serve];
    let seller = selling(exact(), script).await;
    let payer = payer();
    for _ in 0..2 {
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::OutcomeUnknown { .. }), "{error:?}");
    }
    let preview = payer.get(&seller.url("/joke")).preview().await.unwrap();
    assert!(matches!(preview, Preview::Again(_)), "{preview:?}");
    assert_eq!(seller.seen().len(), 1 + 6, "asked for the price once");
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (1, 7));
    // The next one is another purchase.
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (2, 8));
}

#[tokio::test]
async fn an_unknown_outcome_can_be_resumed_by_what_the_error_holds() {
    let seller = selling(exact(), vec![status(503), status(503), status(503), Act::Serve]).await;
    let payer = payer();
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::OutcomeUnknown { authorization, .. } = error else { panic!("{error:?}") };
    assert_eq!((authorization.plan(), authorization.is_single_use()), (None, true));
    assert_eq!(authorization.fare().unwrap().amount, 10_000.into());
    assert!(payer.resume(*authorization.clone()).await.unwrap().receipt().unwrap().success);
    assert_eq!(seen(&seller), (1, 4));
    let error = payer.resume(*authorization).await.unwrap_err();
    assert!(matches!(error, PayError::Over), "{error:?}");
    assert_eq!(seen(&seller), (1, 4));
}

#[tokio::test]
async fn other_requests_are_not_paid_with_it() {
    let seller = selling(exact(), vec![status(503), status(503), status(503), Act::Serve, Act::Serve]).await;
    let payer = payer();
    payer.get(&seller.url("/joke")).send().await.unwrap_err();
    payer.get(&seller.url("/joke?again")).send().await.unwrap();
    payer.post(&seller.url("/joke")).body("x").send().await.unwrap();
    assert_eq!(seen(&seller), (3, 5));
}

#[tokio::test]
async fn one_authorization_is_not_sent_by_two_requests_at_a_time() {
    let seller = selling(exact(), vec![Act::Silent, Act::Serve, Act::Serve]).await;
    let clock = clock();
    let payer = builder(&clock).tries(Tries { most: 1, ..TRIES }).build().unwrap();
    let (first, url) = (payer.clone(), seller.url("/joke"));
    let first = tokio::spawn(async move { first.get(&url).send().await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (2, 2), "two requests are two payments");
    first.await.unwrap().unwrap_err();
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (2, 3));
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_its_authorization_for_the_next() {
    let seller = selling(exact(), vec![Act::Silent, Act::Serve]).await;
    let payer = payer();
    let sent = payer.get(&seller.url("/joke")).send();
    assert!(tokio::time::timeout(Duration::from_millis(300), sent).await.is_err());
    assert_eq!(seen(&seller), (1, 1));
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (1, 2));
}

#[tokio::test]
async fn another_is_signed_only_after_the_first_cannot_be_settled_any_more() {
    let clock = clock();
    let payer = builder(&clock).tries(Tries { most: 1, ..TRIES }).build().unwrap();
    let seller = selling(exact(), vec![status(503), status(503), Act::Serve]).await;
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::OutcomeUnknown { authorization, .. } = error else { panic!("{error:?}") };
    // It holds for 60 s, and chains may be behind by 30.
    clock.advance(Duration::from_secs(90));
    payer.get(&seller.url("/joke")).send().await.unwrap_err();
    assert_eq!(seen(&seller), (1, 2));
    clock.advance(Duration::from_secs(1));
    assert!(matches!(payer.resume(*authorization).await, Err(PayError::Over)));
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (2, 3));
}

#[tokio::test]
async fn no_try_is_made_after_the_authorization_expires() {
    let slow = Act::Answer(503, vec![("retry-after", "2".into())], String::new());
    let seller = selling(super::with(exact(), &json!({"maxTimeoutSeconds": 1})), [slow]).await;
    let error = payer().get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(error.to_string().contains("expires"), "{error}");
    assert_eq!(seen(&seller), (1, 1));
}

#[tokio::test]
async fn an_authorization_that_is_used_after_a_lost_answer_was_used_by_us() {
    let used = |offer: bool| {
        let code = "invalid_exact_evm_nonce_already_used";
        if offer {
            let offer = json!({"x402Version": 2, "error": code, "resource": {"url": "/"}, "accepts": []});
            return Act::Ask(header::encode(&offer));
        }
        let receipt = Receipt { error_reason: Some(code.into()), ..Receipt::default() };
        let receipt = header::encode(&receipt).to_str().unwrap().to_owned();
        Act::Answer(402, vec![("payment-response", receipt)], String::new())
    };
    for in_offer in [true, false] {
        let seller = selling(exact(), [Act::Break, used(in_offer), Act::Serve]).await;
        let payer = payer();
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::AnswerLost { .. }), "{error:?}");
        assert_eq!(seen(&seller), (1, 2));
        payer.get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!(seen(&seller), (2, 3), "it has ended: the next is another purchase");
    }
    let seller = selling(exact(), [used(false)]).await;
    let error = payer().get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::Refused { .. }), "never sent before: {error:?}");
}

#[tokio::test]
async fn a_sellers_own_answer_without_success_leaves_the_payment_unspent() {
    for code in [404, 409, 422] {
        let seller = selling(exact(), [status(code), Act::Serve]).await;
        let payer = payer();
        let paid = payer.get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!((paid.status().as_u16(), seen(&seller)), (code, (1, 1)));
        let again = payer.resume(paid.unspent().unwrap().clone()).await.unwrap();
        assert!(again.receipt().unwrap().success);
        assert_eq!(seen(&seller), (1, 2));
    }
}

#[tokio::test]
async fn an_answer_that_is_served_before_its_money_is_final_is_the_answer() {
    let seller = selling(exact(), [pending(200), Act::Serve]).await;
    let payer = payer();
    assert!(payer.get(&seller.url("/joke")).send().await.unwrap().is_pending());
    assert_eq!(seen(&seller), (1, 1));
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (2, 2), "it was answered: the next is another purchase");
}

#[tokio::test]
async fn a_receipt_of_success_ends_the_doubt_whatever_the_status() {
    let receipt = header::encode(&crate::seller::receipt(true)).to_str().unwrap().to_owned();
    let seller: Seller = selling(exact(), [Act::Answer(503, vec![("payment-response", receipt)], "busy".into())]).await;
    let paid = payer().get(&seller.url("/joke")).send().await.unwrap();
    assert!(paid.receipt().unwrap().success && paid.unspent().is_none());
}

#[tokio::test]
async fn an_error_too_long_to_read_ends_no_authorization() {
    for status in [500, 503] {
        let long = Act::Answer(status, Vec::new(), "x".repeat(2_000));
        let seller = selling(exact(), vec![long.clone(), long.clone(), long, Act::Serve]).await;
        let payer = builder(&clock()).max_answer(1_000).build().unwrap();
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::OutcomeUnknown { .. }), "{error:?}");
        payer.get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!(seen(&seller), (1, 4), "the same one was shown again");
    }
    let missing = Act::Answer(404, Vec::new(), "x".repeat(2_000));
    let seller = selling(exact(), [missing, Act::Serve]).await;
    let payer = builder(&clock()).max_answer(1_000).build().unwrap();
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::TooLong { .. }), "{error:?}");
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(seen(&seller), (1, 2));
}
