use farebox_engine::ledger::{AccountSpec, Command, Grant, Leg, Operation, State, TransferId};
use farebox_types::{Id, Merchant};
use uuid::Uuid;

use crate::{
    auditor::Database,
    world::{ALICE, actor, at, credits, merchant, plan},
};

/// An id that callers chose themselves may be the same at two merchants.
fn shared() -> TransferId {
    TransferId::from_uuid(Uuid::from_u128(7))
}

fn lot(tenant: Id<Merchant>) -> Command {
    let holder = AccountSpec::holder(tenant, plan(1), ALICE);
    let leg = Leg::grant(AccountSpec::issuer(tenant, plan(1)), holder, credits(10)).unwrap();
    let id = TransferId::derive(tenant, "example", "lot");
    Command::Grant(Grant { id, leg, priority: 0, expires_at: None, clock: None, actor: actor() })
}

fn call(tenant: Id<Merchant>, id: TransferId) -> Operation {
    let holder = AccountSpec::holder(tenant, plan(1), ALICE);
    let pays = Leg::charge(holder, AccountSpec::revenue(tenant, plan(1)), credits(4)).unwrap();
    let limit = AccountSpec::limit(tenant, "token", 5);
    let uses = Leg::charge(limit, AccountSpec::used(tenant), credits(1)).unwrap();
    Operation::new(id, vec![pays, uses], actor()).unwrap()
}

#[test]
fn one_id_at_two_merchants_is_two_operations() {
    let mut db = Database::default();
    let both = [merchant(1), merchant(2)];
    db.batch(at(1), &both.map(lot));
    let holds = both.map(|tenant| Command::Hold { operation: call(tenant, shared()), expires_at: at(60) });
    assert!(db.batch(at(2), &holds).iter().all(Result::is_ok), "in one batch");
    let posts = both.map(|tenant| Command::Post(call(tenant, shared())));
    assert!(db.batch(at(3), &posts).iter().all(Result::is_ok));
    assert!(both.iter().all(|tenant| db.transfer(*tenant, shared()).state == State::Posted));
}

#[test]
fn a_hold_expires_though_another_merchant_used_its_id() {
    let mut db = Database::default();
    let (ours, theirs) = (merchant(1), merchant(2));
    db.batch(at(1), &[lot(ours), lot(theirs)]);
    db.run(at(2), Command::Hold { operation: call(ours, shared()), expires_at: at(60) }).unwrap();
    db.run(at(2), Command::Post(call(theirs, shared()))).unwrap();
    let other = TransferId::derive(ours, "example", "other");
    let answers = db.batch(at(60), &[Command::Post(call(ours, other)), Command::Post(call(theirs, shared()))]);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(db.transfer(ours, shared()).state, State::Expired);
    assert_eq!(db.transfer(theirs, shared()).state, State::Posted);
}
