//! Stripe, against a program that answers as its reference says. Real servers of others are in conformance/payments.

use std::time::Duration;

use farebox_providers::{
    Create, Dispute, Disputed, Outcome, Provider, ProviderState, RefundState, RefusalClass, Whose, stripe::Stripe,
};
use farebox_types::{Secret, Timestamp};
use rstest::rstest;
use serde_json::json;

use crate::{
    asks::{self, PATIENCE, fresh_id, of, refused, seen, whose},
    fake::{FakeStripe, Wrong},
};

const VISA: &str = "pm_card_visa";

async fn world() -> (FakeStripe, Stripe) {
    let fake = FakeStripe::start().await;
    let stripe = Stripe::new(&fake.url, &Secret::new("sk_test_right".to_owned()), PATIENCE).unwrap();
    (fake, stripe)
}

#[tokio::test]
async fn a_payment_is_an_intent_and_its_confirmation() {
    let (fake, stripe) = world().await;
    let our_id = fresh_id();
    let ask = Create { description: Some("tea & cake".to_owned()), ..asks::create(&our_id, 4_999, VISA) };
    let paid = seen(stripe.create(&ask).await);
    assert_eq!((paid.state, paid.captured_minor, paid.currency.as_str()), (ProviderState::Succeeded, 4_999, "USD"));
    assert_eq!((paid.our_id.as_deref(), paid.refunded_minor), (Some(our_id.as_str()), Some(0)));
    let intent = &fake.intents()[0];
    assert_eq!(
        (&intent["amount"], &intent["currency"], &intent["description"]),
        (&json!(4_999), &json!("usd"), &json!("tea & cake"))
    );
    assert_eq!(intent["metadata"]["farebox_customer"], "cust_123");
    assert_eq!(seen(stripe.create(&ask).await), paid);
    assert_eq!(fake.intents().len(), 1);
}

#[tokio::test]
async fn a_decline_has_stripes_reason_and_the_intent() {
    let (_fake, stripe) = world().await;
    let our_id = fresh_id();
    let no = refused(stripe.create(&asks::create(&our_id, 100, "pm_card_chargeDeclinedInsufficientFunds")).await);
    assert_eq!((no.code.as_str(), no.decline_code.as_deref()), ("card_declined", Some("insufficient_funds")));
    assert_eq!((no.class, no.provider_id.as_deref()), (RefusalClass::Declined, Some("pi_0")));
    let known = stripe.lookup(&whose(&our_id)).await.unwrap().unwrap();
    assert_eq!((known.state, known.captured_minor), (ProviderState::Failed, 0));
}

#[tokio::test]
async fn three_d_secure_waits_for_the_payer_and_goes_on() {
    let (fake, stripe) = world().await;
    let return_url = Some("https://shop.example/back".to_owned());
    let ask = Create { return_url, ..asks::create(&fresh_id(), 100, "pm_card_threeDSecureRequired") };
    let asked = seen(stripe.create(&ask).await);
    let action = asked.action.clone().unwrap();
    assert_eq!((asked.state, action.kind), (ProviderState::RequiresAction, "redirect"));
    assert_eq!(action.url.as_deref(), Some("https://hooks.stripe.com/3d_secure_2"));
    assert_eq!(fake.intents()[0]["next_action"]["redirect_to_url"]["return_url"], "https://shop.example/back");
    let still = seen(stripe.confirm(&asks::confirm(of(&asked), 100, "USD", None)).await);
    assert_eq!(still.state, ProviderState::RequiresAction);
    fake.approve(&asked.provider_id);
    assert_eq!(stripe.lookup(&of(&asked)).await.unwrap().unwrap().state, ProviderState::Succeeded);
}

#[rstest]
#[case::of_the_intent("/payment_intents", Wrong::FailBefore, None)]
#[case::of_the_intent("/payment_intents", Wrong::FailAfter, Some(ProviderState::Created))]
#[case::of_the_intent("/payment_intents", Wrong::HangAfter, Some(ProviderState::Created))]
#[case::of_the_confirmation("/confirm", Wrong::FailBefore, Some(ProviderState::Created))]
#[case::of_the_confirmation("/confirm", Wrong::FailAfter, Some(ProviderState::Succeeded))]
#[case::of_the_confirmation("/confirm", Wrong::HangAfter, Some(ProviderState::Succeeded))]
#[tokio::test]
async fn a_lost_answer_is_unknown_and_found_again_by_our_id(
    #[case] write: &'static str,
    #[case] wrong: Wrong,
    #[case] found: Option<ProviderState>,
    #[values(false, true)] search_lags: bool,
) {
    let (fake, stripe) = world().await;
    if search_lags {
        fake.search_finds_nothing();
    }
    fake.break_next(write, wrong);
    let our_id = fresh_id();
    let ask = asks::create(&our_id, 100, VISA);
    let first = stripe.create(&ask).await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    let looked = stripe.lookup(&whose(&our_id)).await.unwrap();
    assert_eq!(looked.as_ref().map(|payment| payment.state), found);

    let paid = match looked {
        Some(payment) if payment.state == ProviderState::Created => {
            seen(stripe.confirm(&asks::confirm(whose(&our_id), 100, "USD", None)).await)
        }
        Some(payment) => payment,
        None => seen(stripe.create(&ask).await),
    };
    assert_eq!((paid.state, paid.captured_minor), (ProviderState::Succeeded, 100));
    assert_eq!(fake.intents().len(), 1, "one intent, so one charge");
}

#[tokio::test]
async fn what_is_turned_away_at_the_door_is_not_done() {
    let (fake, stripe) = world().await;
    fake.break_next("/payment_intents", Wrong::Busy);
    let Outcome::NotDone(fault) = stripe.create(&asks::create(&fresh_id(), 5, VISA)).await else { panic!("done") };
    assert_eq!((fault.retry_after, fault.settings), (Some(Duration::from_secs(7)), false));

    let wrong = Stripe::new(&fake.url, &Secret::new("sk_test_wrong".to_owned()), PATIENCE).unwrap();
    let Outcome::NotDone(fault) = wrong.create(&asks::create(&fresh_id(), 5, VISA)).await else { panic!("done") };
    assert!(fault.settings);
    assert!(!fault.to_string().contains("sk_test"), "{fault}");
    assert!(fake.intents().is_empty());
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_unknown() {
    let (_fake, stripe) = world().await;
    let our_id = fresh_id();
    seen(stripe.create(&asks::create(&our_id, 5, VISA)).await);
    let other = stripe.create(&asks::create(&our_id, 6, VISA)).await;
    assert!(matches!(other, Outcome::Unknown(_)), "{other:?}");
}

#[tokio::test]
async fn a_capture_in_part_a_cancel_and_their_repeats() {
    let (_fake, stripe) = world().await;
    let held = seen(stripe.create(&asks::manual(&fresh_id(), 1_000, VISA)).await);
    assert_eq!((held.state, held.captured_minor), (ProviderState::RequiresCapture, 0));
    let ask = asks::capture(of(&held), 600);
    let paid = seen(stripe.capture(&ask).await);
    assert_eq!((paid.state, paid.captured_minor), (ProviderState::Succeeded, 600));
    let forgotten = farebox_providers::Capture { idempotency_key: "forgotten".to_owned(), ..ask };
    assert_eq!(seen(stripe.capture(&forgotten).await).captured_minor, 600, "how things stand is the answer");
    assert_eq!(refused(stripe.cancel(&asks::cancel(of(&held))).await).class, RefusalClass::Invalid);

    let other = seen(stripe.create(&asks::manual(&fresh_id(), 1_000, VISA)).await);
    assert_eq!(refused(stripe.capture(&asks::capture(of(&other), 1_001)).await).code, "amount_too_large");
    assert_eq!(
        seen(stripe.cancel(&asks::cancel(whose(other.our_id.as_ref().unwrap()))).await).state,
        ProviderState::Canceled
    );
}

#[tokio::test]
async fn a_refund_is_found_by_our_id_whatever_became_of_its_answer() {
    let (fake, stripe) = world().await;
    let paid = seen(stripe.create(&asks::create(&fresh_id(), 1_000, VISA)).await);
    fake.break_next("/refunds", Wrong::FailAfter);
    let ask = asks::refund(of(&paid), "ref_1", 400);
    assert!(matches!(stripe.refund(&ask).await, Outcome::Unknown(_)));
    let found = stripe.lookup_refund(&of(&paid), "ref_1").await.unwrap().unwrap();
    assert_eq!((found.minor, found.state, found.our_refund.as_deref()), (400, RefundState::Succeeded, Some("ref_1")));
    assert_eq!(seen(stripe.refund(&ask).await), found);
    assert_eq!(refused(stripe.refund(&asks::refund(of(&paid), "ref_2", 601)).await).class, RefusalClass::Invalid);
    assert_eq!(stripe.lookup_refund(&of(&paid), "ref_2").await.unwrap(), None);
    assert_eq!(stripe.lookup(&of(&paid)).await.unwrap().unwrap().refunded_minor, Some(400));

    let rest = asks::refund(of(&paid), "ref_3", 600);
    let done = seen(stripe.refund(&rest).await);
    let forgotten = farebox_providers::Refund { idempotency_key: "forgotten".to_owned(), ..rest };
    assert_eq!(seen(stripe.refund(&forgotten).await), done, "refused as too much, for it was made before");
}

#[tokio::test]
async fn a_list_pages_back_to_its_start_and_a_lookup_through_all_of_it() {
    let (fake, stripe) = world().await;
    let mut ids = Vec::new();
    for _ in 0..130 {
        ids.push(seen(stripe.create(&asks::create(&fresh_id(), 5, VISA)).await));
    }
    let first = stripe.list(Timestamp::from_seconds(1_700_000_010), None).await.unwrap();
    assert_eq!((first.payments.len(), first.payments[0].provider_id.as_str()), (100, "pi_129"));
    let rest = stripe.list(Timestamp::from_seconds(1_700_000_010), first.next.as_deref()).await.unwrap();
    assert_eq!((rest.payments.len(), rest.next), (20, None));
    fake.search_finds_nothing();
    let oldest = Whose { provider_id: None, ..of(&ids[0]) };
    assert_eq!(stripe.lookup(&oldest).await.unwrap().unwrap().provider_id, "pi_0");
    assert_eq!(stripe.lookup(&whose(&fresh_id())).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn currencies_that_stripe_counts_otherwise_are_refused(#[values("ISK", "MGA", "UGX")] currency: &str) {
    let (fake, stripe) = world().await;
    let ask = Create { currency: currency.to_owned(), ..asks::create(&fresh_id(), 100, VISA) };
    assert_eq!(refused(stripe.create(&ask).await).code, "currency_not_supported");
    assert!(fake.intents().is_empty());
}

#[rstest]
#[case("needs_response", Some(Dispute::Open))]
#[case("under_review", Some(Dispute::Open))]
#[case("won", Some(Dispute::Won))]
#[case("lost", Some(Dispute::Lost))]
#[case("warning_needs_response", None)]
#[case("warning_closed", None)]
#[tokio::test]
async fn a_dispute_is_told_as_it_stands_now(#[case] status: &str, #[case] stands: Option<Dispute>) {
    let (fake, stripe) = world().await;
    let our_id = fresh_id();
    let paid = seen(stripe.create(&asks::create(&our_id, 500, VISA)).await);
    assert_eq!(stripe.lookup(&of(&paid)).await.unwrap().unwrap().dispute, None);
    fake.dispute(&paid.provider_id, status);
    let stands = stands.map(|dispute| Disputed { dispute, minor: Some(1) });
    assert_eq!(stripe.lookup(&of(&paid)).await.unwrap().unwrap().dispute, stands);
    let listed = stripe.list(Timestamp::from_seconds(0), None).await.unwrap();
    assert_eq!(listed.payments[0].dispute, stands, "the list says the same");
}

#[tokio::test]
async fn a_refund_in_the_dashboard_shows_in_a_look() {
    let (fake, stripe) = world().await;
    let our_id = fresh_id();
    let paid = seen(stripe.create(&asks::create(&our_id, 500, VISA)).await);
    fake.refund_by_hand(&paid.provider_id, 200);
    assert_eq!(stripe.lookup(&of(&paid)).await.unwrap().unwrap().refunded_minor, Some(200));
}
