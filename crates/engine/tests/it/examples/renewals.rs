use farebox_engine::ledger::{
    Account, AccountSpec, Book, Carry, Clocks, Command, Leg, Operation, Outcome, Refusal, Renewal, Telling, TransferId,
    Usage, Window,
};
use farebox_types::Timestamp;
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

fn window(start: i64) -> Window {
    Window { id: TransferId::derive(merchant(1), "window", &start.to_string()), start: at(start) }
}

/// Ten units in each of these windows.
fn renewal(starts: &[i64]) -> Renewal {
    Renewal {
        account: balance(),
        granter: AccountSpec::granter(merchant(1), FEATURE),
        windows: starts.iter().copied().map(window).collect(),
        included: credits(10),
        carry: None,
        closes: Vec::new(),
        used: None,
        at: at(*starts.last().unwrap()),
        actor: actor(),
    }
}

fn renew(starts: &[i64]) -> Command {
    Command::Renew(renewal(starts))
}

fn renewed(balance: i64) -> Result<Outcome, Refusal> {
    Ok(Outcome::Renewed { balance: parts(balance), replayed: false })
}

fn uses(key: &str, units: u64) -> Operation {
    let leg = Leg::charge(balance(), AccountSpec::consumed(merchant(1), FEATURE), credits(units)).unwrap();
    Operation::new(id(key), vec![leg], actor()).unwrap()
}

fn take(db: &mut Database, now: i64, key: &str, units: u64) -> i64 {
    match db.run(at(now), Command::Post(uses(key, units))) {
        Ok(Outcome::Posted { balance, .. }) => balance / parts(1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_window_opens_once_whoever_asks_and_however_often() {
    let mut db = Database::default();
    assert_eq!(db.run(at(1), renew(&[0])), renewed(10));
    take(&mut db, 2, "a", 4);
    assert_eq!(db.run(at(3), renew(&[0])), Ok(Outcome::Renewed { balance: parts(6), replayed: true }));
    let both = db.batch(at(100), &[renew(&[0, 100]), renew(&[0, 100])]);
    assert_eq!(both, [renewed(10), Ok(Outcome::Renewed { balance: parts(10), replayed: true })]);
}

#[test]
fn what_is_left_lapses_and_what_is_owed_is_written_off() {
    let mut db = Database::default();
    db.run(at(1), renew(&[0])).unwrap();
    assert_eq!(take(&mut db, 2, "a", 13), -3);
    assert_eq!(db.account(&balance()).owed(), parts(3));
    assert_eq!(db.run(at(100), renew(&[0, 100])), renewed(10));
    assert_eq!(db.account(&balance()).owed(), 0);
    let lapsed = db.entries.iter().filter(|entry| entry.action == "lapsed").count();
    assert_eq!(lapsed, 0, "nothing was left");
    db.run(at(200), renew(&[0, 100, 200])).unwrap();
    assert_eq!(db.account(&balance()).posted, parts(10));
}

#[test]
fn skipped_windows_are_gone_through_one_by_one_so_that_a_maximum_holds() {
    let mut db = Database::default();
    let carrying = |starts: &[i64]| {
        let carry = Some(Carry { percent: 50, most: Some(credits(7)) });
        Command::Renew(Renewal { carry, ..renewal(starts) })
    };
    db.run(at(1), carrying(&[0])).unwrap();
    take(&mut db, 2, "a", 2);
    // 8 left: 4; 14 left: 7; 17 left: 8.5, of which 7.
    assert_eq!(db.run(at(100), carrying(&[0, 100])), renewed(14));
    assert_eq!(db.run(at(300), carrying(&[0, 100, 200, 300])), renewed(17));
}

#[test]
fn what_was_carried_burns_before_what_is_included() {
    let mut db = Database::default();
    let carrying =
        |starts: &[i64]| Command::Renew(Renewal { carry: Some(Carry { percent: 100, most: None }), ..renewal(starts) });
    db.run(at(1), carrying(&[0])).unwrap();
    db.run(at(100), carrying(&[0, 100])).unwrap();
    take(&mut db, 101, "a", 12);
    let lots: Vec<_> = db.account(&balance()).lots.iter().map(|lot| (lot.id, lot.remaining)).collect();
    assert_eq!(lots, [(window(100).lot(), parts(8))]);
}

#[test]
fn what_is_held_when_its_window_ends_can_still_be_used_and_lapses_when_it_comes_back() {
    for (used, left) in [(Some(4), 10), (None, 10)] {
        let mut db = Database::default();
        db.run(at(1), renew(&[0])).unwrap();
        db.run(at(2), Command::Hold { operation: uses("h", 4), expires_at: at(500) }).unwrap();
        assert_eq!(db.run(at(100), renew(&[0, 100])), renewed(10));
        let end = if used.is_some() { Command::Post(uses("h", 4)) } else { Command::Release(uses("h", 4)) };
        db.run(at(101), end).unwrap();
        assert_eq!(db.account(&balance()).available(at(101)), parts(left));
        assert_eq!(db.account(&balance()).lots.len(), 1);
    }
}

#[test]
fn another_plan_ends_the_old_lots_and_counts_what_was_used() {
    let mut db = Database::default();
    db.run(at(1), renew(&[0])).unwrap();
    let meter = AccountSpec::meter(merchant(1), FEATURE, CUSTOMER, at(0));
    let counted = Leg::charge(meter.clone(), AccountSpec::metering(merchant(1), FEATURE), credits(4)).unwrap();
    let paid = Leg::charge(balance(), AccountSpec::consumed(merchant(1), FEATURE), credits(4)).unwrap();
    db.run(at(2), Command::Post(Operation::new(id("a"), vec![paid, counted], actor()).unwrap())).unwrap();
    let other = Renewal {
        windows: vec![Window { id: id("other plan"), start: at(0) }],
        included: credits(25),
        closes: vec![window(0).lot(), window(0).carried()],
        used: Some(meter),
        at: at(3),
        ..renewal(&[0])
    };
    assert_eq!(db.run(at(3), Command::Renew(other)), renewed(21));
}

#[test]
fn an_operation_keeps_what_it_is_told_to_whatever_the_account_would_allow() {
    let mut db = Database::default();
    db.run(at(1), renew(&[0])).unwrap();
    let refused = db.run(at(2), Command::Post(uses("a", 11).keeping(0)));
    assert!(matches!(refused, Err(Refusal::Insufficient { available, .. }) if available == parts(10)), "{refused:?}");
    db.run(at(2), Command::Post(uses("b", 11).keeping(parts(-1)))).unwrap();
    assert!(db.run(at(2), Command::Post(uses("c", 1).keeping(parts(-1)))).is_err());
    db.run(at(2), Command::Post(uses("d", 1))).unwrap();
    assert_eq!(db.account(&balance()).available(at(2)), parts(-2));
}

#[test]
fn a_merchant_with_a_clock_of_its_own_lives_by_it() {
    // The machine is far beyond the hold's end; the merchant is not.
    let open = Command::Renew(Renewal { at: at(10), ..renewal(&[0]) });
    let hold = Command::Hold { operation: uses("h", 4).at(at(10)), expires_at: at(20) };
    let both = [open, hold];
    let mut book = Book::new(Clocks::of(at(1_000), &both), vec![Account::open(balance())], Vec::new());
    for command in &both {
        book.apply(command).unwrap();
    }
    let changes = book.into_changes();
    assert_eq!(changes.accounts[0].held, parts(4));
    for (now, taken) in [(15, 6), (20, 10)] {
        let post = Command::Post(uses("p", taken).keeping(0).at(at(now)));
        let clocks = Clocks::of(at(1_000), [&post]);
        let mut book = Book::new(clocks, changes.accounts.clone(), changes.created.clone());
        let over = book.apply(&Command::Post(uses("q", taken + 1).keeping(0).at(at(now))));
        assert!(matches!(over, Err(Refusal::Insufficient { .. })), "{over:?}");
        assert!(book.apply(&post).is_ok(), "{taken} at {now}");
    }
}

#[test]
fn a_use_is_told_once_when_it_is_posted() {
    let usage = Usage {
        customer: CUSTOMER,
        feature: FEATURE,
        occurred_at: at(1),
        window_start: at(0),
        late: false,
        telling: None,
    };
    let mut book = Book::new(Timestamp::from_seconds(5), vec![Account::open(balance())], Vec::new());
    let post = Command::Post(uses("a", 2).telling(usage.clone()));
    book.apply(&post).unwrap();
    book.apply(&post).unwrap();
    let events = book.into_changes().events;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0].usage, events[0].value, events[0].received_at), (&usage, parts(2), at(5)));
}

#[test]
fn a_use_is_told_what_it_left_and_a_repeat_tells_nothing_new() {
    let telling = Telling::new(|left| format!("{left:?}"));
    let usage = |telling| Usage {
        customer: CUSTOMER,
        feature: FEATURE,
        occurred_at: at(1),
        window_start: at(0),
        late: false,
        telling,
    };
    let meter = AccountSpec::meter(merchant(1), FEATURE, CUSTOMER, at(0));
    let counted = |key: &str, units| {
        let taken = Leg::charge(balance(), AccountSpec::consumed(merchant(1), FEATURE), credits(units)).unwrap();
        let counted = Leg::charge(meter.clone(), AccountSpec::metering(merchant(1), FEATURE), credits(units)).unwrap();
        Operation::new(id(key), vec![taken, counted], actor()).unwrap()
    };
    let mut book = Book::new(at(5), vec![Account::open(balance()), Account::open(meter.clone())], Vec::new());
    book.apply(&renew(&[0])).unwrap();
    book.apply(&Command::Hold { operation: counted("held", 1), expires_at: at(99) }).unwrap();
    book.apply(&Command::Post(counted("a", 2).telling(usage(Some(telling.clone()))))).unwrap();
    book.apply(&Command::Post(counted("b", 3).telling(usage(None)))).unwrap();
    book.apply(&Command::Post(counted("a", 2).telling(usage(Some(telling))))).unwrap();
    let answers: Vec<_> = book.into_changes().events.into_iter().map(|event| event.answer).collect();
    let (left, one) = (parts(7), parts(1));
    let told =
        format!("Left {{ available: {left}, held: {one}, used: {}, from_plans: {left}, from_credits: 0 }}", parts(2));
    assert_eq!(answers, [Some(told), None]);
}
