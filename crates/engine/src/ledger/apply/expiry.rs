//! What time does: holds end, lots lapse.

use farebox_types::Quantity;

use crate::ledger::{AccountId, AccountSpec, Actor, Book, Entry, Slice, State, Transfer, TransferId};

const CLOCK: &str = "clock";

impl Book {
    pub(in crate::ledger) fn expire_due_holds(&mut self) {
        for (tenant, id) in self.due_holds() {
            let Some(hold) = self.transfer(tenant, id).cloned() else { continue };
            // A hold whose account is not part of this batch is left for the batch that locks it.
            if self.account(hold.from).is_none() {
                continue;
            }
            self.end_hold(&hold, State::Expired);
            self.push_entry(Entry {
                tenant: hold.tenant,
                operation: hold.operation,
                action: "expired",
                actor: Actor::new(CLOCK),
                account: hold.from,
                amount: hold.amount,
            });
        }
        // Also where nothing ended: a `next_expiry` left in the past would make every batch load every hold.
        for (id, next_expiry) in self.next_expiries() {
            if let Some(account) = self.account_mut(id) {
                account.next_expiry = next_expiry;
            }
        }
    }

    pub(in crate::ledger) fn lapse_all_expired_lots(&mut self) {
        self.account_ids().into_iter().for_each(|id| self.lapse_expired_lots(id));
    }

    /// Moves what the expired lots of an account have left out of it.
    pub(in crate::ledger) fn lapse_expired_lots(&mut self, id: AccountId) {
        let Some(account) = self.account(id) else { return };
        let now = self.clocks.at(account.spec.tenant);
        let due = account.lots.iter().filter(|lot| lot.is_expired(now) && lot.remaining > 0);
        let due: Vec<Slice> = due.map(|lot| Slice { lot: lot.id, amount: lot.remaining }).collect();
        for slice in due {
            if let Some(account) = self.account_mut(id) {
                if let Some(lot) = account.lots.iter_mut().find(|lot| lot.id == slice.lot) {
                    lot.remaining = 0;
                }
                account.posted -= slice.amount;
                account.lots.retain(|lot| !lot.is_closed());
            }
            // A clock that steps back lets units return to a lot that has lapsed before: the instant tells the two apart.
            self.lapse(id, slice, &now.micros().to_be_bytes());
        }
    }

    /// Records that units of an expired lot, taken out of its account already, have lapsed. `cause` keeps two lapses of
    /// one lot apart.
    pub(in crate::ledger) fn lapse(&mut self, account: AccountId, slice: Slice, cause: &[u8]) {
        let Some(amount) = Quantity::from_micros(slice.amount) else { return };
        let Some(spec) = self.account(account).map(|row| row.spec.clone()) else { return };
        let now = self.clocks.at(spec.tenant);
        let to = AccountSpec::lapsed(spec.tenant, spec.unit);
        self.touch_unguarded(&to);
        let id = TransferId::lapse(slice.lot.uuid(), cause);
        let balance = self.balance(Some(account));
        self.record(Transfer {
            tenant: spec.tenant,
            id,
            operation: id,
            from: account,
            to: to.id,
            amount,
            settled: amount,
            state: State::Posted,
            provenance: vec![slice],
            opens: None,
            balance,
            created_at: now,
            settled_at: Some(now),
            expires_at: None,
        });
        let actor = Actor::new(CLOCK);
        self.push_entry(Entry { tenant: spec.tenant, operation: id, action: "lapsed", actor, account, amount });
    }
}
