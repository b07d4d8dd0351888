use farebox_engine::ledger::{Refusal, State};

use super::{again, held, lacks_credits, posted, released};
use crate::{
    auditor::Database,
    world::{alice, at, charge, credits, grant, grant_until, merchant, parts},
};

fn with_ten() -> Database {
    let mut db = Database::default();
    db.run(at(1), grant("lot", 10)).unwrap();
    db
}

#[test]
fn a_post_without_a_hold_takes_the_amount_at_once() {
    let mut db = with_ten();
    assert_eq!(db.run(at(2), charge("call", 4).post()), Ok(posted(4, 6)));
    assert_eq!((db.account(&alice()).posted, db.account(&alice()).held), (parts(6), 0));
}

#[test]
fn a_post_never_crosses_the_floor() {
    let mut db = with_ten();
    let before = db.clone();
    assert_eq!(db.run(at(2), charge("call", 11).post()), Err(lacks_credits(11, 10, 0)));
    assert_eq!(db, before);
    assert_eq!(db.run(at(2), charge("call", 10).post()), Ok(posted(10, 0)));
    assert_eq!(db.run(at(2), charge("next", 1).post()), Err(lacks_credits(1, 0, 0)));
}

#[test]
fn a_post_makes_its_hold_final() {
    let mut db = with_ten();
    let call = charge("call", 4);
    assert_eq!(db.batch(at(2), &[call.hold(60), call.post()]), [Ok(held(6, 60)), Ok(posted(4, 6))]);
    assert_eq!((db.account(&alice()).posted, db.account(&alice()).held), (parts(6), 0));
    assert_eq!(db.account(&alice()).next_expiry, None);
}

#[test]
fn a_partial_post_gives_the_rest_back() {
    let mut db = Database::default();
    db.run(at(1), grant_until("first", 3, 90)).unwrap();
    db.run(at(1), grant("second", 7)).unwrap();
    db.run(at(2), charge("call", 8).hold(60)).unwrap();
    assert_eq!(db.run(at(3), charge("call", 4).post()), Ok(posted(4, 6)));
    let lots = db.account(&alice()).lots;
    assert_eq!(lots.iter().map(|lot| (lot.remaining, lot.held)).collect::<Vec<_>>(), [(parts(6), 0)]);
    let row = db.transfer(merchant(1), charge("call", 8).operation().id());
    assert_eq!((row.amount, row.settled), (credits(8), credits(4)));
    let paid: Vec<_> = row.provenance.iter().map(|slice| slice.amount).collect();
    assert_eq!(paid, [parts(3), parts(1)], "what was taken first is spent first");
}

#[test]
fn a_post_of_more_than_is_held_is_refused_and_the_hold_stays() {
    let mut db = with_ten();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(3), charge("call", 5).post()), Err(Refusal::ExceedsHold { held: credits(4) }));
    assert_eq!(db, before);
    assert_eq!(db.run(at(3), charge("call", 4).post()), Ok(posted(4, 6)));
}

#[test]
fn the_same_post_again_answers_as_before() {
    let mut db = with_ten();
    db.run(at(2), charge("at once", 4).post()).unwrap();
    db.run(at(2), charge("held", 4).hold(60)).unwrap();
    db.run(at(3), charge("held", 3).post()).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(99), charge("at once", 4).post()), Ok(again(posted(4, 6))));
    assert_eq!(db.run(at(99), charge("held", 3).post()), Ok(again(posted(3, 3))));
    assert_eq!(db, before);
}

#[test]
fn the_same_post_many_times_in_one_batch_has_one_effect() {
    let mut db = with_ten();
    let answers = db.batch(at(2), &vec![charge("call", 4).post(); 100]);
    assert_eq!(answers[0], Ok(posted(4, 6)));
    assert!(answers[1..].iter().all(|answer| *answer == Ok(again(posted(4, 6)))));
    assert_eq!(db.account(&alice()).posted, parts(6));
}

#[test]
fn a_posts_id_with_another_amount_is_a_conflict() {
    let mut db = with_ten();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    db.run(at(2), charge("call", 3).post()).unwrap();
    let before = db.clone();
    assert_eq!(db.run(at(2), charge("call", 4).post()), Err(Refusal::Conflict));
    assert_eq!(db.run(at(2), charge("call", 2).post()), Err(Refusal::Conflict));
    assert_eq!(db, before);
}

#[test]
fn what_was_released_is_never_posted() {
    let mut db = with_ten();
    db.run(at(2), charge("call", 4).hold(60)).unwrap();
    assert_eq!(db.run(at(3), charge("call", 4).release()), Ok(released(4, 0)));
    let before = db.clone();
    assert_eq!(db.run(at(3), charge("call", 4).post()), Err(Refusal::Finished { state: State::Released }));
    assert_eq!(db, before);
}
