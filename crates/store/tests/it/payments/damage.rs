//! `verify` finds one row of a payment that was changed, or taken away, behind the store's back.

use farebox_engine::payment::{Answer, DisputeRow, Seen, Word};
use rstest::rstest;

use super::till::{observe, paid, refund, refunded};
use crate::world::{Engine, World};

/// One row that is damaged, and what `verify` must say about it.
const DAMAGE: &[(&str, &str)] = &[
    ("UPDATE payment SET status = 'failed' WHERE status = 'succeeded'", "yet 4999 was taken"),
    (
        "UPDATE payment SET status = 'succeeded' WHERE status = 'partially_refunded'",
        "its trail ends partially_refunded",
    ),
    ("UPDATE payment SET status = 'canceled' WHERE status = 'created'", "its trail ends created"),
    ("UPDATE payment SET captured = captured - 1 WHERE status = 'succeeded'", "is not what its settled payment says"),
    (
        "UPDATE payment SET captured = captured + 1, minor = minor + 1 WHERE status = 'succeeded'",
        "is not what was agreed",
    ),
    ("UPDATE payment SET minor = minor + 1 WHERE status = 'created'", "is not what was agreed"),
    ("UPDATE payment SET currency = 'EUR' WHERE status = 'created'", "is not what was agreed"),
    ("UPDATE payment SET customer_id = 'cust_9' WHERE status = 'created'", "is not what was agreed"),
    ("UPDATE payment SET customer_id = 'cust_9' WHERE status = 'succeeded'", "is not what its settled payment says"),
    ("UPDATE payment SET refunded = refunded - 1 WHERE status = 'partially_refunded'", "refunded and under way"),
    ("UPDATE payment SET refunding = 1 WHERE status = 'partially_refunded'", "refunded and under way"),
    ("UPDATE payment SET trail_length = trail_length - 1 WHERE status = 'succeeded'", "its trail's last entry"),
    ("DELETE FROM payment WHERE status = 'succeeded'", "has no row, yet a trail"),
    ("UPDATE payment_refund SET minor = minor - 1", "refunded and under way"),
    ("UPDATE payment_refund SET state = 'failed'", "refunded and under way"),
    ("DELETE FROM payment_refund", "refunded and under way"),
    ("UPDATE payment_trail SET actor = 'nobody' WHERE kind = 'refund_asked'", "does not have its hash"),
    (
        "UPDATE payment_trail SET detail = '{}' WHERE kind = 'payment_created' AND detail <> '{}'",
        "does not have its hash",
    ),
    ("UPDATE payment_trail SET at = at + 1 WHERE kind = 'refund_succeeded'", "does not have its hash"),
    ("DELETE FROM payment_trail WHERE kind = 'refund_succeeded'", "its trail's last entry"),
    ("DELETE FROM payment_trail WHERE kind = 'refund_asked'", "does not have its hash"),
    ("UPDATE transfer SET settled = settled - 1 WHERE amount = 999", "is not what its settled payment says"),
    ("DELETE FROM transfer WHERE amount = 999", "is missing: its payment is settled"),
    ("UPDATE audit SET entries = replace(entries, 'payment.succeeded', 'payment.failed')", "does not have its hash"),
    ("DELETE FROM audit WHERE seq = 1", "follows line 0"),
];

const TABLES: [&str; 5] = ["payment", "payment_refund", "payment_trail", "transfer", "audit"];

#[rstest]
#[tokio::test]
async fn one_changed_row_of_a_payment_is_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    world.paid(tenant).await;
    let back = world.paid(tenant).await;
    let Answer::Done { refund: Some(row), .. } = world.pay(refund(&back, 999)).await else { panic!("refused") };
    world.pay(observe(&back, refunded(&row))).await;
    world.pay(super::till::begin(super::till::fresh(tenant, world.now()), None)).await;
    for table in TABLES {
        world.behind_its_back(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    for (damage, expected) in DAMAGE {
        assert!(world.behind_its_back(damage).await > 0, "{damage} changes something");
        let report = world.store.verify().await.unwrap();
        let found: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|difference| difference.contains(expected)), "{damage}: {found:#?}");
        for table in TABLES {
            world.behind_its_back(&format!("DELETE FROM {table}")).await;
            world.behind_its_back(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
    }
    world.finish().await;
}

/// A dispute posts back what was not refunded; a won one returns it; each once, whatever is looked at again.
#[rstest]
#[tokio::test]
async fn a_dispute_posts_back_and_a_won_one_returns(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let payment = world.paid(world.shop.tenant).await;
    let disputed = |dispute| {
        let Word::Seen(seen) = paid(&payment, 0) else { panic!("not seen") };
        Word::Seen(Box::new(Seen { dispute, ..*seen }))
    };
    let mut transfers = Vec::new();
    for dispute in [Some(None), Some(None), Some(Some(true)), Some(Some(true)), None] {
        world.pay(observe(&payment, disputed(dispute))).await;
        let report = world.store.verify().await.unwrap();
        assert!(report.is_clean(), "{dispute:?}: {:#?}", report.differences);
        transfers.push((world.row(&payment).await.state.as_str(), report.transfers));
    }
    let ended = ("succeeded", 3);
    assert_eq!(transfers, [("disputed", 2), ("disputed", 2), ended, ended, ended]);
    let row = world.row(&payment).await;
    assert_eq!(row.details.disputes, [DisputeRow { minor: 4999, won: Some(true) }]);
    world.finish().await;
}
