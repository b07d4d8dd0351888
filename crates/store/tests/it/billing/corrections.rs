//! What was recorded wrongly is taken back, once, and the books agree.

use std::{sync::Arc, time::Duration};

use farebox_engine::{
    entitlement::{FeatureKind, Terms},
    ledger::Refusal,
};
use farebox_store::{
    Page, Store,
    billing::{Billing, BillingError, EventCursor, GrantCredit, Insufficient, Recorded, Use},
};
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, actor, allowance, micros, teller, units, used};
use crate::world::Engine;

const MONTH: u64 = 31 * 86_400;

/// Less of the calls, under a name.
fn less(customer: Uuid, key: &str, value: u64) -> Use {
    Use { back: true, ..used(customer, key, value) }
}

async fn correct(seller: &Seller, customer: Uuid, key: &str, value: u64) -> Result<Recorded, BillingError> {
    seller.billing.track(seller.tenant, &less(customer, key, value), Insufficient::Record, &actor()).await
}

async fn credit(seller: &Seller, customer: Uuid, amount: u64, lasts: Option<u64>) {
    let id = Uuid::now_v7();
    let expires_at = lasts.map(|seconds| seller.now().after(Duration::from_secs(seconds)));
    let (feature_code, amount) = ("calls".into(), units(amount));
    let wanted = GrantCredit { id, customer, feature_code, amount, priority: 0, expires_at };
    seller.billing.credit(&seller.ask(&format!("credit/{id}")), &wanted, |_| String::new()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn what_is_taken_back_is_available_again_and_counted_no_more(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    credit(&seller, customer, 5, None).await;
    seller.track(customer, "a", 8).await;
    seller.track(customer, "b", 5).await;
    let answer = seller.check(customer, 0).await;
    assert_eq!((answer.balance, answer.source.unwrap().as_str()), (Some(micros(2)), "credit_grant"));
    let recorded = correct(&seller, customer, "c", 4).await.unwrap();
    assert_eq!((recorded.balance, recorded.replayed), (Some(micros(6)), false));
    let answer = seller.check(customer, 0).await;
    assert_eq!((answer.balance, answer.usage), (Some(micros(6)), Some(micros(9))));
    assert_eq!(answer.source.unwrap().as_str(), "plan_grant", "three came back to the credits, and one to the plan");
    let again = correct(&seller, customer, "c", 4).await.unwrap();
    assert_eq!((again.balance, again.replayed), (Some(micros(6)), true));
    let events = seller.world.store.usage_events(seller.tenant, customer, EventCursor { after: None, limit: 10 });
    let mut told: Vec<_> = events.await.unwrap().iter().map(|event| (event.value, event.counted)).collect();
    told.sort_unstable();
    assert_eq!(told, [(micros(-4), Some(micros(-4))), (micros(5), None), (micros(8), None)]);
    let trail = seller.world.store.audit(seller.tenant, Page::first(50)).await.unwrap();
    assert_eq!(trail.iter().filter(|line| line.entries.contains("\"corrected\"")).count(), 1);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn no_more_comes_back_than_was_used_in_this_window(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    seller.track(customer, "a", 3).await;
    let refused = correct(&seller, customer, "c", 4).await;
    assert!(matches!(refused, Err(BillingError::Refused(Refusal::Beyond { used: 3_000_000 }))), "{refused:?}");
    assert_eq!(seller.check(customer, 0).await.usage, Some(micros(3)));
    seller.world.pass(MONTH);
    let refused = correct(&seller, customer, "d", 1).await;
    assert!(matches!(refused, Err(BillingError::Refused(Refusal::Beyond { used: 0 }))), "{refused:?}");
    assert_eq!(seller.balance(customer).await, micros(10));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn credits_that_have_expired_do_not_come_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    credit(&seller, customer, 5, Some(60)).await;
    seller.track(customer, "a", 14).await;
    seller.world.pass(61);
    let recorded = correct(&seller, customer, "c", 6).await.unwrap();
    assert_eq!(recorded.balance, Some(micros(2)), "four of the six were of the credits");
    assert_eq!(seller.check(customer, 0).await.usage, Some(micros(8)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn overage_comes_back_before_anything_else(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(10)).await;
    seller.track(customer, "a", 14).await;
    assert_eq!(correct(&seller, customer, "c", 3).await.unwrap().balance, Some(micros(-1)));
    assert_eq!(correct(&seller, customer, "d", 5).await.unwrap().balance, Some(micros(4)));
    let one = less(customer, "e", 1);
    let (tell, heard) = teller();
    let told =
        seller.billing.track_telling(seller.tenant, &one, Insufficient::Record, (&actor(), &tell)).await.unwrap();
    let answer = heard.lock().unwrap().take().unwrap();
    assert_eq!((answer.balance, answer.usage, answer.allowed), (Some(micros(5)), Some(micros(5)), true));
    let again =
        seller.billing.track_telling(seller.tenant, &one, Insufficient::Record, (&actor(), &tell)).await.unwrap();
    assert_eq!((again.words, again.replayed), (told.words, true));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_has_no_limit_is_counted_less(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let calls = seller.feature("calls", FeatureKind::Unlimited).await;
    let plan = seller.plan("free", Vec::new(), vec![(calls, "calls", Terms::Unlimited)]).await;
    let customer = seller.customer("a@example.test").await;
    seller.attach(customer, plan.id).await;
    seller.track(customer, "a", 7).await;
    assert_eq!(correct(&seller, customer, "c", 2).await.unwrap().balance, None);
    assert_eq!(seller.check(customer, 0).await.usage, Some(micros(5)));
    seller.world.finish().await;
}

const USES: u64 = 200;
const CORRECTIONS: u64 = 60;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_and_corrections_at_once_agree_in_the_end(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    at_once(&seller, vec![seller.billing.clone()]).await;
    seller.world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_and_corrections_of_two_processes_agree_in_the_end() {
    let Some(seller) = Seller::new(Engine::Postgres).await else { return };
    let other: Arc<dyn Store> = seller.world.another_process().await;
    at_once(&seller, vec![seller.billing.clone(), seller.another(&other)]).await;
    other.close().await;
    seller.world.finish().await;
}

/// Uses of 3 and corrections of 1 to 3, each sent twice: what they come to is what was recorded.
async fn at_once(seller: &Seller, processes: Vec<Billing>) {
    let (customer, _) = seller.with_calls(allowance(300)).await;
    credit(seller, customer, 200, None).await;
    credit(seller, customer, 200, None).await;
    seller.track(customer, "first", 200).await;
    let uses = (0..USES).map(|at| used(customer, &format!("use/{at}"), 3));
    let backs = (0..CORRECTIONS).map(|at| less(customer, &format!("back/{at}"), 1 + at % 3));
    let mixed: Vec<Use> = uses.chain(backs).collect();
    let twice = mixed.iter().chain(mixed.iter().rev()).cloned().zip(processes.iter().cycle());
    let calls: Vec<_> = twice
        .map(|(one, billing)| {
            let (billing, tenant) = (billing.clone(), seller.tenant);
            tokio::spawn(async move { until_heard(&billing, tenant, &one).await })
        })
        .collect();
    let mut fresh = 0;
    for call in calls {
        fresh += u64::from(!call.await.unwrap().replayed);
    }
    assert_eq!(fresh, USES + CORRECTIONS);
    let came_to = 200 + USES * 3 - CORRECTIONS / 3 * (1 + 2 + 3);
    let answer = seller.check(customer, 0).await;
    assert_eq!(answer.usage, Some(i64::try_from(came_to).unwrap() * 1_000_000));
    assert_eq!(answer.balance, Some((700 - i64::try_from(came_to).unwrap()) * 1_000_000));
}

/// As callers do: what did not happen is asked again.
async fn until_heard(billing: &Billing, tenant: farebox_types::Id<farebox_types::Merchant>, one: &Use) -> Recorded {
    loop {
        match billing.track(tenant, one, Insufficient::Record, &actor()).await {
            Ok(recorded) => return recorded,
            Err(BillingError::Busy | BillingError::Fault(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}
