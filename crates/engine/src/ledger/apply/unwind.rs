//! Taking uses back: newest first, and of each what was taken last first.

use std::collections::BTreeMap;

use farebox_types::{Id, Lot as LotKind, Quantity};

use crate::ledger::{AccountSpec, Book, Lot, LotTerms, Refusal, Slice, State, Tally, Transfer, TransferId, lot};

use super::renew::INCLUDED;

/// Uses with what was taken back of them, and what that was paid with.
#[derive(Debug, Default)]
pub(super) struct Unwound {
    pub(super) rows: Vec<Transfer>,
    /// What no lot had covered.
    debt: i64,
    /// What lots had paid.
    paid: BTreeMap<Id<LotKind>, i64>,
}

impl Book {
    /// Looks, and changes nothing.
    pub(super) fn unwound(&self, tally: &Tally, amount: Quantity) -> Result<Unwound, Refusal> {
        let (mut unwound, mut left) = (Unwound::default(), amount.micros());
        for id in &tally.unwinding.uses {
            let Some(row) = self.transfer(tally.meter.tenant, *id).filter(|row| row.state == State::Posted) else {
                continue;
            };
            if left == 0 {
                break;
            }
            let balance = tally.balance.as_ref().is_some_and(|(account, _)| account.id == row.from);
            if balance || row.from == tally.meter.id {
                left -= unwound.add(row, left, balance);
            }
        }
        if left > 0 {
            return Err(Refusal::Moved);
        }
        let Some((spec, _)) = &tally.balance else { return Ok(unwound) };
        let Some(account) = self.account(spec.id) else { return Ok(unwound) };
        // What was written off meanwhile is owed no longer: it does not come back a second time.
        unwound.debt = unwound.debt.min(account.owed());
        let closed = unwound.paid.keys().filter(|id| account.lots.iter().all(|lot| lot.id != **id));
        if account.lots.len() + closed.count() > lot::most_granted(spec.unit) {
            return Err(Refusal::TooManyLots);
        }
        Ok(unwound)
    }

    /// Writes what was found. Returns what came into the account; what came from lots that are over has lapsed again.
    pub(super) fn put_back(&mut self, tally: &Tally, spec: &AccountSpec, unwound: Unwound) -> i64 {
        let back = unwound.debt.saturating_add(unwound.paid.values().sum());
        let lots = unwound.paid.iter().map(|(lot, amount)| self.returning(tally, Slice { lot: *lot, amount: *amount }));
        let lots: Vec<(Slice, Option<Lot>)> = lots.collect();
        unwound.rows.into_iter().for_each(|row| self.record(row));
        let now = self.clocks.at(spec.tenant);
        let mut lapsed = Vec::new();
        if let Some(account) = self.account_mut(spec.id) {
            account.posted = account.posted.saturating_add(back);
            for (slice, closed) in lots {
                match (account.lots.iter_mut().find(|lot| lot.id == slice.lot), closed) {
                    (Some(open), _) if !open.is_expired(now) => open.remaining += slice.amount,
                    (None, Some(closed)) => account.lots.push(closed),
                    _ => {
                        account.posted -= slice.amount;
                        lapsed.push(slice);
                    }
                }
            }
            account.lots.sort_by(lot::burn_order);
        }
        for slice in lapsed {
            self.lapse(spec.id, slice, tally.id.uuid().as_bytes());
        }
        back
    }

    /// A closed lot as it would be open again; none if it is over, or its grant does not say what it was.
    fn returning(&self, tally: &Tally, slice: Slice) -> (Slice, Option<Lot>) {
        let grant = self.transfer(tally.meter.tenant, TransferId::from_uuid(slice.lot.uuid()));
        let lot = grant.and_then(|grant| {
            // Grants of before this was kept do not say; of a window that is open it is known.
            let included = LotTerms { priority: INCLUDED, expires_at: None };
            let terms = grant.opens.or_else(|| tally.unwinding.windows.contains(&slice.lot).then_some(included))?;
            Some(Lot {
                id: slice.lot,
                priority: terms.priority,
                expires_at: terms.expires_at,
                granted_at: grant.created_at,
                remaining: slice.amount,
                held: 0,
            })
        });
        let now = self.clocks.at(tally.meter.tenant);
        // A window's own lots end with it, though they do not say when.
        let stands =
            |lot: &Lot| !lot.is_expired(now) && (lot.priority >= 0 || tally.unwinding.windows.contains(&lot.id));
        (slice, lot.filter(stands))
    }
}

impl Unwound {
    /// Takes up to `most` back of a use; how much that was. What is taken back is kept in the use's provenance, as paid by
    /// the use itself: it cannot be taken back twice, and the lots' sums agree.
    fn add(&mut self, row: &Transfer, most: i64, balance: bool) -> i64 {
        let own = Id::from_uuid(row.id.uuid());
        let sum = |row: &Transfer, own_only: bool| -> i64 {
            let slices = row.provenance.iter().filter(|slice| !own_only || slice.lot == own);
            slices.map(|slice| slice.amount).sum()
        };
        let taken = most.min(row.settled.micros().saturating_sub(sum(row, true))).max(0);
        if taken == 0 {
            return 0;
        }
        let mut after = row.clone();
        if balance {
            let uncovered = taken.min(row.settled.micros().saturating_sub(sum(row, false)).max(0));
            self.debt = self.debt.saturating_add(uncovered);
            let mut left = taken - uncovered;
            for slice in after.provenance.iter_mut().rev().filter(|slice| slice.lot != own) {
                let back = left.min(slice.amount);
                slice.amount -= back;
                left -= back;
                if back > 0 {
                    *self.paid.entry(slice.lot).or_default() += back;
                }
            }
            after.provenance.retain(|slice| slice.amount > 0);
        }
        match after.provenance.iter_mut().find(|slice| slice.lot == own) {
            Some(slice) => slice.amount += taken,
            None => after.provenance.push(Slice { lot: own, amount: taken }),
        }
        self.rows.push(after);
        taken
    }
}
