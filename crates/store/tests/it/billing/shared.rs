//! Credits of a plan of the credits API, spent by a gate and by track and check alike.

use farebox_engine::{
    entitlement::{Allowance, FeatureKind, Terms},
    ledger::{AccountSpec, Command, Grant, Leg, Operation, TransferId},
};
use farebox_store::billing::{Attach, BillingError, Customer, Feature, Insufficient, Put, SetOverride, Use};
use farebox_types::{Address, Id, Plan};
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, actor, allowance, micros, units, used};
use crate::world::Engine;

const PAYER: Address = Address::from_bytes([0xA1; 20]);

/// Ten credits of a plan, bought in the credits API; returns the customer whose they are, and the plan.
async fn with_credits(seller: &Seller) -> (Uuid, Id<Plan>) {
    let (tenant, plan) = (seller.tenant, Id::<Plan>::generate());
    let holder = AccountSpec::holder(tenant, plan, PAYER);
    let leg = Leg::grant(AccountSpec::issuer(tenant, plan), holder, units(10)).unwrap();
    let id = TransferId::derive(tenant, "order", "1");
    let grant = Grant { id, leg, priority: 0, expires_at: None, clock: None, actor: actor() };
    seller.world.ask(Command::Grant(grant)).await.unwrap();
    let calls = seller.feature("calls", FeatureKind::Metered).await;
    let row = seller.billing.get::<Feature>(tenant, calls).await.unwrap().unwrap();
    let shared = row.with(Feature { credits_plan: Some(plan.uuid()), ..row.value.clone() });
    let put = vec![Put::update(&shared, "feature_updated").unwrap()];
    seller.billing.put(&seller.ask("share"), put, String::new()).await.unwrap();
    let customer = seller.customer("a@example.test").await;
    let row = seller.billing.get::<Customer>(tenant, customer).await.unwrap().unwrap();
    let paying = row.with(Customer { payer: Some(PAYER.to_string()), ..row.value.clone() });
    let put = vec![Put::update(&paying, "customer_updated").unwrap()];
    seller.billing.put(&seller.ask("pay"), put, String::new()).await.unwrap();
    (customer, plan)
}

#[rstest]
#[tokio::test]
async fn a_gate_and_track_spend_the_same_credits(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, plan) = with_credits(&seller).await;
    let tenant = seller.tenant;
    assert_eq!(seller.balance(customer).await, micros(10));
    assert_eq!(seller.track(customer, "a", 3).await.balance, Some(micros(7)));
    // As the gate's settle does it.
    let holder = AccountSpec::holder(tenant, plan, PAYER);
    let leg = Leg::charge(holder, AccountSpec::revenue(tenant, plan), units(5)).unwrap();
    let paid = Operation::new(TransferId::derive(tenant, "x402", "1"), vec![leg], actor()).unwrap();
    seller.world.ask(Command::Post(paid)).await.unwrap();
    let answer = seller.check(customer, 3).await;
    assert_eq!((answer.allowed, answer.balance, answer.usage), (false, Some(micros(2)), Some(micros(3))));
    assert!(!seller.consume(customer, "b", 3).await.answer.allowed);
    assert!(seller.consume(customer, "c", 2).await.answer.allowed);
    // Credits that others may hold for a payment never go below zero, not even for a fact.
    let one = used(customer, "d", 1);
    let beyond = seller.billing.track(tenant, &one, Insufficient::Record, &actor()).await;
    assert!(matches!(beyond, Err(BillingError::Refused(_))), "{beyond:?}");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_is_taken_back_comes_back_to_the_credits_it_was_paid_with(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = with_credits(&seller).await;
    assert_eq!(seller.track(customer, "a", 10).await.balance, Some(0));
    let back = Use { back: true, ..used(customer, "b", 4) };
    let recorded = seller.billing.track(seller.tenant, &back, Insufficient::Record, &actor()).await.unwrap();
    assert_eq!(recorded.balance, Some(micros(4)));
    assert!(seller.consume(customer, "c", 4).await.answer.allowed);
    seller.world.finish().await;
}

/// A plan that gives five credits with each period.
async fn giving(seller: &Seller) -> Uuid {
    let calls = seller.billing.feature(seller.tenant, "calls").await.unwrap().value.id;
    let terms = Terms::Metered(Allowance { credit: Some(units(5)), ..allowance(0) });
    seller.plan("giving", Vec::new(), vec![(calls, "calls", terms)]).await.id
}

#[rstest]
#[tokio::test]
async fn credits_that_come_with_a_period_go_where_the_balance_is(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, plan) = with_credits(&seller).await;
    let giving = giving(&seller).await;
    seller.attach(customer, giving).await;
    assert_eq!(seller.balance(customer).await, micros(15));
    let holder = AccountSpec::holder(seller.tenant, plan, PAYER);
    assert_eq!(seller.world.account(&holder).await.lots.len(), 2, "a gate spends them too");
    seller.world.pass(31 * 86_400);
    seller.billing.run_due(10, std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(seller.balance(customer).await, micros(15), "those of the period before have ended");
    let terms = Terms::Metered(allowance(3));
    let wanted = SetOverride { id: Uuid::now_v7(), customer, feature_code: "calls".into(), terms, expires_at: None };
    let refused = seller.billing.set_override(&seller.ask("override"), &wanted, |_| String::new()).await;
    assert!(matches!(refused, Err(BillingError::Invalid(_))), "{refused:?}");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn credits_of_the_credits_api_need_a_payer_to_go_to(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    with_credits(&seller).await;
    let giving = giving(&seller).await;
    let customer = seller.customer("nobody@example.test").await;
    let wanted = Attach {
        subscription: Uuid::now_v7(),
        customer,
        plan: giving,
        add_ons: Vec::new(),
        trial_days: None,
        checkout: None,
    };
    let refused = seller.billing.attach(&seller.ask("attach"), &wanted, |_| String::new()).await;
    assert!(matches!(refused, Err(BillingError::Invalid(_))), "{refused:?}");
    seller.world.finish().await;
}
