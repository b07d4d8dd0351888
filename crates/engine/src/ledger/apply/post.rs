//! Making final.

use farebox_types::{Quantity, Timestamp};

use crate::ledger::{AccountId, Book, Left, Leg, Operation, Outcome, Refusal, Slice, State, Transfer, UsageEvent, lot};

use super::{charged, in_range, posted};

impl Book {
    pub(in crate::ledger) fn post(&mut self, operation: &Operation) -> Result<Outcome, Refusal> {
        let Some(rows) = self.existing(operation)? else {
            return self.post_fresh(operation);
        };
        match rows.first().map(|row| row.state) {
            Some(State::Held) => {
                fits(operation, &rows, State::Held)?;
                Ok(self.post_held(operation, &rows))
            }
            Some(State::Posted) => posted_before(operation, &rows),
            // The handler outlived its hold: what it did is charged if it still can be, and no more than was held.
            Some(State::Expired) => {
                fits(operation, &rows, State::Expired)?;
                self.post_fresh(operation)
            }
            Some(State::Released) => Err(Refusal::Finished { state: State::Released }),
            None => Err(Refusal::Conflict),
        }
    }

    fn post_fresh(&mut self, operation: &Operation) -> Result<Outcome, Refusal> {
        self.check(operation)?;
        for leg in &operation.legs {
            let fits = self.account(leg.from().id).is_none_or(|account| in_range(account, leg.amount()));
            if !fits {
                return Err(Refusal::Overflow);
            }
        }
        let paid = operation.legs.iter().map(|leg| self.take(leg, false)).collect();
        Ok(self.settle(operation, paid))
    }

    fn post_held(&mut self, operation: &Operation, rows: &[Transfer]) -> Outcome {
        let legs = rows.iter().zip(&operation.legs);
        let paid = legs.map(|(row, leg)| self.consume(row, leg.amount())).collect();
        self.settle(operation, paid)
    }

    /// Turns `amount` of a hold into a posting and gives the rest of it back. Returns what the lots paid.
    fn consume(&mut self, hold: &Transfer, amount: Quantity) -> Vec<Slice> {
        let (spent, rest) = lot::split(&hold.provenance, amount.micros());
        if let Some(account) = self.account_mut(hold.from) {
            account.held -= hold.amount.micros();
            account.posted -= amount.micros();
            for slice in &spent {
                if let Some(lot) = account.lots.iter_mut().find(|lot| lot.id == slice.lot) {
                    lot.held -= slice.amount;
                }
            }
            account.lots.retain(|lot| !lot.is_closed());
            if account.held == 0 {
                account.next_expiry = None;
            }
        }
        self.give_back(hold, &rest);
        spent
    }

    /// Records each leg, `paid` by these slices. The balance is that after all of them.
    fn settle(&mut self, operation: &Operation, paid: Vec<Vec<Slice>>) -> Outcome {
        let balance = self.answer_balance(operation);
        for ((index, leg), provenance) in (0_u8..).zip(&operation.legs).zip(paid) {
            self.settle_row(operation, (index, leg), provenance, balance);
        }
        posted(charged(operation), balance, false)
    }

    /// What the operation leaves: of the balance that its first leg took from, and on the meter that its last leg counts on.
    fn left(&self, operation: &Operation, now: Timestamp) -> Left {
        let id = |leg: &Leg| leg.from().id;
        let Some(meter) = operation.legs.last().map(id) else { return Left::default() };
        let balance = operation.legs.first().filter(|_| operation.legs.len() > 1).map(id);
        self.left_of(balance, meter, now)
    }

    /// What is left of a balance, if there is one, and what a meter says.
    pub(super) fn left_of(&self, balance: Option<AccountId>, meter: AccountId, now: Timestamp) -> Left {
        let mut left = Left::default();
        if let Some(meter) = self.account(meter) {
            left.used = meter.posted.saturating_neg();
        }
        if let Some(account) = balance.and_then(|id| self.account(id)) {
            (left.available, left.held) = (account.available(now), account.held);
            for lot in account.lots.iter().filter(|lot| lot.expires_at.is_none_or(|at| at > now)) {
                let sum = if lot.priority < 0 { &mut left.from_plans } else { &mut left.from_credits };
                *sum = sum.saturating_add(lot.remaining);
            }
        }
        left
    }

    fn settle_row(&mut self, operation: &Operation, (index, leg): (u8, &Leg), provenance: Vec<Slice>, balance: i64) {
        self.touch_unguarded(leg.from());
        self.touch_unguarded(leg.to());
        let id = operation.id.leg(index);
        let now = self.clocks.at(operation.tenant);
        let before = self.transfer(operation.tenant, id);
        let transfer = Transfer {
            tenant: operation.tenant,
            id,
            operation: operation.id,
            from: leg.from().id,
            to: leg.to().id,
            amount: before.map_or(leg.amount(), |row| row.amount),
            settled: leg.amount(),
            state: State::Posted,
            provenance,
            opens: None,
            balance,
            created_at: before.map_or(now, |row| row.created_at),
            settled_at: Some(now),
            expires_at: before.and_then(|row| row.expires_at),
        };
        self.record(transfer);
        if index == 0 {
            self.note(operation, "posted", leg.from().id, leg.amount());
            if let Some(usage) = &operation.usage {
                let at = self.clocks.at(operation.tenant);
                let left = self.left(operation, at);
                self.push_event(UsageEvent::new(
                    (operation.tenant, operation.id),
                    usage,
                    (leg.amount().micros(), None, &left),
                    at,
                ));
            }
        }
    }
}

/// Refuses unless every leg is in `state` and was held for as much as is asked.
fn fits(operation: &Operation, rows: &[Transfer], state: State) -> Result<(), Refusal> {
    rows.iter().zip(&operation.legs).try_for_each(|(row, leg)| {
        if row.state != state {
            return Err(Refusal::Conflict);
        }
        if leg.amount() > row.amount { Err(Refusal::ExceedsHold { held: row.amount }) } else { Ok(()) }
    })
}

/// The same amount again answers as it did.
fn posted_before(operation: &Operation, rows: &[Transfer]) -> Result<Outcome, Refusal> {
    let same = rows.iter().zip(&operation.legs).all(|(row, leg)| row.settled == leg.amount());
    match rows.first() {
        Some(row) if same => Ok(posted(row.settled, row.balance, true)),
        _ => Err(Refusal::Conflict),
    }
}
