//! Opening a lot.

use farebox_types::Id;

use crate::ledger::{Book, Entry, Grant, Lot, LotTerms, MAX_GRANTED, Outcome, Refusal, State, Transfer, lot};

impl Book {
    pub(in crate::ledger) fn grant(&mut self, grant: &Grant) -> Result<Outcome, Refusal> {
        let (to, amount) = (grant.leg.to(), grant.leg.amount());
        if let Some(row) = self.transfer(to.tenant, grant.id) {
            let same = row.from == grant.leg.from().id && row.to == to.id && row.amount == amount;
            let again = Outcome::Granted { balance: row.balance, replayed: true };
            return if same { Ok(again) } else { Err(Refusal::Conflict) };
        }
        let account = self.account(to.id).ok_or(Refusal::Conflict)?;
        if account.lots.len() >= lot::most_granted(to.unit) {
            return Err(Refusal::TooManyLots);
        }
        let posted = account.posted.checked_add(amount.micros()).ok_or(Refusal::Overflow)?;
        if posted > MAX_GRANTED {
            return Err(Refusal::Overflow);
        }
        Ok(self.open_lot(grant, posted))
    }

    fn open_lot(&mut self, grant: &Grant, posted: i64) -> Outcome {
        let (now, to) = (self.clocks.at(grant.leg.to().tenant), grant.leg.to().clone());
        let amount = grant.leg.amount();
        self.touch_unguarded(grant.leg.from());
        if let Some(account) = self.account_mut(to.id) {
            account.posted = posted;
            account.lots.push(Lot {
                id: Id::from_uuid(grant.id.uuid()),
                priority: grant.priority,
                expires_at: grant.expires_at,
                granted_at: now,
                remaining: amount.micros(),
                held: 0,
            });
            account.lots.sort_by(lot::burn_order);
        }
        let balance = self.balance(Some(to.id));
        self.record(Transfer {
            tenant: to.tenant,
            id: grant.id,
            operation: grant.id,
            from: grant.leg.from().id,
            to: to.id,
            amount,
            settled: amount,
            state: State::Posted,
            provenance: Vec::new(),
            opens: Some(LotTerms { priority: grant.priority, expires_at: grant.expires_at }),
            balance,
            created_at: now,
            settled_at: Some(now),
            expires_at: None,
        });
        self.push_entry(Entry {
            tenant: to.tenant,
            operation: grant.id,
            action: "granted",
            actor: grant.actor.clone(),
            account: to.id,
            amount,
        });
        // A lot may be granted after its time; it ends like any other.
        self.lapse_expired_lots(to.id);
        Outcome::Granted { balance, replayed: false }
    }
}
