//! The working set of one batch.

use std::collections::{BTreeMap, BTreeSet};

use farebox_types::{Id, Merchant, Quantity, Timestamp};

use super::{
    Account, AccountId, AccountSpec, Actor, Clocks, Command, Operation, Outcome, Refusal, Renewal, Slice, State, Tally,
    Transfer, TransferId, UsageEvent, Way,
};

/// The merchant comes first: an id that callers chose may be the same at two of them.
type TransferKey = (Id<Merchant>, TransferId);

fn key(row: &Transfer) -> TransferKey {
    (row.tenant, row.id)
}

/// What a batch must load and lock: accounts in id order, transfers by id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Guarded accounts to lock, in the order to lock them; those marked true are opened if missing.
    pub accounts: BTreeMap<AccountId, (AccountSpec, bool)>,
    /// Transfers that may exist already.
    pub transfers: BTreeSet<TransferKey>,
}

impl Needs {
    /// The union over `commands`.
    #[must_use]
    pub fn of<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Self {
        let mut needs = Self::default();
        for command in commands {
            needs.add(command);
        }
        needs
    }

    fn add(&mut self, command: &Command) {
        let (id, legs) = match command {
            Command::Renew(renewal) => return self.add_renewal(renewal),
            Command::Tally(tally) => return self.add_tally(tally),
            Command::Grant(grant) => {
                self.account(grant.leg.to(), true);
                (grant.id, std::slice::from_ref(&grant.leg))
            }
            Command::Hold { operation, .. } | Command::Post(operation) | Command::Release(operation) => {
                if let Some(requirement) = &operation.requires {
                    self.account(&requirement.account, false);
                }
                (operation.id, operation.legs.as_slice())
            }
        };
        for (index, leg) in (0_u8..).zip(legs) {
            // An account whose floor is below zero can give before anything was put in.
            self.account(leg.from(), leg.from().floor.is_some_and(|floor| floor < 0));
            self.transfers.insert((command.tenant(), id.leg(index)));
        }
    }

    fn add_renewal(&mut self, renewal: &Renewal) {
        self.account(&renewal.account, true);
        if let Some(meter) = &renewal.used {
            self.account(meter, false);
        }
        self.transfers.extend(renewal.windows.iter().map(|window| (renewal.account.tenant, window.id)));
    }

    fn add_tally(&mut self, tally: &Tally) {
        self.account(&tally.meter, true);
        if let Some((account, _)) = &tally.balance {
            self.account(account, account.floor.is_some_and(|floor| floor < 0));
        }
        let mark = match tally.way {
            Way::First(mark) => Some(mark),
            _ => None,
        };
        let named = tally.unwinding.uses.iter().chain(&tally.unwinding.grants).copied();
        let tenant = tally.meter.tenant;
        self.transfers.extend(std::iter::once(tally.id).chain(mark).chain(named).map(|id| (tenant, id)));
    }

    fn account(&mut self, spec: &AccountSpec, open: bool) {
        if spec.floor.is_some() {
            let entry = self.accounts.entry(spec.id).or_insert_with(|| (spec.clone(), false));
            entry.1 |= open;
        }
    }
}

/// One line of the audit trail, and the event that is published for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The operation.
    pub operation: TransferId,
    /// `granted`, `held`, `posted`, `released`, `expired`, `lapsed`, `renewed`, `written_off`, `counted` or
    /// `corrected`.
    pub action: &'static str,
    /// Who asked.
    pub actor: Actor,
    /// The giving account (the receiving one of a grant).
    pub account: AccountId,
    /// How much.
    pub amount: Quantity,
}

/// What a batch has to write, each row once, in the order of its key.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Guarded accounts that moved.
    pub accounts: Vec<Account>,
    /// Unguarded accounts that were named: to be opened if missing.
    pub unguarded: Vec<AccountSpec>,
    /// New transfers.
    pub created: Vec<Transfer>,
    /// Transfers whose state changed.
    pub updated: Vec<Transfer>,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// Usage that was posted for the first time.
    pub events: Vec<UsageEvent>,
}

impl Changes {
    /// True when there is nothing to write: the batch held only refusals and replays.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.created.is_empty() && self.updated.is_empty()
    }
}

/// The loaded rows of one batch, and what has become of them.
#[derive(Debug)]
pub struct Book {
    pub(super) clocks: Clocks,
    accounts: BTreeMap<AccountId, Tracked<Account>>,
    unguarded: BTreeMap<AccountId, AccountSpec>,
    transfers: BTreeMap<TransferKey, Tracked<Transfer>>,
    entries: Vec<Entry>,
    events: Vec<UsageEvent>,
}

#[derive(Debug)]
struct Tracked<T> {
    row: T,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Created,
    Updated,
}

impl Account {
    /// The account as it stands at `now`: due holds ended, due lots lapsed. `outstanding` are all of its holds.
    #[must_use]
    pub fn as_of(self, now: Timestamp, outstanding: Vec<Transfer>) -> Self {
        let id = self.spec.id;
        let before = self.clone();
        Book::new(now, vec![self], outstanding).accounts.remove(&id).map_or(before, |tracked| tracked.row)
    }
}

impl Book {
    /// A book of the loaded rows. For each account whose `next_expiry` is due, all of its outstanding holds must be among
    /// `transfers`. Holds that are due expire and lots that are due lapse before anything else happens.
    #[must_use]
    pub fn new(clocks: impl Into<Clocks>, accounts: Vec<Account>, transfers: Vec<Transfer>) -> Self {
        let tracked = |row| Tracked { row, change: Change::None };
        let mut book = Self {
            clocks: clocks.into(),
            accounts: accounts.into_iter().map(|row| (row.spec.id, tracked(row))).collect(),
            unguarded: BTreeMap::new(),
            transfers: transfers.into_iter().map(|row| (key(&row), Tracked { row, change: Change::None })).collect(),
            entries: Vec::new(),
            events: Vec::new(),
        };
        book.expire_due_holds();
        book.lapse_all_expired_lots();
        book
    }

    /// Decides one command. A refusal changes nothing.
    ///
    /// # Errors
    /// [`Refusal`], with its numbers.
    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        match command {
            Command::Grant(grant) => self.grant(grant),
            Command::Hold { operation, expires_at } => self.hold(operation, *expires_at),
            Command::Post(operation) => self.post(operation),
            Command::Release(operation) => self.release(operation),
            Command::Renew(renewal) => self.renew(renewal),
            Command::Tally(tally) => self.tally(tally),
        }
    }

    /// Everything that has changed since the book was made.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        let mut changes = Changes {
            unguarded: self.unguarded.into_values().collect(),
            entries: self.entries,
            events: self.events,
            ..Changes::default()
        };
        for tracked in self.accounts.into_values().filter(|tracked| tracked.change != Change::None) {
            changes.accounts.push(tracked.row);
        }
        for Tracked { row, change } in self.transfers.into_values() {
            match change {
                Change::None => {}
                Change::Created => changes.created.push(row),
                Change::Updated => changes.updated.push(row),
            }
        }
        changes
    }

    pub(super) fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(|tracked| &tracked.row)
    }

    pub(super) fn transfer(&self, tenant: Id<Merchant>, id: TransferId) -> Option<&Transfer> {
        self.transfers.get(&(tenant, id)).map(|tracked| &tracked.row)
    }

    /// The account to change; it counts as changed from now on. `None` for unguarded ones.
    pub(super) fn account_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        let tracked = self.accounts.get_mut(&id)?;
        tracked.change = Change::Updated;
        Some(&mut tracked.row)
    }

    pub(super) fn touch_unguarded(&mut self, spec: &AccountSpec) {
        if spec.floor.is_none() && !self.unguarded.contains_key(&spec.id) {
            self.unguarded.insert(spec.id, spec.clone());
        }
    }

    /// Writes a transfer: a new one, or the next state of a known one.
    pub(super) fn record(&mut self, transfer: Transfer) {
        let change = match self.transfers.get(&key(&transfer)).map(|tracked| tracked.change) {
            None | Some(Change::Created) => Change::Created,
            Some(Change::None | Change::Updated) => Change::Updated,
        };
        self.transfers.insert(key(&transfer), Tracked { row: transfer, change });
    }

    pub(super) fn note(&mut self, operation: &Operation, action: &'static str, account: AccountId, amount: Quantity) {
        let (tenant, actor) = (operation.tenant, operation.actor.clone());
        self.entries.push(Entry { tenant, operation: operation.id, action, actor, account, amount });
    }

    pub(super) fn push_event(&mut self, event: UsageEvent) {
        self.events.push(event);
    }

    pub(super) fn push_entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// What the account of `id` can still spend; 0 for an unguarded or missing one.
    pub(super) fn balance(&self, id: Option<AccountId>) -> i64 {
        id.and_then(|id| self.account(id)).map_or(0, |account| account.available(self.clocks.at(account.spec.tenant)))
    }

    /// Outstanding holds that end now. The legs of one operation end together: what another process has ended by its own
    /// clock takes the other legs with it, though they are not due by ours.
    pub(super) fn due_holds(&self) -> Vec<TransferKey> {
        let rows = || self.transfers.values().map(|tracked| &tracked.row);
        let expired = rows().filter(|row| row.state == State::Expired);
        let expired: BTreeSet<TransferKey> = expired.map(|row| (row.tenant, row.operation)).collect();
        let ended = |row: &Transfer| row.state == State::Held && expired.contains(&(row.tenant, row.operation));
        rows().filter(|row| row.is_due(self.clocks.at(row.tenant)) || ended(row)).map(key).collect()
    }

    pub(super) fn account_ids(&self) -> Vec<AccountId> {
        self.accounts.keys().copied().collect()
    }

    /// Each account whose `next_expiry` has come, with the earliest end of its outstanding holds: all of them are loaded.
    pub(super) fn next_expiries(&self) -> BTreeMap<AccountId, Option<Timestamp>> {
        let accounts = self.accounts.values().map(|tracked| &tracked.row);
        let come = accounts.filter(|row| row.next_expiry.is_some_and(|at| at <= self.clocks.at(row.spec.tenant)));
        let mut next: BTreeMap<_, Option<Timestamp>> = come.map(|row| (row.spec.id, None)).collect();
        if next.is_empty() {
            return next;
        }
        let holds = self.transfers.values().map(|tracked| &tracked.row).filter(|row| row.state == State::Held);
        for hold in holds {
            if let (Some(earliest), Some(end)) = (next.get_mut(&hold.from), hold.expires_at) {
                *earliest = Some(earliest.map_or(end, |at| at.min(end)));
            }
        }
        next
    }

    /// Gives a hold's slices back to their lots. What came from a lot that has expired since lapses instead: returns how
    /// much.
    pub(super) fn give_back(&mut self, hold: &Transfer, slices: &[Slice]) -> i64 {
        let now = self.clocks.at(hold.tenant);
        let mut lapsed = Vec::new();
        if let Some(account) = self.account_mut(hold.from) {
            for slice in slices {
                let Some(lot) = account.lots.iter_mut().find(|lot| lot.id == slice.lot) else { continue };
                lot.held -= slice.amount;
                if lot.is_expired(now) {
                    account.posted -= slice.amount;
                    lapsed.push(*slice);
                } else {
                    lot.remaining += slice.amount;
                }
            }
            account.lots.retain(|lot| !lot.is_closed());
        }
        let gone = lapsed.iter().map(|slice| slice.amount).sum();
        for slice in lapsed {
            self.lapse(hold.from, slice, hold.id.uuid().as_bytes());
        }
        gone
    }
}
