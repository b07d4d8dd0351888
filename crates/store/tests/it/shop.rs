//! One merchant's accounts, and what can be asked of them.

use farebox_engine::ledger::{
    AccountSpec, Actor, Command, Grant, Leg, Operation, Outcome, Refusal, Requirement, State, TransferId,
};
use farebox_store::Decision;
use farebox_types::{Address, Id, Merchant, Plan, Quantity, Timestamp};

/// A merchant with one plan. Payers are numbered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shop {
    pub(crate) tenant: Id<Merchant>,
    pub(crate) plan: Id<Plan>,
}

/// Whole credits.
pub(crate) fn credits(units: u64) -> Quantity {
    Quantity::from_units(units).unwrap()
}

/// Whole credits, as balances count them.
pub(crate) fn micros(units: u64) -> i64 {
    credits(units).micros()
}

fn actor() -> Actor {
    Actor::new("key_test")
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self { tenant: Id::generate(), plan: Id::generate() }
    }

    pub(crate) fn id(self, key: &str) -> TransferId {
        TransferId::derive(self.tenant, "test", key)
    }

    pub(crate) fn payer(number: u64) -> Address {
        let mut bytes = [7; 20];
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        Address::from_bytes(bytes)
    }

    pub(crate) fn holder(self, number: u64) -> AccountSpec {
        AccountSpec::holder(self.tenant, self.plan, Self::payer(number))
    }

    /// A single-use token's account.
    pub(crate) fn token(self, nonce: &str) -> AccountSpec {
        AccountSpec::limit(self.tenant, nonce, 1)
    }

    pub(crate) fn grant(self, key: &str, payer: u64, units: u64) -> Command {
        self.grant_until(key, payer, units, None)
    }

    pub(crate) fn grant_until(self, key: &str, payer: u64, units: u64, expires_at: Option<Timestamp>) -> Command {
        let issuer = AccountSpec::issuer(self.tenant, self.plan);
        let leg = Leg::grant(issuer, self.holder(payer), credits(units)).unwrap();
        Command::Grant(Grant { id: self.id(key), leg, priority: 0, expires_at, clock: None, actor: actor() })
    }

    pub(crate) fn charge(self, key: &str, payer: u64, units: u64) -> Operation {
        let revenue = AccountSpec::revenue(self.tenant, self.plan);
        let leg = Leg::charge(self.holder(payer), revenue, credits(units)).unwrap();
        Operation::new(self.id(key), vec![leg], actor()).unwrap()
    }

    /// A charge that also takes a token's one use.
    pub(crate) fn charge_by_token(self, key: &str, payer: u64, units: u64, nonce: &str) -> Operation {
        let revenue = AccountSpec::revenue(self.tenant, self.plan);
        let price = Leg::charge(self.holder(payer), revenue, credits(units)).unwrap();
        let usage = Leg::charge(self.token(nonce), AccountSpec::used(self.tenant), Quantity::ONE).unwrap();
        Operation::new(self.id(key), vec![price, usage], actor()).unwrap()
    }

    /// A use that costs nothing, by a payer who must hold the plan.
    pub(crate) fn unmetered(self, key: &str, payer: u64) -> Operation {
        let usage = AccountSpec::usage(self.tenant, self.plan, Self::payer(payer));
        let leg = Leg::charge(usage, AccountSpec::used(self.tenant), Quantity::ONE).unwrap();
        let at_least = Quantity::from_micros(1).unwrap();
        let requirement = Requirement { account: self.holder(payer), at_least };
        Operation::new(self.id(key), vec![leg], actor()).unwrap().requiring(requirement)
    }

    /// Several payers at once.
    pub(crate) fn charge_all(self, key: &str, payers: &[u64], units: u64) -> Operation {
        let revenue = || AccountSpec::revenue(self.tenant, self.plan);
        let leg = |payer: &u64| Leg::charge(self.holder(*payer), revenue(), credits(units)).unwrap();
        Operation::new(self.id(key), payers.iter().map(leg).collect(), actor()).unwrap()
    }

    pub(crate) fn post(self, key: &str, payer: u64, units: u64) -> Command {
        Command::Post(self.charge(key, payer, units))
    }

    pub(crate) fn hold(self, key: &str, payer: u64, units: u64, expires_at: Timestamp) -> Command {
        Command::Hold { operation: self.charge(key, payer, units), expires_at }
    }

    pub(crate) fn release(self, key: &str, payer: u64, units: u64) -> Command {
        Command::Release(self.charge(key, payer, units))
    }
}

/// What a fresh post answers.
pub(crate) fn posted(units: u64, balance: u64) -> Decision {
    Ok(Outcome::Posted { amount: credits(units), balance: micros(balance), replayed: false })
}

/// What the same post answers when it is sent again.
pub(crate) fn posted_before(units: u64, balance: u64) -> Decision {
    Ok(Outcome::Posted { amount: credits(units), balance: micros(balance), replayed: true })
}

/// The same answer, whoever came first.
pub(crate) fn as_fresh(decision: Decision) -> Decision {
    decision.map(|outcome| match outcome {
        Outcome::Granted { balance, .. } => Outcome::Granted { balance, replayed: false },
        Outcome::Held { balance, expires_at, .. } => Outcome::Held { balance, expires_at, replayed: false },
        Outcome::Posted { amount, balance, .. } => Outcome::Posted { amount, balance, replayed: false },
        Outcome::Released { returned, lapsed, .. } => Outcome::Released { returned, lapsed, replayed: false },
        Outcome::Renewed { balance, .. } => Outcome::Renewed { balance, replayed: false },
    })
}

pub(crate) fn is_replay(decision: &Decision) -> bool {
    match decision {
        Ok(
            Outcome::Granted { replayed, .. }
            | Outcome::Held { replayed, .. }
            | Outcome::Posted { replayed, .. }
            | Outcome::Released { replayed, .. }
            | Outcome::Renewed { replayed, .. },
        ) => *replayed,
        Err(_) => false,
    }
}

/// A refusal because a hold ended so.
pub(crate) fn finished(state: State) -> Decision {
    Err(Refusal::Finished { state })
}
