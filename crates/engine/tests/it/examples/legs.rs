use farebox_engine::ledger::{AccountKind, AccountSpec, BadLeg, Leg, Operation, Refusal, State};
use farebox_types::Quantity;

use super::{again, lacks, lacks_credits, posted, released};
use crate::{
    auditor::Database,
    world::{
        ALICE, actor, alice, at, bob, charge, credits, grant, id, issuer, limit, merchant, one_use, parts, plan,
        revenue,
    },
};

fn with_ten() -> Database {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    db
}

fn used() -> AccountSpec {
    AccountSpec::used(merchant(1))
}

#[test]
fn both_legs_move_or_none_does() {
    let mut db = with_ten();
    let call = |key: &str| charge(key, 4).and(&one_use(key, "token", 1));
    assert_eq!(db.run(at(2), call("one").post()), Ok(posted(4, 6)));
    let before = db.clone();
    assert_eq!(db.run(at(2), call("two").post()), Err(lacks(AccountKind::Limit, 1, 0, 0)));
    assert_eq!(db.run(at(2), call("two").hold(60)), Err(lacks(AccountKind::Limit, 1, 0, 0)));
    assert_eq!(db, before, "the second leg refuses, and the first is untouched");
    let dear = charge("dear", 7).and(&one_use("dear", "another token", 1));
    assert_eq!(db.run(at(2), dear.post()), Err(lacks_credits(7, 6, 0)));
    assert_eq!(db, before, "nor is the second when the first refuses");
}

#[test]
fn both_legs_of_a_hold_end_together() {
    let mut db = with_ten();
    let call = charge("call", 4).and(&one_use("call", "token", 2));
    db.run(at(2), call.hold(60)).unwrap();
    assert_eq!((db.account(&alice()).held, db.account(&limit("token", 2)).held), (parts(4), parts(1)));
    assert_eq!(db.run(at(3), call.release()), Ok(released(4, 0)));
    assert_eq!((db.account(&alice()).held, db.account(&limit("token", 2)).held), (0, 0));
}

#[test]
fn a_post_that_exceeds_one_legs_hold_moves_no_leg() {
    let mut db = with_ten();
    let call = charge("call", 4).and(&one_use("call", "token", 2));
    db.run(at(2), call.hold(60)).unwrap();
    let before = db.clone();
    let more = charge("call", 4).and(&crate::world::charge_of("call", limit("token", 2), used(), credits(2)));
    assert_eq!(db.run(at(3), more.post()), Err(Refusal::ExceedsHold { held: credits(1) }));
    assert_eq!(db, before);
}

#[test]
fn a_further_leg_under_a_used_id_is_a_conflict() {
    let mut db = with_ten();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    let before = db.clone();
    let more = charge("call", 4).and(&one_use("call", "token", 1));
    for command in [more.hold(60), more.post(), more.release()] {
        assert_eq!(db.run(at(3), command), Err(Refusal::Conflict));
    }
    assert_eq!(db, before);
}

#[test]
fn a_single_use_token_is_used_once_however_often_it_is_shown() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 2000)).unwrap();
    let calls: Vec<_> = (0..1000)
        .map(|number| format!("call {number}"))
        .map(|key| charge(&key, 1).and(&one_use(&key, "token", 1)).hold(60))
        .collect();
    let answers = db.batch(at(2), &calls);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(answers[999], Err(lacks(AccountKind::Limit, 1, 0, 1)), "held, so it may come back");
}

#[test]
fn a_limit_of_three_is_used_three_times() {
    let mut db = Database::default();
    let answers: Vec<_> = (0..5).map(|n| db.run(at(1), one_use(&n.to_string(), "delegation", 3).post())).collect();
    let refused = Err(lacks(AccountKind::Limit, 1, 0, 0));
    assert_eq!(answers, [Ok(posted(1, -1)), Ok(posted(1, -2)), Ok(posted(1, -3)), refused, refused]);
}

#[test]
fn a_limit_of_no_uses_is_never_used() {
    let mut db = Database::default();
    assert_eq!(db.run(at(1), one_use("call", "void", 0).post()), Err(lacks(AccountKind::Limit, 1, 0, 0)));
    assert_eq!(db, Database::default());
}

#[test]
fn a_limit_keeps_the_floor_it_was_opened_with() {
    let mut db = Database::default();
    db.run(at(1), one_use("one", "token", 1).post()).unwrap();
    assert_eq!(db.run(at(2), one_use("two", "token", 9).post()), Err(lacks(AccountKind::Limit, 1, 0, 0)));
    assert_eq!(db.account(&limit("token", 9)).spec.floor, Some(parts(-1)));
}

#[test]
fn the_largest_limit_there_is_fits() {
    let mut db = Database::default();
    db.run(at(1), one_use("call", "endless", u32::MAX).post()).unwrap();
}

#[test]
fn a_requirement_takes_nothing_of_what_it_asks_for() {
    let mut db = with_ten();
    let call = one_use("call", "delegation", 9).requiring(alice(), credits(10));
    assert_eq!(db.run(at(2), call.post()), Ok(posted(1, 10)), "the balance is that of what is required");
    assert_eq!(db.account(&alice()).posted, parts(10));
    let dear = one_use("dear", "delegation", 9).requiring(alice(), credits(11));
    let before = db.clone();
    assert_eq!(db.run(at(2), dear.post()), Err(lacks_credits(11, 10, 0)));
    assert_eq!(db.run(at(2), dear.hold(60)), Err(lacks_credits(11, 10, 0)));
    assert_eq!(db, before);
}

#[test]
fn a_requirement_of_an_unused_limit_counts_its_uses() {
    let mut db = with_ten();
    let first = charge("first", 1).requiring(limit("token", 3), credits(3));
    assert_eq!(db.run(at(2), first.post()), Ok(posted(1, 0)), "never used, so all three are there");
    db.run(at(3), one_use("use", "token", 3).post()).unwrap();
    let second = charge("second", 1).requiring(limit("token", 3), credits(3));
    assert_eq!(db.run(at(4), second.post()), Err(lacks(AccountKind::Limit, 3, 2, 0)));
}

#[test]
fn a_replays_balance_is_the_answers_even_when_a_later_leg_takes_what_is_required() {
    let mut db = with_ten();
    let uses_first = one_use("call", "token", 1).and(&charge("call", 4)).requiring(alice(), credits(4));
    assert_eq!(db.run(at(2), uses_first.post()), Ok(posted(1, 6)));
    assert_eq!(db.run(at(3), uses_first.post()), Ok(again(posted(1, 6))));
    let held = one_use("hold", "other token", 1).and(&charge("hold", 4)).requiring(alice(), credits(4));
    let answer = db.run(at(4), held.hold(60)).unwrap();
    assert_eq!(answer, super::held(2, 60));
    assert_eq!(db.run(at(5), held.hold(60)), Ok(again(answer)));
    assert_eq!(db.run(at(6), held.post()), Ok(posted(1, 2)));
    assert_eq!(db.run(at(7), held.post()), Ok(again(posted(1, 2))));
}

#[test]
fn a_movement_that_makes_no_sense_cannot_be_made() {
    let other_plan = AccountSpec::revenue(merchant(1), plan(2));
    let other_tenant = AccountSpec::revenue(merchant(2), plan(1));
    assert_eq!(Leg::charge(alice(), other_plan, credits(1)), Err(BadLeg::MixedUnits));
    assert_eq!(Leg::charge(alice(), used(), credits(1)), Err(BadLeg::MixedUnits));
    assert_eq!(Leg::charge(alice(), other_tenant, credits(1)), Err(BadLeg::MixedTenants));
    assert_eq!(Leg::charge(alice(), revenue(), Quantity::ZERO), Err(BadLeg::Zero));
    assert_eq!(Leg::charge(alice(), bob(), credits(1)), Err(BadLeg::WrongSide));
    assert_eq!(Leg::grant(issuer(), alice(), Quantity::ZERO), Err(BadLeg::Zero));
    assert_eq!(Leg::grant(issuer(), revenue(), credits(1)), Err(BadLeg::WrongSide));
    assert_eq!(Leg::grant(bob(), alice(), credits(1)), Err(BadLeg::WrongSide));
    assert_eq!(Leg::grant(AccountSpec::issuer(merchant(1), plan(2)), alice(), credits(1)), Err(BadLeg::MixedUnits));
    assert_eq!(Leg::grant(AccountSpec::issuer(merchant(2), plan(1)), alice(), credits(1)), Err(BadLeg::MixedTenants));
}

#[test]
fn an_operation_takes_from_each_account_once_and_from_one_merchant() {
    let make = |legs| Operation::new(id("call"), legs, actor()).map(|_| ());
    let pays = Leg::charge(alice(), revenue(), credits(1)).unwrap();
    let elsewhere = AccountSpec::holder(merchant(2), plan(1), ALICE);
    let there = Leg::charge(elsewhere, AccountSpec::revenue(merchant(2), plan(1)), credits(1)).unwrap();
    assert_eq!(make(vec![]), Err(BadLeg::Legs));
    assert_eq!(make(vec![pays.clone(), pays.clone()]), Err(BadLeg::Legs));
    assert_eq!(make(vec![pays.clone(), there]), Err(BadLeg::MixedTenants));
    assert_eq!(make(vec![pays]), Ok(()));
}

#[test]
fn an_operation_with_as_many_legs_as_there_may_be_works() {
    let legs = |count: u32| -> Vec<Leg> {
        (0..count).map(|n| Leg::charge(limit(&n.to_string(), 1), used(), Quantity::ONE).unwrap()).collect()
    };
    let most = (1..400).take_while(|count| Operation::new(id("call"), legs(*count), actor()).is_ok()).last().unwrap();
    let operation = Operation::new(id("call"), legs(most), actor()).unwrap();
    let mut db = Database::default();
    let hold = farebox_engine::ledger::Command::Hold { operation: operation.clone(), expires_at: at(60) };
    db.run(at(1), hold).unwrap();
    db.run(at(2), farebox_engine::ledger::Command::Post(operation)).unwrap();
    assert_eq!(db.transfers.values().filter(|row| row.state == State::Posted).count(), usize::try_from(most).unwrap());
}
