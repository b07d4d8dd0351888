//! Rows: names, revisions, stored answers, pages.

use std::time::Duration;

use farebox_engine::entitlement::FeatureKind;
use farebox_store::{
    OperationKey, Page,
    billing::{Ask, BillingError, Cursor, DeviceCode, DeviceState, Feature, Insufficient, Put, Reserve, Use},
};
use farebox_types::Id;
use rstest::rstest;
use uuid::Uuid;

use super::seller::{Seller, actor, allowance, micros, units, used};
use crate::world::Engine;

#[rstest]
#[tokio::test]
async fn a_write_is_done_once_under_its_name_and_refused_for_another_request(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let ask = seller.ask("kept");
    let first = seller.billing.put(&ask, Vec::new(), "as it was".into()).await.unwrap();
    let again = seller.billing.put(&ask, Vec::new(), "another body".into()).await.unwrap();
    assert_eq!([first.replayed, again.replayed], [false, true]);
    assert_eq!(again.answer, "as it was");
    let other = farebox_store::billing::Ask { request_hash: [8; 32], ..ask };
    assert!(matches!(seller.billing.put(&other, Vec::new(), String::new()).await, Err(BillingError::Conflict)));
    assert!(matches!(seller.billing.answered(&other).await, Err(BillingError::Conflict)));
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_row_that_was_written_meanwhile_is_not_overwritten(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let id = seller.feature("calls", FeatureKind::Metered).await;
    let read = seller.billing.get::<Feature>(seller.tenant, id).await.unwrap().unwrap();
    let named = |name: &str| Put::update(&read.with(Feature { name: name.into(), ..read.value.clone() }), "x").unwrap();
    seller.billing.put(&seller.ask("1"), vec![named("one")], String::new()).await.unwrap();
    let stale = seller.billing.put(&seller.ask("2"), vec![named("two")], String::new()).await;
    assert!(matches!(stale, Err(BillingError::Busy)), "{stale:?}");
    let now = seller.billing.get::<Feature>(seller.tenant, id).await.unwrap().unwrap();
    assert_eq!((now.value.name.as_str(), now.revision), ("one", 2));
    // Nothing of the refused write is kept, not even its name.
    assert!(seller.billing.answered(&seller.ask("2")).await.unwrap().is_none());
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn pages_go_from_new_to_old_and_stay_what_they_are_under_inserts(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    for n in 0..5 {
        seller.feature(&format!("f{n}"), FeatureKind::Boolean).await;
    }
    let page = async |cursor| seller.billing.list::<Feature>(seller.tenant, None, cursor).await.unwrap();
    let first = page(Cursor::first(2)).await;
    let codes = |rows: &[farebox_store::billing::Row<Feature>]| -> Vec<String> {
        rows.iter().map(|row| row.value.code.clone()).collect()
    };
    assert_eq!(codes(&first), ["f4", "f3"]);
    seller.feature("f5", FeatureKind::Boolean).await;
    let next = page(Cursor { after: Some(first[1].value.id), limit: 10 }).await;
    assert_eq!(codes(&next), ["f2", "f1", "f0"]);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_damaged_event_or_name_is_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(super::seller::allowance(10)).await;
    seller.track(customer, "a", 4).await;
    let back = Use { back: true, ..used(customer, "b", 1) };
    seller.billing.track(seller.tenant, &back, Insufficient::Record, &actor()).await.unwrap();
    seller.world.behind_its_back("UPDATE usage_event SET value = value + 1 WHERE counted IS NULL").await;
    seller.world.behind_its_back("UPDATE usage_event SET counted = counted - 1 WHERE counted IS NOT NULL").await;
    seller.world.behind_its_back("DELETE FROM billing_name WHERE kind = 'feature'").await;
    let report = seller.world.store.verify().await.unwrap();
    let found: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
    assert_eq!(found.iter().filter(|what| what.contains("is not what its transfer says")).count(), 2, "{found:?}");
    assert!(found.iter().any(|what| what.contains("a feature has no name")), "{found:?}");
    assert_eq!(report.usage_events, 2);
    seller.world.discard().await;
}

fn code(seller: &Seller, name: &str) -> DeviceCode {
    DeviceCode {
        id: Uuid::now_v7(),
        device_hash: name.into(),
        user_code: format!("user {name}"),
        scopes: "*".into(),
        client: "cli".into(),
        state: DeviceState::Pending,
        approved_by: None,
        interval_seconds: 5,
        polled_at: None,
        expires_at: seller.now().after(Duration::from_secs(600)),
    }
}

#[rstest]
#[tokio::test]
async fn device_codes_that_are_over_are_deleted_with_their_names_and_leave_no_line(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let nobody = Id::from_uuid(Uuid::nil());
    for name in ["old", "new"] {
        let put = Put::new(&code(&seller, name), "").unwrap();
        let ask = Ask { tenant: nobody, ..seller.ask(name) };
        seller.billing.put(&ask, vec![put], String::new()).await.unwrap();
        seller.world.pass(600);
    }
    let before = seller.now().after(Duration::ZERO).micros() - 900_000_000;
    let before = farebox_types::Timestamp::from_micros(before);
    let store = &seller.world.store;
    assert_eq!(store.forget_device_codes(before, 10).await.unwrap(), 1);
    assert_eq!(store.forget_device_codes(before, 10).await.unwrap(), 0);
    let found = |name: &'static str| seller.billing.named::<DeviceCode>(nobody, name);
    assert!(found("device:old").await.unwrap().is_none() && found("user:user old").await.unwrap().is_none());
    assert!(found("device:new").await.unwrap().is_some());
    assert_eq!(store.audit(nobody, Page::first(10)).await.unwrap(), []);
    seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn answers_are_forgotten_by_age_and_only_those_that_may_be(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let named = |scope: &str, key: &str| {
        let operation = OperationKey { scope: scope.into(), key: key.into() };
        Ask { operation, ..seller.ask("") }
    };
    for scope in ["v1", "clock", "kept"] {
        seller.billing.put(&named(scope, "old"), Vec::new(), "said".into()).await.unwrap();
    }
    seller.world.pass(100);
    seller.billing.put(&named("v1", "new"), Vec::new(), "said".into()).await.unwrap();
    let before = farebox_types::Timestamp::from_micros(seller.now().micros() - 50_000_000);
    assert_eq!(seller.world.store.forget_answers(before, 10).await.unwrap(), 2);
    for (scope, key, kept) in
        [("v1", "old", false), ("clock", "old", false), ("kept", "old", true), ("v1", "new", true)]
    {
        let answered = seller.billing.answered(&named(scope, key)).await.unwrap();
        assert_eq!(answered.is_some(), kept, "{scope} {key}");
    }
    seller.world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commits_of_one_reservation_at_once_are_told_the_one_that_was_first(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(seller) = Seller::new(engine).await else { return };
    let (customer, _) = seller.with_calls(allowance(100)).await;
    for round in 0..8 {
        let (id, lifetime) = (Uuid::now_v7(), Duration::from_secs(60));
        let wanted = Reserve { id, customer, feature_code: "calls".into(), amount: units(5), lifetime };
        seller.billing.reserve(&seller.ask(&format!("r/{round}")), &wanted, |_| String::new()).await.unwrap();
        let commits = [2, 3].map(|amount| {
            let (billing, ask) = (seller.billing.clone(), seller.ask(&format!("c/{round}/{amount}")));
            tokio::spawn(async move {
                let committed = |row: &farebox_store::billing::Reservation| row.committed.unwrap().to_string();
                billing.commit_reservation(&ask, id, Some(units(amount)), committed).await.unwrap().answer
            })
        });
        let mut said = Vec::new();
        for commit in commits {
            said.push(commit.await.unwrap());
        }
        assert_eq!(said[0], said[1], "whoever was second reads what the first one wrote");
    }
    let answer = seller.check(customer, 0).await;
    assert_eq!(answer.balance.unwrap() + answer.usage.unwrap(), micros(100));
    seller.world.finish().await;
}
