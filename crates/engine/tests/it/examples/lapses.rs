use farebox_engine::ledger::{AccountKind, AccountSpec, State, Unit};
use farebox_types::Timestamp;

use super::{granted, held, lacks_credits, posted, released};
use crate::{
    auditor::Database,
    world::{alice, at, charge, credits, grant, grant_until, merchant, one_use, parts, plan},
};

/// Ten credits until second 50, and ten for ever.
fn with_two_lots() -> Database {
    let mut db = Database::default();
    db.run(at(1), grant_until("short", 10, 50)).unwrap();
    db.run(at(1), grant("long", 10)).unwrap();
    db
}

/// What lapsed, by the transfers and by the trail: [(units in parts)].
fn lapsed(db: &Database) -> Vec<i64> {
    let to = AccountSpec::lapsed(merchant(1), Unit::Credit(plan(1))).id;
    let moved: i64 = db.transfers.values().filter(|row| row.to == to).map(|row| row.settled.micros()).sum();
    let said: Vec<i64> =
        db.entries.iter().filter(|entry| entry.action == "lapsed").map(|entry| entry.amount.micros()).collect();
    assert_eq!(moved, said.iter().sum::<i64>());
    said
}

#[test]
fn a_lot_can_be_spent_until_its_instant_and_not_beyond() {
    let mut db = with_two_lots();
    let just_before = Timestamp::from_micros(at(50).micros() - 1);
    assert_eq!(db.run(just_before, charge("call", 4).post()), Ok(posted(4, 16)));
    assert_eq!(db.run(at(50), charge("next", 4).post()), Ok(posted(4, 6)));
    assert_eq!(lapsed(&db), [parts(6)]);
}

#[test]
fn an_expired_lot_that_has_not_lapsed_yet_cannot_be_spent_either() {
    let mut db = with_two_lots();
    let account = db.account(&alice());
    assert_eq!((account.available(at(49)), account.available(at(50))), (parts(20), parts(10)), "as a read sees it");
    assert_eq!(db.run(at(50), charge("call", 11).post()), Err(lacks_credits(11, 10, 0)));
}

#[test]
fn the_free_part_of_a_partly_held_lot_lapses_and_the_held_part_stays() {
    let mut db = with_two_lots();
    db.run(at(2), charge("call", 4).hold(90)).unwrap();
    db.pass_time(at(50), &[charge("call", 4).release()]);
    assert_eq!(lapsed(&db), [parts(6)]);
    let account = db.account(&alice());
    assert_eq!((account.posted, account.held), (parts(14), parts(4)));
    let lots: Vec<_> = account.lots.iter().map(|lot| (lot.remaining, lot.held)).collect();
    assert_eq!(lots, [(0, parts(4)), (parts(10), 0)]);
}

#[test]
fn what_was_held_in_time_still_pays_after_its_lot_expired() {
    let mut db = with_two_lots();
    db.run(at(2), charge("call", 4).hold(90)).unwrap();
    assert_eq!(db.run(at(60), charge("call", 4).post()), Ok(posted(4, 10)));
    assert_eq!(lapsed(&db), [parts(6)]);
    let row = db.transfer(merchant(1), charge("call", 4).operation().id());
    let paid: Vec<_> = row.provenance.iter().map(|slice| (slice.lot.uuid(), slice.amount)).collect();
    assert_eq!(paid, [(crate::world::id("short").uuid(), parts(4))]);
}

#[test]
fn a_release_after_the_lots_expiry_lapses_instead_of_returning_and_says_so() {
    let mut db = with_two_lots();
    db.run(at(2), charge("call", 14).hold(90)).unwrap();
    assert_eq!(db.run(at(60), charge("call", 14).release()), Ok(released(4, 10)));
    assert_eq!(lapsed(&db), [parts(10)]);
    assert_eq!(db.account(&alice()).posted, parts(10));
}

#[test]
fn an_expired_hold_returns_nothing_to_a_lot_that_expired_before_it() {
    let mut db = with_two_lots();
    db.run(at(2), charge("call", 4).hold(55)).unwrap();
    assert_eq!(db.run(at(60), charge("call", 4).post()), Ok(posted(4, 6)), "late, and out of the other lot");
    assert_eq!(lapsed(&db), [parts(4), parts(6)]);
}

#[test]
fn the_rest_of_a_partial_post_lapses_if_its_lot_has_expired() {
    let mut db = with_two_lots();
    db.run(at(2), charge("call", 10).hold(90)).unwrap();
    assert_eq!(db.run(at(60), charge("call", 3).post()), Ok(posted(3, 10)));
    assert_eq!(lapsed(&db), [parts(7)]);
}

#[test]
fn a_lot_that_lapses_in_parts_lapses_each_part_once() {
    let mut db = with_two_lots();
    db.run(at(2), charge("one", 2).hold(90)).unwrap();
    db.run(at(2), charge("two", 3).hold(90)).unwrap();
    db.pass_time(at(50), &[charge("any", 1).post()]);
    db.run(at(60), charge("one", 2).release()).unwrap();
    db.run(at(61), charge("two", 1).post()).unwrap();
    db.pass_time(at(99), &[charge("any", 1).post()]);
    assert_eq!(lapsed(&db), [parts(5), parts(2), parts(2)]);
    assert_eq!(db.account(&alice()).posted, parts(10));
}

#[test]
fn an_unmetered_use_is_refused_once_every_lot_has_expired() {
    let mut db = Database::default();
    db.run(at(1), grant_until("month", 1, 50)).unwrap();
    let call = |key: &str| one_use(key, "delegation", 9).requiring(alice(), credits(1));
    db.run(at(49), call("in time").post()).unwrap();
    let refused = db.run(at(50), call("too late").post());
    assert_eq!(refused, Err(super::lacks(AccountKind::Holder, 1, 0, 0)));
    assert_eq!(lapsed(&db), [parts(1)]);
    assert_eq!(db.account(&crate::world::limit("delegation", 9)).posted, parts(-1));
}

#[test]
fn what_is_held_for_something_else_does_not_meet_a_requirement() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 5)).unwrap();
    db.run(at(2), charge("all of it", 5).hold(90)).unwrap();
    let call = one_use("use", "delegation", 9).requiring(alice(), credits(1));
    assert_eq!(db.run(at(3), call.post()), Err(lacks_credits(1, 0, 5)));
}

#[test]
fn every_row_of_a_lapse_carries_the_balance_after_all_of_it() {
    let mut db = with_two_lots();
    db.run(at(1), grant_until("short too", 10, 50)).unwrap();
    db.run(at(2), charge("call", 20).hold(90)).unwrap();
    assert_eq!(db.run(at(60), charge("call", 20).release()), Ok(released(0, 20)));
    let lapses = db.transfers.values().filter(|row| row.provenance.len() == 1 && row.state == State::Posted);
    assert_eq!(lapses.map(|row| row.balance).collect::<Vec<_>>(), [parts(10); 2]);
}

/// Clocks step back, and machines disagree. Units that came back under the earlier time lapse again under the later one.
#[test]
fn a_lot_may_lapse_again_after_the_clock_stepped_back() {
    let mut db = with_two_lots();
    db.run(at(2), charge("call", 4).hold(90)).unwrap();
    db.pass_time(at(50), &[charge("any", 1).post()]);
    assert_eq!(db.run(at(49), charge("call", 4).release()), Ok(released(4, 0)));
    assert_eq!(db.run(at(51), grant("more", 1)), Ok(granted(11)));
    assert_eq!(lapsed(&db), [parts(6), parts(4)]);
}

#[test]
fn time_alone_changes_nothing_twice() {
    let mut db = with_two_lots();
    assert_eq!(db.run(at(2), charge("call", 4).hold(50)), Ok(held(16, 50)));
    db.pass_time(at(60), &[charge("any", 1).post()]);
    assert_eq!(db.transfer(merchant(1), charge("call", 4).operation().id()).state, State::Expired);
    let before = db.clone();
    db.pass_time(at(60), &[charge("any", 1).post()]);
    db.pass_time(at(70), &[charge("any", 1).post()]);
    assert_eq!(db, before);
}
