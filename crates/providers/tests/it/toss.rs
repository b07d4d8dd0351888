//! Toss Payments, against a program that answers as its reference says.

use farebox_providers::{
    About, Create, Forged, Outcome, Provider, ProviderState, RefundState, RefusalClass, toss::Toss,
};
use farebox_types::{Secret, Timestamp};
use http::HeaderMap;
use rstest::rstest;
use serde_json::json;

use crate::{
    asks::{self, PATIENCE, fresh_id, refused, seen, whose},
    fake::{FakeToss, Wrong},
};

async fn world() -> (FakeToss, Toss) {
    let fake = FakeToss::start().await;
    let toss = Toss::new(&fake.url, &Secret::new("test_sk_right".to_owned()), PATIENCE).unwrap();
    (fake, toss)
}

fn ask(our_id: &str, minor: i64) -> Create {
    Create { currency: "KRW".to_owned(), ..asks::create(our_id, minor, "card") }
}

/// A payment that was paid.
async fn paid(fake: &FakeToss, toss: &Toss, minor: i64) -> String {
    let order = fresh_id();
    let key = fake.payer_pays(&order, minor);
    let done = seen(toss.confirm(&asks::confirm(whose(&order), minor, "KRW", Some(&key))).await);
    assert_eq!(done.state, ProviderState::Succeeded);
    order
}

#[tokio::test]
async fn the_payer_pays_in_the_window_and_the_confirm_takes_the_money() {
    let (fake, toss) = world().await;
    let order = fresh_id();
    let asked = seen(toss.create(&ask(&order, 15_000)).await);
    assert_eq!((asked.state, asked.provider_id.as_str()), (ProviderState::RequiresAction, order.as_str()));
    assert_eq!(asked.action.unwrap().kind, "widget");
    assert_eq!(toss.lookup(&whose(&order)).await.unwrap(), None, "Toss has not heard of it yet");

    let key = fake.payer_pays(&order, 15_000);
    assert_eq!(toss.lookup(&whose(&order)).await.unwrap().unwrap().state, ProviderState::RequiresAction);
    let confirm = asks::confirm(whose(&order), 15_000, "KRW", Some(&key));
    let done = seen(toss.confirm(&confirm).await);
    assert_eq!((done.state, done.captured_minor, done.currency.as_str()), (ProviderState::Succeeded, 15_000, "KRW"));
    assert_eq!(seen(toss.confirm(&confirm).await), done, "the same key has the same answer");
    assert_eq!(toss.lookup(&whose(&order)).await.unwrap(), Some(done));
}

#[tokio::test]
async fn another_amount_than_ours_is_not_confirmed() {
    let (fake, toss) = world().await;
    let order = fresh_id();
    let key = fake.payer_pays(&order, 1);
    let no = refused(toss.confirm(&asks::confirm(whose(&order), 15_000, "KRW", Some(&key))).await);
    assert_eq!((no.code.as_str(), no.class), ("INVALID_REQUEST", RefusalClass::Invalid));
    assert_eq!(fake.payment(&order)["status"], "IN_PROGRESS");
    let no = refused(toss.confirm(&asks::confirm(whose(&order), 1, "KRW", None)).await);
    assert_eq!(no.code, "payment_key_missing");
}

#[rstest]
#[case("REJECT_CARD_COMPANY", RefusalClass::Declined)]
#[case("EXCEED_MAX_AMOUNT", RefusalClass::Declined)]
#[case("INVALID_STOPPED_CARD", RefusalClass::Declined)]
#[case("NOT_AVAILABLE_PAYMENT", RefusalClass::Invalid)]
#[tokio::test]
async fn a_refused_confirm_is_final(#[case] code: &'static str, #[case] class: RefusalClass) {
    let (fake, toss) = world().await;
    let order = fresh_id();
    let key = fake.payer_pays(&order, 100);
    fake.decline_next(code);
    let no = refused(toss.confirm(&asks::confirm(whose(&order), 100, "KRW", Some(&key))).await);
    assert_eq!((no.code.as_str(), no.class), (code, class));
    let now = toss.lookup(&whose(&order)).await.unwrap().unwrap();
    assert_eq!((now.state, now.refusal.unwrap().code.as_str()), (ProviderState::Failed, code));
}

#[rstest]
#[case(Wrong::FailBefore, ProviderState::RequiresAction)]
#[case(Wrong::FailAfter, ProviderState::Succeeded)]
#[case(Wrong::HangAfter, ProviderState::Succeeded)]
#[tokio::test]
async fn a_lost_answer_is_unknown_and_found_again_by_our_id(#[case] wrong: Wrong, #[case] found: ProviderState) {
    let (fake, toss) = world().await;
    let order = fresh_id();
    let key = fake.payer_pays(&order, 100);
    fake.break_next(wrong);
    let confirm = asks::confirm(whose(&order), 100, "KRW", Some(&key));
    let first = toss.confirm(&confirm).await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    assert_eq!(toss.lookup(&whose(&order)).await.unwrap().unwrap().state, found);
    assert_eq!(seen(toss.confirm(&confirm).await).state, ProviderState::Succeeded);
    let forgotten = farebox_providers::Confirm { idempotency_key: "forgotten".to_owned(), ..confirm };
    assert!(matches!(toss.confirm(&forgotten).await, Outcome::Unknown(_)), "done before: to be looked up");
}

#[tokio::test]
async fn refunds_in_part_and_whole_are_found_by_our_id() {
    let (fake, toss) = world().await;
    let order = paid(&fake, &toss, 1_000).await;
    fake.break_next(Wrong::FailAfter);
    let first = asks::refund(whose(&order), "ref_1", 300);
    assert!(matches!(toss.refund(&first).await, Outcome::Unknown(_)));
    let found = toss.lookup_refund(&whose(&order), "ref_1").await.unwrap().unwrap();
    assert_eq!((found.minor, found.state), (300, RefundState::Succeeded));
    let forgotten = farebox_providers::Refund { idempotency_key: "forgotten".to_owned(), ..first };
    assert_eq!(seen(toss.refund(&forgotten).await), found, "it is not paid back twice, even with its key forgotten");
    assert_eq!(fake.payment(&order)["balanceAmount"], 700);

    assert_eq!(refused(toss.refund(&asks::refund(whose(&order), "ref_2", 701)).await).code, "NOT_CANCELABLE_AMOUNT");
    assert_eq!(toss.lookup_refund(&whose(&order), "ref_2").await.unwrap(), None);
    seen(toss.refund(&asks::refund(whose(&order), "ref_3", 700)).await);
    let now = toss.lookup(&whose(&order)).await.unwrap().unwrap();
    assert_eq!((now.state, now.captured_minor, now.refunded_minor), (ProviderState::Succeeded, 1_000, Some(1_000)));
}

#[tokio::test]
async fn a_cancel_gives_up_what_was_not_paid() {
    let (fake, toss) = world().await;
    let order = fresh_id();
    assert_eq!(seen(toss.cancel(&asks::cancel(whose(&order))).await).state, ProviderState::Canceled);
    fake.payer_pays(&order, 100);
    assert_eq!(seen(toss.cancel(&asks::cancel(whose(&order))).await).state, ProviderState::Canceled);
    let order = paid(&fake, &toss, 100).await;
    assert_eq!(refused(toss.cancel(&asks::cancel(whose(&order))).await).code, "already_paid");
}

#[tokio::test]
async fn what_toss_cannot_do_is_refused_before_anything() {
    let (_fake, toss) = world().await;
    let order = fresh_id();
    assert_eq!(refused(toss.create(&asks::create(&order, 5, "card")).await).code, "currency_not_supported");
    let manual = Create { currency: "KRW".to_owned(), ..asks::manual(&order, 5, "card") };
    assert_eq!(refused(toss.create(&manual).await).code, "capture_not_supported");
    for odd in ["short", "a/../../b", &"x".repeat(65)] {
        assert_eq!(refused(toss.create(&ask(odd, 5)).await).code, "invalid_order", "{odd}");
        assert_eq!(toss.lookup(&whose(odd)).await.unwrap(), None, "{odd}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_turned_away_at_the_door() {
    let (fake, _) = world().await;
    let toss = Toss::new(&fake.url, &Secret::new("wrong".to_owned()), PATIENCE).unwrap();
    let order = fresh_id();
    let key = fake.payer_pays(&order, 100);
    let outcome = toss.confirm(&asks::confirm(whose(&order), 100, "KRW", Some(&key))).await;
    let Outcome::NotDone(fault) = outcome else { panic!("{outcome:?}") };
    assert!(fault.settings);
    assert!(toss.lookup(&whose(&order)).await.is_err(), "an error is not an absence");
}

#[tokio::test]
async fn a_list_has_each_payment_once() {
    let (fake, toss) = world().await;
    let mut orders = vec![paid(&fake, &toss, 1_000).await, paid(&fake, &toss, 500).await];
    seen(toss.refund(&asks::refund(whose(&orders[0]), "ref_1", 300)).await);
    let page = toss.list(Timestamp::from_seconds(1_795_000_000), None).await.unwrap();
    let mut listed: Vec<String> = page.payments.into_iter().map(|payment| payment.provider_id).collect();
    listed.sort();
    orders.sort();
    assert_eq!((listed, page.next), (orders, None));
}

#[test]
fn an_event_is_only_a_reason_to_look() {
    let toss = Toss::new("http://127.0.0.1:9", &Secret::new("k".to_owned()), PATIENCE).unwrap();
    let read = |headers: &HeaderMap, body: &str| toss.event(headers, body.as_bytes(), &[], Timestamp::from_seconds(0));
    let transmission = |id: &'static str| {
        HeaderMap::from_iter([(
            http::HeaderName::from_static("tosspayments-webhook-transmission-id"),
            http::HeaderValue::from_static(id),
        )])
    };
    let body = json!({"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-11-21T00:00:00.000000",
        "data": {"paymentKey": "tgen_1", "orderId": "pay_1234", "status": "DONE", "totalAmount": 100}})
    .to_string();
    let event = read(&transmission("tx-1"), &body).unwrap();
    assert_eq!((event.id.as_str(), event.kind.as_str(), event.signed), ("tx-1", "PAYMENT_STATUS_CHANGED", false));
    let look = About::Look { our_id: Some("pay_1234".to_owned()), provider_id: Some("tgen_1".to_owned()) };
    assert_eq!(event.about, look);

    let unnamed = read(&HeaderMap::new(), &body).unwrap();
    assert_eq!(unnamed.id, read(&HeaderMap::new(), &body).unwrap().id);
    assert_ne!(unnamed.id, read(&HeaderMap::new(), &body.replace("DONE", "ABORTED")).unwrap().id);

    let deposit = json!({"createdAt": "x", "secret": "ps", "status": "DONE", "orderId": "pay_1234"}).to_string();
    let deposit = read(&HeaderMap::new(), &deposit).unwrap();
    assert_eq!(deposit.kind, "DEPOSIT_CALLBACK");
    assert!(matches!(deposit.about, About::Look { our_id: Some(_), .. }));
    for body in ["", "[]", "{}", "null"] {
        assert_eq!(read(&HeaderMap::new(), body), Err(Forged::Shape), "{body}");
    }
}
