//! What is taken back, and what is counted otherwise than by its sum.

use farebox_engine::ledger::{
    AccountSpec, Actor, Command, Grant, Leg, Operation, Outcome, Refusal, Renewal, Tally, Transfer, TransferId,
    Unwinding, Usage, Way, Window,
};
use proptest::{prelude::*, test_runner::Config};
use uuid::Uuid;

use crate::{
    auditor::Database,
    world::{actor, at, credits, id, merchant, parts},
};

const FEATURE: Uuid = Uuid::from_u128(0xFEA7);
const CUSTOMER: Uuid = Uuid::from_u128(0xC057);

fn balance() -> AccountSpec {
    AccountSpec::metered(merchant(1), FEATURE, CUSTOMER)
}

fn consumed() -> AccountSpec {
    AccountSpec::consumed(merchant(1), FEATURE)
}

fn meter() -> AccountSpec {
    AccountSpec::meter(merchant(1), FEATURE, CUSTOMER, at(0))
}

fn window(start: i64) -> Window {
    Window { id: TransferId::derive(merchant(1), "window", &start.to_string()), start: at(start) }
}

fn open(starts: &[i64], now: i64) -> Command {
    Command::Renew(Renewal {
        account: balance(),
        granter: AccountSpec::granter(merchant(1), FEATURE),
        windows: starts.iter().copied().map(window).collect(),
        included: credits(10),
        carry: None,
        closes: Vec::new(),
        used: None,
        at: at(now),
        actor: actor(),
    })
}

fn usage() -> Usage {
    let (occurred_at, window_start) = (at(1), at(0));
    Usage { customer: CUSTOMER, feature: FEATURE, occurred_at, window_start, late: false, telling: None }
}

fn takes(key: &str, units: u64) -> Command {
    let spent = Leg::charge(balance(), consumed(), credits(units)).unwrap();
    let counted = Leg::charge(meter(), AccountSpec::metering(merchant(1), FEATURE), credits(units)).unwrap();
    Command::Post(Operation::new(id(key), vec![spent, counted], actor()).unwrap().telling(usage()))
}

fn credit(key: &str, units: u64, expires: Option<i64>) -> Command {
    let leg = Leg::grant(AccountSpec::granter(merchant(1), FEATURE), balance(), credits(units)).unwrap();
    let expires_at = expires.map(at);
    Command::Grant(Grant { id: id(key), leg, priority: 0, expires_at, clock: None, actor: actor() })
}

fn tally(key: &str, way: Way, units: u64) -> Tally {
    Tally {
        id: id(key),
        balance: Some((balance(), consumed())),
        meter: meter(),
        value: credits(units),
        way,
        keeps: None,
        unwinding: Unwinding::default(),
        usage: usage(),
        clock: None,
        actor: Actor::new("test"),
    }
}

fn counted(tally: Tally) -> Command {
    Command::Tally(Box::new(tally))
}

/// Takes back from these uses, newest first.
fn back(key: &str, units: u64, uses: &[&str], credits: &[&str]) -> Command {
    let window_lot = window(0).lot();
    let mut grants: Vec<TransferId> = credits.iter().map(|key| id(key)).collect();
    grants.push(TransferId::from_uuid(window_lot.uuid()));
    let uses = uses.iter().map(|key| id(key)).collect();
    let unwinding = Unwinding { uses, grants, windows: vec![window_lot] };
    counted(Tally { unwinding, ..tally(key, Way::Back, units) })
}

fn posted(db: &mut Database, now: i64, command: Command) -> (i64, i64, bool) {
    match db.run(at(now), command) {
        Ok(Outcome::Posted { amount, balance, replayed }) => (amount.micros() / parts(1), balance / parts(1), replayed),
        other => panic!("{other:?}"),
    }
}

fn used(db: &Database) -> i64 {
    -db.account(&meter()).posted / parts(1)
}

/// What is left of each open lot, in burn order.
fn lots(db: &Database) -> Vec<(Uuid, i64)> {
    db.account(&balance()).lots.iter().map(|lot| (lot.id.uuid(), lot.remaining / parts(1))).collect()
}

fn row(db: &Database, key: &str) -> Transfer {
    db.transfer(merchant(1), id(key)).clone()
}

#[test]
fn what_is_taken_back_returns_to_the_lots_it_came_from_the_last_ones_first() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    db.run(at(1), credit("bought", 5, None)).unwrap();
    posted(&mut db, 2, takes("first", 8));
    posted(&mut db, 3, takes("second", 6));
    assert_eq!(lots(&db), [(id("bought").uuid(), 1)], "the window's lot is used up and gone");
    // Of the second use's six, four came from the credit: those come back first, then one of the window's.
    assert_eq!(posted(&mut db, 4, back("c", 5, &["second", "first"], &["bought"])), (5, 6, false));
    assert_eq!(lots(&db), [(window(0).lot().uuid(), 1), (id("bought").uuid(), 5)]);
    assert_eq!(used(&db), 9);
    // The rest of the second use, and then of the first.
    assert_eq!(posted(&mut db, 5, back("d", 3, &["second", "first"], &["bought"])), (3, 9, false));
    assert_eq!(lots(&db), [(window(0).lot().uuid(), 4), (id("bought").uuid(), 5)]);
    let taken_back =
        |key: &str| row(&db, key).provenance.iter().find(|slice| slice.lot.uuid() == id(key).uuid()).map(|s| s.amount);
    assert_eq!((taken_back("second"), taken_back("first")), (Some(parts(6)), Some(parts(2))));
}

#[test]
fn the_same_correction_again_takes_nothing_back() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    posted(&mut db, 2, takes("a", 8));
    assert_eq!(posted(&mut db, 3, back("c", 3, &["a"], &[])), (3, 5, false));
    posted(&mut db, 4, takes("b", 1));
    assert_eq!(posted(&mut db, 5, back("c", 3, &["b", "a"], &[])), (3, 5, true), "as it was answered");
    assert_eq!(used(&db), 6);
    assert_eq!(db.run(at(6), back("c", 4, &["a"], &[])), Err(Refusal::Conflict));
    assert_eq!(db.run(at(6), back("a", 8, &["a"], &[])), Err(Refusal::Conflict), "a use's key is a use's");
    let corrections = db.entries.iter().filter(|entry| entry.action == "corrected").count();
    assert_eq!(corrections, 1);
}

#[test]
fn no_more_is_taken_back_than_was_used_in_the_window() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    posted(&mut db, 2, takes("a", 2));
    let before = db.clone();
    assert_eq!(db.run(at(3), back("c", 3, &["a"], &[])), Err(Refusal::Beyond { used: parts(2) }));
    assert_eq!(db, before);
    assert_eq!(posted(&mut db, 3, back("c", 2, &["a"], &[])), (2, 10, false));
    assert_eq!(db.run(at(3), back("d", 1, &["a"], &[])), Err(Refusal::Beyond { used: 0 }));
}

#[test]
fn uses_that_others_have_taken_back_are_to_be_looked_up_again() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    posted(&mut db, 2, takes("a", 2));
    posted(&mut db, 2, takes("b", 2));
    posted(&mut db, 3, back("c", 2, &["b", "a"], &[]));
    assert_eq!(db.run(at(4), back("d", 2, &["b"], &[])), Err(Refusal::Moved));
    assert_eq!(posted(&mut db, 4, back("d", 2, &["b", "a"], &[])), (2, 10, false));
}

#[test]
fn overage_is_taken_back_first_and_comes_back_to_no_lot() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    assert_eq!(posted(&mut db, 2, takes("a", 14)).1, -4);
    assert_eq!(posted(&mut db, 3, back("c", 3, &["a"], &[])), (3, -1, false));
    assert_eq!(lots(&db), []);
    assert_eq!(posted(&mut db, 4, back("d", 3, &["a"], &[])), (3, 2, false));
    assert_eq!(lots(&db), [(window(0).lot().uuid(), 2)]);
}

#[test]
fn what_came_from_a_lot_that_is_over_lapses_as_it_comes_back() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    db.run(at(1), credit("bought", 5, Some(50))).unwrap();
    posted(&mut db, 2, takes("a", 13));
    assert_eq!(posted(&mut db, 60, back("c", 4, &["a"], &["bought"])), (4, 1, false), "three of the four have expired");
    assert_eq!(lots(&db), [(window(0).lot().uuid(), 1)]);
    assert_eq!(used(&db), 9);
    let lapsed: i64 = db.entries.iter().filter(|e| e.action == "lapsed").map(|e| e.amount.micros()).sum();
    assert_eq!(lapsed, parts(2 + 3), "the two that were never used, and the three that came back");
}

#[test]
fn a_lot_of_a_window_that_is_over_stays_closed() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    posted(&mut db, 2, takes("a", 10));
    db.run(at(100), open(&[0, 100], 100)).unwrap();
    let Command::Tally(late) = back("c", 4, &["a"], &[]) else { unreachable!() };
    let unwinding = Unwinding { windows: vec![window(100).lot()], ..late.unwinding.clone() };
    assert_eq!(posted(&mut db, 101, counted(Tally { unwinding, ..*late })), (4, 10, false));
    assert_eq!(lots(&db), [(window(100).lot().uuid(), 10)]);
}

#[test]
fn what_had_no_balance_is_only_counted_less() {
    let mut db = Database::default();
    let only = Leg::charge(meter(), AccountSpec::metering(merchant(1), FEATURE), credits(7)).unwrap();
    db.run(at(1), Command::Post(Operation::new(id("a"), vec![only], actor()).unwrap().telling(usage()))).unwrap();
    let Command::Tally(less) = back("c", 3, &["a"], &[]) else { unreachable!() };
    posted(&mut db, 2, counted(Tally { balance: None, ..*less }));
    assert_eq!(used(&db), 4);
}

#[test]
fn credits_never_keep_a_window_from_opening() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    let granted = (0..300).map(|number| db.run(at(1), credit(&number.to_string(), 1, None)));
    let granted: Vec<bool> = granted.map(|answer| answer.is_ok()).collect();
    assert!(granted.iter().take(223).all(|granted| *granted) && !granted[223], "32 places are kept");
    posted(&mut db, 2, takes("a", 12));
    db.run(at(2), credit("in their place", 2, None)).unwrap();
    db.run(at(2), credit("another", 2, None)).unwrap();
    let back = back("c", 2, &["a"], &["0", "1"]);
    assert_eq!(db.run(at(3), back), Err(Refusal::TooManyLots), "those it came from would be open again");
    assert!(db.run(at(100), open(&[0, 100], 100)).is_ok());
}

#[test]
fn the_highest_value_is_kept_and_only_what_is_more_is_taken() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    let highest = |key, units| counted(tally(key, Way::Highest, units));
    assert_eq!(posted(&mut db, 2, highest("a", 4)), (4, 6, false));
    assert_eq!(posted(&mut db, 3, highest("b", 3)), (0, 6, false));
    assert_eq!(posted(&mut db, 4, highest("c", 9)), (5, 1, false));
    assert_eq!(posted(&mut db, 5, highest("a", 4)), (4, 6, true));
    assert_eq!(db.run(at(5), highest("a", 5)), Err(Refusal::Conflict));
    assert_eq!((used(&db), db.entries.iter().filter(|entry| entry.action == "counted").count()), (9, 3));
    let limited = Tally { keeps: Some(0), ..tally("d", Way::Highest, 11) };
    assert!(matches!(db.run(at(6), counted(limited)), Err(Refusal::Insufficient { .. })));
}

#[test]
fn the_latest_value_holds_up_or_down() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    let latest = |key: &str, units, uses: &[&str]| {
        let uses = uses.iter().map(|key| Tally::spent(id(key))).collect();
        let grants = vec![TransferId::from_uuid(window(0).lot().uuid())];
        let unwinding = Unwinding { uses, grants, windows: vec![window(0).lot()] };
        counted(Tally { unwinding, ..tally(key, Way::Latest, units) })
    };
    assert_eq!(posted(&mut db, 2, latest("a", 8, &[])), (8, 2, false));
    assert_eq!(posted(&mut db, 3, latest("b", 3, &["a"])), (5, 7, false));
    assert_eq!(posted(&mut db, 4, latest("c", 3, &["a"])), (0, 7, false));
    assert_eq!(posted(&mut db, 5, latest("d", 0, &["a"])), (3, 10, false));
    assert_eq!(posted(&mut db, 6, latest("e", 1, &["a"])), (1, 9, false));
    assert_eq!(used(&db), 1);
}

#[test]
fn the_same_thing_counts_once_in_a_window() {
    let mut db = Database::default();
    db.run(at(1), open(&[0], 1)).unwrap();
    let first = |key, of| counted(tally(key, Way::First(id(of)), 1));
    let batch = [first("a", "ann"), first("b", "ann"), first("c", "bob"), first("a", "ann")];
    let taken = db.batch(at(2), &batch).into_iter().map(|answer| match answer {
        Ok(Outcome::Posted { amount, replayed, .. }) => (amount.micros() / parts(1), replayed),
        other => panic!("{other:?}"),
    });
    assert_eq!(taken.collect::<Vec<_>>(), [(1, false), (0, false), (1, false), (1, true)]);
    assert_eq!((used(&db), db.account(&balance()).posted), (2, parts(8)));
}

#[test]
fn what_counts_nothing_is_still_told_once() {
    let mut db = Database::default();
    let nothing = || counted(tally("a", Way::Nothing, 5));
    assert_eq!(posted(&mut db, 1, nothing()), (0, 0, false));
    assert!(posted(&mut db, 2, nothing()).2);
    let mark = row(&db, "a");
    assert_eq!((mark.from, mark.id), (AccountSpec::told(merchant(1)).id, id("a")));
    assert_eq!((db.transfers.len(), used(&db)), (1, 0));
}

/// What may happen to a balance, one thing after the other.
#[derive(Debug, Clone, Copy)]
enum Step {
    Use(u64),
    Back(u64),
    Credit { units: u64, lasts: Option<i64> },
    Hold(u64),
    NewWindow,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..9).prop_map(Step::Use),
        4 => (1_u64..9).prop_map(Step::Back),
        2 => (1_u64..9, proptest::option::of(1_i64..40)).prop_map(|(units, lasts)| Step::Credit { units, lasts }),
        1 => (1_u64..5).prop_map(Step::Hold),
        1 => Just(Step::NewWindow),
        2 => (1_i64..15).prop_map(Step::Wait),
    ]
}

/// What a loader would name: every use, newest first, every grant, and the lots of the window that is open.
fn naming(key: &str, units: u64, uses: &[String], grants: &[TransferId], open: &[i64]) -> Command {
    let windows = open.last().map(|start| vec![window(*start).lot(), window(*start).carried()]);
    let unwinding = Unwinding {
        uses: uses.iter().rev().map(|key| id(key)).collect(),
        grants: grants.to_vec(),
        windows: windows.unwrap_or_default(),
    };
    counted(Tally { unwinding, ..tally(key, Way::Back, units) })
}

proptest! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

    /// The auditor rebuilds everything after each step.
    #[test]
    fn whatever_is_used_and_taken_back_the_books_agree(steps in proptest::collection::vec(step(), 1..40)) {
        let mut db = Database::default();
        let (mut now, mut expected) = (1, 0);
        let (mut uses, mut grants, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        db.run(at(now), open(&starts, now)).unwrap();
        grants.push(TransferId::from_uuid(window(0).lot().uuid()));
        for (number, step) in steps.into_iter().enumerate() {
            let key = format!("{number}");
            match step {
                Step::Use(units) => {
                    posted(&mut db, now, takes(&key, units));
                    expected += i64::try_from(units).unwrap();
                    uses.push(key);
                }
                Step::Back(units) => {
                    let command = naming(&key, units, &uses, &grants, &starts);
                    let taken = i64::try_from(units).unwrap();
                    if taken > expected {
                        prop_assert_eq!(db.run(at(now), command), Err(Refusal::Beyond { used: parts(expected) }));
                        continue;
                    }
                    let first = posted(&mut db, now, command.clone());
                    expected -= taken;
                    prop_assert_eq!((first.0, first.2), (taken, false));
                    let before = db.clone();
                    prop_assert_eq!(posted(&mut db, now, command), (taken, first.1, true));
                    prop_assert_eq!(&db, &before);
                }
                Step::Credit { units, lasts } => {
                    db.run(at(now), credit(&key, units, lasts.map(|lasts| now + lasts))).unwrap();
                    grants.push(id(&key));
                }
                Step::Hold(units) => {
                    let leg = Leg::charge(balance(), consumed(), credits(units)).unwrap();
                    let operation = Operation::new(id(&key), vec![leg], actor()).unwrap();
                    db.run(at(now), Command::Hold { operation, expires_at: at(now + 7) }).unwrap();
                }
                Step::NewWindow => {
                    now += 1;
                    starts.push(now);
                    db.run(at(now), open(&starts, now)).unwrap();
                    grants.push(TransferId::from_uuid(window(now).lot().uuid()));
                }
                Step::Wait(seconds) => now += seconds,
            }
            let meter = db.accounts.values().find(|row| row.spec.id == meter().id);
            prop_assert_eq!(meter.map_or(0, |row| -row.posted), parts(expected));
        }
    }
}
