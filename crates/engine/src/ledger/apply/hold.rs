//! Reserving.

use farebox_types::Timestamp;

use crate::ledger::{Book, Leg, Operation, Outcome, Refusal, State, Transfer};

use super::in_range;

impl Book {
    pub(in crate::ledger) fn hold(&mut self, operation: &Operation, expires_at: Timestamp) -> Result<Outcome, Refusal> {
        if let Some(rows) = self.existing(operation)? {
            return held_before(operation, &rows);
        }
        if operation.legs.iter().any(|leg| leg.from().floor.is_none()) {
            return Err(Refusal::CannotHold);
        }
        self.check(operation)?;
        for leg in &operation.legs {
            let fits = self.account(leg.from().id).is_none_or(|account| in_range(account, leg.amount()));
            if !fits {
                return Err(Refusal::Overflow);
            }
        }
        for (index, leg) in (0_u8..).zip(&operation.legs) {
            self.reserve(operation, index, leg, expires_at);
        }
        let balance = self.answer_balance(operation);
        Ok(Outcome::Held { balance, expires_at, replayed: false })
    }

    fn reserve(&mut self, operation: &Operation, index: u8, leg: &Leg, expires_at: Timestamp) {
        let provenance = self.take(leg, true);
        if let Some(account) = self.account_mut(leg.from().id) {
            let earliest = account.next_expiry.map_or(expires_at, |at| at.min(expires_at));
            account.next_expiry = Some(earliest);
        }
        self.touch_unguarded(leg.from());
        self.touch_unguarded(leg.to());
        let transfer = Transfer {
            tenant: operation.tenant,
            id: operation.id.leg(index),
            operation: operation.id,
            from: leg.from().id,
            to: leg.to().id,
            amount: leg.amount(),
            settled: farebox_types::Quantity::ZERO,
            state: State::Held,
            provenance,
            balance: self.answer_balance(operation),
            created_at: self.now,
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
