//! Every invariant, rebuilt from the transfers.

use std::collections::{BTreeMap, BTreeSet};

use farebox_engine::ledger::{Account, AccountId, AccountKind, AccountSpec, Lot, State, Transfer};
use farebox_types::{Quantity, Timestamp};
use uuid::Uuid;

use super::Database;

/// Fails the test unless every row agrees with the transfers. `locked` are the accounts that the batch at `now` touched.
pub(super) fn audit(db: &Database, now: Timestamp, locked: &BTreeSet<AccountId>) {
    let parties = parties(db);
    db.transfers.values().for_each(|row| transfer_is_whole(row, &parties));
    balances_follow(db);
    lots_follow(db, &parties);
    db.accounts.values().for_each(|row| floor_holds(row, now));
    db.accounts.values().for_each(|row| next_expiry_is_a_lower_bound(db, row));
    let touched = db.accounts.values().filter(|row| locked.contains(&row.spec.id));
    touched.for_each(|row| nothing_is_overdue(db, row, now));
    units_sum_to_zero(db, &parties);
    the_trail_tells_every_state(db);
    what_lapsed_is_said(db, &parties);
}

type Parties<'a> = BTreeMap<AccountId, &'a AccountSpec>;

fn parties(db: &Database) -> Parties<'_> {
    let guarded = db.accounts.values().map(|row| &row.spec);
    guarded.chain(db.unguarded.values()).map(|spec| (spec.id, spec)).collect()
}

fn micros(row: &Transfer, what: Quantity) -> i128 {
    assert!(what.micros() >= 0, "{row:?}");
    i128::from(what.micros())
}

/// Both sides exist and fit, and the columns say one story.
fn transfer_is_whole(row: &Transfer, parties: &Parties<'_>) {
    let (from, to) = (parties.get(&row.from), parties.get(&row.to));
    let (from, to) = (from.expect("the giver has a row"), to.expect("the taker has a row"));
    assert_eq!((from.tenant, from.unit), (row.tenant, to.unit), "two sides of one transfer differ: {row:?}");
    assert_eq!(to.tenant, row.tenant, "{row:?}");
    assert!(!row.amount.is_zero(), "{row:?}");
    let moved = match row.state {
        State::Held => {
            assert!(row.settled_at.is_none() && row.expires_at.is_some(), "{row:?}");
            assert!(from.floor.is_some(), "only guarded accounts hold: {row:?}");
            row.amount
        }
        State::Posted => {
            assert!(row.settled_at.is_some() && !row.settled.is_zero() && row.settled <= row.amount, "{row:?}");
            row.settled
        }
        State::Released | State::Expired => {
            assert!(row.settled_at.is_some() && row.expires_at.is_some(), "{row:?}");
            row.amount
        }
    };
    assert!(row.state == State::Posted || row.settled.is_zero(), "settled but not posted: {row:?}");
    let paid: i128 = row.provenance.iter().map(|slice| i128::from(slice.amount)).sum();
    let lots: BTreeSet<Uuid> = row.provenance.iter().map(|slice| slice.lot.uuid()).collect();
    assert!(row.provenance.iter().all(|slice| slice.amount > 0) && lots.len() == row.provenance.len(), "{row:?}");
    assert!(paid <= micros(row, moved), "lots paid more than moved: {row:?}");
    // An account that may go below zero gives what no lot covers.
    if from.kind == AccountKind::Holder && from.floor == Some(0) {
        assert_eq!(paid, micros(row, moved), "every credit comes out of a lot: {row:?}");
    }
}

/// (posted, held) of each account, from the transfers.
fn sums(db: &Database) -> BTreeMap<AccountId, (i128, i128)> {
    let mut sums: BTreeMap<AccountId, (i128, i128)> = BTreeMap::new();
    for row in db.transfers.values() {
        match row.state {
            State::Held => sums.entry(row.from).or_default().1 += micros(row, row.amount),
            State::Posted => {
                sums.entry(row.from).or_default().0 -= micros(row, row.settled);
                sums.entry(row.to).or_default().0 += micros(row, row.settled);
            }
            State::Released | State::Expired => {}
        }
    }
    sums
}

fn balances_follow(db: &Database) {
    let sums = sums(db);
    for row in db.accounts.values() {
        let (posted, held) = sums.get(&row.spec.id).copied().unwrap_or_default();
        assert_eq!((i128::from(row.posted), i128::from(row.held)), (posted, held), "posted and held of {row:?}");
    }
}

/// What lots gave to transfers: (posted, held), by lot.
fn given(db: &Database) -> BTreeMap<Uuid, (i128, i128)> {
    let granted_to: BTreeMap<Uuid, AccountId> = db.transfers.values().map(|row| (row.id.uuid(), row.to)).collect();
    let mut given: BTreeMap<Uuid, (i128, i128)> = BTreeMap::new();
    for row in db.transfers.values() {
        for slice in &row.provenance {
            // What writes off what was owed is a lot that is spent as it is granted.
            let payer = if slice.lot.uuid() == row.id.uuid() { row.to } else { row.from };
            assert_eq!(granted_to.get(&slice.lot.uuid()), Some(&payer), "a stranger's lot paid: {row:?}");
            let (posted, held) = given.entry(slice.lot.uuid()).or_default();
            match row.state {
                State::Posted => *posted += i128::from(slice.amount),
                State::Held => *held += i128::from(slice.amount),
                State::Released | State::Expired => {}
            }
        }
    }
    given
}

fn lots_follow(db: &Database, parties: &Parties<'_>) {
    let given = given(db);
    let lots: BTreeMap<Uuid, &Lot> =
        db.accounts.values().flat_map(|row| &row.lots).map(|lot| (lot.id.uuid(), lot)).collect();
    assert_eq!(lots.len(), db.accounts.values().map(|row| row.lots.len()).sum::<usize>(), "a lot is open twice");
    let mut grants = 0;
    for grant in db.transfers.values().filter(|row| parties[&row.to].floor.is_some()) {
        let (posted, held) = given.get(&grant.id.uuid()).copied().unwrap_or_default();
        let is = (micros(grant, grant.amount) - posted - held, held);
        let said = lots.get(&grant.id.uuid()).map(|lot| (i128::from(lot.remaining), i128::from(lot.held)));
        assert_eq!(said.unwrap_or((0, 0)), is, "remaining and held of the lot of {grant:?}");
        if let Some(lot) = lots.get(&grant.id.uuid()) {
            grants += 1;
            assert_eq!(lot.granted_at, grant.created_at);
            assert!(db.accounts[&(grant.tenant, grant.to)].lots.contains(lot), "a lot lies in another account");
            assert_ne!(is, (0, 0), "a closed lot is still listed: {lot:?}");
        }
    }
    assert_eq!(grants, lots.len(), "a lot that nobody granted");
    for account in db.accounts.values() {
        let burn_order = |lot: &Lot| {
            let forever = (lot.expires_at.is_none(), lot.expires_at);
            (lot.priority, forever, lot.granted_at, lot.id)
        };
        assert!(account.lots.is_sorted_by_key(burn_order), "lots out of burn order: {account:?}");
    }
}

/// Now, and at every later instant if nobody does anything.
fn floor_holds(row: &Account, now: Timestamp) {
    let floor = row.spec.floor.expect("a guarded account has a floor");
    assert!(row.posted - row.held >= floor, "below its floor: {row:?}");
    for instant in [now, Timestamp::from_micros(i64::MAX)] {
        assert!(row.available(instant) >= floor, "below its floor at {instant:?}: {row:?}");
    }
}

fn next_expiry_is_a_lower_bound(db: &Database, row: &Account) {
    let earliest = db.holds_of(row.spec.id).filter_map(|hold| hold.expires_at).min();
    match (row.next_expiry, earliest) {
        (Some(bound), Some(earliest)) => assert!(bound <= earliest, "a hold ends before next_expiry: {row:?}"),
        (bound, None) => assert_eq!(bound, None, "no holds, yet {row:?}"),
        (None, Some(_)) => panic!("holds, yet no next_expiry: {row:?}"),
    }
}

/// Whoever touches an account ends what is due on it, and need not load its holds again before the next one is due.
fn nothing_is_overdue(db: &Database, row: &Account, now: Timestamp) {
    assert!(db.holds_of(row.spec.id).all(|hold| hold.expires_at > Some(now)), "an overdue hold of {row:?}");
    assert!(row.next_expiry.is_none_or(|due| due > now), "next_expiry is stale: {row:?}");
    for lot in &row.lots {
        assert!(lot.remaining == 0 || lot.expires_at.is_none_or(|end| end > now), "an overdue lot of {row:?}");
    }
}

/// What guarded accounts say, with what unguarded ones must therefore have.
fn units_sum_to_zero(db: &Database, parties: &Parties<'_>) {
    let sums = sums(db);
    let mut totals: BTreeMap<String, i128> = BTreeMap::new();
    for (id, spec) in parties {
        let guarded = db.accounts.get(&(spec.tenant, *id)).map(|row| i128::from(row.posted));
        let posted = guarded.unwrap_or_else(|| sums.get(id).copied().unwrap_or_default().0);
        *totals.entry(format!("{} {}", spec.tenant, spec.unit)).or_default() += posted;
    }
    assert!(totals.values().all(|total| *total == 0), "money appeared or vanished: {totals:?}");
}

/// The last word of the trail on an operation's first leg is where the transfer stands.
fn the_trail_tells_every_state(db: &Database) {
    let mut last = BTreeMap::new();
    for entry in &db.entries {
        last.insert((entry.operation, entry.account), entry.action);
    }
    for row in db.transfers.values().filter(|row| row.id == row.operation) {
        let by_operation =
            || db.entries.iter().rfind(|entry| entry.operation == row.operation).map(|entry| &entry.action);
        let word = last.get(&(row.operation, row.from)).or_else(|| last.get(&(row.operation, row.to)));
        let word = word.or_else(by_operation);
        let words: &[&str] = match row.state {
            State::Posted => &["posted", "granted", "lapsed", "renewed", "written_off", "counted", "corrected"],
            State::Held => &["held"],
            State::Released => &["released"],
            State::Expired => &["expired"],
        };
        assert!(word.is_some_and(|word| words.contains(word)), "the trail says {word:?} of {row:?}");
    }
}

/// Units that lapse say so: one entry for each transfer into a lapsed account, of its amount.
fn what_lapsed_is_said(db: &Database, parties: &Parties<'_>) {
    let lapses = db.transfers.values().filter(|row| parties[&row.to].kind == AccountKind::Lapsed);
    let moved: BTreeSet<_> = lapses.map(|row| (row.operation, row.from, row.settled)).collect();
    let entries = db.entries.iter().filter(|entry| entry.action == "lapsed");
    let said: Vec<_> = entries.map(|entry| (entry.operation, entry.account, entry.amount)).collect();
    assert_eq!(said.len(), moved.len(), "as many words as lapses");
    assert_eq!(said.into_iter().collect::<BTreeSet<_>>(), moved);
}
