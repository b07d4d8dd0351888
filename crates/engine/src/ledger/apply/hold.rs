//! Reserving.

use farebox_types::{Quantity, Timestamp};

use crate::ledger::{Book, Leg, Operation, Outcome, Refusal, Slice, State, Transfer};

use super::in_range;

impl Book {
    pub(in crate::ledger) fn hold(&mut self, operation: &Operation, expires_at: Timestamp) -> Result<Outcome, Refusal> {
        if let Some(rows) = self.existing(operation)? {
            return held_before(operation, &rows);
        }
        if operation.legs.iter().any(|leg| leg.from().floor.is_none()) {
            return Err(Refusal::CannotHold);
        }
        if expires_at <= self.clocks.at(operation.tenant) {
            return Err(Refusal::Finished { state: State::Expired });
        }
        self.check(operation)?;
        for leg in &operation.legs {
            let fits = self.account(leg.from().id).is_none_or(|account| in_range(account, leg.amount()));
            if !fits {
                return Err(Refusal::Overflow);
            }
        }
        let taken: Vec<Vec<Slice>> = operation.legs.iter().map(|leg| self.reserve(leg, expires_at)).collect();
        let balance = self.answer_balance(operation);
        for ((index, leg), provenance) in (0_u8..).zip(&operation.legs).zip(taken) {
            self.hold_row(operation, (index, leg), provenance, (balance, expires_at));
        }
        Ok(Outcome::Held { balance, expires_at, replayed: false })
    }

    fn reserve(&mut self, leg: &Leg, expires_at: Timestamp) -> Vec<Slice> {
        let provenance = self.take(leg, true);
        if let Some(account) = self.account_mut(leg.from().id) {
            let earliest = account.next_expiry.map_or(expires_at, |at| at.min(expires_at));
            account.next_expiry = Some(earliest);
        }
        provenance
    }

    fn hold_row(
        &mut self,
        operation: &Operation,
        (index, leg): (u8, &Leg),
        provenance: Vec<Slice>,
        (balance, expires_at): (i64, Timestamp),
    ) {
        self.touch_unguarded(leg.to());
        let transfer = Transfer {
            tenant: operation.tenant,
            id: operation.id.leg(index),
            operation: operation.id,
            from: leg.from().id,
            to: leg.to().id,
            amount: leg.amount(),
            settled: Quantity::ZERO,
            state: State::Held,
            provenance,
            opens: None,
            balance,
            created_at: self.clocks.at(operation.tenant),
            settled_at: None,
            expires_at: Some(expires_at),
        };
        self.record(transfer);
        if index == 0 {
            self.note(operation, "held", leg.from().id, leg.amount());
        }
    }
}

/// The same hold again answers as it did; one that is over, or was made for another amount, is refused.
fn held_before(operation: &Operation, rows: &[Transfer]) -> Result<Outcome, Refusal> {
    let same = rows.iter().zip(&operation.legs).all(|(row, leg)| row.amount == leg.amount());
    match rows.first() {
        Some(row) if same && row.state == State::Held => {
            let expires_at = row.expires_at.unwrap_or(row.created_at);
            Ok(Outcome::Held { balance: row.balance, expires_at, replayed: true })
        }
        Some(row) if same => Err(Refusal::Finished { state: row.state }),
        _ => Err(Refusal::Conflict),
    }
}
