//! Metrics: what an event means is theirs to say.

use farebox_engine::entitlement::{
    Aggregation, Allowance, Condition, Counting, FeatureKind, Properties, Rollover, Terms, Uncountable,
};
use farebox_store::billing::{BillingError, EventCursor, Feature, Insufficient, Metric, Put, Recorded, Reserve, Use};
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, actor, allowance, micros, teller, units, used};
use crate::world::Engine;

const MONTH: u64 = 31 * 86_400;

fn counting(aggregation: Aggregation, property: Option<&str>) -> Counting {
    Counting { aggregation, property: property.map(str::to_owned), filter: Vec::new() }
}

/// A customer of a plan whose calls are counted so.
async fn counted(seller: &Seller, counting: Counting, allowance: Allowance) -> Uuid {
    let metric = Metric { id: Uuid::now_v7(), code: "m".into(), name: "m".into(), counting, archived: false };
    let put = Put::new(&metric, "metric_written").unwrap();
    seller.billing.put(&seller.ask("metric"), vec![put], String::new()).await.unwrap();
    let feature = Feature {
        id: Uuid::now_v7(),
        code: "calls".into(),
        name: "calls".into(),
        kind: FeatureKind::Metered,
        unit: None,
        metric: Some("m".into()),
        credits_plan: None,
        archived: false,
    };
    let put = Put::new(&feature, "feature_written").unwrap();
    seller.billing.put(&seller.ask("feature"), vec![put], String::new()).await.unwrap();
    let plan = seller.plan("free", Vec::new(), vec![(feature.id, "calls", Terms::Metered(allowance))]).await;
    let customer = seller.customer("a@example.test").await;
    seller.attach(customer, plan.id).await;
    customer
}

fn saying(one: Use, pairs: &[(&str, &str)]) -> Use {
    let properties: Properties = pairs.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    Use { properties, ..one }
}

async fn track(seller: &Seller, one: &Use) -> Result<Recorded, BillingError> {
    seller.billing.track(seller.tenant, one, Insufficient::Record, &actor()).await
}

async fn usage(seller: &Seller, customer: Uuid) -> i64 {
    seller.check(customer, 0).await.usage.unwrap() / 1_000_000
}

#[rstest]
#[tokio::test]
async fn a_count_takes_one_for_each_event_and_gives_whole_ones_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let customer = counted(&seller, counting(Aggregation::Count, None), allowance(10)).await;
    for (key, value) in [("a", 700), ("b", 1), ("c", 0), ("a", 700)] {
        track(&seller, &used(customer, key, value)).await.unwrap();
    }
    assert_eq!((usage(&seller, customer).await, seller.balance(customer).await), (3, micros(7)));
    let two = Use { back: true, ..used(customer, "back", 2) };
    assert_eq!(track(&seller, &two).await.unwrap().balance, Some(micros(9)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_maximum_takes_what_is_more_than_before_and_begins_anew_with_the_window(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let rollover = Rollover { max: None, percent: Some(100) };
    let customer = counted(&seller, counting(Aggregation::Max, None), Allowance { rollover, ..allowance(10) }).await;
    for (key, value, left) in [("a", 4, 6), ("b", 2, 6), ("c", 7, 3), ("d", 12, -2), ("a", 4, 6)] {
        assert_eq!(track(&seller, &used(customer, key, value)).await.unwrap().balance, Some(micros(left)), "{key}");
    }
    assert_eq!(usage(&seller, customer).await, 12);
    seller.world.pass(MONTH);
    assert_eq!((usage(&seller, customer).await, seller.balance(customer).await), (0, micros(10)));
    track(&seller, &used(customer, "e", 3)).await.unwrap();
    seller.world.pass(MONTH);
    assert_eq!(seller.balance(customer).await, micros(17), "the seven that were left are carried");
    let back = track(&seller, &Use { back: true, ..used(customer, "f", 1) }).await;
    assert!(matches!(back, Err(BillingError::Uncountable(Uncountable::NoCorrection))), "{back:?}");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn the_last_value_holds_and_gives_back_what_it_is_less(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let customer = counted(&seller, counting(Aggregation::Last, None), allowance(10)).await;
    for (key, value, left) in [("a", 8, 2), ("b", 3, 7), ("c", 3, 7), ("d", 13, -3), ("e", 0, 10), ("b", 3, 7)] {
        assert_eq!(track(&seller, &used(customer, key, value)).await.unwrap().balance, Some(micros(left)), "{key}");
    }
    assert_eq!((usage(&seller, customer).await, seller.balance(customer).await), (0, micros(10)));
    let events = seller.world.store.usage_events(seller.tenant, customer, EventCursor { after: None, limit: 10 });
    let counted: i64 = events.await.unwrap().iter().map(|event| event.counted.unwrap()).sum();
    assert_eq!(counted, 0);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_ones_are_counted_once_in_a_window_whoever_tells_them(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let customer = counted(&seller, counting(Aggregation::Unique, Some("user.id")), allowance(100)).await;
    let calls: Vec<_> = (0..120)
        .map(|at| {
            let (billing, tenant) = (seller.billing.clone(), seller.tenant);
            let one = saying(used(customer, &at.to_string(), 1), &[("user.id", &format!("user {}", at % 12))]);
            tokio::spawn(async move { billing.track(tenant, &one, Insufficient::Record, &actor()).await.unwrap() })
        })
        .collect();
    for call in calls {
        assert!(!call.await.unwrap().replayed);
    }
    assert_eq!((usage(&seller, customer).await, seller.balance(customer).await), (12, micros(88)));
    let nobody = track(&seller, &used(customer, "nobody", 1)).await;
    assert!(matches!(nobody, Err(BillingError::Uncountable(Uncountable::NoProperty))), "{nobody:?}");
    seller.world.pass(MONTH);
    track(&seller, &saying(used(customer, "again", 1), &[("user.id", "user 1")])).await.unwrap();
    assert_eq!(usage(&seller, customer).await, 1);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_the_filter_leaves_out_is_recorded_and_counts_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let condition = Condition { property: "model".into(), any_of: vec!["large".into()] };
    let tokens = Counting { filter: vec![condition], ..counting(Aggregation::Sum, Some("tokens")) };
    let customer = counted(&seller, tokens, allowance(100)).await;
    let large = saying(used(customer, "a", 1), &[("model", "large"), ("tokens", "12.5")]);
    assert_eq!(track(&seller, &large).await.unwrap().balance, Some(87_500_000));
    let small = saying(used(customer, "b", 1), &[("model", "small"), ("tokens", "12.5")]);
    assert_eq!(track(&seller, &small).await.unwrap().balance, Some(87_500_000));
    assert!(track(&seller, &small).await.unwrap().replayed);
    let events = seller.world.store.usage_events(seller.tenant, customer, EventCursor { after: None, limit: 10 });
    assert_eq!(events.await.unwrap().len(), 2);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn consuming_asks_for_what_the_metric_takes_and_holding_needs_a_plain_sum(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let customer = counted(&seller, counting(Aggregation::Max, None), allowance(10)).await;
    assert!(seller.consume(customer, "a", 9).await.answer.allowed);
    let (tell, _) = teller();
    let consumed = |key, value| {
        let (one, tell) = (used(customer, key, value), tell.clone());
        let (billing, tenant) = (&seller.billing, seller.tenant);
        async move { billing.consume(tenant, &one, (&actor(), &tell)).await.unwrap().taken }
    };
    assert!(consumed("b", 10).await && !consumed("c", 11).await && consumed("d", 5).await);
    assert_eq!(usage(&seller, customer).await, 10);
    let wanted = Reserve {
        id: Uuid::now_v7(),
        customer,
        feature_code: "calls".into(),
        amount: units(1),
        lifetime: std::time::Duration::from_secs(60),
    };
    let refused = seller.billing.reserve(&seller.ask("reserve"), &wanted, |_| String::new()).await;
    assert!(matches!(refused, Err(BillingError::Invalid(_))), "{refused:?}");
    seller.world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_values_told_at_once_end_in_one_of_them(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let customer = counted(&seller, counting(Aggregation::Last, None), allowance(100)).await;
    let calls: Vec<_> = (0..120_u64)
        .map(|at| {
            let (billing, tenant) = (seller.billing.clone(), seller.tenant);
            let one = used(customer, &at.to_string(), at * 7 % 50);
            tokio::spawn(async move { billing.track(tenant, &one, Insufficient::Record, &actor()).await.unwrap() })
        })
        .collect();
    for call in calls {
        assert!(!call.await.unwrap().replayed);
    }
    let answer = seller.check(customer, 0).await;
    assert_eq!(answer.balance.unwrap() + answer.usage.unwrap(), micros(100));
    assert!((0..50).contains(&(answer.usage.unwrap() / 1_000_000)));
    track(&seller, &used(customer, "at the end", 8)).await.unwrap();
    assert_eq!((usage(&seller, customer).await, seller.balance(customer).await), (8, micros(92)));
    seller.world.finish().await;
}
