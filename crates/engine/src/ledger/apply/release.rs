//! Giving back.

use crate::ledger::{Book, Operation, Outcome, Refusal, State, Transfer};

impl Book {
    pub(in crate::ledger) fn release(&mut self, operation: &Operation) -> Result<Outcome, Refusal> {
        let nothing = Outcome::Released { returned: 0, lapsed: 0, replayed: true };
        let Some(rows) = self.existing(operation)? else { return Ok(nothing) };
        match rows.first().map(|row| row.state) {
            Some(State::Held) => {}
            Some(State::Posted) => return Err(Refusal::Finished { state: State::Posted }),
            _ => return Ok(nothing),
        }
        let mut total = (0, 0);
        for (index, row) in (0_u8..).zip(&rows).filter(|(_, row)| row.state == State::Held) {
            let (returned, lapsed) = self.end_hold(row, State::Released);
            if index == 0 {
                total = (returned, lapsed);
                self.note(operation, "released", row.from, row.amount);
            }
        }
        Ok(Outcome::Released { returned: total.0, lapsed: total.1, replayed: false })
    }

    /// Takes a hold off its account, follows its provenance back, and closes it. Returns (returned, lapsed).
    pub(super) fn end_hold(&mut self, hold: &Transfer, state: State) -> (i64, i64) {
        if let Some(account) = self.account_mut(hold.from) {
            account.held -= hold.amount.micros();
            if account.held == 0 {
                account.next_expiry = None;
            }
        }
        let lapsed = self.give_back(hold, &hold.provenance);
        let settled_at = Some(self.clocks.at(hold.tenant));
        self.record(Transfer { state, settled_at, ..hold.clone() });
        (hold.amount.micros() - lapsed, lapsed)
    }
}
