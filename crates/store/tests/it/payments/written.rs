//! What one command writes, and that it writes it once.

use farebox_engine::payment::{Answer, State};
use farebox_types::Id;
use rstest::rstest;
use std::time::Duration;

use super::till::{begin, fresh, id_of, named, observe, paid, refund, refunded};
use crate::world::{Engine, World};

#[rstest]
#[tokio::test]
async fn an_outcome_is_row_trail_posting_audit_and_outbox_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let payment = world.paid(tenant).await;
    world.pay(begin(payment.clone(), None)).await;
    world.pay(observe(&payment, paid(&payment, 0))).await;
    let row = world.row(&payment).await;
    assert_eq!((row.state, row.captured, row.next_check), (State::Succeeded, 4999, None));
    let trail = world.store.payment_trail(tenant, payment.id).await.unwrap();
    assert_eq!(trail.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["payment_created", "provider_answered"]);
    assert_eq!(world.lines(tenant, "\"payment_created\"").await, 1);
    assert_eq!(world.lines(tenant, "\"payment.succeeded\"").await, 1, "what a merchant is told");
    let outbox = world.store.lease_outbox(10, world.now().after(Duration::from_secs(30))).await.unwrap();
    assert_eq!(outbox.iter().filter(|line| line.entries.contains("payment.succeeded")).count(), 1);
    let report = world.store.verify().await.unwrap();
    assert_eq!((report.payments, report.transfers), (1, 1), "it posts once");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_name_stands_for_its_first_request(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (first, other) = (fresh(world.shop.tenant, world.now()), fresh(world.shop.tenant, world.now()));
    world.pay(begin(first.clone(), Some(named(&first, "order-1", 1)))).await;
    let again = world.pay(begin(other.clone(), Some(named(&other, "order-1", 1)))).await;
    assert_eq!(id_of(&again), first.id);
    let conflict = world.pay(begin(other.clone(), Some(named(&other, "order-1", 2)))).await;
    assert_eq!(conflict, Answer::Conflict);
    assert!(world.store.payment(other.tenant, other.id).await.unwrap().is_none(), "neither was written");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_a_provider_paid_back_by_itself_is_a_refund_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let payment = world.paid(tenant).await;
    for _ in 0..2 {
        world.pay(observe(&payment, paid(&payment, 1500))).await;
    }
    let row = world.row(&payment).await;
    assert_eq!((row.state, row.refunded), (State::PartiallyRefunded, 1500));
    let refunds = world.store.refunds(tenant, payment.id).await.unwrap();
    assert_eq!(refunds.iter().map(|one| one.minor).collect::<Vec<_>>(), [1500]);
    assert_eq!(world.lines(tenant, "\"payment.refunded\"").await, 1);
    assert_eq!(world.store.verify().await.unwrap().transfers, 2);

    // While one of ours is under way nobody can say whose it is.
    let Answer::Done { refund: Some(ours), .. } = world.pay(refund(&payment, 1000)).await else { panic!("refused") };
    world.pay(observe(&payment, paid(&payment, 2500))).await;
    assert_eq!(world.row(&payment).await.refunded, 1500);
    world.pay(observe(&payment, refunded(&ours))).await;
    world.pay(observe(&payment, paid(&payment, 2500))).await;
    assert_eq!(world.row(&payment).await.refunded, 2500);
    assert_eq!(world.store.refunds(tenant, payment.id).await.unwrap().len(), 2);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn one_id_at_two_merchants_is_two_payments(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let mine = world.paid(world.shop.tenant).await;
    let theirs =
        world.paid_as(farebox_engine::payment::Payment { id: mine.id, ..fresh(Id::generate(), world.now()) }).await;
    let Answer::Done { refund: Some(back), .. } = world.pay(refund(&mine, 999)).await else { panic!("refused") };
    world.pay(observe(&mine, refunded(&back))).await;
    assert_eq!((world.row(&mine).await.refunded, world.row(&theirs).await.refunded), (999, 0));
    assert!(world.store.refund(theirs.tenant, back.id).await.unwrap().is_none());
    let report = world.store.verify().await.unwrap();
    assert!(report.is_clean() && report.payments == 2, "{:#?}", report.differences);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn what_is_due_is_taken_by_one_worker_at_a_time(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let until = |seconds| world.now().after(Duration::from_secs(seconds));
    for _ in 0..5 {
        let payment =
            farebox_engine::payment::Payment { next_check: Some(until(30)), ..fresh(world.shop.tenant, world.now()) };
        world.pay(begin(payment, None)).await;
    }
    assert!(world.store.due_payments(10, until(60)).await.unwrap().payments.is_empty(), "its caller is at it");
    world.pass(31);
    let first = world.store.due_payments(2, until(60)).await.unwrap().payments;
    let second = world.store.due_payments(10, until(60)).await.unwrap().payments;
    assert_eq!((first.len(), second.len()), (2, 3));
    assert!(world.store.due_payments(10, until(60)).await.unwrap().payments.is_empty());
    world.pass(61);
    assert_eq!(world.store.due_payments(10, until(60)).await.unwrap().payments.len(), 5, "its worker has died");
    world.finish().await;
}
