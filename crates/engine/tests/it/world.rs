//! The cast, and short ways to say what they do.

use farebox_engine::ledger::{AccountSpec, Actor, Command, Grant, Leg, Operation, Requirement, TransferId};
use farebox_types::{Address, Id, Merchant, Plan, Quantity, Timestamp};
use uuid::Uuid;

pub(crate) const ALICE: Address = Address::from_bytes([0xA1; 20]);
pub(crate) const BOB: Address = Address::from_bytes([0xB0; 20]);

pub(crate) fn merchant(number: u8) -> Id<Merchant> {
    Id::from_uuid(Uuid::from_u128(0xAAAA_0000 + u128::from(number)))
}

pub(crate) fn plan(number: u8) -> Id<Plan> {
    Id::from_uuid(Uuid::from_u128(0xBBBB_0000 + u128::from(number)))
}

pub(crate) const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

pub(crate) fn credits(units: u64) -> Quantity {
    Quantity::from_units(units).unwrap()
}

/// So many whole units in the parts that balances are counted in.
pub(crate) const fn parts(units: i64) -> i64 {
    units * 1_000_000
}

pub(crate) fn actor() -> Actor {
    Actor::new("test")
}

/// Alice's credits of the first plan.
pub(crate) fn alice() -> AccountSpec {
    AccountSpec::holder(merchant(1), plan(1), ALICE)
}

pub(crate) fn bob() -> AccountSpec {
    AccountSpec::holder(merchant(1), plan(1), BOB)
}

pub(crate) fn revenue() -> AccountSpec {
    AccountSpec::revenue(merchant(1), plan(1))
}

pub(crate) fn issuer() -> AccountSpec {
    AccountSpec::issuer(merchant(1), plan(1))
}

pub(crate) fn limit(key: &str, uses: u32) -> AccountSpec {
    AccountSpec::limit(merchant(1), key, uses)
}

pub(crate) fn id(key: &str) -> TransferId {
    TransferId::derive(merchant(1), "example", key)
}

/// A lot of Alice's, for ever unless said otherwise.
pub(crate) fn grant(key: &str, units: u64) -> Grant {
    let leg = Leg::grant(issuer(), alice(), credits(units)).unwrap();
    Grant { id: id(key), leg, priority: 0, expires_at: None, clock: None, actor: actor() }
}

/// The same, that expires.
pub(crate) fn grant_until(key: &str, units: u64, expires: i64) -> Grant {
    Grant { expires_at: Some(at(expires)), ..grant(key, units) }
}

/// A charge in the making: its id and its legs.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    key: String,
    legs: Vec<Leg>,
    requires: Option<Requirement>,
}

/// Alice pays `units` credits.
pub(crate) fn charge(key: &str, units: u64) -> Charge {
    charge_of(key, alice(), revenue(), credits(units))
}

/// One use of the limit `limit`, of `uses` in all, and nothing else.
pub(crate) fn one_use(key: &str, name: &str, uses: u32) -> Charge {
    charge_of(key, limit(name, uses), AccountSpec::used(merchant(1)), Quantity::ONE)
}

pub(crate) fn charge_of(key: &str, from: AccountSpec, to: AccountSpec, amount: Quantity) -> Charge {
    Charge { key: key.to_owned(), legs: vec![Leg::charge(from, to, amount).unwrap()], requires: None }
}

impl Charge {
    /// And one use of `limit`.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.legs.extend(other.legs.iter().cloned());
        self
    }

    pub(crate) fn requiring(self, account: AccountSpec, at_least: Quantity) -> Self {
        Self { requires: Some(Requirement { account, at_least }), ..self }
    }

    pub(crate) fn operation(&self) -> Operation {
        let operation = Operation::new(id(&self.key), self.legs.clone(), actor()).unwrap();
        match &self.requires {
            Some(requirement) => operation.requiring(requirement.clone()),
            None => operation,
        }
    }

    pub(crate) fn hold(&self, until: i64) -> Command {
        Command::Hold { operation: self.operation(), expires_at: at(until) }
    }

    pub(crate) fn post(&self) -> Command {
        Command::Post(self.operation())
    }

    pub(crate) fn release(&self) -> Command {
        Command::Release(self.operation())
    }
}
