//! A second opinion. Keeps rows as a database would, feeds batches through the engine exactly as a store does, and after
//! each batch rebuilds everything from the transfers alone ([`rebuild`]).

use std::collections::{BTreeMap, BTreeSet};

use farebox_engine::ledger::{
    Account, AccountId, AccountSpec, Book, Changes, Command, Entry, Needs, Outcome, Refusal, State, Transfer,
    TransferId,
};
use farebox_types::{Id, Merchant, Timestamp};

mod rebuild;

pub(crate) type Decision = Result<Outcome, Refusal>;

/// The rows, and nothing that is not in them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Database {
    pub(crate) accounts: BTreeMap<(Id<Merchant>, AccountId), Account>,
    pub(crate) unguarded: BTreeMap<AccountId, AccountSpec>,
    pub(crate) transfers: BTreeMap<(Id<Merchant>, TransferId), Transfer>,
    pub(crate) entries: Vec<Entry>,
}

impl Database {
    /// One batch: load, decide, write, audit.
    pub(crate) fn batch(&mut self, now: Timestamp, commands: &[Command]) -> Vec<Decision> {
        self.decide(now, commands, commands)
    }

    /// A batch of one.
    pub(crate) fn run(&mut self, now: Timestamp, command: impl Into<Asked>) -> Decision {
        let Asked(command) = command.into();
        let answers = self.batch(now, std::slice::from_ref(&command));
        answers.into_iter().next().unwrap()
    }

    /// What time alone does to the rows that `commands` would load.
    pub(crate) fn pass_time(&mut self, now: Timestamp, commands: &[Command]) {
        self.decide(now, commands, &[]);
    }

    pub(crate) fn account(&self, spec: &AccountSpec) -> Account {
        self.accounts.get(&(spec.tenant, spec.id)).cloned().unwrap_or_else(|| Account::open(spec.clone()))
    }

    pub(crate) fn transfer(&self, tenant: Id<Merchant>, id: TransferId) -> &Transfer {
        self.transfers.get(&(tenant, id)).unwrap()
    }

    /// Outstanding holds of an account.
    pub(crate) fn holds_of(&self, account: AccountId) -> impl Iterator<Item = &Transfer> {
        self.transfers.values().filter(move |row| row.from == account && row.state == State::Held)
    }

    fn decide(&mut self, now: Timestamp, named: &[Command], applied: &[Command]) -> Vec<Decision> {
        let needs = Needs::of(named);
        let (accounts, transfers) = self.load(&needs, now);
        let locked: BTreeSet<AccountId> = accounts.iter().map(|row| row.spec.id).collect();
        let mut book = Book::new(now, accounts, transfers);
        let answers = applied.iter().map(|command| book.apply(command)).collect();
        self.write(book.into_changes(), &locked);
        rebuild::audit(self, now, &locked);
        answers
    }

    fn load(&self, needs: &Needs, now: Timestamp) -> (Vec<Account>, Vec<Transfer>) {
        let mut accounts = Vec::new();
        for (spec, open) in needs.accounts.values() {
            assert!(spec.floor.is_some(), "only guarded accounts are locked");
            match self.accounts.get(&(spec.tenant, spec.id)) {
                Some(row) => accounts.push(row.clone()),
                None if *open => accounts.push(Account::open(spec.clone())),
                None => {}
            }
        }
        let mut transfers: Vec<Transfer> =
            needs.transfers.iter().filter_map(|key| self.transfers.get(key)).cloned().collect();
        for account in accounts.iter().filter(|row| row.next_expiry.is_some_and(|due| due <= now)) {
            transfers.extend(self.holds_of(account.spec.id).cloned());
        }
        (accounts, transfers)
    }

    fn write(&mut self, changes: Changes, locked: &BTreeSet<AccountId>) {
        let Changes { accounts, unguarded, created, updated, entries, events: _ } = changes;
        assert!(accounts.windows(2).all(|pair| pair[0].spec.id < pair[1].spec.id), "accounts in id order, once each");
        for rows in [&created, &updated] {
            let key = |row: &Transfer| (row.tenant, row.id);
            assert!(rows.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])), "transfers in key order, once each");
        }
        for spec in unguarded {
            assert_eq!(spec.floor, None, "a guarded account is no unguarded one");
            self.unguarded.insert(spec.id, spec);
        }
        for row in accounts {
            assert!(locked.contains(&row.spec.id), "an account changed without being locked");
            let before = self.accounts.insert((row.spec.tenant, row.spec.id), row.clone());
            assert!(before.is_none_or(|before| before.spec == row.spec), "an account's description never changes");
        }
        for row in created {
            self.is_locked(&row, locked);
            let before = self.transfers.insert((row.tenant, row.id), row);
            assert_eq!(before, None, "a transfer was created twice");
        }
        for row in updated {
            self.is_locked(&row, locked);
            let before = self.transfers.insert((row.tenant, row.id), row.clone());
            is_next_state(&before.expect("an update of a transfer that is not there"), &row);
        }
        self.entries.extend(entries);
    }

    fn is_locked(&self, row: &Transfer, locked: &BTreeSet<AccountId>) {
        let guarded = [row.from, row.to].into_iter().filter(|id| !self.unguarded.contains_key(id));
        for id in guarded {
            assert!(locked.contains(&id), "a transfer of {id:?} changed without its lock");
        }
    }
}

/// A store updates `settled`, `state`, `provenance`, `balance` and `settled_at`; all else stays as created.
fn is_next_state(before: &Transfer, after: &Transfer) {
    let moves = [
        (State::Held, State::Posted),
        (State::Held, State::Released),
        (State::Held, State::Expired),
        (State::Expired, State::Posted),
        // Taken back, in part or whole.
        (State::Posted, State::Posted),
    ];
    assert!(moves.contains(&(before.state, after.state)), "{:?} never becomes {:?}", before.state, after.state);
    let kept = Transfer {
        settled: before.settled,
        state: before.state,
        provenance: before.provenance.clone(),
        balance: before.balance,
        settled_at: before.settled_at,
        ..after.clone()
    };
    assert_eq!(&kept, before, "a column changed that no update writes");
}

/// What can be sent to [`Database::run`].
pub(crate) struct Asked(Command);

impl From<Command> for Asked {
    fn from(command: Command) -> Self {
        Self(command)
    }
}

impl From<&Command> for Asked {
    fn from(command: &Command) -> Self {
        Self(command.clone())
    }
}

impl From<farebox_engine::ledger::Grant> for Asked {
    fn from(grant: farebox_engine::ledger::Grant) -> Self {
        Self(Command::Grant(grant))
    }
}
