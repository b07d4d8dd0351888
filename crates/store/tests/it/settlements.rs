//! Settlements on both engines: nonces without a gap, one intent a payment, outcomes with their postings.

use std::{sync::Arc, time::Duration};

use farebox_engine::settlement::{Outcome, posting_id};
use farebox_store::{Intended, Retry, SlotStep, Store};
use farebox_types::{Address, Id};
use rstest::rstest;
use uuid::Uuid;

use crate::{
    office::{CHAIN, Office, SIGNER, key},
    world::{Engine, World},
};

#[rstest]
#[tokio::test]
async fn an_intent_is_read_back_as_it_was_written(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let intents = office.intents(None, 1, 2);
    assert_eq!(world.store.intend(intents.clone()).await.unwrap(), Intended::Written);
    assert_eq!(world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap(), Some(2));
    let row = world.store.settlement(office.tenant, key(1)).await.unwrap().unwrap();
    assert_eq!(row, intents.intents[0].settlements[0]);
    let slot = world.store.slot(office.tenant, Office::slot(1)).await.unwrap().unwrap();
    assert_eq!(slot.attempts, [intents.intents[1].attempt.clone().unwrap()]);
    assert_eq!(slot.settlements, intents.intents[1].settlements);
    assert_eq!(world.store.settlement(Id::generate(), key(1)).await.unwrap(), None, "another merchant sees nothing");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_signer_that_has_moved_a_payment_that_is_known_and_a_name_that_is_taken_write_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let mut first = office.intents(None, 1, 2);
    first.names = vec![office.named("order-1", 1)];
    assert_eq!(world.store.intend(first).await.unwrap(), Intended::Written);

    let stale = world.store.intend(office.intents(None, 10, 1)).await.unwrap();
    assert_eq!(stale, Intended::Moved(Some(2)));
    let known = world.store.intend(office.intents(Some(2), 2, 2)).await.unwrap();
    assert_eq!(known, Intended::Known(vec![key(2)]));
    let mut taken = office.intents(Some(2), 10, 1);
    taken.names = vec![office.named("order-1", 10)];
    assert_eq!(world.store.intend(taken).await.unwrap(), Intended::Named(office.named("order-1", 1)));

    assert_eq!(world.store.settlements(office.tenant, &[key(2), key(3), key(10)]).await.unwrap().len(), 1);
    assert_eq!(world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap(), Some(2));
    let held = world.store.name_settlement(office.tenant, office.named("order-1", 2), world.now()).await.unwrap();
    assert_eq!(held, office.named("order-1", 1));
    let free = world.store.name_settlement(office.tenant, office.named("order-2", 2), world.now()).await.unwrap();
    assert_eq!(world.store.settlement_named(office.tenant, "key_1", "order-2").await.unwrap(), Some(free));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_outcome_and_its_posting_are_one_commit_and_may_be_written_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 1)).await.unwrap();
    for _ in 0..2 {
        world.store.step(vec![office.settled(0, 1, false)]).await.unwrap();
    }
    assert!(matches!(office.outcome(1).await, Outcome::Settled { block: 12, .. }));
    let posted = world.store.transfer(office.tenant, posting_id(office.tenant, key(1))).await.unwrap().unwrap();
    assert_eq!(posted.settled.micros(), 10_000);

    assert_eq!(world.store.step(vec![office.failed(0, 1)]).await.unwrap_err().retry, Retry::Never);
    assert!(matches!(office.outcome(1).await, Outcome::Settled { .. }));

    world.store.step(vec![office.settled(0, 1, true)]).await.unwrap();
    let slot = world.store.slot(office.tenant, Office::slot(0)).await.unwrap().unwrap();
    assert_eq!((&slot.attempts[0].raw[..], &*slot.settlements[0].evidence), (&[][..], ""));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_slot_is_driven_by_one_process_until_its_lease_ends(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 3)).await.unwrap();
    let lease = async |owner: Uuid| {
        let until = world.now().after(Duration::from_secs(15));
        let leased = world.store.lease_slots(office.tenant, owner, 100, until).await.unwrap();
        for slot in &leased {
            assert_eq!(world.store.slot(office.tenant, slot.id).await.unwrap().as_ref(), Some(slot), "whole");
        }
        leased.len()
    };
    let other = Uuid::now_v7();
    assert_eq!((lease(other).await, lease(office.owner).await), (0, 3));
    world.pass(16);
    assert_eq!((lease(other).await, lease(office.owner).await), (3, 0));
    world.store.step(vec![office.settled(0, 1, true)]).await.unwrap();
    world.pass(16);
    assert_eq!(lease(office.owner).await, 2, "a closed slot is nobody's work");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_payment_leaves_a_nonce_that_was_used_up(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 1)).await.unwrap();
    let moved = office.intents(Some(1), 1, 1);
    assert_eq!(world.store.move_settlements(Office::slot(0), moved).await.unwrap(), Intended::Written);
    let row = world.store.settlement(office.tenant, key(1)).await.unwrap().unwrap();
    assert_eq!(row.slot, Some(Office::slot(1)));
    let again = office.intents(Some(2), 1, 1);
    let gone = world.store.move_settlements(Office::slot(0), again).await.unwrap();
    assert_eq!(gone, Intended::Known(vec![key(1)]), "it is not there any more");
    assert_eq!(world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap(), Some(2));
    // What it leaves is over; what it has come to is driven on.
    world.store.step(vec![SlotStep { closes: true, ..office.looked(0) }]).await.unwrap();
    let slot = world.store.slot(office.tenant, Office::slot(1)).await.unwrap().unwrap();
    assert_eq!((&slot.attempts[0].raw[..], &*slot.settlements[0].evidence), (&[1, 2, 3][..], "{}"));
    let leased = world.store.lease_slots(office.tenant, office.owner, 10, world.now()).await.unwrap();
    assert_eq!(leased, [slot]);
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_a_signer_without_a_gap_or_a_repeat(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let other = match engine {
        Engine::Postgres => world.another_process().await,
        Engine::Sqlite => Arc::clone(&world.store),
    };
    let writing = (0..8).map(async |writer: u64| {
        let store: &dyn Store = if writer.is_multiple_of(2) { &*world.store } else { &*other };
        for batch in 0..10 {
            let first = 1 + writer * 50 + batch * 5;
            loop {
                let expected = store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap();
                match store.intend(office.intents(expected, first, 5)).await.unwrap() {
                    Intended::Written => break,
                    Intended::Moved(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    futures_util::future::join_all(writing).await;
    assert_eq!(world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap(), Some(400));
    for nonce in 0..400 {
        let slot = world.store.slot(office.tenant, Office::slot(nonce)).await.unwrap();
        assert_eq!(slot.unwrap().settlements.len(), 1, "nonce {nonce}");
    }
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_payment_written_by_many_at_once_is_written_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let writing = (0..100).map(async |_| {
        loop {
            let expected = world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap();
            match world.store.intend(office.intents(expected, 1, 1)).await.unwrap() {
                Intended::Written => return true,
                Intended::Known(keys) => {
                    assert_eq!(keys, [key(1)]);
                    return false;
                }
                _ => {}
            }
        }
    });
    let written = futures_util::future::join_all(writing).await;
    assert_eq!(written.into_iter().filter(|written| *written).count(), 1);
    world.finish().await;
}

/// A statement that damages the rows, and what `verify` must say about it.
const DAMAGE: &[(&str, &str)] = &[
    ("DELETE FROM transfer", "its payment is settled"),
    ("UPDATE transfer SET amount = 9999, settled = 9999", "is not what its settled payment says"),
    ("UPDATE settlement SET amount = '9999' WHERE state = 'settled'", "is not what its settled payment says"),
    ("UPDATE settlement SET state = 'failed', reason = 'x' WHERE state = 'settled'", "no settled payment explains"),
    ("UPDATE settlement SET state = 'unknown' WHERE state = 'settled'", "a payment in it is unknown"),
    ("UPDATE slot SET state = 'closed'", "a transaction of it could be sent"),
    ("UPDATE slot SET state = 'closed'", "keeps evidence of a payment"),
    ("DELETE FROM slot WHERE nonce = 1", "has a payment, and no row"),
    ("UPDATE signer SET next_nonce = 1", "its signer could use it again"),
    ("UPDATE settlement SET signer = NULL, nonce = NULL WHERE state = 'unknown'", "is unknown, and has no nonce"),
];

#[rstest]
#[tokio::test]
async fn what_does_not_agree_with_a_settlement_is_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    for (damage, says) in DAMAGE {
        let Some(world) = World::new(engine).await else { return };
        let office = Office::new(&world);
        world.store.intend(office.intents(None, 1, 2)).await.unwrap();
        world.store.step(vec![office.settled(0, 1, true)]).await.unwrap();
        let report = world.store.verify().await.unwrap();
        assert!(report.is_clean() && report.settlements == 2, "{report:?}");
        assert!(world.behind_its_back(damage).await > 0, "{damage}");
        let report = world.store.verify().await.unwrap();
        assert!(report.differences.iter().any(|one| one.what.contains(says)), "{damage}: {:?}", report.differences);
        world.discard().await;
    }
}

#[rstest]
#[tokio::test]
async fn what_a_payment_pays_for_is_fixed_by_its_intent_whoever_comes_second(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let other = match engine {
        Engine::Sqlite => Arc::clone(&world.store),
        Engine::Postgres => world.another_process().await,
    };
    for number in 0..20 {
        // Two signers, so that nothing but the payment stands between them.
        let for_order = {
            let mut intents = office.intents((number > 0).then_some(number), number, 1);
            intents.intents[0].settlements[0].pays_for = Some("plan.order/1/2".into());
            intents
        };
        let signer = Address::from_bytes([8; 20]);
        let beside = Office { world: &world, tenant: office.tenant, owner: office.owner, signer };
        let start = world.store.next_nonce(office.tenant, CHAIN, signer).await.unwrap();
        let mut for_anything = beside.intents(start, number, 1);
        let nonce = start.unwrap_or(0);
        for_anything.intents[0].settlements[0].slot.as_mut().unwrap().nonce = nonce;
        let (one, two) = tokio::join!(world.store.intend(for_order), other.intend(for_anything));
        let row = world.store.settlement(office.tenant, key(number)).await.unwrap().unwrap();
        match (one.unwrap(), two.unwrap()) {
            (Intended::Written, Intended::Known(known)) => {
                assert_eq!((row.pays_for.as_deref(), known), (Some("plan.order/1/2"), vec![key(number)]));
            }
            (Intended::Known(known), Intended::Written) => {
                assert_eq!((row.pays_for, known), (None, vec![key(number)]));
                let skipped = office.intents((number > 0).then_some(number), 1_000 + number, 1);
                assert_eq!(world.store.intend(skipped).await.unwrap(), Intended::Written);
            }
            both => panic!("{both:?}"),
        }
    }
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_settled_payment_owes_what_it_pays_for_until_that_is_given(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let mut intents = office.intents(None, 1, 4);
    for at in [0, 1, 3] {
        intents.intents[at].settlements[0].pays_for = Some(format!("plan.order/{at}"));
    }
    world.store.intend(intents).await.unwrap();
    let owed = async |after| {
        let owed = world.store.owed(office.tenant, after, 10).await.unwrap();
        owed.into_iter().map(|one| one.key).collect::<Vec<_>>()
    };
    assert!(owed(None).await.is_empty(), "unknown is not settled");
    world.store.given(office.tenant, key(1), world.now()).await.unwrap();
    for (nonce, number) in [(0, 1), (1, 2), (2, 3)] {
        world.store.step(vec![office.settled(nonce, number, true)]).await.unwrap();
    }
    assert_eq!((owed(None).await, owed(Some(key(1))).await), (vec![key(1), key(2)], vec![key(2)]));
    assert!(world.store.owed(Id::generate(), None, 10).await.unwrap().is_empty(), "another merchant sees nothing");
    for _ in 0..2 {
        world.store.given(office.tenant, key(1), world.now()).await.unwrap();
    }
    assert_eq!(owed(None).await, [key(2)]);
    world.finish().await;
}
