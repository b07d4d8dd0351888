//! What a store refuses to write about settlements, and what it tells about what it wrote.

use farebox_engine::settlement::{Attempt, Outcome, PaymentKey, SlotId, TxHash, posting_id};
use farebox_store::{Intended, Intents, Page, Retry, SlotStep};
use farebox_types::{AtomicAmount, Id};
use rstest::rstest;

use crate::{
    office::{CHAIN, Office, SIGNER, attempt, key},
    world::{Engine, World},
};

impl Office<'_> {
    async fn is_refused(&self, steps: Vec<SlotStep>, says: &str) {
        let fault = self.world.store.step(steps).await.unwrap_err();
        assert!(fault.retry == Retry::Never && fault.what.contains(says), "{says}: {fault:?}");
    }
}

#[rstest]
#[tokio::test]
async fn only_the_nonce_that_a_payment_rides_in_can_say_that_it_failed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 1)).await.unwrap();
    let moved = world.store.move_settlements(Office::slot(0), office.intents(Some(1), 1, 1)).await.unwrap();
    assert_eq!(moved, Intended::Written);
    office.is_refused(vec![office.failed(0, 1)], "another nonce by now").await;
    assert_eq!(office.outcome(1).await, Outcome::Unknown);
    // That it was paid is true wherever it was seen.
    world.store.step(vec![office.settled(0, 1, false)]).await.unwrap();
    assert!(matches!(office.outcome(1).await, Outcome::Settled { .. }));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_slot_is_not_over_while_a_payment_in_it_is_unknown(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 1)).await.unwrap();
    let before = world.store.slot(office.tenant, Office::slot(0)).await.unwrap();
    office.is_refused(vec![SlotStep { closes: true, ..office.looked(0) }], "its nonce is not over").await;
    assert_eq!(world.store.slot(office.tenant, Office::slot(0)).await.unwrap(), before);
    world.store.step(vec![SlotStep { closes: true, ..office.failed(0, 1) }]).await.unwrap();
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_slot_that_is_over_takes_no_other_transaction(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 1)).await.unwrap();
    let second = Attempt { hash: TxHash::from_bytes([8; 32]), ..attempt(0, world.now()) };
    let replaced = SlotStep { attempt: Some(second.clone()), ..office.looked(0) };
    world.store.step(vec![replaced.clone()]).await.unwrap();
    world.store.step(vec![office.settled(0, 1, true)]).await.unwrap();
    // Sent again after an answer that was lost: it is there, and stays empty.
    world.store.step(vec![replaced]).await.unwrap();
    let third = Attempt { hash: TxHash::from_bytes([9; 32]), ..second };
    office.is_refused(vec![SlotStep { attempt: Some(third), ..office.looked(0) }], "takes no other").await;
    let slot = world.store.slot(office.tenant, Office::slot(0)).await.unwrap().unwrap();
    assert_eq!(slot.attempts.len(), 2);
    assert!(slot.attempts.iter().all(|one| one.raw.is_empty()));
    office.is_refused(vec![office.looked(7)], "has no row").await;
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_payment_is_settled_with_its_own_posting_or_not_at_all(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 3)).await.unwrap();
    let mut without = office.settled(0, 1, false);
    without.conclusions[0].command = None;
    office.is_refused(vec![without], "without its posting").await;
    let mut anothers = office.settled(0, 1, false);
    anothers.conclusions[0].command = office.settled(1, 2, false).conclusions.remove(0).command;
    office.is_refused(vec![anothers], "not its posting").await;
    let mut failed = office.failed(0, 1);
    failed.conclusions[0].command = office.settled(0, 1, false).conclusions.remove(0).command;
    office.is_refused(vec![failed], "not its posting").await;
    // What is wrong with one takes the others back, and two words about one payment are one too many.
    office.is_refused(vec![office.settled(1, 2, false), office.settled(0, 9, false)], "there is no payment").await;
    office.is_refused(vec![office.settled(2, 3, false), office.failed(2, 3)], "cannot become").await;
    let strangers = SlotStep { tenant: Id::generate(), ..office.looked(0) };
    office.is_refused(vec![office.settled(1, 2, false), strangers], "several merchants").await;
    for number in 1..=3 {
        assert_eq!(office.outcome(number).await, Outcome::Unknown);
        let posted = world.store.transfer(office.tenant, posting_id(office.tenant, key(number))).await.unwrap();
        assert_eq!(posted, None);
    }
    // Alike twice in one call is still once.
    world.store.step(vec![office.settled(0, 1, false), office.settled(0, 1, false)]).await.unwrap();
    assert!(matches!(office.outcome(1).await, Outcome::Settled { .. }));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn intents_that_could_not_be_made_good_are_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 2)).await.unwrap();
    let good = || office.intents(Some(2), 10, 2);
    let wrong = |change: fn(&mut Intents)| {
        let mut intents = good();
        change(&mut intents);
        intents
    };
    let slot = |nonce| Some(Office::slot(nonce));
    assert_eq!((slot(2), slot(3)), (good().intents[0].settlements[0].slot, good().intents[1].settlements[0].slot));
    for intents in [
        wrong(|all| all.next = 3),
        wrong(|all| (all.intents, all.next) = (vec![], 1)),
        wrong(|all| all.intents[0].attempt = None),
        wrong(|all| all.intents[0].settlements.clear()),
        wrong(|all| all.intents[0].settlements[0].slot = Some(Office::slot(1))),
        wrong(|all| all.intents[0].settlements[0].slot = Some(Office::slot(3))),
        wrong(|all| all.intents[0].settlements[0].slot = Some(SlotId { chain: 1, ..Office::slot(2) })),
        wrong(|all| all.intents[0].settlements[0].terms.chain = 1),
        wrong(|all| all.intents[0].settlements[0].tenant = Id::generate()),
        wrong(|all| all.intents[0].settlements[0].key = all.intents[1].settlements[0].key),
        wrong(|all| all.intents[0].settlements[0].outcome = Outcome::Failed { reason: String::new() }),
        wrong(|all| (all.intents[0].attempt, all.intents[0].settlements[0].slot) = (None, None)),
    ] {
        let fault = world.store.intend(intents).await.unwrap_err();
        assert_eq!(fault.retry, Retry::Never, "{fault}");
    }
    assert!(world.store.settlements(office.tenant, &[key(10), key(11)]).await.unwrap().is_empty());
    assert_eq!(world.store.next_nonce(office.tenant, CHAIN, SIGNER).await.unwrap(), Some(2));
    assert_eq!(world.store.intend(good()).await.unwrap(), Intended::Written);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_charge_of_nothing_is_settled_at_once_and_needs_no_nonce(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let mut free = office.intents(None, 1, 1);
    free.next = 0;
    free.intents[0].attempt = None;
    let one = &mut free.intents[0].settlements[0];
    (one.slot, one.terms.amount) = (None, AtomicAmount::from(0));
    one.outcome = Outcome::Settled { transaction: None, block: 0 };
    let row = one.clone();
    assert_eq!(world.store.intend(free).await.unwrap(), Intended::Written);
    assert_eq!(world.store.settlement(office.tenant, key(1)).await.unwrap(), Some(row));
    assert_eq!(world.store.intend(office.intents(Some(0), 1, 1)).await.unwrap(), Intended::Known(vec![key(1)]));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn one_name_for_two_payments_at_once_is_taken(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let mut both = office.intents(None, 1, 2);
    both.names = vec![office.named("order-1", 1), office.named("order-1", 2)];
    assert_eq!(world.store.intend(both.clone()).await.unwrap(), Intended::Named(office.named("order-1", 1)));
    assert_eq!(world.store.settlement_named(office.tenant, "key_1", "order-1").await.unwrap(), None);
    both.names.pop();
    assert_eq!(world.store.intend(both).await.unwrap(), Intended::Written);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn merchants_share_nothing_though_all_their_numbers_are_alike(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (ours, theirs) = (Office::new(&world), Office::new(&world));
    for office in [&ours, &theirs] {
        let mut intents = office.intents(None, 1, 2);
        intents.names = vec![office.named("order-1", 1)];
        assert_eq!(world.store.intend(intents).await.unwrap(), Intended::Written);
    }
    world.store.step(vec![ours.settled(0, 1, true)]).await.unwrap();
    assert!(matches!(ours.outcome(1).await, Outcome::Settled { .. }));
    assert_eq!(theirs.outcome(1).await, Outcome::Unknown);
    let slot = world.store.slot(theirs.tenant, Office::slot(0)).await.unwrap().unwrap();
    assert!(slot.attempts.iter().all(|one| !one.raw.is_empty()) && slot.settlements[0].evidence == "{}");
    let count = async |office: &Office<'_>| {
        world.store.lease_slots(office.tenant, office.owner, 10, world.now()).await.unwrap().len()
    };
    assert_eq!((count(&ours).await, count(&theirs).await), (1, 2));
    let posted = async |office: &Office<'_>| {
        world.store.transfer(office.tenant, posting_id(office.tenant, key(1))).await.unwrap().is_some()
    };
    assert_eq!((posted(&ours).await, posted(&theirs).await), (true, false));
    let strange = Office::new(&world);
    assert_eq!(world.store.slot(strange.tenant, Office::slot(0)).await.unwrap(), None);
    assert_eq!(world.store.next_nonce(strange.tenant, CHAIN, SIGNER).await.unwrap(), None);
    assert_eq!(world.store.settlement_named(strange.tenant, "key_1", "order-1").await.unwrap(), None);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_slots_newest_transaction_comes_last(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    let mut intents = office.intents(None, 1, 1);
    let mut fee = 9;
    intents.intents[0].attempt.as_mut().unwrap().max_fee = fee;
    world.store.intend(intents).await.unwrap();
    // All at the same instant; their hashes fall.
    for hash in [4, 3, 2] {
        fee += 90;
        let newer = Attempt { hash: TxHash::from_bytes([hash; 32]), max_fee: fee, ..attempt(0, world.now()) };
        world.store.step(vec![SlotStep { attempt: Some(newer), ..office.looked(0) }]).await.unwrap();
    }
    let slot = world.store.slot(office.tenant, Office::slot(0)).await.unwrap().unwrap();
    let fees: Vec<u128> = slot.attempts.iter().map(|one| one.max_fee).collect();
    assert_eq!(fees, [9, 99, 189, 279]);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn the_audit_trail_tells_every_step(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let office = Office::new(&world);
    world.store.intend(office.intents(None, 1, 2)).await.unwrap();
    let second = Attempt { hash: TxHash::from_bytes([8; 32]), ..attempt(0, world.now()) };
    world.store.step(vec![SlotStep { attempt: Some(second), ..office.looked(0) }]).await.unwrap();
    world.store.move_settlements(Office::slot(1), office.intents(Some(2), 2, 1)).await.unwrap();
    let mut settled = office.settled(0, 1, true);
    settled.slot = Office::slot(0);
    world.store.step(vec![settled, office.failed(2, 2)]).await.unwrap();
    let told = told(&world, office.tenant).await;
    let subject = |number| PaymentKey::to_string(&key(number));
    for (action, about) in [
        ("settlement_intended", subject(1)),
        ("settlement_intended", subject(2)),
        ("attempt_signed", TxHash::from_bytes([8; 32]).to_string()),
        ("settlement_moved", subject(2)),
        ("settlement_settled", subject(1)),
        ("settlement_failed", subject(2)),
        ("slot_closed", "/0".to_owned()),
    ] {
        let is = |(one, subject): &(String, String)| one == action && subject.contains(&about);
        assert!(told.iter().any(is), "{action} {about}: {told:?}");
    }
    // Four commits, and a line for each to be published.
    assert_eq!(world.store.lease_outbox(10, world.now()).await.unwrap().len(), 4);
    world.finish().await;
}

/// Actions and subjects.
async fn told(world: &World, tenant: Id<farebox_types::Merchant>) -> Vec<(String, String)> {
    let lines = world.store.audit(tenant, Page::first(100)).await.unwrap();
    let entries = lines.iter().flat_map(|line| serde_json::from_str::<Vec<serde_json::Value>>(&line.entries).unwrap());
    let word = |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    entries.map(|entry| (word(&entry, "action"), word(&entry, "subject"))).collect()
}
