use farebox_engine::ledger::{AccountSpec, Command, Refusal, State};
use farebox_types::Quantity;

use super::{NOTHING_TO_RELEASE, again, held, lacks_credits, posted, released};
use crate::{
    auditor::Database,
    world::{ALICE, alice, at, charge, charge_of, credits, grant, grant_until, merchant, parts, plan},
};

fn with_ten() -> Database {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    db
}

#[test]
fn what_is_held_cannot_be_spent_by_anybody_else() {
    let mut db = with_ten();
    assert_eq!(db.run(at(2), charge("one", 7).hold(60)), Ok(held(3, 60)));
    assert_eq!(db.run(at(2), charge("two", 4).hold(60)), Err(lacks_credits(4, 3, 7)));
    assert_eq!(db.run(at(2), charge("two", 4).post()), Err(lacks_credits(4, 3, 7)));
    assert_eq!(db.run(at(2), charge("two", 3).post()), Ok(posted(3, 0)));
}

#[test]
fn of_fifty_parallel_holds_on_ten_credits_ten_succeed() {
    let mut db = with_ten();
    let fifty: Vec<Command> = (0..50).map(|number| charge(&format!("call {number}"), 1).hold(60)).collect();
    let answers = db.batch(at(2), &fifty);
    assert!(answers[..10].iter().all(Result::is_ok));
    assert!(answers[10..].iter().all(|answer| *answer == Err(lacks_credits(1, 0, 10))));
}

#[test]
fn who_was_never_granted_anything_has_nothing_to_hold() {
    let mut db = Database::default();
    assert_eq!(db.run(at(1), charge("call", 1).hold(60)), Err(lacks_credits(1, 0, 0)));
    assert_eq!(db, Database::default(), "a refusal opens no account");
}

#[test]
fn the_same_hold_again_answers_as_before_whatever_end_it_asks_for() {
    let mut db = with_ten();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    db.run(at(3), charge("other", 1).post()).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(4), charge("call", 4).hold(60)), Ok(again(held(6, 60))));
    assert_eq!(db.run(at(4), charge("call", 4).hold(99)), Ok(again(held(6, 60))));
    assert_eq!(db, before);
}

#[test]
fn a_holds_id_with_another_amount_or_payer_is_a_conflict() {
    let mut db = with_ten();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(2), charge("call", 5).hold(60)), Err(Refusal::Conflict));
    let bobs = charge_of("call", crate::world::bob(), crate::world::revenue(), credits(4));
    for command in [bobs.hold(60), bobs.post(), bobs.release()] {
        assert_eq!(db.run(at(2), command), Err(Refusal::Conflict));
    }
    assert_eq!(db, before);
}

#[test]
fn a_hold_that_would_be_over_before_it_begins_is_refused() {
    let mut db = with_ten();
    let before = db.clone();
    for until in [0, 1, 2] {
        assert_eq!(db.run(at(2), charge("call", 4).hold(until)), Err(Refusal::Finished { state: State::Expired }));
    }
    assert_eq!(db, before);
    assert_eq!(db.run(at(2), charge("call", 4).hold(3)), Ok(held(6, 3)), "its id is still free");
}

#[test]
fn an_unguarded_account_cannot_hold() {
    let mut db = with_ten();
    let usage = AccountSpec::usage(merchant(1), plan(1), ALICE);
    let use_of = charge_of("use", usage, AccountSpec::used(merchant(1)), Quantity::ONE);
    assert_eq!(db.run(at(2), use_of.hold(60)), Err(Refusal::CannotHold));
    let both = charge("both", 1).and(&use_of);
    let before = db.clone();
    assert_eq!(db.run(at(2), both.hold(60)), Err(Refusal::CannotHold));
    assert_eq!(db, before);
    db.run(at(2), both.post()).unwrap();
}

#[test]
fn a_release_gives_back_exactly_the_lots_that_paid() {
    let mut db = Database::default();
    for (key, units) in [("a", 3), ("b", 3), ("c", 3)] {
        db.run(at(1), grant_until(key, units, 100)).unwrap();
    }
    let first = charge("first", 2);
    db.run(at(2), first.hold(60)).unwrap();
    let before = db.account(&alice());
    db.run(at(3), charge("second", 5).hold(50)).unwrap();
    assert_eq!(db.run(at(4), charge("second", 5).release()), Ok(released(5, 0)));
    assert_eq!(db.account(&alice()).lots, before.lots);
    assert_eq!(db.run(at(4), first.release()), Ok(released(2, 0)));
    assert_eq!(db.account(&alice()).lots.iter().map(|lot| lot.remaining).collect::<Vec<_>>(), [parts(3); 3]);
}

#[test]
fn a_release_again_or_of_nothing_does_nothing() {
    let mut db = with_ten();
    assert_eq!(db.run(at(2), charge("call", 4).release()), Ok(NOTHING_TO_RELEASE));
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    db.run(at(3), charge("call", 4).release()).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(3), charge("call", 4).release()), Ok(NOTHING_TO_RELEASE));
    assert_eq!(db, before);
}

#[test]
fn a_hold_and_its_release_in_one_batch_leave_the_account_as_it_was() {
    let mut db = with_ten();
    let before = db.account(&alice());
    let call = charge("call", 4);
    db.batch(at(2), &[call.hold(60), call.release()]);
    assert_eq!(db.account(&alice()), before);
    assert_eq!(db.transfer(merchant(1), call.operation().id()).state, State::Released);
}

#[test]
fn an_account_whose_first_hold_is_gone_waits_for_the_next_one() {
    let mut db = with_ten();
    db.run(at(2), charge("short", 1).hold(10)).unwrap();
    db.run(at(2), charge("long", 1).hold(1000)).unwrap();
    db.run(at(3), charge("short", 1).post()).unwrap();
    assert_eq!(db.account(&alice()).next_expiry, Some(at(10)), "a lower bound, until it is due");
    db.run(at(10), charge("other", 1).post()).unwrap();
    assert_eq!(db.account(&alice()).next_expiry, Some(at(1000)), "or each batch would load all holds for ever");
}
