//! Periods, trials, leases and test clocks.

use std::time::Duration;

use farebox_engine::{
    entitlement::{Allowance, FeatureKind, Terms},
    subscription::{Collection, Status},
};
use farebox_store::billing::{
    Attach, Checkout, CheckoutState, OpenCheckout, Plan, Price, Put, Subscription, TestClock,
};
use farebox_types::Timestamp;
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, allowance, micros, price, units};
use crate::world::Engine;

const DAY: u64 = 86_400;
const LEASE: Duration = Duration::from_secs(30);
/// 31 January 2028, 08:30.
const JANUARY_31: i64 = 1_832_920_200;
const FEBRUARY_29: i64 = JANUARY_31 + 29 * 86_400;
const MARCH_31: i64 = JANUARY_31 + 60 * 86_400;
const APRIL_30: i64 = JANUARY_31 + 90 * 86_400;

async fn clock_at(seller: &Seller, seconds: i64) -> Uuid {
    let clock = TestClock { id: Uuid::now_v7(), frozen_at: Timestamp::from_seconds(seconds), advancing_to: None };
    let put = vec![Put::new(&clock, "test_clock_created").unwrap()];
    seller.billing.put(&seller.ask("clock"), put, String::new()).await.unwrap();
    clock.id
}

async fn advance(seller: &Seller, clock: Uuid, seconds: i64) {
    let to = Timestamp::from_seconds(seconds);
    let ask = seller.ask(&format!("advance/{seconds}"));
    seller.billing.advance_clock(&ask, (clock, to), |clock| clock.frozen_at.micros().to_string()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn periods_are_counted_from_the_anchor_through_short_months(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let clock = clock_at(&seller, JANUARY_31).await;
    let (customer, subscription) = seller.with_calls(Allowance { credit: Some(units(2)), ..allowance(10) }).await;
    let mut seen = Vec::new();
    for (n, start) in [JANUARY_31, FEBRUARY_29, MARCH_31, APRIL_30].into_iter().enumerate() {
        if n > 0 {
            advance(&seller, clock, start).await;
        }
        // What is included, and the period's own credits: each period anew, whatever was used of the last.
        assert_eq!(seller.balance(customer).await, micros(12), "period {n}");
        assert_eq!(seller.track(customer, &format!("{n}"), 11).await.balance, Some(micros(1)));
        seen.push(seller.subscription(subscription).await.term.period_start.seconds());
    }
    assert_eq!(seen, [JANUARY_31, FEBRUARY_29, MARCH_31, APRIL_30]);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_test_clock_runs_everything_that_falls_between(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let clock = clock_at(&seller, JANUARY_31).await;
    let (_, subscription) = seller.with_calls(allowance(10)).await;
    advance(&seller, clock, APRIL_30 + 86_400).await;
    let row = seller.billing.get::<Subscription>(seller.tenant, subscription).await.unwrap().unwrap();
    // Made, and renewed three times, one commit each.
    assert_eq!((row.revision, row.value.term.period_start.seconds()), (4, APRIL_30));
    // The machine's scheduler leaves a tenant with a clock alone.
    seller.world.pass(400 * DAY);
    assert_eq!(seller.billing.run_due(10, LEASE).await.unwrap(), 0);
    let back = seller.ask("back");
    let refused = seller.billing.advance_clock(&back, (clock, Timestamp::from_seconds(JANUARY_31)), |_| String::new());
    assert!(refused.await.is_err());
    seller.world.finish().await;
}

async fn trial(seller: &Seller, without_card: bool) -> Plan {
    let calls = seller.feature("calls", FeatureKind::Metered).await;
    let terms = Terms::Metered(allowance(10));
    let plan = seller.plan("draft", vec![price(500)], vec![(calls, "calls", terms)]).await;
    let plan =
        Plan { id: Uuid::now_v7(), code: "trial".into(), trial_days: 14, trial_without_card: without_card, ..plan };
    seller.put_plan(&plan).await;
    plan
}

#[rstest]
#[tokio::test]
async fn a_trial_without_a_card_ends_past_due_and_then_out_of_grace(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let plan = trial(&seller, true).await;
    let customer = seller.customer("a@example.test").await;
    let id = seller.attach(customer, plan.id).await;
    let term = seller.subscription(id).await.term;
    assert_eq!(
        (term.status, term.trial_end),
        (Status::Trialing, Some(seller.now().after(Duration::from_secs(14 * DAY))))
    );
    assert!(seller.consume(customer, "a", 10).await.answer.allowed);
    seller.world.pass(14 * DAY);
    assert_eq!(seller.billing.run_due(10, LEASE).await.unwrap(), 1);
    let after = seller.subscription(id).await.term;
    assert_eq!((after.status, after.anchor, after.trial_end), (Status::PastDue, term.period_end, term.trial_end));
    assert!(seller.check(customer, 1).await.allowed, "within the grace a new window is open");
    seller.world.pass(7 * DAY);
    assert!(!seller.check(customer, 1).await.allowed);
    seller.world.finish().await;
}

pub(crate) fn checkout(id: Uuid) -> OpenCheckout {
    OpenCheckout {
        id,
        provider: "sim".into(),
        provider_reference: None,
        url: format!("https://pay.test/{id}"),
        success_url: Some("https://shop.test/ok".into()),
        cancel_url: None,
        lifetime: Duration::from_secs(3_600),
        due: None,
    }
}

async fn attach_paid(seller: &Seller, customer: Uuid, plan: Uuid, key: &str) -> (Uuid, Uuid) {
    let (subscription, open) = (Uuid::now_v7(), Some(checkout(Uuid::now_v7())));
    let wanted = Attach { subscription, customer, plan, add_ons: Vec::new(), trial_days: None, checkout: open };
    let answer = |attached: &farebox_store::billing::Attached| {
        format!("{} {}", attached.subscription.id, attached.checkout.as_ref().unwrap().id)
    };
    let done = seller.billing.attach(&seller.ask(key), &wanted, answer).await.unwrap();
    let (subscription, checkout) = done.answer.split_once(' ').unwrap();
    (subscription.parse().unwrap(), checkout.parse().unwrap())
}

#[rstest]
#[tokio::test]
async fn a_paid_plan_waits_for_its_checkout_and_begins_with_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    // What is used is paid for afterwards, by a method that is named first.
    let metered = Price { feature: Some("calls".into()), ..price(500) };
    let plan = Plan { trial_days: 0, prices: vec![metered], ..trial(&seller, false).await };
    let plan = Plan { id: Uuid::now_v7(), code: "paid".into(), ..plan };
    seller.put_plan(&plan).await;
    let customer = seller.customer("a@example.test").await;
    let first = attach_paid(&seller, customer, plan.id, "one").await;
    assert_eq!(attach_paid(&seller, customer, plan.id, "two").await, first, "the open checkout is given again");
    assert!(!seller.check(customer, 0).await.allowed);
    let done = |row: &Subscription| row.term.status.as_str().to_owned();
    for key in ["paid", "paid again"] {
        let answer = seller.billing.complete_checkout(&seller.ask(key), (first.1, None), done).await.unwrap();
        assert_eq!(answer.answer, "active");
    }
    assert!(seller.check(customer, 10).await.allowed);
    assert_eq!(seller.subscription(first.0).await.term.collection, Collection::OnFile);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_checkout_that_nobody_pays_expires_with_its_subscription(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let plan = trial(&seller, false).await;
    let customer = seller.customer("a@example.test").await;
    let (subscription, checkout) = attach_paid(&seller, customer, plan.id, "one").await;
    seller.world.pass(3_600);
    assert_eq!(seller.billing.run_due(10, LEASE).await.unwrap(), 1);
    assert_eq!(seller.subscription(subscription).await.term.status, Status::IncompleteExpired);
    let row = seller.billing.get::<Checkout>(seller.tenant, checkout).await.unwrap().unwrap();
    assert_eq!(row.value.state, CheckoutState::Expired);
    let late = seller.billing.complete_checkout(&seller.ask("late"), (checkout, None), |_| String::new()).await;
    assert!(late.is_err(), "{late:?}");
    let (again, _) = attach_paid(&seller, customer, plan.id, "again").await;
    assert_ne!(again, subscription);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedulers_that_race_renew_each_subscription_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let calls = seller.feature("calls", FeatureKind::Metered).await;
    let terms = Terms::Metered(Allowance { credit: Some(units(3)), ..allowance(10) });
    let plan = seller.plan("free", Vec::new(), vec![(calls, "calls", terms)]).await;
    let mut customers = Vec::new();
    for n in 0..20 {
        let customer = seller.customer(&format!("{n}@example.test")).await;
        customers.push((customer, seller.attach(customer, plan.id).await));
    }
    seller.world.pass(31 * DAY);
    let other = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(seller.world.another_process().await),
    };
    let schedulers: Vec<_> = (0..8)
        .map(|n| {
            let store = other.as_ref().filter(|_| n % 2 == 0).unwrap_or(&seller.world.store);
            let billing = seller.another(store);
            tokio::spawn(async move {
                // A lease that is over at once: every scheduler takes every row.
                let mut leased = 0;
                for _ in 0..4 {
                    leased += billing.run_due(7, Duration::ZERO).await.unwrap();
                }
                leased
            })
        })
        .collect();
    let mut leased = 0;
    for scheduler in schedulers {
        leased += scheduler.await.unwrap();
    }
    while seller.billing.run_due(50, Duration::ZERO).await.unwrap() > 0 {}
    assert!(leased >= 20);
    for (customer, subscription) in customers {
        let row = seller.billing.get::<Subscription>(seller.tenant, subscription).await.unwrap().unwrap();
        assert_eq!(row.revision, 2, "renewed once");
        assert_eq!(seller.balance(customer).await, micros(13), "granted once");
    }
    if let Some(other) = other {
        other.close().await;
    }
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_leased_row_is_passed_over_until_its_lease_is_over(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    seller.with_calls(allowance(10)).await;
    seller.world.pass(31 * DAY);
    let (store, now) = (&seller.world.store, seller.now());
    assert_eq!(store.lease_due(now, now.after(LEASE), 10).await.unwrap().len(), 1);
    assert!(store.lease_due(now, now.after(LEASE), 10).await.unwrap().is_empty());
    seller.world.pass(30);
    assert_eq!(store.lease_due(seller.now(), seller.now().after(LEASE), 10).await.unwrap().len(), 1);
    seller.world.finish().await;
}
