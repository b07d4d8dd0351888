//! One use of a plan, as a ledger operation.

use farebox_types::{Address, Id, Merchant, Plan, Quantity};

use super::{Cost, PlanRules};
use crate::ledger::{AccountSpec, Actor, BadLeg, Leg, Operation, Requirement, TransferId};

/// What an authorization may take in all: a single-use token one use, a delegation as many uses, or as much, as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The authorization's economic key: a token's nonce, a delegation's id.
    pub key: String,
    /// In all: uses, or whatever else the key counts.
    pub most: Quantity,
    /// What this use takes of it, above zero.
    pub takes: Quantity,
}

impl Limit {
    /// So many uses, of which this is one.
    #[must_use]
    pub fn uses(key: String, uses: u32) -> Self {
        Self { key, most: Quantity::from_units(uses.into()).unwrap_or(Quantity::MAX), takes: Quantity::ONE }
    }
}

/// One use of a plan by a payer.
#[derive(Debug, Clone)]
pub struct Spend<'a> {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The plan.
    pub plan: Id<Plan>,
    /// Its rules.
    pub rules: &'a PlanRules,
    /// Whose credits.
    pub payer: Address,
    /// What the route asks for.
    pub requested: Quantity,
    /// Limits of the authorization that is presented.
    pub limits: &'a [Limit],
}

impl Spend<'_> {
    /// What this use costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.rules.cost(self.requested)
    }

    /// The account whose balance is asked.
    #[must_use]
    pub fn holder(&self) -> AccountSpec {
        AccountSpec::holder(self.tenant, self.plan, self.payer)
    }

    /// Whether there is anything to reserve: an unmetered use without limits only asks that the plan is held.
    #[must_use]
    pub fn can_hold(&self) -> bool {
        self.cost() != Cost::Unmetered || !self.limits.is_empty()
    }

    /// The charge under `id`. Built from the same facts it is the same operation, so hold, post and release agree.
    ///
    /// # Errors
    /// [`BadLeg`] if two limits share a key, or one takes nothing.
    pub fn operation(&self, id: TransferId, actor: Actor) -> Result<Operation, BadLeg> {
        let used = || AccountSpec::used(self.tenant);
        let mut legs = Vec::with_capacity(1 + self.limits.len());
        if let Cost::Credits(amount) = self.cost() {
            legs.push(Leg::charge(self.holder(), AccountSpec::revenue(self.tenant, self.plan), amount)?);
        } else if self.limits.is_empty() {
            legs.push(Leg::charge(AccountSpec::usage(self.tenant, self.plan, self.payer), used(), Quantity::ONE)?);
        }
        for limit in self.limits {
            let allowance = AccountSpec::allowance(self.tenant, &limit.key, limit.most);
            legs.push(Leg::charge(allowance, used(), limit.takes)?);
        }
        let operation = Operation::new(id, legs, actor)?;
        Ok(match self.cost() {
            Cost::Credits(_) => operation,
            Cost::Unmetered => {
                let at_least = Quantity::from_micros(1).unwrap_or_default();
                operation.requiring(Requirement { account: self.holder(), at_least })
            }
        })
    }
}
