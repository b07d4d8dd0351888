use farebox_engine::ledger::{Command, Grant, Leg, MAX_OPEN_LOTS, Refusal};
use farebox_types::Quantity;

use super::{again, granted, lacks_credits, posted};
use crate::{
    auditor::Database,
    world::{alice, at, bob, charge, credits, grant, grant_until, issuer, parts},
};

#[test]
fn a_grant_opens_a_lot_that_can_be_spent_at_once() {
    let mut db = Database::default();
    assert_eq!(db.run(at(1), grant("lot", 10)), Ok(granted(10)));
    assert_eq!(db.run(at(1), charge("call", 3).post()), Ok(posted(3, 7)));
    let lots = db.account(&alice()).lots;
    assert_eq!(lots.iter().map(|lot| (lot.remaining, lot.held)).collect::<Vec<_>>(), [(parts(7), 0)]);
}

#[test]
fn a_grant_and_what_it_pays_for_may_share_a_batch() {
    let mut db = Database::default();
    let answers = db.batch(at(1), &[Command::Grant(grant("lot", 10)), charge("call", 10).post()]);
    assert_eq!(answers, [Ok(granted(10)), Ok(posted(10, 0))]);
    assert!(db.account(&alice()).lots.is_empty(), "a spent lot is closed");
}

#[test]
fn the_same_grant_again_answers_as_before_and_opens_nothing() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    db.run(at(2), charge("call", 4).post()).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(3), grant("lot", 10)), Ok(again(granted(10))));
    assert_eq!(db, before);
}

#[test]
fn the_same_grant_twice_in_one_batch_has_one_effect() {
    let mut db = Database::default();
    let twice = [Command::Grant(grant("lot", 10)), Command::Grant(grant("lot", 10))];
    assert_eq!(db.batch(at(1), &twice), [Ok(granted(10)), Ok(again(granted(10)))]);
    assert_eq!(db.account(&alice()).posted, parts(10));
}

#[test]
fn a_grants_id_with_another_amount_or_account_is_a_conflict() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(1), grant("lot", 11)), Err(Refusal::Conflict));
    let leg = Leg::grant(issuer(), bob(), credits(10)).unwrap();
    assert_eq!(db.run(at(1), Grant { leg, ..grant("lot", 10) }), Err(Refusal::Conflict));
    assert_eq!(db.run(at(1), charge("lot", 10).post()), Err(Refusal::Conflict), "nor is it a charge");
    assert_eq!(db, before);
}

#[test]
fn lower_priority_burns_first_then_the_soonest_expiry_then_the_oldest() {
    let mut db = Database::default();
    db.run(at(1), Grant { priority: 1, ..grant_until("last", 1, 50) }).unwrap();
    db.run(at(2), grant("fourth, later", 1)).unwrap();
    db.run(at(1), grant("third, for ever", 1)).unwrap();
    db.run(at(3), grant_until("second, expires", 1, 90)).unwrap();
    db.run(at(4), Grant { priority: -1, ..grant("first", 1) }).unwrap();
    let spent = charge("call", 4);
    db.run(at(5), spent.post()).unwrap();
    let row = db.transfer(crate::world::merchant(1), spent.operation().id());
    let burned: Vec<_> = row.provenance.iter().map(|slice| slice.lot.uuid()).collect();
    let order = ["first", "second, expires", "third, for ever", "fourth, later"];
    assert_eq!(burned, order.map(|key| crate::world::id(key).uuid()));
}

#[test]
fn an_account_has_at_most_256_open_lots() {
    let mut db = Database::default();
    let lots: Vec<_> = (0..MAX_OPEN_LOTS).map(|number| Command::Grant(grant(&number.to_string(), 1))).collect();
    assert!(db.batch(at(1), &lots).iter().all(Result::is_ok));
    assert_eq!(MAX_OPEN_LOTS, 256);
    let before = db.clone();
    assert_eq!(db.run(at(1), grant("one more", 1)), Err(Refusal::TooManyLots));
    assert_eq!(db, before);
    assert_eq!(db.run(at(1), lots[7].clone()).map(again), Ok(again(granted(8))), "a replay is no further lot");
    db.run(at(1), charge("call", 1).post()).unwrap();
    assert_eq!(db.run(at(1), grant("one more", 1)), Ok(granted(256)), "a spent lot makes room");
}

#[test]
fn expired_lots_make_room_for_new_ones() {
    let mut db = Database::default();
    let lots: Vec<_> = (0..256).map(|number| Command::Grant(grant_until(&number.to_string(), 1, 50))).collect();
    db.batch(at(1), &lots);
    assert_eq!(db.run(at(49), grant("one more", 1)), Err(Refusal::TooManyLots));
    assert_eq!(db.run(at(50), grant("one more", 1)), Ok(granted(1)));
}

#[test]
fn a_grant_that_would_leave_the_range_is_refused() {
    let mut db = Database::default();
    let most = Quantity::from_micros(Quantity::MAX.micros() / 2).unwrap();
    let one = Quantity::from_micros(1).unwrap();
    let of = |amount| Leg::grant(issuer(), alice(), amount).unwrap();
    assert_eq!(db.run(at(1), Grant { leg: of(Quantity::MAX), ..grant("all", 1) }), Err(Refusal::Overflow));
    db.run(at(1), Grant { leg: of(most), ..grant("most", 1) }).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(1), Grant { leg: of(one), ..grant("one", 1) }), Err(Refusal::Overflow));
    assert_eq!(db.run(at(1), Grant { leg: of(Quantity::MAX), ..grant("all", 1) }), Err(Refusal::Overflow));
    assert_eq!(db, before);
    db.run(at(1), charge("call", 1).post()).unwrap();
    db.run(at(1), Grant { leg: of(one), ..grant("one", 1) }).unwrap();
}

#[test]
fn a_grant_that_has_expired_already_lapses_at_once() {
    let mut db = Database::default();
    assert_eq!(db.run(at(50), grant_until("too late", 10, 50)), Ok(granted(0)));
    assert_eq!(db.account(&alice()).posted, 0);
    assert!(db.account(&alice()).lots.is_empty());
    assert_eq!(db.entries.iter().map(|entry| entry.action).collect::<Vec<_>>(), ["granted", "lapsed"]);
    assert_eq!(db.run(at(51), grant_until("too late", 10, 50)), Ok(again(granted(0))));
    assert_eq!(db.run(at(51), charge("call", 1).post()), Err(lacks_credits(1, 0, 0)));
}
