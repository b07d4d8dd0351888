//! `verify` finds one row of a payment that was changed, or taken away, behind the store's back.

use farebox_engine::payment::{Answer, DisputeRow, Disputed, Seen, Word};
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
    let disputed = |dispute: Option<Option<bool>>| {
        let Word::Seen(seen) = paid(&payment, 0) else { panic!("not seen") };
        let dispute = dispute.map(|won| Disputed { minor: None, won });
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

/// A part in dispute posts that part, and its end is told, also where nothing moves any more.
#[rstest]
#[case(true, 3, "dispute_won")]
#[case(false, 2, "dispute_lost")]
#[tokio::test]
async fn a_part_in_dispute_posts_that_part_and_its_end_is_told(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] won: bool,
    #[case] transfers: u64,
    #[case] kind: &str,
) {
    let Some(world) = World::new(engine).await else { return };
    let payment = world.paid(world.shop.tenant).await;
    for end in [None, None, Some(won), Some(won)] {
        let Word::Seen(seen) = paid(&payment, 0) else { panic!("not seen") };
        let dispute = Some(Disputed { minor: Some(1000), won: end });
        world.pay(observe(&payment, Word::Seen(Box::new(Seen { dispute, ..*seen })))).await;
    }
    let row = world.row(&payment).await;
    assert_eq!(row.details.disputes, [DisputeRow { minor: 1000, won: Some(won) }]);
    let trail = world.store.payment_trail(payment.tenant, payment.id).await.unwrap();
    let kinds: Vec<_> = trail.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["payment_created", "provider_answered", "dispute_opened", kind]);
    assert_eq!(trail.last().unwrap().detail, "{\"captured_minor\":4999,\"dispute_minor\":1000}");
    assert_eq!(world.lines(payment.tenant, "\"payment.dispute_closed\"").await, 1);
    assert_eq!(world.lines(payment.tenant, "\"payment.succeeded\"").await, 1, "it was paid once");
    assert_eq!(world.store.verify().await.unwrap().transfers, transfers);
    world.finish().await;
}

/// A refund that had paid back and came back is reversed, once; the money can be paid back again.
#[rstest]
#[tokio::test]
async fn a_refund_that_comes_back_is_reversed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let payment = world.paid(world.shop.tenant).await;
    let Answer::Done { refund: Some(back), .. } = world.pay(refund(&payment, 4999)).await else { panic!("refused") };
    world.pay(observe(&payment, refunded(&back))).await;
    assert_eq!(world.row(&payment).await.state.as_str(), "refunded");
    for _ in 0..2 {
        let (refund, state) = (back.id, farebox_engine::payment::RefundState::Failed);
        let word = Word::RefundSeen { refund, state, provider_id: None, failure: None };
        world.pay(observe(&payment, word)).await;
    }
    let row = world.row(&payment).await;
    assert_eq!((row.state.as_str(), row.refunded, row.refunding), ("succeeded", 0, 0));
    assert_eq!(world.lines(payment.tenant, "\"refund_returned\"").await, 1);
    assert_eq!(world.store.verify().await.unwrap().transfers, 3);
    // The same total is reached again, by a refund made at the provider.
    for _ in 0..2 {
        world.pay(observe(&payment, paid(&payment, 4999))).await;
    }
    let row = world.row(&payment).await;
    assert_eq!((row.state.as_str(), row.refunded), ("refunded", 4999));
    assert_eq!(world.store.verify().await.unwrap().transfers, 4);
    world.finish().await;
}

/// Whoever shows another amount under a payment's id moves nothing, and that is told.
#[rstest]
#[tokio::test]
async fn another_amount_than_ours_is_not_believed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let payment = super::till::fresh(world.shop.tenant, world.now());
    world.pay(super::till::begin(payment.clone(), None)).await;
    let Word::Seen(seen) = paid(&payment, 0) else { panic!("not seen") };
    let other = |minor, code: &str| Some(farebox_types::Money { minor, currency: code.parse().unwrap() });
    let lies = [
        Seen { money: other(5000, "USD"), ..*seen.clone() },
        Seen { money: other(4999, "EUR"), ..*seen.clone() },
        Seen { captured: 5000, ..*seen.clone() },
        Seen { captured: -1, ..*seen.clone() },
    ];
    for lie in lies {
        world.pay(observe(&payment, Word::Seen(Box::new(lie)))).await;
        let row = world.row(&payment).await;
        assert_eq!((row.captured, row.state.is_open()), (0, true));
        assert!(row.next_check.is_some(), "it is looked at again");
    }
    assert_eq!(world.lines(payment.tenant, "\"provider_differs\"").await, 1, "told once");
    assert_eq!(world.store.verify().await.unwrap().transfers, 0);
    world.pay(observe(&payment, Word::Seen(seen))).await;
    assert_eq!(world.row(&payment).await.captured, 4999, "the truth is");
    world.finish().await;
}
