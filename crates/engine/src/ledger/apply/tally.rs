//! Events that are not simply added.

use farebox_types::Quantity;

use crate::ledger::{
    AccountSpec, Book, Entry, Leg, Outcome, Refusal, Slice, State, Tally, Transfer, TransferId, UsageEvent, Way,
};

use super::{in_range, posted, unwind::Unwound};

/// What an event changes.
enum Change {
    More(Quantity),
    Less(Quantity),
    Nothing,
}

impl Book {
    pub(in crate::ledger) fn tally(&mut self, tally: &Tally) -> Result<Outcome, Refusal> {
        if let Some(row) = self.transfer(tally.meter.tenant, tally.told()) {
            return told_before(row, tally);
        }
        let counted = match self.change(tally)? {
            Change::Nothing => 0,
            Change::More(more) => {
                self.use_more(tally, more)?;
                more.micros()
            }
            Change::Less(less) => {
                let unwound = self.unwound(tally, less)?;
                self.use_less(tally, (less, unwound));
                -less.micros()
            }
        };
        Ok(self.told(tally, counted))
    }

    fn change(&self, tally: &Tally) -> Result<Change, Refusal> {
        let used = self.account(tally.meter.id).map_or(0, |meter| meter.posted.saturating_neg());
        let value = tally.value.micros();
        let change = match tally.way {
            Way::Back if value > used => return Err(Refusal::Beyond { used: used.max(0) }),
            Way::Back => value.saturating_neg(),
            Way::Highest => value.saturating_sub(used).max(0),
            Way::Latest => value.saturating_sub(used),
            Way::First(mark) if self.transfer(tally.meter.tenant, mark).is_none() => Quantity::ONE.micros(),
            Way::First(_) | Way::Nothing => 0,
        };
        let size = Quantity::from_micros(change.saturating_abs()).filter(|size| !size.is_zero());
        Ok(match size {
            None => Change::Nothing,
            Some(size) if change < 0 => Change::Less(size),
            Some(size) => Change::More(size),
        })
    }

    /// Takes from the balance as any use does.
    fn use_more(&mut self, tally: &Tally, more: Quantity) -> Result<(), Refusal> {
        let leg = |from: &AccountSpec, to: &AccountSpec| {
            Leg::charge(from.clone(), to.clone(), more).map_err(|_| Refusal::Conflict)
        };
        let counted = leg(&tally.meter, &metering(tally))?;
        let spent = tally.balance.as_ref().map(|(account, to)| leg(account, to)).transpose()?;
        for leg in spent.iter().chain(std::iter::once(&counted)) {
            self.check_headroom(leg.from(), more)?;
            if !self.account(leg.from().id).is_none_or(|account| in_range(account, more)) {
                return Err(Refusal::Overflow);
            }
        }
        if let (Some(least), Some(leg)) = (tally.keeps, &spent) {
            self.check_keeps(leg, least)?;
        }
        self.take(&counted, false);
        self.tally_row(tally, Tally::counted(tally.id), (&tally.meter, &metering(tally)), (more, Vec::new()));
        if let Some(leg) = &spent {
            let slices = self.take(leg, false);
            self.tally_row(tally, Tally::spent(tally.id), (leg.from(), leg.to()), (more, slices));
        }
        Ok(())
    }

    /// Gives back to the meter what was used less, and to the balance what of it came from there.
    fn use_less(&mut self, tally: &Tally, (less, unwound): (Quantity, Unwound)) {
        if let Some(meter) = self.account_mut(tally.meter.id) {
            meter.posted = meter.posted.saturating_add(less.micros());
        }
        let id = Tally::counted(tally.id);
        self.tally_row(tally, id, (&metering(tally), &tally.meter), (less, spent_at_once(id, less)));
        if let Some((account, from)) = &tally.balance {
            let back = self.put_back(tally, account, unwound);
            if let Some(back) = Quantity::from_micros(back).filter(|back| !back.is_zero()) {
                let id = Tally::spent(tally.id);
                self.tally_row(tally, id, (from, account), (back, spent_at_once(id, back)));
            }
        } else {
            unwound.rows.into_iter().for_each(|row| self.record(row));
        }
    }

    /// Records that the event was told, for whoever tells it again.
    fn told(&mut self, tally: &Tally, counted: i64) -> Outcome {
        let (from, to) = tally.sides();
        if let Way::First(mark) = tally.way
            && counted > 0
        {
            self.tally_row(tally, mark, (&from, &to), (Quantity::ONE, Vec::new()));
        }
        let balance = self.balance(Some(answering(tally)));
        self.tally_row(tally, tally.told(), (&from, &to), (tally.mark(), Vec::new()));
        let (tenant, operation, actor) = (tally.meter.tenant, tally.id, tally.actor.clone());
        let action = if tally.way == Way::Back { "corrected" } else { "counted" };
        let amount = Quantity::from_micros(counted.saturating_abs()).unwrap_or_default();
        self.push_entry(Entry { tenant, operation, action, actor, account: answering(tally), amount });
        let at = self.clocks.at(tenant);
        let left = self.left_of(tally.balance.as_ref().map(|(account, _)| account.id), tally.meter.id, at);
        let value = if tally.way == Way::Back { counted } else { tally.value.micros() };
        self.push_event(UsageEvent::new((tenant, operation), &tally.usage, (value, Some(counted), &left), at));
        posted(amount, balance, false)
    }

    fn tally_row(
        &mut self,
        tally: &Tally,
        id: TransferId,
        (from, to): (&AccountSpec, &AccountSpec),
        (amount, provenance): (Quantity, Vec<Slice>),
    ) {
        self.touch_unguarded(from);
        self.touch_unguarded(to);
        let now = self.clocks.at(tally.meter.tenant);
        let balance = self.balance(Some(answering(tally)));
        self.record(Transfer {
            tenant: tally.meter.tenant,
            id,
            operation: tally.id,
            from: from.id,
            to: to.id,
            amount,
            settled: amount,
            state: State::Posted,
            provenance,
            opens: None,
            balance,
            created_at: now,
            settled_at: Some(now),
            expires_at: None,
        });
    }
}

fn metering(tally: &Tally) -> AccountSpec {
    AccountSpec::metering(tally.meter.tenant, tally.usage.feature)
}

/// Whose balance the answer carries.
fn answering(tally: &Tally) -> crate::ledger::AccountId {
    tally.balance.as_ref().map_or(tally.meter.id, |(account, _)| account.id)
}

/// What comes back into a guarded account opens no lot: it goes where it came from.
fn spent_at_once(id: TransferId, amount: Quantity) -> Vec<Slice> {
    vec![Slice { lot: farebox_types::Id::from_uuid(id.uuid()), amount: amount.micros() }]
}

/// The same value again answers as it did.
fn told_before(row: &Transfer, tally: &Tally) -> Result<Outcome, Refusal> {
    let (from, to) = tally.sides();
    let same = row.from == from.id && row.to == to.id && row.amount == tally.mark();
    if same { Ok(posted(tally.value, row.balance, true)) } else { Err(Refusal::Conflict) }
}
