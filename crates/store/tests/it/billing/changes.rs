//! Plans change, end, rest and wake.

use farebox_engine::{
    entitlement::{Allowance, FeatureKind, Reason, Terms},
    subscription::{Collection, Status},
};
use farebox_store::billing::{Begins, BillingError, ChangePlan, Customer, Put, Subscription};
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, allowance, micros, price, units};
use crate::world::Engine;

const MONTH: u64 = 31 * 86_400;

fn status(row: &Subscription) -> String {
    row.term.status.as_str().to_owned()
}

/// A customer on 10 calls, and a plan with 1000 of them.
async fn upgradable(seller: &Seller) -> (Uuid, Uuid, Uuid) {
    let (customer, subscription) = seller.with_calls(allowance(10)).await;
    let calls = seller.billing.feature(seller.tenant, "calls").await.unwrap().value.id;
    let terms = Terms::Metered(allowance(1_000));
    let pro = seller.plan("pro", vec![price(2_000)], vec![(calls, "calls", terms)]).await;
    (customer, subscription, pro.id)
}

#[rstest]
#[tokio::test]
async fn an_upgrade_after_exhaustion_counts_what_was_used(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, subscription, pro) = upgradable(&seller).await;
    seller.track(customer, "a", 12).await;
    assert!(!seller.check(customer, 0).await.allowed);
    let change = ChangePlan { subscription, plan: pro, begins: Begins::Now, collection: Collection::OnFile };
    for replayed in [false, true] {
        let done = seller.billing.change_plan(&seller.ask("up"), change, status).await.unwrap();
        assert_eq!((done.answer.as_str(), done.replayed), ("active", replayed));
    }
    let answer = seller.check(customer, 0).await;
    assert_eq!((answer.allowed, answer.balance, answer.usage), (true, Some(micros(988)), Some(micros(12))));
    assert_eq!(answer.included_usage, Some(units(1_000)));
    let again = seller.billing.change_plan(&seller.ask("same"), change, status).await;
    assert!(matches!(again, Err(BillingError::Invalid(_))), "{again:?}");
    seller.world.pass(MONTH);
    seller.billing.run_due(10, std::time::Duration::from_secs(30)).await.unwrap();
    assert_eq!(seller.balance(customer).await, micros(1_000));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_change_for_the_next_period_waits_for_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, subscription, pro) = upgradable(&seller).await;
    seller.track(customer, "a", 4).await;
    let change = ChangePlan { subscription, plan: pro, begins: Begins::NextPeriod, collection: Collection::OnFile };
    seller.billing.change_plan(&seller.ask("later"), change, status).await.unwrap();
    assert_eq!(seller.balance(customer).await, micros(6));
    seller.world.pass(MONTH);
    // The first use after the boundary finds the new plan, scheduler or not.
    assert_eq!(seller.track(customer, "b", 1).await.balance, Some(micros(999)));
    let row = seller.subscription(subscription).await;
    assert_eq!((row.plan, row.term.pending_change), (pro, None));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_end_that_was_scheduled_can_be_taken_back_until_it_comes(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, subscription) = seller.with_calls(allowance(10)).await;
    let (billing, nothing) = (&seller.billing, || (None, None));
    billing.cancel(&seller.ask("c1"), (subscription, true), nothing(), status).await.unwrap();
    assert!(seller.check(customer, 1).await.allowed);
    billing.uncancel(&seller.ask("u"), subscription, status).await.unwrap();
    assert!(!seller.subscription(subscription).await.term.cancel_at_period_end);
    let twice = billing.uncancel(&seller.ask("u2"), subscription, status).await;
    assert!(matches!(twice, Err(BillingError::NotAllowed(_))), "{twice:?}");
    billing.cancel(&seller.ask("c2"), (subscription, true), (Some("dear".into()), None), status).await.unwrap();
    seller.world.pass(MONTH);
    assert_eq!(seller.check(customer, 1).await.reason, Some(Reason::SubscriptionInactive));
    billing.run_due(10, std::time::Duration::from_secs(30)).await.unwrap();
    let row = seller.subscription(subscription).await;
    assert_eq!((row.term.status, row.cancel_reason.as_deref()), (Status::Canceled, Some("dear")));
    assert!(!seller.consume(customer, "x", 1).await.answer.allowed);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_was_left_ends_with_a_subscription_that_ends_now(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, subscription) = seller.with_calls(allowance(10)).await;
    seller.track(customer, "a", 4).await;
    let ask = seller.ask("now");
    let done = seller.billing.cancel(&ask, (subscription, false), (None, None), status).await.unwrap();
    assert_eq!(done.answer, "canceled");
    let answer = seller.consume(customer, "b", 1).await.answer;
    assert_eq!((answer.allowed, answer.reason), (false, Some(Reason::SubscriptionInactive)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_subscription_at_rest_gives_nothing_and_wakes_in_the_current_period(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, subscription) = seller.with_calls(allowance(10)).await;
    let anchor = seller.subscription(subscription).await.term.anchor;
    seller.billing.pause(&seller.ask("p"), subscription, status).await.unwrap();
    assert!(!seller.consume(customer, "a", 1).await.answer.allowed);
    seller.world.pass(2 * MONTH);
    seller.billing.resume(&seller.ask("r"), subscription, status).await.unwrap();
    let term = seller.subscription(subscription).await.term;
    assert_eq!((term.status, term.anchor), (Status::Active, anchor));
    assert!(term.period_start <= seller.now() && seller.now() < term.period_end);
    assert!(seller.consume(customer, "b", 1).await.answer.allowed);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_period_that_began_at_rest_gives_its_credits_when_the_subscription_wakes(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let credited = Allowance { credit: Some(units(5)), ..allowance(10) };
    let (customer, subscription) = seller.with_calls(credited).await;
    assert_eq!(seller.balance(customer).await, micros(15));
    for nap in ["a short nap", "another"] {
        seller.billing.pause(&seller.ask(&format!("pause/{nap}")), subscription, status).await.unwrap();
        seller.billing.resume(&seller.ask(&format!("resume/{nap}")), subscription, status).await.unwrap();
        assert_eq!(seller.balance(customer).await, micros(15), "a period's credits are granted once");
    }
    seller.billing.pause(&seller.ask("sleep"), subscription, status).await.unwrap();
    seller.world.pass(40 * 86_400);
    seller.billing.resume(&seller.ask("wake"), subscription, status).await.unwrap();
    assert_eq!(seller.balance(customer).await, micros(15), "those of now, and none of before");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_is_only_said_is_combined_and_compared(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let seats = seller.feature("seats", FeatureKind::Numeric).await;
    let sso = seller.feature("sso", FeatureKind::Boolean).await;
    let tier = seller.feature("tier", FeatureKind::Text).await;
    let terms =
        |seats_of, on| vec![(seats, "seats", Terms::Numeric(units(seats_of))), (sso, "sso", Terms::Boolean(on))];
    let small = seller.plan("small", Vec::new(), terms(3, false)).await;
    let mut more = terms(5, true);
    more.push((tier, "tier", Terms::Text("gold".into())));
    let large = seller.plan("large", Vec::new(), more).await;
    let customer = seller.customer("a@example.test").await;
    seller.attach(customer, small.id).await;
    let check = async |code: &str, required: u64| {
        seller.billing.check(seller.tenant, customer, code, units(required)).await.unwrap()
    };
    assert_eq!([check("seats", 3).await.allowed, check("seats", 4).await.allowed], [true, false]);
    assert_eq!(check("sso", 0).await.reason, Some(Reason::NoGrant));
    assert_eq!(check("tier", 0).await.reason, Some(Reason::NoGrant));
    seller.attach(customer, large.id).await;
    assert_eq!([check("seats", 5).await.allowed, check("sso", 0).await.allowed], [true, true]);
    assert!(check("tier", 0).await.allowed);
    let unknown = seller.billing.check(seller.tenant, customer, "nope", units(0)).await;
    assert!(matches!(unknown, Err(BillingError::NotFound(_))), "{unknown:?}");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn another_tenants_rows_are_not_there(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(mut seller) = Seller::new(engine).await else { return };
    let (customer, subscription) = seller.with_calls(Allowance { credit: Some(units(3)), ..allowance(10) }).await;
    assert_eq!(seller.balance(customer).await, micros(13));
    seller.tenant = farebox_types::Id::generate();
    let foreign = seller.billing.check(seller.tenant, customer, "calls", units(1)).await;
    assert!(matches!(foreign, Err(BillingError::NotFound(_))), "{foreign:?}");
    let foreign = seller.billing.pause(&seller.ask("p"), subscription, status).await;
    assert!(matches!(foreign, Err(BillingError::NotFound(_))), "{foreign:?}");
    assert!(seller.billing.get::<Customer>(seller.tenant, customer).await.unwrap().is_none());
    // The same e-mail address is another customer here.
    assert_ne!(seller.customer("a@example.test").await, customer);
    let again = Customer {
        id: Uuid::now_v7(),
        email: "A@Example.test".into(),
        name: None,
        currency: None,
        external_id: None,
        payer: None,
        metadata: serde_json::json!({}),
    };
    let put = vec![Put::new(&again, "customer_created").unwrap()];
    let taken = seller.billing.put(&seller.ask("again"), put, String::new()).await;
    assert!(matches!(taken, Err(BillingError::Taken(..))), "{taken:?}");
    seller.world.finish().await;
}
