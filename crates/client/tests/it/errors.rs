//! Answers that are no success, and successes that cannot be read.

use farebox_client::{Error, Holder, api::Amount};
use uuid::Uuid;

use crate::{
    client,
    upstream::{Answer, Upstream},
};

const CUSTOMER: &str = r#"{"id":"00000000-0000-0000-0000-00000000000a","email":"a@b.c","name":null,"currency":"USD","external_id":null,
    "payer":null,"metadata":{},"created_at":"2026-05-01T00:00:00Z","updated_at":"2026-05-01T00:00:00Z","added_later":1}"#;

async fn created(answers: Vec<Answer>) -> (Result<farebox_client::api::Customer, Error>, usize) {
    let upstream = Upstream::start(answers).await;
    let result = client(&upstream).customers().create("a@b.c").await;
    (result, upstream.seen().len())
}

#[tokio::test]
async fn a_success_is_read_though_it_has_more_members_than_we_know() {
    let (customer, calls) = created(vec![Answer::Json(201, CUSTOMER)]).await;
    assert_eq!((customer.unwrap().email.as_str(), calls), ("a@b.c", 1));
}

#[tokio::test]
async fn a_refusal_is_a_typed_error_with_its_problem_and_request() {
    let problem = r#"{"type":"paylera.not_found","title":"Not found","status":404,"detail":"no such customer",
        "instance":"/v1/customers","request_id":"req_body"}"#;
    let (result, calls) = created(vec![Answer::Json(404, problem)]).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)));
    assert_eq!((error.problem().unwrap().detail.as_str(), error.request_id()), ("no such customer", Some("req_7")));
    assert!(!error.is_retryable());
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_conflict_of_keys_is_never_tried_again() {
    let problem =
        r#"{"type":"paylera.idempotency_conflict","title":"","status":409,"detail":"","instance":"","request_id":""}"#;
    let (result, calls) = created(vec![Answer::Json(409, problem); 5]).await;
    assert!(matches!(result.unwrap_err(), Error::IdempotencyConflict(_)));
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn when_the_budget_is_used_up_the_last_answer_is_the_error() {
    let mut answers = vec![Answer::Status(503); 4];
    answers.push(Answer::RetryAfter("7"));
    let (result, calls) = created(answers).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::RateLimit(_)) && error.is_retryable());
    assert_eq!(error.refused().unwrap().retry_after.unwrap().as_secs(), 7);
    assert_eq!(calls, 5);
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen() {
    let (customer, calls) = created(vec![Answer::HangUp, Answer::Status(502), Answer::Json(200, CUSTOMER)]).await;
    assert_eq!((customer.is_ok(), calls), (true, 3));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_an_error_and_is_not_asked_for_again() {
    for body in ["", "{}", "[]", "<html>", r#"{"id":7}"#] {
        let body: &'static str = body;
        let (result, calls) = created(vec![Answer::Json(200, body)]).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Decode(_)) && !error.is_retryable(), "{body}: {error:?}");
        assert_eq!(calls, 1);
    }
}

#[tokio::test]
async fn nothing_to_read_is_a_success_where_nothing_is_expected() {
    let upstream = Upstream::start(vec![Answer::Status(204)]).await;
    let one: Amount = "1".parse().unwrap();
    client(&upstream).track(Holder::Customer(Uuid::nil()), "api".parse().unwrap(), one).await.unwrap();
}

#[tokio::test]
async fn no_error_shows_the_token() {
    for answers in [vec![Answer::Json(401, "{}")], vec![Answer::HangUp; 5], vec![Answer::Json(200, "?")]] {
        let error = created(answers).await.0.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("pl_test_secret"));
    }
}
