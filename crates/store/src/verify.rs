//! Rebuilds balances, lots and audit chains from the rows, and compares.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use farebox_engine::{
    ledger::{Account, AccountId, AccountKind, AccountSpec, State, Tally, Transfer, Unit, UsageEvent},
    payment::{self, Payment, Refund, TrailEntry},
    settlement::{Outcome, Settlement, countable, posting_id},
};
use uuid::Uuid;

use crate::{AuditRow, audit, payments::auditor::PaymentAuditor};

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Guarded accounts rebuilt.
    pub accounts: u64,
    /// Transfers read.
    pub transfers: u64,
    /// Settlements compared with their postings.
    pub settlements: u64,
    /// Usage events compared with their transfers.
    pub usage_events: u64,
    /// Payments compared with their refunds, trails and postings.
    pub payments: u64,
    /// Audit lines whose hash was recomputed.
    pub audit_lines: u64,
    /// What does not agree; empty when all is well.
    pub differences: Vec<Difference>,
}

impl Report {
    /// True when everything agrees.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

/// One thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which row: table and id.
    pub row: String,
    /// What it says and what the other rows say.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.row, self.what)
    }
}

/// Fed every row of one snapshot: settlements and usage events, then transfers and audit lines (in chain order), then accounts.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    report: Report,
    accounts: HashMap<AccountId, Sums>,
    lots: HashMap<Uuid, LotSums>,
    parties: HashSet<AccountId>,
    unguarded: HashSet<AccountId>,
    chains: BTreeMap<(Uuid, Uuid), (i64, [u8; 32])>,
    payments: PaymentAuditor,
    /// What settled payments must have posted, by the posting's id.
    expected: HashMap<Uuid, Posting>,
    /// What usage events say was posted, by the posting's id.
    events: HashMap<Uuid, i64>,
    /// Accounts that gave something which no settled payment explains.
    unexplained: HashSet<AccountId>,
}

#[derive(Debug, PartialEq, Eq)]
struct Posting {
    from: AccountId,
    to: AccountId,
    amount: i64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    posted: i128,
    held: i128,
}

#[derive(Debug, Default)]
struct LotSums {
    account: Option<AccountId>,
    granted: i64,
    spent: i64,
    held: i64,
}

impl Auditor {
    pub(crate) fn settlement(&mut self, row: &Settlement) {
        self.report.settlements += 1;
        let Outcome::Settled { .. } = row.outcome else { return };
        let Some(amount) = countable(row.terms.amount) else {
            let what = format!("payment {} settled {}, which nobody can post", row.key, row.terms.amount);
            return self.report.differences.push(Difference { row: "settlement".to_owned(), what });
        };
        if amount.is_zero() {
            return;
        }
        let token = Unit::Token { chain: row.terms.chain, asset: row.terms.asset };
        let from = AccountSpec::outside(row.tenant, token, row.terms.payer).id;
        let to = AccountSpec::takings(row.tenant, token, row.terms.pay_to).id;
        let posting = Posting { from, to, amount: amount.micros() };
        self.expected.insert(posting_id(row.tenant, row.key).uuid(), posting);
    }

    /// What is wrong with a slot or what rides in it.
    pub(crate) fn slot(&mut self, what: String) {
        self.report.differences.push(Difference { row: "slot".to_owned(), what });
    }

    /// What is wrong with billing rows.
    pub(crate) fn billing(&mut self, what: String) {
        self.report.differences.push(Difference { row: "billing_row".to_owned(), what });
    }

    pub(crate) fn usage_event(&mut self, event: &UsageEvent) {
        self.report.usage_events += 1;
        match event.counted {
            None => _ = self.events.insert(event.id.uuid(), event.value),
            // The event's own transfer only says that it was told; this one says what it changed.
            Some(0) => {}
            Some(counted) => _ = self.events.insert(Tally::counted(event.id).uuid(), counted.saturating_abs()),
        }
    }

    pub(crate) fn payment(&mut self, row: Payment) {
        for posting in self.payments.payment(row) {
            self.expect(&posting);
        }
    }

    pub(crate) fn refund(&mut self, row: &Refund) {
        for posting in self.payments.refund(row) {
            self.expect(&posting);
        }
    }

    pub(crate) fn trail(&mut self, row: &TrailEntry) {
        self.payments.trail(row);
    }

    fn expect(&mut self, posting: &payment::Posting) {
        let (from, to) = (posting.from.id, posting.to.id);
        self.expected.insert(posting.id.uuid(), Posting { from, to, amount: posting.amount.micros() });
    }

    pub(crate) fn transfer(&mut self, row: &Transfer) {
        self.report.transfers += 1;
        if let Some(value) = self.events.remove(&row.id.uuid())
            && (row.state != State::Posted || row.settled.micros() != value)
        {
            self.differ("usage_event", row.id.uuid(), "is not what its transfer says".to_owned());
        }
        self.parties.extend([row.from, row.to]);
        let (amount, settled) = (i128::from(row.amount.micros()), i128::from(row.settled.micros()));
        match row.state {
            State::Held => self.accounts.entry(row.from).or_default().held += amount,
            State::Posted => {
                self.accounts.entry(row.from).or_default().posted -= settled;
                self.accounts.entry(row.to).or_default().posted += settled;
                let granted = self.lots.entry(row.id.uuid()).or_default();
                granted.account = Some(row.to);
                granted.granted = row.settled.micros();
            }
            State::Released | State::Expired => {}
        }
        self.provenance(row);
        match self.expected.remove(&row.id.uuid()) {
            Some(expected) => {
                let is = Posting { from: row.from, to: row.to, amount: row.settled.micros() };
                if is != expected || row.state != State::Posted {
                    self.differ("transfer", row.id.uuid(), "is not what its settled payment says".to_owned());
                }
            }
            None => _ = self.unexplained.insert(row.from),
        }
    }

    fn provenance(&mut self, row: &Transfer) {
        let paid: i64 = row.provenance.iter().map(|slice| slice.amount).sum();
        let at_most = if row.state == State::Posted { row.settled } else { row.amount };
        if paid > at_most.micros() || row.provenance.iter().any(|slice| slice.amount <= 0) {
            self.differ("transfer", row.id.uuid(), format!("its lots paid {paid} for {}", at_most.micros()));
        }
        if row.state != State::Posted && !row.settled.is_zero() {
            self.differ("transfer", row.id.uuid(), format!("{} but settled {}", row.state.as_str(), row.settled));
        }
        for slice in &row.provenance {
            let lot = self.lots.entry(slice.lot.uuid()).or_default();
            match row.state {
                State::Posted => lot.spent += slice.amount,
                State::Held => lot.held += slice.amount,
                State::Released | State::Expired => {}
            }
        }
    }

    pub(crate) fn audit_line(&mut self, row: &AuditRow) {
        self.report.audit_lines += 1;
        let key = (row.tenant.uuid(), row.chain);
        let (seq, previous) = self.chains.get(&key).copied().unwrap_or((0, [0; 32]));
        if row.seq != seq + 1 {
            self.differ("audit", row.chain, format!("line {} follows line {seq}", row.seq));
        }
        if audit::link(&previous, row) != row.hash {
            self.differ("audit", row.chain, format!("line {} does not have its hash", row.seq));
        }
        self.chains.insert(key, (row.seq, row.hash));
    }

    /// A guarded account; an unguarded one has no balance of its own, only [`Auditor::unguarded`].
    pub(crate) fn account(&mut self, row: &Account) {
        self.report.accounts += 1;
        self.parties.remove(&row.spec.id);
        let id = row.spec.id.uuid();
        let sums = self.accounts.get(&row.spec.id).copied().unwrap_or_default();
        for (name, said, is) in [("posted", row.posted, sums.posted), ("held", row.held, sums.held)] {
            if i128::from(said) != is {
                self.differ("account", id, format!("{name} says {said}, its transfers say {is}"));
            }
        }
        if row.spec.floor.is_some_and(|floor| row.posted - row.held < floor) {
            self.differ("account", id, format!("{} is below its floor", row.posted - row.held));
        }
        for lot in &row.lots {
            let sums = self.lots.remove(&lot.id.uuid()).unwrap_or_default();
            let is = sums.granted - sums.spent - sums.held;
            if sums.account != Some(row.spec.id) {
                self.differ("account", id, format!("lot {} was not granted to it", lot.id));
            } else if (lot.remaining, lot.held) != (is, sums.held) {
                let said = format!("lot {} says {} free and {} held", lot.id, lot.remaining, lot.held);
                self.differ("account", id, format!("{said}, its transfers say {is} and {}", sums.held));
            }
        }
    }

    pub(crate) fn unguarded(&mut self, spec: &AccountSpec) {
        self.parties.remove(&spec.id);
        self.unguarded.insert(spec.id);
        if spec.kind == AccountKind::Outside && self.unexplained.contains(&spec.id) {
            self.differ("account", spec.id.uuid(), "gave something that no settled payment explains".to_owned());
        }
    }

    pub(crate) fn finish(mut self) -> Report {
        let (payments, differences) = std::mem::take(&mut self.payments).finish();
        self.report.payments = payments;
        for (id, what) in differences {
            self.differ("payment", id, what);
        }
        let closed: Vec<(Uuid, i64)> = self
            .lots
            .iter()
            // What flows into an unguarded account is no lot.
            .filter(|(_, lot)| lot.account.is_none_or(|account| !self.unguarded.contains(&account)))
            .map(|(id, lot)| (*id, lot.granted - lot.spent - lot.held))
            .filter(|(_, rest)| *rest != 0)
            .collect();
        for (id, rest) in closed {
            self.differ("lot", id, format!("is not open on its account, yet {rest} of it is unspent"));
        }
        for id in std::mem::take(&mut self.expected).into_keys() {
            self.differ("transfer", id, "is missing: its payment is settled".to_owned());
        }
        for id in std::mem::take(&mut self.events).into_keys() {
            self.differ("usage_event", id, "has no transfer".to_owned());
        }
        for id in std::mem::take(&mut self.parties) {
            self.differ("account", id.uuid(), "has transfers but no row".to_owned());
        }
        self.report
    }

    fn differ(&mut self, table: &str, id: Uuid, what: String) {
        self.report.differences.push(Difference { row: format!("{table} {id}"), what });
    }
}
