//! Opening windows.

use farebox_types::{Id, Lot as LotKind, Quantity};

use crate::ledger::{
    AccountId, AccountSpec, Book, Entry, Lot, LotTerms, MAX_GRANTED, MAX_OPEN_LOTS, Outcome, Refusal, Renewal, Slice,
    State, Transfer, TransferId, Window, lot,
};

/// What was carried burns first, then what the window includes; credits, from 0 up, burn last.
const CARRIED: i16 = -200;
pub(super) const INCLUDED: i16 = -100;

impl Book {
    pub(in crate::ledger) fn renew(&mut self, renewal: &Renewal) -> Result<Outcome, Refusal> {
        let account = renewal.account.id;
        let open = |window: &Window| self.transfer(renewal.account.tenant, window.id).is_some();
        let last = renewal.windows.iter().rposition(open);
        let first = last.map_or(0, |last| last + 1);
        if first == renewal.windows.len() {
            return Ok(Outcome::Renewed { balance: self.balance(Some(account)), replayed: true });
        }
        self.check_room(renewal)?;
        let mut before = last.and_then(|last| renewal.windows.get(last)).copied();
        if before.is_none() {
            renewal.closes.iter().for_each(|lot| _ = self.close_lot(renewal, *lot));
        }
        for (at, window) in renewal.windows.iter().enumerate().skip(first) {
            let used = if at == 0 { self.used(renewal) } else { 0 };
            self.open_window(renewal, before, *window, used);
            before = Some(*window);
        }
        Ok(Outcome::Renewed { balance: self.balance(Some(account)), replayed: false })
    }

    fn check_room(&self, renewal: &Renewal) -> Result<(), Refusal> {
        let account = self.account(renewal.account.id).ok_or(Refusal::Conflict)?;
        if account.lots.len() + 2 > MAX_OPEN_LOTS {
            return Err(Refusal::TooManyLots);
        }
        // Twice, for what is carried is at most what a window before included.
        let most = renewal.included.micros().checked_mul(2).and_then(|most| most.checked_add(account.posted.max(0)));
        let fits = most.is_some_and(|most| most <= MAX_GRANTED);
        if fits { Ok(()) } else { Err(Refusal::Overflow) }
    }

    /// What the meter says was used of the first window before this plan.
    fn used(&self, renewal: &Renewal) -> i64 {
        let meter = renewal.used.as_ref().and_then(|meter| self.account(meter.id));
        meter.map_or(0, |meter| meter.posted.saturating_neg().max(0))
    }

    fn open_window(&mut self, renewal: &Renewal, before: Option<Window>, window: Window, used: i64) {
        let mut unused = 0_i64;
        if let Some(before) = before {
            unused = self.close_lot(renewal, before.carried()).saturating_add(self.close_lot(renewal, before.lot()));
        }
        self.write_off(renewal, window);
        let carried = renewal.carry.map_or(0, |carry| carry.of(unused));
        let included = renewal.included.micros().saturating_sub(used).max(0);
        for (id, amount, priority) in [(window.carried(), carried, CARRIED), (window.lot(), included, INCLUDED)] {
            if let Some(amount) = Quantity::from_micros(amount).filter(|amount| !amount.is_zero()) {
                self.add_lot(renewal, id, amount, priority);
            }
        }
        let (from, to) = (AccountSpec::windows(renewal.account.tenant), AccountSpec::used(renewal.account.tenant));
        self.touch_unguarded(&from);
        self.touch_unguarded(&to);
        let marker = self.renewal_row(renewal, window.id, (&from, &to), Quantity::ONE);
        self.record(marker);
        self.tell(renewal, window.id, "renewed", (from.id, Quantity::ONE));
    }

    /// The trail names each part by its own transfer.
    fn tell(
        &mut self,
        renewal: &Renewal,
        operation: TransferId,
        action: &'static str,
        (account, amount): (AccountId, Quantity),
    ) {
        let (tenant, actor) = (renewal.account.tenant, renewal.actor.clone());
        self.push_entry(Entry { tenant, operation, action, actor, account, amount });
    }

    /// Ends a lot now; what is held of it lapses when it comes back. Returns what was free.
    fn close_lot(&mut self, renewal: &Renewal, id: Id<LotKind>) -> i64 {
        let Some(account) = self.account_mut(renewal.account.id) else { return 0 };
        let Some(lot) = account.lots.iter_mut().find(|lot| lot.id == id) else { return 0 };
        let free = lot.remaining;
        lot.remaining = 0;
        lot.expires_at = Some(renewal.at);
        account.posted -= free;
        account.lots.retain(|lot| !lot.is_closed());
        account.lots.sort_by(lot::burn_order);
        if free > 0 {
            self.lapse(renewal.account.id, Slice { lot: id, amount: free }, b"window");
        }
        free
    }

    /// Pays what is owed with a lot that is spent at once: the next window begins without debt.
    fn write_off(&mut self, renewal: &Renewal, window: Window) {
        let Some(account) = self.account_mut(renewal.account.id) else { return };
        let Some(owed) = Quantity::from_micros(account.owed()).filter(|owed| !owed.is_zero()) else { return };
        account.posted += owed.micros();
        self.touch_unguarded(&renewal.granter);
        let id = window.written_off();
        let row = self.renewal_row(renewal, id, (&renewal.granter, &renewal.account), owed);
        let provenance = vec![Slice { lot: Id::from_uuid(id.uuid()), amount: owed.micros() }];
        self.record(Transfer { provenance, ..row });
        self.tell(renewal, id, "written_off", (renewal.account.id, owed));
    }

    fn add_lot(&mut self, renewal: &Renewal, id: Id<LotKind>, amount: Quantity, priority: i16) {
        self.touch_unguarded(&renewal.granter);
        if let Some(account) = self.account_mut(renewal.account.id) {
            account.posted += amount.micros();
            let (granted_at, remaining) = (renewal.at, amount.micros());
            account.lots.push(Lot { id, priority, expires_at: None, granted_at, remaining, held: 0 });
            account.lots.sort_by(lot::burn_order);
        }
        let transfer = TransferId::from_uuid(id.uuid());
        let row = self.renewal_row(renewal, transfer, (&renewal.granter, &renewal.account), amount);
        self.record(Transfer { opens: Some(LotTerms { priority, expires_at: None }), ..row });
        self.tell(renewal, transfer, "granted", (renewal.account.id, amount));
    }

    fn renewal_row(
        &self,
        renewal: &Renewal,
        id: TransferId,
        (from, to): (&AccountSpec, &AccountSpec),
        amount: Quantity,
    ) -> Transfer {
        Transfer {
            tenant: renewal.account.tenant,
            id,
            operation: id,
            from: from.id,
            to: to.id,
            amount,
            settled: amount,
            state: State::Posted,
            provenance: Vec::new(),
            opens: None,
            balance: self.balance(Some(renewal.account.id)),
            created_at: renewal.at,
            settled_at: Some(renewal.at),
            expires_at: None,
        }
    }
}
