use farebox_engine::ledger::{Command, Refusal, State};
use farebox_types::Timestamp;

use super::{NOTHING_TO_RELEASE, again, lacks_credits, posted};
use crate::{
    auditor::Database,
    world::{alice, at, bob, charge, charge_of, credits, grant, limit, merchant, one_use, parts, revenue},
};

/// Ten credits, four of them held until second 60.
fn with_a_hold() -> Database {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    db
}

fn state_of_the_call(db: &Database) -> State {
    db.transfer(merchant(1), charge("call", 4).operation().id()).state
}

#[test]
fn a_hold_lives_until_its_instant_and_not_beyond() {
    let mut db = with_a_hold();
    let just_before = Timestamp::from_micros(at(60).micros() - 1);
    assert_eq!(db.run(just_before, charge("other", 7).post()), Err(lacks_credits(7, 6, 4)));
    assert_eq!(state_of_the_call(&db), State::Held);
    assert_eq!(db.run(at(60), charge("other", 7).post()), Ok(posted(7, 3)));
    assert_eq!(state_of_the_call(&db), State::Expired);
}

#[test]
fn an_expired_hold_is_posted_late_if_it_still_can_be() {
    let mut db = with_a_hold();
    assert_eq!(db.run(at(60), charge("call", 4).post()), Ok(posted(4, 6)));
    let words: Vec<_> = db.entries.iter().map(|entry| entry.action).collect();
    assert_eq!(words, ["granted", "held", "expired", "posted"]);
    assert_eq!(db.run(at(70), charge("call", 4).post()), Ok(again(posted(4, 6))));
    assert_eq!(db.run(at(70), charge("call", 4).release()), Err(Refusal::Finished { state: State::Posted }));
}

#[test]
fn a_late_post_is_refused_when_the_credits_have_gone_elsewhere() {
    let mut db = with_a_hold();
    db.run(at(60), charge("other", 7).post()).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(61), charge("call", 4).post()), Err(lacks_credits(4, 3, 0)));
    assert_eq!(db, before);
    db.run(at(62), grant("more", 5)).unwrap();
    assert_eq!(db.run(at(63), charge("call", 4).post()), Ok(posted(4, 4)), "asked again, it can be paid");
}

#[test]
fn who_comes_first_in_a_batch_gets_what_an_expired_hold_gave_back() {
    let mut db = with_a_hold();
    let answers = db.batch(at(60), &[charge("other", 7).post(), charge("call", 4).post()]);
    assert_eq!(answers, [Ok(posted(7, 3)), Err(lacks_credits(4, 3, 0))]);
    let mut db = with_a_hold();
    let answers = db.batch(at(60), &[charge("call", 4).post(), charge("other", 7).post()]);
    assert_eq!(answers, [Ok(posted(4, 6)), Err(lacks_credits(7, 6, 0))]);
}

#[test]
fn a_late_post_takes_no_more_than_was_held() {
    let mut db = with_a_hold();
    assert_eq!(db.run(at(60), charge("call", 5).post()), Err(Refusal::ExceedsHold { held: credits(4) }));
    assert_eq!(db.account(&alice()).posted, parts(10));
}

#[test]
fn a_late_post_of_less_keeps_what_was_held_on_record() {
    let mut db = with_a_hold();
    assert_eq!(db.run(at(60), charge("call", 3).post()), Ok(posted(3, 7)));
    let row = db.transfer(merchant(1), charge("call", 4).operation().id());
    assert_eq!((row.amount, row.settled), (credits(4), credits(3)));
}

#[test]
fn a_release_after_expiry_finds_nothing_to_do() {
    let mut db = with_a_hold();
    assert_eq!(db.run(at(60), charge("call", 4).release()), Ok(NOTHING_TO_RELEASE));
    assert_eq!(state_of_the_call(&db), State::Expired);
    assert_eq!(db.account(&alice()).held, 0);
}

#[test]
fn expired_uses_of_a_limit_can_be_used_again() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    let call = charge("call", 4).and(&one_use("call", "token", 1));
    db.run(at(2), call.hold(60)).unwrap();
    let next = charge("next", 4).and(&one_use("next", "token", 1));
    db.run(at(60), next.post()).unwrap();
    let before = db.clone();
    assert!(db.run(at(61), call.post()).is_err(), "the token has paid for something else meanwhile");
    assert_eq!(db, before);
    assert_eq!(db.account(&limit("token", 1)).posted, parts(-1));
}

#[test]
fn a_due_hold_whose_account_is_not_in_the_batch_is_left_alone() {
    let mut db = with_a_hold();
    // The same id from another payer: the hold is loaded by its id, the account it holds on is not.
    let bobs = charge_of("call", bob(), revenue(), credits(4));
    assert_eq!(db.run(at(60), bobs.post()), Err(Refusal::Conflict));
    assert_eq!(state_of_the_call(&db), State::Held);
    assert_eq!(db.account(&alice()).held, parts(4));
    db.pass_time(at(60), &[charge("any", 1).post()]);
    assert_eq!(state_of_the_call(&db), State::Expired);
}

#[test]
fn every_due_hold_of_an_account_ends_with_the_first_batch_that_touches_it() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    let holds: Vec<Command> = (1..=8).map(|number| charge(&number.to_string(), 1).hold(10 * number)).collect();
    db.batch(at(2), &holds);
    db.pass_time(at(45), &[charge("any", 1).release()]);
    let account = db.account(&alice());
    assert_eq!((account.held, account.next_expiry), (parts(4), Some(at(50))));
}

/// Two processes, one with a slow clock: the first ends one leg of a hold, the second finds the other leg not yet due.
#[test]
fn the_legs_of_a_hold_expire_together_whatever_the_clocks_say() {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    let call = charge("call", 4).and(&one_use("call", "token", 2));
    db.run(at(2), call.hold(60)).unwrap();
    db.run(at(60), charge("other", 1).post()).unwrap();
    assert_eq!(db.run(at(59), call.post()), Ok(posted(4, 5)));
    let token = db.account(&limit("token", 2));
    assert_eq!((token.posted, token.held), (parts(-1), 0));
}
