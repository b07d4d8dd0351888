//! What gates keep of payments that can pay once.

use std::{sync::Arc, time::Duration};

use farebox_store::{GateAnswer, GateClaim, GateClaimed};
use farebox_types::{Id, Merchant};
use rstest::rstest;

use crate::world::{Engine, World};

const MINUTE: Duration = Duration::from_secs(60);

fn claim(tenant: Id<Merchant>, run: i64) -> GateClaim {
    let (lease, replay, remember) = (MINUTE, 2 * MINUTE, 10 * MINUTE);
    GateClaim { tenant, key: [1; 32], run, proof: [2; 32], request: [3; 32], lease, replay, remember }
}

fn answer() -> GateAnswer {
    let answer = Some(b"sealed".to_vec());
    GateAnswer { request_id: "r-1".into(), amount: "credits 5".into(), answer, receipt: None }
}

#[rstest]
#[tokio::test]
async fn a_payment_is_one_runs_until_it_is_let_go(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (store, tenant) = (&world.store, world.shop.tenant);
    assert_eq!(store.claim_payment(&claim(tenant, 1)).await.unwrap(), GateClaimed::Mine);
    assert_eq!(store.claim_payment(&claim(tenant, 2)).await.unwrap(), GateClaimed::Busy);
    assert_eq!(store.claim_payment(&claim(Id::generate(), 3)).await.unwrap(), GateClaimed::Mine, "another merchant");
    store.drop_claim(tenant, [1; 32], 2).await.unwrap();
    assert_eq!(store.claim_payment(&claim(tenant, 4)).await.unwrap(), GateClaimed::Busy, "it was not theirs");
    store.drop_claim(tenant, [1; 32], 1).await.unwrap();
    assert_eq!(store.claim_payment(&claim(tenant, 5)).await.unwrap(), GateClaimed::Mine);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_answer_is_given_again_while_it_is_kept_and_its_payment_stays_spent_after(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (store, tenant) = (&world.store, world.shop.tenant);
    let claimed = async |run, change: fn(&mut GateClaim)| {
        let mut claim = claim(tenant, run);
        change(&mut claim);
        store.claim_payment(&claim).await.unwrap()
    };
    claimed(1, |_| {}).await;
    assert!(store.keep_answer(tenant, [1; 32], 1, &answer()).await.unwrap());
    assert_eq!(claimed(2, |_| {}).await, GateClaimed::Busy, "its money is being asked for");
    store.put_down_answer(tenant, [1; 32], 1).await.unwrap();
    assert_eq!(claimed(2, |_| {}).await, GateClaimed::Kept(1, answer()));
    assert_eq!(claimed(2, |_| {}).await, GateClaimed::Busy, "one asks at a time");
    assert_eq!(store.answer_receipt(tenant, "r-1").await.unwrap(), Some(None));
    store.close_answer(tenant, [1; 32], 1, "{}").await.unwrap();
    let paid = GateAnswer { receipt: Some("{}".into()), ..answer() };
    assert_eq!(claimed(3, |_| {}).await, GateClaimed::Kept(1, paid));
    assert_eq!(claimed(4, |claim| claim.request = [9; 32]).await, GateClaimed::Other);
    assert_eq!(claimed(5, |claim| claim.proof = [9; 32]).await, GateClaimed::Spent);
    assert_eq!(store.answer_receipt(tenant, "r-1").await.unwrap(), Some(Some("{}".into())));
    assert_eq!(store.answer_receipt(Id::generate(), "r-1").await.unwrap(), None);

    world.pass(3 * 60);
    assert_eq!(claimed(6, |_| {}).await, GateClaimed::Spent);
    world.pass(8 * 60);
    // Every 64th removes what is over.
    assert_eq!(claimed(64, |claim| claim.key = [7; 32]).await, GateClaimed::Mine);
    assert_eq!(store.answer_receipt(tenant, "r-1").await.unwrap(), None);
    assert_eq!(claimed(7, |_| {}).await, GateClaimed::Mine);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_run_that_is_silent_for_its_lease_is_overtaken_and_changes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (store, tenant) = (&world.store, world.shop.tenant);
    store.claim_payment(&claim(tenant, 1)).await.unwrap();
    world.pass(61);
    assert_eq!(store.claim_payment(&claim(tenant, 2)).await.unwrap(), GateClaimed::Mine);
    assert!(!store.keep_answer(tenant, [1; 32], 1, &answer()).await.unwrap());
    store.close_answer(tenant, [1; 32], 1, "{}").await.unwrap();
    store.drop_claim(tenant, [1; 32], 1).await.unwrap();
    assert_eq!(store.claim_payment(&claim(tenant, 3)).await.unwrap(), GateClaimed::Busy);
    assert!(store.keep_answer(tenant, [1; 32], 2, &answer()).await.unwrap());
    world.pass(61);
    assert_eq!(store.claim_payment(&claim(tenant, 4)).await.unwrap(), GateClaimed::Kept(2, answer()), "kept for good");
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_who_claim_at_once_one_gets_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let claims = (1..=64).map(|run| {
        let store = Arc::clone(&world.store);
        tokio::spawn(async move { store.claim_payment(&claim(tenant, run)).await.unwrap() })
    });
    let mut mine = 0;
    for claimed in claims.collect::<Vec<_>>() {
        match claimed.await.unwrap() {
            GateClaimed::Mine => mine += 1,
            other => assert_eq!(other, GateClaimed::Busy),
        }
    }
    assert_eq!(mine, 1);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_payment_whose_money_is_open_is_never_forgotten_and_its_answer_waits_for_who_asks_late(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (store, tenant) = (&world.store, world.shop.tenant);
    let claimed = async |run, change: fn(&mut GateClaim)| {
        let mut claim = claim(tenant, run);
        change(&mut claim);
        store.claim_payment(&claim).await.unwrap()
    };
    claimed(1, |_| {}).await;
    assert!(store.keep_answer(tenant, [1; 32], 1, &answer()).await.unwrap());
    store.put_down_answer(tenant, [1; 32], 1).await.unwrap();
    world.pass(100 * 60);
    assert_eq!(claimed(64, |claim| claim.key = [7; 32]).await, GateClaimed::Mine, "what is over is swept");
    assert_eq!(claimed(2, |claim| claim.request = [9; 32]).await, GateClaimed::Other);
    assert_eq!(claimed(3, |_| {}).await, GateClaimed::Kept(1, answer()));
    assert!(store.close_answer(tenant, [1; 32], 1, "{}").await.unwrap());
    assert_eq!(claimed(128, |claim| claim.key = [8; 32]).await, GateClaimed::Mine);
    let paid = GateAnswer { receipt: Some("{}".into()), ..answer() };
    assert_eq!(claimed(4, |_| {}).await, GateClaimed::Kept(1, paid));
    world.pass(3 * 60);
    assert_eq!(claimed(192, |claim| claim.key = [9; 32]).await, GateClaimed::Mine);
    assert_eq!(claimed(5, |_| {}).await, GateClaimed::Mine, "then it is over like any other");
    world.finish().await;
}
