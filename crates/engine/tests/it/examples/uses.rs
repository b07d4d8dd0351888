use farebox_engine::{
    credits::{Access, Cost, Limit, PlanRules, Spend},
    ledger::{AccountKind, AccountSpec, Command, Outcome, Refusal},
};
use farebox_types::Quantity;

use super::{lacks, lacks_credits, posted};
use crate::{
    auditor::{Database, Decision},
    world::{ALICE, actor, alice, at, credits, grant, grant_until, id, limit, merchant, parts, plan},
};

fn rules(access: Access, min: u64, max: u64) -> PlanRules {
    PlanRules::new(access, false, credits(100), (credits(min), credits(max)), None, false).unwrap()
}

fn spend<'a>(rules: &'a PlanRules, requested: u64, limits: &'a [Limit]) -> Spend<'a> {
    Spend { tenant: merchant(1), plan: plan(1), rules, payer: ALICE, requested: credits(requested), limits }
}

fn token(uses: u32) -> [Limit; 1] {
    [Limit::uses("token".to_owned(), uses)]
}

fn post(db: &mut Database, second: i64, key: &str, spend: &Spend<'_>) -> Decision {
    db.run(at(second), Command::Post(spend.operation(id(key), actor()).unwrap()))
}

#[test]
fn a_metered_use_takes_its_cost_and_one_use_of_each_limit() {
    let (mut db, plan, token) = (Database::default(), rules(Access::Credits, 2, 5), token(2));
    db.run(at(1), grant("lot", 20)).unwrap();
    assert_eq!(post(&mut db, 2, "one", &spend(&plan, 9, &token)), Ok(posted(5, 15)));
    assert_eq!(post(&mut db, 3, "two", &spend(&plan, 0, &token)), Ok(posted(2, 13)));
    let spent = lacks(AccountKind::Limit, 1, 0, 0);
    assert_eq!(post(&mut db, 4, "three", &spend(&plan, 3, &token)), Err(spent));
    assert_eq!(db.account(&limit("token", 2)).posted, parts(-2));
}

#[test]
fn an_unmetered_use_is_counted_and_costs_nothing() {
    let (mut db, plan) = (Database::default(), rules(Access::Time, 1, 1));
    db.run(at(1), grant_until("month", 1, 50)).unwrap();
    let free = spend(&plan, 1, &[]);
    assert_eq!((free.cost(), free.can_hold()), (Cost::Unmetered, false));
    for (second, key) in [(2, "one"), (3, "two"), (49, "three")] {
        assert_eq!(post(&mut db, second, key, &free), Ok(posted(1, 1)));
    }
    assert_eq!(db.account(&alice()).posted, parts(1));
    let usage = AccountSpec::usage(merchant(1), crate::world::plan(1), ALICE);
    let counted = db.transfers.values().filter(|row| row.from == usage.id).count();
    assert_eq!(counted, 3);
    assert!(matches!(post(&mut db, 50, "four", &free), Err(Refusal::Insufficient { available: 0, .. })));
}

#[test]
fn an_unmetered_use_by_who_never_held_the_plan_is_refused() {
    let (mut db, plan) = (Database::default(), rules(Access::Time, 1, 1));
    let refused = post(&mut db, 1, "one", &spend(&plan, 1, &[]));
    assert_eq!(
        refused,
        Err(Refusal::Insufficient { kind: AccountKind::Holder, needed: 1, available: 0, held: 0 }),
        "the smallest part of a credit is enough, and is not there"
    );
    assert_eq!(db, Database::default());
}

#[test]
fn an_unmetered_use_of_a_token_can_be_held() {
    let (mut db, plan, token) = (Database::default(), rules(Access::Time, 1, 1), token(1));
    db.run(at(1), grant("month", 1)).unwrap();
    let free = spend(&plan, 1, &token);
    assert!(free.can_hold());
    let hold = |key| Command::Hold { operation: free.operation(id(key), actor()).unwrap(), expires_at: at(60) };
    assert!(matches!(db.run(at(2), hold("one")), Ok(Outcome::Held { replayed: false, .. })));
    assert_eq!(db.run(at(2), hold("two")), Err(lacks(AccountKind::Limit, 1, 0, 1)));
    assert_eq!(post(&mut db, 3, "one", &free), Ok(posted(1, 1)));
}

#[test]
fn an_unmetered_use_needs_something_that_is_not_held() {
    let (mut db, metered, free) = (Database::default(), rules(Access::Credits, 1, 9), rules(Access::Credits, 0, 9));
    db.run(at(1), grant("lot", 5)).unwrap();
    let all = spend(&metered, 5, &[]).operation(id("all"), actor()).unwrap();
    db.run(at(2), Command::Hold { operation: all, expires_at: at(60) }).unwrap();
    let nothing = spend(&free, 0, &[]);
    assert_eq!(nothing.cost(), Cost::Unmetered);
    let refused = Refusal::Insufficient { kind: AccountKind::Holder, needed: 1, available: 0, held: parts(5) };
    assert_eq!(post(&mut db, 3, "none", &nothing), Err(refused));
    assert_eq!(post(&mut db, 60, "none", &nothing), Ok(posted(1, 5)), "until the hold is over");
}

#[test]
fn the_same_facts_give_the_same_operation() {
    let (plan, token) = (rules(Access::Credits, 1, 9), token(1));
    let make = || spend(&plan, 5, &token).operation(id("call"), actor()).unwrap();
    assert_eq!(make(), make());
}

#[test]
fn two_limits_under_one_key_make_no_operation() {
    let plan = rules(Access::Credits, 1, 9);
    let twice = [token(1), token(2)].concat();
    assert!(spend(&plan, 5, &twice).operation(id("call"), actor()).is_err());
}

#[test]
fn a_use_that_costs_more_than_is_left_names_both_numbers() {
    let (mut db, plan) = (Database::default(), rules(Access::Credits, 1, 9));
    db.run(at(1), grant("lot", 5)).unwrap();
    assert_eq!(post(&mut db, 2, "call", &spend(&plan, 6, &[])), Err(lacks_credits(6, 5, 0)));
    assert_eq!(spend(&plan, 6, &[]).cost(), Cost::Credits(Quantity::from_units(6).unwrap()));
}
