//! The plain journey: 402, one token, one answer.

use axum::http::{Method, StatusCode};
use farebox_payer::PayError;
use farebox_x402::{AccessToken, credits::CODE_SPENT, header};

use crate::{
    backend::Backend,
    payer,
    seller::{Act, Seller, receipt},
};

#[tokio::test]
async fn a_request_is_paid_with_a_token_bound_to_it_and_the_receipt_is_shown() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Serve]).await);
    let paid = payer(&backend).get(&seller.url("/joke")).header("x-mood", "good").send().await.unwrap();

    assert_eq!((paid.status(), &paid.body()[..]), (StatusCode::OK, &b"why did the chicken"[..]));
    assert_eq!(paid.receipt(), Some(&receipt(true)));
    assert!(!paid.is_pending() && paid.unspent().is_none());

    let asked = backend.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].token_version, asked[0].accepted.plan_id.as_str()), (Some(3), "7"));
    assert_eq!(asked[0].resource.as_ref().unwrap().url, "/joke");
    assert_eq!(asked[0].accepted.extra.http_verb.as_deref(), Some("GET"));

    let seen = seller.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].token, None);
    let token: AccessToken = header::decode(seen[1].token.as_ref().unwrap().as_bytes()).unwrap();
    assert!(token.payload.authorization.nonce.is_some());
    assert!(seen.iter().all(|request| request.headers["x-mood"] == "good"));
}

#[tokio::test]
async fn the_same_body_is_sent_with_and_without_the_payment() {
    let offer = crate::seller::offer();
    let text = serde_json::to_string(&offer).unwrap().replace("GET", "POST");
    let offer = header::encode(&serde_json::from_str::<serde_json::Value>(&text).unwrap());
    let (backend, seller) = (Backend::start().await, Seller::offering(Some(offer), [Act::Serve]).await);
    let paid = payer(&backend).post(&seller.url("/joke")).json(&serde_json::json!({"about": "hens"})).send().await;
    assert!(paid.unwrap().receipt().is_some());
    let seen = seller.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert_eq!((request.method, &request.body[..]), (Method::POST, &br#"{"about":"hens"}"#[..]));
        assert_eq!(request.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn what_costs_nothing_is_returned_as_it_is() {
    let (backend, seller) = (Backend::start().await, Seller::start([]).await);
    let paid = payer(&backend).get(&seller.url("/free")).send().await.unwrap();
    assert_eq!((&paid.body()[..], paid.receipt()), (&b"free"[..], None));
    assert!(backend.asked().is_empty());
}

#[tokio::test]
async fn a_refused_payment_is_not_followed_by_another() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Refuse("BCK.CREDITS.0003")]).await);
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::Refused { code, reason, offer } = error else { panic!("{error:?}") };
    assert_eq!((code.as_str(), reason.as_str()), ("BCK.CREDITS.0003", "no more"));
    assert_eq!(offer.unwrap().resource.url, "/joke");
    assert_eq!((backend.asked().len(), seller.tokens().len()), (1, 1));
}

#[tokio::test]
async fn a_token_refused_as_spent_on_its_first_try_is_a_plain_refusal() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Refuse(CODE_SPENT)]).await);
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_whose_payment_is_not_final_says_so() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Pending]).await);
    let paid = payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
    assert!(paid.is_pending());
    assert_eq!(paid.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
    assert_eq!(&paid.body()[..], b"why did the chicken");
}

#[tokio::test]
async fn an_unreadable_receipt_does_not_cost_the_answer() {
    let act = Act::Answer(200, vec![("payment-response", "!!!".into())], "ha".into());
    let (backend, seller) = (Backend::start().await, Seller::start([act]).await);
    let paid = payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!((&paid.body()[..], paid.receipt()), (&b"ha"[..], None));
}

#[tokio::test]
async fn a_redirect_after_the_payment_is_the_answer_and_carries_no_token_elsewhere() {
    let elsewhere = Seller::start([Act::Serve]).await;
    for status in [301, 302, 303, 307, 308] {
        let act = Act::Answer(status, vec![("location", elsewhere.url("/joke"))], String::new());
        let (backend, seller) = (Backend::start().await, Seller::start([act]).await);
        let paid = payer(&backend).get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!(paid.status(), status);
        assert_eq!(paid.receipt(), None);
        assert_eq!(seller.tokens().len(), 1);
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn two_requests_are_two_payments() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Serve, Act::Serve]).await);
    let payer = payer(&backend);
    for _ in 0..2 {
        payer.get(&seller.url("/joke")).send().await.unwrap();
    }
    let tokens = seller.tokens();
    assert_eq!(backend.asked().len(), 2);
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn a_sellers_own_failure_is_its_answer_and_leaves_the_payment_unspent() {
    for status in [404, 409, 422, 500] {
        let fails = Act::Answer(status, Vec::new(), r#"{"code":"OWN","message":"no hens"}"#.into());
        let (backend, seller) = (Backend::start().await, Seller::start([fails, Act::Serve]).await);
        let payer = payer(&backend);
        let paid = payer.get(&seller.url("/joke")).send().await.unwrap();
        assert_eq!(paid.status(), status);
        assert_eq!(seller.tokens().len(), 1, "{status} is not retried by itself");

        let again = payer.resume(paid.unspent().unwrap().clone()).await.unwrap();
        assert!(again.receipt().unwrap().success);
        let tokens = seller.tokens();
        assert_eq!((backend.asked().len(), tokens.len()), (1, 2));
        assert_eq!(tokens[0], tokens[1]);
    }
}
