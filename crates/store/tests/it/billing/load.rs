//! Many callers at once.

use std::{collections::BTreeSet, sync::Arc};

use farebox_store::billing::{EventCursor, Insufficient};
use rstest::rstest;

use super::seller::{Seller, actor, allowance, micros, teller, used};
use crate::world::Engine;

const CALLERS: usize = 256;
const BALANCE: u64 = 10_000;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_256_at_once_are_granted_exactly_the_balance(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(BALANCE)).await;
    let granted = run(&seller, vec![seller.billing.clone()], customer).await;
    assert_eq!(granted, BALANCE);
    assert_spent(&seller, customer).await;
    seller.world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_two_processes_are_granted_exactly_the_balance() {
    let Some(seller) = Seller::new(Engine::Postgres).await else { return };
    let (customer, _) = seller.with_calls(allowance(BALANCE)).await;
    let other = seller.world.another_process().await;
    let granted = run(&seller, vec![seller.billing.clone(), seller.another(&other)], customer).await;
    assert_eq!(granted, BALANCE);
    assert_spent(&seller, customer).await;
    other.close().await;
    seller.world.finish().await;
}

/// Each caller consumes until it is refused; all together want more than there is.
async fn run(seller: &Seller, processes: Vec<farebox_store::billing::Billing>, customer: uuid::Uuid) -> u64 {
    let tenant = seller.tenant;
    let callers = (0..CALLERS).zip(processes.iter().cycle()).map(|(caller, billing)| {
        let billing = billing.clone();
        tokio::spawn(async move {
            let mut granted = 0;
            // Uneven steps, so that the last units are not hit by chance.
            for step in 0_u64.. {
                let value = 1 + (step + caller as u64) % 5;
                let one = used(customer, &format!("{caller}/{step}"), value);
                if billing.consume(tenant, &one, (&actor(), &teller().0)).await.unwrap().taken {
                    granted += value;
                } else if value == 1 {
                    return granted;
                }
            }
            granted
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut granted = 0;
    for caller in callers {
        granted += caller.await.unwrap();
    }
    granted
}

async fn assert_spent(seller: &Seller, customer: uuid::Uuid) {
    let answer = seller.check(customer, 0).await;
    assert_eq!((answer.allowed, answer.balance, answer.held), (false, Some(0), Some(0)));
    assert_eq!(answer.usage, Some(micros(10_000)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_a_thousand_times_is_one_event_and_one_answer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(100)).await;
    let (tenant, billing) = (seller.tenant, Arc::new(seller.billing.clone()));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let billing = Arc::clone(&billing);
            tokio::spawn(async move {
                let one = used(customer, "the key", 3);
                billing.track(tenant, &one, Insufficient::Record, &actor()).await.unwrap()
            })
        })
        .collect();
    let (mut balances, mut fresh) = (BTreeSet::new(), 0);
    for caller in callers {
        let recorded = caller.await.unwrap();
        balances.insert(recorded.balance);
        fresh += u32::from(!recorded.replayed);
    }
    assert_eq!(fresh, 1);
    assert_eq!(balances, BTreeSet::from([Some(micros(97))]));
    let events =
        seller.world.store.usage_events(tenant, customer, EventCursor { after: None, limit: 10 }).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(seller.check(customer, 0).await.usage, Some(micros(3)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attach_sent_many_times_at_once_is_one_subscription(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let plan = seller.plan("free", Vec::new(), Vec::new()).await;
    let customer = seller.customer("a@example.test").await;
    let ask = seller.ask("attach");
    let answers = (0..32).map(|_| {
        let (billing, ask) = (seller.billing.clone(), ask.clone());
        tokio::spawn(async move {
            let wanted = farebox_store::billing::Attach {
                subscription: uuid::Uuid::now_v7(),
                customer,
                plan: plan.id,
                add_ons: Vec::new(),
                trial_days: None,
                checkout: None,
            };
            billing.attach(&ask, &wanted, |attached| attached.subscription.id.to_string()).await.unwrap().answer
        })
    });
    let mut said = BTreeSet::new();
    for answer in answers.collect::<Vec<_>>() {
        said.insert(answer.await.unwrap());
    }
    assert_eq!(said.len(), 1);
    let held = seller.billing.holdings(seller.tenant, customer).await.unwrap();
    assert_eq!(held.subscriptions.len(), 1);
    seller.world.finish().await;
}
