//! Fares on a chain whose settlement is refused, lost, or still open.

use std::time::Duration;

use farebox_gate::UnknownPolicy;
use http::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    chain::{Act, Chain, HASH, fresh_nonce, sign},
    fares::{exact, gate, pay, receipt_v1, serve, signed, start, v1},
};

fn pending() -> Value {
    json!({"success": false, "errorReason": "settlement_pending", "transaction": HASH, "network": "eip155:84532"})
}

#[rstest]
#[case(Act::Done(502, json!({})))]
#[case(Act::Done(200, json!({"success": true, "transaction": HASH, "network": "eip155:1"})))]
#[case(Act::Answer(200, json!({"success": false, "errorReason": "settlement_pending", "transaction": HASH, "network": "x"})))]
#[case(Act::Slow(Duration::from_millis(1_200)))]
#[tokio::test]
async fn an_unknown_settlement_is_asked_about_with_the_same_bytes_until_it_is_known(#[case] first: Act) {
    let (server, chain) = start(exact()).await;
    chain.settling.lock().unwrap().push_back(first);
    let answer = pay(&server, "/paid", &signed(&server, "/paid").await).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"paid content"[..]));
    assert!(answer.receipt().unwrap().success);
    let asked = chain.asked("settle");
    assert!(asked.len() >= 2 && asked.iter().all(|body| *body == asked[0]));
    assert_eq!((chain.transfers(), server.runs.count()), (1, 1));
}

#[tokio::test]
async fn what_stays_pending_is_withheld_without_a_challenge_and_given_to_who_asks_again() {
    let (server, chain) = start(exact().on_unknown(UnknownPolicy::Withhold)).await;
    chain.settling.lock().unwrap().extend([(); 3].map(|()| Act::Answer(200, pending())));
    let payment = signed(&server, "/paid").await;
    let answer = pay(&server, "/paid", &payment).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.offer(), None, "never a fresh challenge while a payment is in flight");
    assert!(!String::from_utf8_lossy(&answer.body).contains("paid content"));
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.error_reason.as_deref(), &*receipt.transaction), (Some("settlement_pending"), HASH));

    let again = pay(&server, "/paid", &payment).await;
    assert_eq!((again.status, &*again.body), (StatusCode::OK, &b"paid content"[..]));
    assert!(again.receipt().unwrap().success, "the same payment gets the answer it was for, once it is settled");
    assert_eq!((chain.transfers(), server.runs.count(), chain.counts()[0]), (1, 1, 1));
    assert!(chain.asked("settle").iter().all(|body| *body == chain.asked("settle")[0]));
}

#[tokio::test]
async fn what_stays_pending_is_served_in_doubt_where_the_route_says_so() {
    let (server, chain) = start(exact().on_unknown(UnknownPolicy::Serve)).await;
    chain.settling.lock().unwrap().extend([(); 3].map(|()| Act::Answer(200, pending())));
    let answer = pay(&server, "/paid", &v1(&signed(&server, "/paid").await)).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"paid content"[..]));
    assert_eq!(receipt_v1(&answer).error_reason.as_deref(), Some("settlement_pending"));
    chain.saw_settles(4).await;
}

#[tokio::test]
async fn a_refused_settlement_withholds_the_answer_and_offers_anew() {
    let (server, chain) = start(exact()).await;
    let no = json!({"success": false, "errorReason": "insufficient_funds", "transaction": "", "network": ""});
    chain.settling.lock().unwrap().push_back(Act::Answer(200, no));
    let answer = pay(&server, "/paid", &v1(&signed(&server, "/paid").await)).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(!String::from_utf8_lossy(&answer.body).contains("paid content"));
    assert_eq!(receipt_v1(&answer).error_reason.as_deref(), Some("insufficient_funds"));
    assert!(answer.offer().is_some());
    assert_eq!(chain.counts(), [1, 1]);
}

#[tokio::test]
async fn a_facilitator_that_is_down_is_503_and_no_challenge_for_who_has_paid() {
    let (chain, addr) = Chain::start().await;
    *chain.down.lock().unwrap() = true;
    let server = serve(gate(addr, &exact())).await;
    let offer = server.get("/paid").await.offer().unwrap();
    assert_eq!(offer.accepts.len(), 1, "what needs no terms is offered without them");
    let answer = pay(&server, "/paid", &sign(offer.accepts[0].chain().unwrap(), &fresh_nonce())).await;
    assert_eq!((answer.status, answer.offer()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(server.runs.count(), 0);
}
