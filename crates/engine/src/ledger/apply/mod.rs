//! One file per command. Each looks, then refuses, then changes: past the last check nothing can fail.

mod expiry;
mod grant;
mod hold;
mod post;
mod release;
mod renew;
mod tally;
mod unwind;

use super::{Book, Leg, Operation, Outcome, Refusal, Transfer, account::Account, lot};
use farebox_types::Quantity;

impl Book {
    /// Refuses unless every leg and requirement of a new charge can be met.
    fn check(&self, operation: &Operation) -> Result<(), Refusal> {
        if let Some(requirement) = &operation.requires {
            self.check_headroom(&requirement.account, requirement.at_least)?;
        }
        if let (Some(least), Some(leg)) = (operation.keeps, operation.legs.first()) {
            self.check_keeps(leg, least)?;
        }
        operation
            .legs
            .iter()
            .filter(|leg| leg.from().floor.is_some())
            .try_for_each(|leg| self.check_headroom(leg.from(), leg.amount()))
    }

    fn check_headroom(&self, spec: &super::AccountSpec, needed: Quantity) -> Result<(), Refusal> {
        let account = self.account(spec.id);
        // What was never used stands at zero, above its floor by as much as the floor is below.
        let unused = || spec.floor.map_or(0, i64::saturating_neg);
        let headroom = account.map_or_else(unused, |account| account.headroom(self.clocks.at(spec.tenant)));
        if headroom >= needed.micros() {
            return Ok(());
        }
        Err(Refusal::Insufficient {
            kind: spec.kind,
            needed: needed.micros(),
            available: headroom.max(0),
            held: account.map_or(0, |account| account.held),
        })
    }

    /// Refuses if the first leg would leave less than `least` in its account, whatever the account's own floor allows.
    fn check_keeps(&self, leg: &Leg, least: i64) -> Result<(), Refusal> {
        let (spec, needed) = (leg.from(), leg.amount().micros());
        let account = self.account(spec.id);
        let available = account.map_or(0, |account| account.available(self.clocks.at(spec.tenant)));
        let room = available.saturating_sub(least);
        if room >= needed {
            return Ok(());
        }
        let held = account.map_or(0, |account| account.held);
        Err(Refusal::Insufficient { kind: spec.kind, needed, available: room.max(0), held })
    }

    /// The loaded transfers of an operation that exists, in leg order; refuses if it was made for something else.
    fn existing(&self, operation: &Operation) -> Result<Option<Vec<Transfer>>, Refusal> {
        if self.transfer(operation.tenant, operation.id).is_none() {
            return Ok(None);
        }
        let rows = (0_u8..).zip(&operation.legs).map(|(index, leg)| {
            let row = self.transfer(operation.tenant, operation.id.leg(index)).ok_or(Refusal::Conflict)?;
            let same = row.from == leg.from().id && row.to == leg.to().id;
            if same { Ok(row.clone()) } else { Err(Refusal::Conflict) }
        });
        rows.collect::<Result<_, _>>().map(Some)
    }

    /// Reads the spendable balance that answers carry: of what is required, or of what the first leg takes from.
    fn answer_balance(&self, operation: &Operation) -> i64 {
        let required = operation.requires.as_ref().map(|requirement| requirement.account.id);
        self.balance(required.or_else(|| operation.legs.first().map(|leg| leg.from().id)))
    }

    /// Takes a leg's amount out of its account: posted, or held. Returns which lots gave.
    fn take(&mut self, leg: &Leg, hold: bool) -> Vec<super::Slice> {
        let now = self.clocks.at(leg.from().tenant);
        let amount = leg.amount().micros();
        let Some(account) = self.account_mut(leg.from().id) else { return Vec::new() };
        let slices = lot::take(&mut account.lots, amount, now, hold);
        if hold {
            account.held += amount;
        } else {
            account.posted -= amount;
            account.lots.retain(|lot| !lot.is_closed());
        }
        slices
    }
}

/// Whether `posted` and `held` stay in range if `amount` more is taken or held.
fn in_range(account: &Account, amount: Quantity) -> bool {
    account.posted.checked_sub(amount.micros()).is_some() && account.held.checked_add(amount.micros()).is_some()
}

/// The first leg's amount: what a charge is said to cost.
fn charged(operation: &Operation) -> Quantity {
    operation.legs.first().map_or(Quantity::ZERO, Leg::amount)
}

/// The answer to a post, fresh or replayed.
const fn posted(amount: Quantity, balance: i64, replayed: bool) -> Outcome {
    Outcome::Posted { amount, balance, replayed }
}
