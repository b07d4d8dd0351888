//! What holds for every history. The auditor rebuilds everything after each batch of each of them, so a property that only
//! runs a history proves every invariant of `auditor::rebuild`.

use std::collections::BTreeMap;

use farebox_engine::ledger::{AccountId, AccountKind, Command, Grant, Needs, Outcome, Refusal, State};
use farebox_types::Timestamp;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::{
    auditor::{Database, Decision},
    world::{alice, at, charge, grant_until, parts},
};

mod script;

use script::{LIMITS, Script, script};

const BATCHES: usize = 24;
const BACK_AND_FORTH: std::ops::Range<i64> = -9..16;
const FORWARD: std::ops::Range<i64> = 0..9;

fn config() -> Config {
    Config { cases: 256, failure_persistence: None, ..Config::default() }
}

/// Runs a history one command at a time, and says what was asked and answered.
fn run_singly(db: &mut Database, script: &Script) -> Vec<(Timestamp, Command, Decision)> {
    let mut told = Vec::new();
    for (now, commands) in script.batches(0) {
        for command in commands {
            let answer = db.run(now, &command);
            told.push((now, command, answer));
        }
    }
    told
}

const fn is_replay(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Granted { replayed, .. }
        | Outcome::Held { replayed, .. }
        | Outcome::Posted { replayed, .. }
        | Outcome::Released { replayed, .. }
        | Outcome::Renewed { replayed, .. } => *replayed,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_balance_can_be_rebuilt_after_every_batch(script in script(BATCHES, FORWARD)) {
        let mut db = Database::default();
        for (now, commands) in script.batches(0) {
            db.batch(now, &commands);
        }
    }

    #[test]
    fn a_clock_that_steps_back_breaks_nothing(script in script(BATCHES, BACK_AND_FORTH)) {
        let mut db = Database::default();
        for (now, commands) in script.batches(1) {
            db.batch(now, &commands);
        }
    }

    #[test]
    fn batching_is_invisible(script in script(BATCHES, FORWARD)) {
        let (mut batched, mut single) = (Database::default(), Database::default());
        for (now, commands) in script.batches(0) {
            let together = batched.batch(now, &commands);
            let apart: Vec<Decision> = commands.iter().map(|command| single.run(now, command)).collect();
            prop_assert_eq!(together, apart);
        }
        // The trail is in order within an account, not across accounts.
        for db in [&mut batched, &mut single] {
            db.entries.sort_by_key(|entry| (entry.operation, entry.account, entry.action));
        }
        prop_assert_eq!(batched, single);
    }

    #[test]
    fn a_refusal_or_a_replay_changes_nothing(script in script(BATCHES, FORWARD)) {
        let mut db = Database::default();
        for (now, commands) in script.batches(0) {
            for command in commands {
                db.pass_time(now, std::slice::from_ref(&command));
                let before = db.clone();
                let answer = db.run(now, &command);
                let effect = answer.as_ref().is_ok_and(|outcome| !is_replay(outcome));
                prop_assert_eq!(db == before, !effect, "{:?} answered {:?}", command, answer);
            }
        }
    }

    #[test]
    fn a_grant_or_post_sent_again_answers_as_before(script in script(BATCHES, FORWARD), later in 0..100_i64) {
        let mut db = Database::default();
        let told = run_singly(&mut db, &script);
        let end = told.last().unwrap().0;
        let now = Timestamp::from_micros(end.micros() + later * 1_000_000);
        for (_, command, answer) in &told {
            let expected = match answer {
                Ok(Outcome::Posted { amount, balance, .. }) => {
                    Outcome::Posted { amount: *amount, balance: *balance, replayed: true }
                }
                Ok(Outcome::Granted { balance, .. }) => Outcome::Granted { balance: *balance, replayed: true },
                _ => continue,
            };
            db.pass_time(now, std::slice::from_ref(command));
            let before = db.clone();
            prop_assert_eq!(db.run(now, command), Ok(expected));
            prop_assert_eq!(&db, &before);
        }
    }

    #[test]
    fn a_limit_is_never_used_more_often_than_it_says(script in script(BATCHES, BACK_AND_FORTH)) {
        let mut db = Database::default();
        let mut posts: BTreeMap<AccountId, u32> = BTreeMap::new();
        for (now, commands) in script.batches(1) {
            let answers = db.batch(now, &commands);
            for (command, answer) in commands.iter().zip(answers) {
                let (Command::Post(_), Ok(Outcome::Posted { replayed: false, .. })) = (command, answer) else { continue };
                for (id, (spec, _)) in Needs::of([command]).accounts {
                    if spec.kind == AccountKind::Limit {
                        *posts.entry(id).or_default() += 1;
                    }
                }
            }
        }
        for account in db.accounts.values().filter(|row| row.spec.kind == AccountKind::Limit) {
            let uses = LIMITS.iter().find(|(name, _)| *name == &*account.spec.owner).unwrap().1;
            let posted = posts.get(&account.spec.id).copied().unwrap_or(0);
            prop_assert!(posted <= uses, "{} of {uses} uses of {}", posted, account.spec.owner);
            prop_assert_eq!(account.posted, -parts(i64::from(posted)));
        }
    }

    #[test]
    fn nobody_spends_more_than_was_granted(script in script(BATCHES, FORWARD)) {
        let mut db = Database::default();
        let told = run_singly(&mut db, &script);
        let mut granted: BTreeMap<AccountId, i64> = BTreeMap::new();
        for (_, command, answer) in &told {
            if let (Command::Grant(grant), Ok(Outcome::Granted { replayed: false, .. })) = (command, answer) {
                *granted.entry(grant.leg.to().id).or_default() += grant.leg.amount().micros();
            }
        }
        for holder in db.accounts.values().filter(|row| row.spec.kind == AccountKind::Holder) {
            let out = db.transfers.values().filter(|row| row.from == holder.spec.id);
            let taken: i64 = out.map(|row| if row.state == State::Held { row.amount } else { row.settled }.micros()).sum();
            let granted = granted.get(&holder.spec.id).copied().unwrap_or(0);
            prop_assert!(taken <= granted, "{taken} of {granted}");
            prop_assert_eq!(holder.posted - holder.held, granted - taken);
        }
    }

    #[test]
    fn an_answers_numbers_are_those_of_the_rows(script in script(BATCHES, FORWARD)) {
        let mut db = Database::default();
        for (now, commands) in script.batches(0) {
            for command in commands {
                db.pass_time(now, std::slice::from_ref(&command));
                let free = |db: &Database, id| {
                    db.accounts.values().find(|row| row.spec.id == id).map_or(0, |row| row.posted - row.held)
                };
                let before = db.clone();
                let answer = db.run(now, &command);
                match answer {
                    Ok(
                        Outcome::Granted { balance, replayed: false }
                        | Outcome::Held { balance, replayed: false, .. }
                        | Outcome::Posted { balance, replayed: false, .. },
                    ) => prop_assert_eq!(balance, free(&db, command.lane().unwrap())),
                    Ok(Outcome::Released { returned, lapsed, replayed: false }) => {
                        let Command::Release(operation) = &command else { panic!("{command:?} released something") };
                        let row = db.transfer(command.tenant(), operation.id());
                        prop_assert_eq!(returned, free(&db, row.from) - free(&before, row.from));
                        prop_assert_eq!(returned + lapsed, row.amount.micros());
                    }
                    Err(Refusal::Insufficient { kind, needed, available, held }) => {
                        prop_assert!(needed > available && available >= 0 && held >= 0);
                        let short = db.accounts.values().any(|row| {
                            let room = row.posted - row.held - row.spec.floor.unwrap();
                            row.spec.kind == kind && (room, row.held) == (available, held)
                        });
                        prop_assert!(short || (available, held) == (0, 0), "{:?}", answer);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Any lots, any history before: what a hold took is back in the lots it came from, whoever ends it.
    #[test]
    fn a_hold_that_ends_leaves_every_lot_as_it_was(
        lots in prop::collection::vec((1..20_u64, -1..2_i16), 1..6),
        spent in 0..20_u64,
        held in 1..60_u64,
        by_hand in any::<bool>(),
    ) {
        let mut db = Database::default();
        let mut total = 0;
        for (number, (units, priority)) in lots.into_iter().enumerate() {
            total += units;
            let expires = 500 + i64::try_from(number).unwrap() % 3;
            let lot = grant_until(&format!("lot {number}"), units, expires);
            db.run(at(10), Grant { priority, ..lot }).unwrap();
        }
        let spent = spent.min(total - 1);
        if spent > 0 {
            db.run(at(20), charge("spent before", spent).post()).unwrap();
        }
        let before = db.account(&alice());
        let held = charge("held", 1 + held % (total - spent));
        db.run(at(30), held.hold(100)).unwrap();
        prop_assert_ne!(&db.account(&alice()).lots, &before.lots);
        if by_hand {
            db.run(at(99), held.release()).unwrap();
        } else {
            db.pass_time(at(100), &[held.release()]);
        }
        prop_assert_eq!(db.account(&alice()), before);
    }
}

/// The histories are only worth something if they get everywhere.
#[test]
fn the_histories_reach_every_answer_that_small_numbers_can() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
    for _ in 0..64 {
        let script = script(BATCHES, FORWARD).new_tree(&mut runner).unwrap().current();
        let mut db = Database::default();
        let answers = run_singly(&mut db, &script).into_iter().map(|(_, _, answer)| word(&answer));
        answers.chain(effects(&db)).for_each(|word| *seen.entry(word).or_default() += 1);
    }
    let rare: Vec<_> = EVERYWHERE.iter().filter(|word| seen.get(*word).is_none_or(|times| *times < 5)).collect();
    assert!(rare.is_empty(), "never or hardly reached: {rare:?}, of {seen:#?}");
}

const EVERYWHERE: [&str; 19] = [
    "granted",
    "granted again",
    "held",
    "held again",
    "posted",
    "posted again",
    "released",
    "released again",
    "a holder lacks credits",
    "a limit lacks uses",
    "a requirement lacks credits",
    "conflict",
    "finished",
    "more than is held",
    "cannot hold",
    "posted in part",
    "posted late",
    "expired",
    "lapsed",
];

const fn word(answer: &Decision) -> &'static str {
    match answer {
        Ok(Outcome::Granted { replayed, .. }) => {
            if *replayed {
                "granted again"
            } else {
                "granted"
            }
        }
        Ok(Outcome::Held { replayed, .. }) => {
            if *replayed {
                "held again"
            } else {
                "held"
            }
        }
        Ok(Outcome::Posted { replayed, .. }) => {
            if *replayed {
                "posted again"
            } else {
                "posted"
            }
        }
        Ok(Outcome::Released { replayed, .. }) => {
            if *replayed {
                "released again"
            } else {
                "released"
            }
        }
        Ok(Outcome::Renewed { .. }) => "renewed",
        Err(Refusal::Insufficient { kind: AccountKind::Limit, .. }) => "a limit lacks uses",
        Err(Refusal::Insufficient { needed: 1, .. }) => "a requirement lacks credits",
        Err(Refusal::Insufficient { .. }) => "a holder lacks credits",
        Err(Refusal::Conflict) => "conflict",
        Err(Refusal::Finished { .. }) => "finished",
        Err(Refusal::ExceedsHold { .. }) => "more than is held",
        Err(Refusal::CannotHold) => "cannot hold",
        Err(Refusal::TooManyLots | Refusal::Overflow) => "too large for a history",
        Err(Refusal::Beyond { .. } | Refusal::Moved) => "nothing is taken back here",
    }
}

/// What the rows show that answers do not say.
fn effects(db: &Database) -> impl Iterator<Item = &'static str> {
    let posted = db.transfers.values().filter(|row| row.state == State::Posted);
    let of_posted = posted.flat_map(|row| {
        let late = db.entries.iter().any(|entry| entry.operation == row.id && entry.action == "expired");
        [(row.settled < row.amount, "posted in part"), (late, "posted late")]
    });
    let of_posted = of_posted.filter_map(|(is, word)| is.then_some(word));
    of_posted.chain(db.entries.iter().map(|entry| entry.action).filter(|word| ["expired", "lapsed"].contains(word)))
}
