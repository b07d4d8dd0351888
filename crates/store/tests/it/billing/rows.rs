//! Rows: names, revisions, stored answers, pages.

use farebox_engine::entitlement::FeatureKind;
use farebox_store::billing::{BillingError, Cursor, Feature, Put};
use rstest::rstest;

use super::seller::Seller;
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
    seller.world.behind_its_back("UPDATE usage_event SET value = value + 1").await;
    seller.world.behind_its_back("DELETE FROM billing_name WHERE kind = 'feature'").await;
    let report = seller.world.store.verify().await.unwrap();
    let found: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|what| what.contains("is not what its transfer says")), "{found:?}");
    assert!(found.iter().any(|what| what.contains("a feature has no name")), "{found:?}");
    assert_eq!(report.usage_events, 1);
    seller.world.discard().await;
}
