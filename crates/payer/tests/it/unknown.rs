//! When nobody knows what became of a payment, the same token is sent again, and no other.

use std::time::Duration;

use farebox_payer::{PayError, Tries};
use farebox_x402::credits::{CODE_IN_USE, CODE_SPENT};

use crate::{
    TRIES,
    backend::Backend,
    builder, payer,
    seller::{Act, Seller},
};

fn status(status: u16) -> Act {
    Act::Answer(status, Vec::new(), String::new())
}

fn later(status: u16, seconds: &str) -> Act {
    Act::Answer(status, vec![("retry-after", seconds.into())], String::new())
}

fn in_use() -> Act {
    Act::Answer(409, Vec::new(), format!(r#"{{"error":"Conflict","code":"{CODE_IN_USE}","message":"in use"}}"#))
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_token() {
    let lost = [Act::Silent, Act::Break, status(502), status(503), status(504), later(503, "1"), in_use()];
    for (case, act) in lost.into_iter().enumerate() {
        let (backend, seller) = (Backend::start().await, Seller::start([act, Act::Serve]).await);
        let paid = payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
        assert!(paid.receipt().unwrap().success, "case {case}");
        let tokens = seller.tokens();
        assert_eq!((backend.asked().len(), tokens.len()), (1, 2), "case {case}");
        assert_eq!(tokens[0], tokens[1], "case {case}");
    }
}

#[tokio::test]
async fn a_seller_that_stays_unsure_ends_in_an_outcome_that_can_be_resumed_with_the_same_token() {
    let script = [status(503), Act::Break, in_use(), Act::Serve];
    let (backend, seller) = (Backend::start().await, Seller::start(script).await);
    let payer = payer(&backend);
    let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::OutcomeUnknown { authorization, .. } = error else { panic!("{error:?}") };
    assert_eq!((authorization.plan(), authorization.is_single_use()), (Some("7"), true));
    assert_eq!(seller.tokens().len(), 3);

    let paid = payer.resume(*authorization).await.unwrap();
    assert!(paid.receipt().unwrap().success);
    let tokens = seller.tokens();
    assert_eq!((backend.asked().len(), tokens.len()), (1, 4));
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[tokio::test]
async fn a_token_that_is_spent_after_a_lost_answer_was_spent_by_us() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Break, Act::Refuse(CODE_SPENT)]).await);
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::AnswerLost { .. }), "{error:?}");
    assert_eq!(backend.asked().len(), 1);
}

#[tokio::test]
async fn the_sellers_waiting_time_is_kept_up_to_a_limit() {
    let (backend, seller) = (Backend::start().await, Seller::start([later(503, "1"), Act::Serve]).await);
    let started = std::time::Instant::now();
    payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    let (backend, seller) = (Backend::start().await, Seller::start([later(503, "3600")]).await);
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::OutcomeUnknown { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(3600)));
    assert_eq!(seller.tokens().len(), 1);
}

#[tokio::test]
async fn a_receipt_of_success_ends_the_doubt_whatever_the_status() {
    let receipt = farebox_x402::header::encode(&crate::seller::receipt(true)).to_str().unwrap().to_owned();
    let act = Act::Answer(503, vec![("payment-response", receipt)], "busy".into());
    let (backend, seller) = (Backend::start().await, Seller::start([act]).await);
    let paid = payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
    assert!(paid.receipt().unwrap().success && paid.unspent().is_none());
}

#[tokio::test]
async fn one_try_means_one() {
    let (backend, seller) = (Backend::start().await, Seller::start([status(503)]).await);
    let once = builder(&backend).tries(Tries { most: 1, ..TRIES }).build().unwrap();
    let error = once.get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(seller.tokens().len(), 1);
}

#[tokio::test]
async fn a_reusable_token_is_sent_once_for_a_request_and_cannot_be_resumed() {
    for act in [status(503), Act::Break, Act::Silent, in_use()] {
        let (backend, seller) = (Backend::start().await, Seller::start([act]).await);
        let payer = builder(&backend).reusable_tokens().build().unwrap();
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        let PayError::OutcomeUnknown { authorization, .. } = error else { panic!("{error:?}") };
        let error = payer.resume(*authorization).await.unwrap_err();
        assert!(matches!(error, PayError::NotResumable), "{error:?}");
        assert_eq!(seller.tokens().len(), 1);
    }
}
