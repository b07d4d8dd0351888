//! One customer, one balance, in all its ways.

use std::time::Duration;

use farebox_engine::{
    entitlement::{Allowance, Cycle, Given, Overage, Reason, Rollover, SourceKind, Terms},
    ledger::Refusal,
};
use farebox_store::billing::{
    BillingError, GrantCredit, Insufficient, Reservation, ReservationState, Reserve, SetOverride,
};
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, actor, allowance, micros, units, used};
use crate::world::Engine;

const MONTH: u64 = 31 * 86_400;

#[rstest]
#[tokio::test]
async fn an_answer_has_every_field_and_the_balance_is_a_closed_sum(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, subscription) = seller.with_calls(allowance(100)).await;
    let fresh = seller.check(customer, 1).await;
    assert_eq!((fresh.allowed, fresh.balance, fresh.usage), (true, Some(micros(100)), Some(0)));
    seller.track(customer, "k", 30).await;
    let answer = seller.check(customer, 70).await;
    let term = seller.subscription(subscription).await.term;
    assert_eq!((answer.allowed, answer.reason), (true, None));
    assert_eq!((answer.balance, answer.usage, answer.held), (Some(micros(70)), Some(micros(30)), Some(0)));
    assert_eq!(answer.included_usage, Some(units(100)));
    assert_eq!(answer.interval, Some(Cycle::SubscriptionPeriod));
    assert_eq!((answer.cycle_start_at, answer.next_reset_at), (Some(term.period_start), Some(term.period_end)));
    assert_eq!(answer.source, Some(SourceKind::PlanGrant));
    assert_eq!(answer.value, Some(Given::Metered(units(100), Overage::Deny)));
    let more = seller.check(customer, 71).await;
    assert_eq!((more.allowed, more.reason), (false, Some(Reason::InsufficientBalance)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_fact_is_recorded_below_zero_and_the_next_check_says_no(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    let recorded = seller.track(customer, "much", 12).await;
    assert_eq!(recorded.balance, Some(micros(-2)));
    assert!(!seller.check(customer, 0).await.allowed);
    let one = used(customer, "more", 1);
    let refused = seller.billing.track(seller.tenant, &one, Insufficient::Reject, &actor()).await;
    assert!(matches!(refused, Err(BillingError::Refused(Refusal::Insufficient { .. }))), "{refused:?}");
    assert_eq!(seller.check(customer, 0).await.usage, Some(micros(12)));
    // The same key with another value is another request.
    let other = used(customer, "much", 13);
    let refused = seller.billing.track(seller.tenant, &other, Insufficient::Record, &actor()).await;
    assert!(matches!(refused, Err(BillingError::Conflict)), "{refused:?}");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn overage_is_allowed_up_to_its_cap(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let capped = Allowance { overage: Overage::Cap(units(5)), ..allowance(10) };
    let (customer, _) = seller.with_calls(capped).await;
    assert!(seller.consume(customer, "a", 14).await.answer.allowed);
    assert!(seller.check(customer, 0).await.allowed);
    assert!(!seller.consume(customer, "b", 2).await.answer.allowed);
    let last = seller.consume(customer, "c", 1).await.answer;
    assert_eq!((last.allowed, last.balance), (true, Some(micros(-5))));
    assert!(!seller.check(customer, 0).await.allowed);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_new_window_begins_with_what_is_included_and_carried_and_without_debt(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let rollover = Rollover { max: Some(units(20)), percent: Some(50) };
    let (customer, _) = seller.with_calls(Allowance { rollover, ..allowance(100) }).await;
    seller.track(customer, "a", 70).await;
    seller.world.pass(MONTH);
    // 30 were left, half of it is carried; a check says so before anything is written.
    assert_eq!(seller.balance(customer).await, micros(115));
    assert_eq!(seller.track(customer, "b", 116).await.balance, Some(micros(-1)));
    seller.world.pass(MONTH);
    assert_eq!(seller.balance(customer).await, micros(100));
    assert_eq!(seller.track(customer, "c", 10).await.balance, Some(micros(90)));
    // Three windows later each has been gone through: 45, then at most 20 carried each time.
    seller.world.pass(3 * MONTH);
    assert_eq!(seller.balance(customer).await, micros(120));
    assert_eq!(seller.track(customer, "d", 1).await.balance, Some(micros(119)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_use_sent_again_in_the_next_window_is_the_same_use(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(100)).await;
    assert_eq!(seller.track(customer, "k", 30).await.balance, Some(micros(70)));
    seller.world.pass(MONTH);
    let again = seller.track(customer, "k", 30).await;
    assert_eq!((again.balance, again.replayed), (Some(micros(70)), true));
    assert_eq!(seller.balance(customer).await, micros(100));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn credits_burn_after_the_plan_and_end_when_they_expire(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    let expires_at = Some(seller.now().after(Duration::from_secs(3_600)));
    let wanted = GrantCredit {
        id: Uuid::now_v7(),
        customer,
        feature_code: "calls".into(),
        amount: units(5),
        priority: 0,
        expires_at,
    };
    let ask = seller.ask("credit");
    for replayed in [false, true] {
        let done = seller.billing.credit(&ask, &wanted, |credit| credit.amount.to_string()).await.unwrap();
        assert_eq!((done.answer.as_str(), done.replayed), ("5", replayed));
    }
    assert_eq!(seller.balance(customer).await, micros(15));
    let answer = seller.consume(customer, "a", 12).await.answer;
    assert_eq!((answer.balance, answer.source), (Some(micros(3)), Some(SourceKind::CreditGrant)));
    seller.world.pass(3_600);
    assert_eq!(seller.balance(customer).await, 0);
    assert!(!seller.consume(customer, "b", 1).await.answer.allowed);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_override_takes_the_plans_place_and_what_was_used_counts(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(Allowance { cycle: Cycle::CalendarMonth, ..allowance(10) }).await;
    seller.track(customer, "a", 4).await;
    let terms = Terms::Metered(Allowance { cycle: Cycle::CalendarMonth, ..allowance(50) });
    let id = Uuid::now_v7();
    let wanted = SetOverride { id, customer, feature_code: "calls".into(), terms, expires_at: None };
    seller.billing.set_override(&seller.ask("override"), &wanted, |_| String::new()).await.unwrap();
    let answer = seller.check(customer, 0).await;
    assert_eq!((answer.balance, answer.usage), (Some(micros(46)), Some(micros(4))));
    assert_eq!((answer.source, answer.included_usage), (Some(SourceKind::Override), Some(units(50))));
    let unlimited = SetOverride { terms: Terms::Unlimited, ..wanted };
    seller.billing.set_override(&seller.ask("unlimited"), &unlimited, |_| String::new()).await.unwrap();
    assert_eq!(seller.track(customer, "b", 1_000).await.balance, None);
    let answer = seller.check(customer, 5_000).await;
    assert_eq!((answer.allowed, answer.unlimited, answer.balance), (true, true, None));
    assert_eq!(answer.usage, Some(micros(1_000)), "what has no balance is counted in windows of its own");
    seller.world.finish().await;
}

async fn reserve(seller: &Seller, customer: Uuid, amount: u64) -> Result<Uuid, BillingError> {
    let id = Uuid::now_v7();
    let lifetime = Duration::from_secs(60);
    let wanted = Reserve { id, customer, feature_code: "calls".into(), amount: units(amount), lifetime };
    seller.billing.reserve(&seller.ask(&format!("reserve/{id}")), &wanted, |_| String::new()).await.map(|_| id)
}

fn state(row: &Reservation) -> String {
    format!("{} {} late={}", row.state.as_str(), row.committed.unwrap_or_default(), row.late_commit)
}

#[rstest]
#[tokio::test]
async fn a_reservation_holds_and_gives_the_rest_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    let id = reserve(&seller, customer, 8).await.unwrap();
    let answer = seller.check(customer, 3).await;
    assert_eq!((answer.allowed, answer.balance, answer.held), (false, Some(micros(2)), Some(micros(8))));
    assert!(matches!(reserve(&seller, customer, 3).await, Err(BillingError::Refused(_))));
    for key in ["commit", "commit again"] {
        let done = seller.billing.commit_reservation(&seller.ask(key), id, Some(units(5)), state).await.unwrap();
        assert_eq!(done.answer, "committed 5 late=false");
    }
    let answer = seller.check(customer, 0).await;
    assert_eq!((answer.balance, answer.held, answer.usage), (Some(micros(5)), Some(0), Some(micros(5))));
    let other = reserve(&seller, customer, 5).await.unwrap();
    seller.billing.release_reservation(&seller.ask("release"), other, state).await.unwrap();
    assert_eq!(seller.balance(customer).await, micros(5));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_reservation_committed_late_is_recorded_though_nothing_is_left(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    let id = reserve(&seller, customer, 8).await.unwrap();
    seller.world.pass(61);
    assert_eq!(seller.balance(customer).await, micros(10));
    assert!(seller.consume(customer, "all", 10).await.answer.allowed);
    let done = seller.billing.commit_reservation(&seller.ask("late"), id, None, state).await.unwrap();
    assert_eq!(done.answer, "committed 8 late=true");
    assert_eq!(seller.balance(customer).await, micros(-8));
    let row = seller.billing.get::<Reservation>(seller.tenant, id).await.unwrap().unwrap();
    assert_eq!(row.value.state, ReservationState::Committed);
    seller.world.finish().await;
}
