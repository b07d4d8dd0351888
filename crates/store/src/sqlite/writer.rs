//! The writer: one transaction a batch.

mod collecting;

use std::{collections::HashSet, sync::Arc};

use farebox_engine::{
    ledger::{AccountId, Book, Changes, Clocks, Command, Needs},
    payment,
    settlement::SlotId,
};
use farebox_types::{Clock, Id, Merchant, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{billing, cold, ledger, ledger::Accounts, payments, settlements};
use crate::{
    AuditRow, Decision, Fault, Intended, Intents, Record, Recorded, SettlementName, SlotStep, audit,
    audit::{Chains, billing_entries},
    billing::{BillingWrite, Collected, Collecting, Committed},
    lanes, payments as paying,
    settlements::columns::{intent_entries, step_entries},
    settlements::postings::{post, postings},
};

/// Unguarded accounts that are known to have a row; beyond this many the set starts over.
const MAX_KNOWN: usize = 100_000;

pub(super) struct Writer {
    connection: Connection,
    clock: Arc<dyn Clock>,
    memory: Memory,
}

/// What this writer, the only one, knows to be committed.
struct Memory {
    /// SQLite's count of what other connections have committed, as last seen.
    version: i64,
    chains: Chains,
    accounts: Accounts,
    known: HashSet<AccountId>,
}

impl Writer {
    pub(super) fn new(connection: Connection, clock: Arc<dyn Clock>) -> Self {
        let memory =
            Memory { version: 0, chains: Chains::start(), accounts: Accounts::default(), known: HashSet::new() };
        Self { connection, clock, memory }
    }

    fn batch_now(&mut self, commands: &[Command]) -> Result<Vec<Decision>, Fault> {
        let now = self.clock.now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.memory.check(&transaction)?;
        let clocks = Clocks::of(now, commands);
        let (accounts, transfers) = ledger::load(&transaction, &self.memory.accounts, &Needs::of(commands), &clocks)?;
        let mut book = Book::new(clocks, accounts, transfers);
        let decisions = commands.iter().map(|command| book.apply(command)).collect();
        let changes = book.into_changes();
        commit(transaction, &mut self.memory, changes, now)?;
        Ok(decisions)
    }

    fn sweep_now(&mut self, tenant: Id<Merchant>, limit: u32) -> Result<u32, Fault> {
        let now = self.clock.now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (accounts, transfers) = ledger::load_due(&transaction, tenant, limit, now)?;
        let touched = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
        let changes = Book::new(now, accounts, transfers).into_changes();
        commit(transaction, &mut self.memory, changes, now)?;
        Ok(touched)
    }

    fn intend_now(&mut self, intents: &Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let intended = settlements::intend(&transaction, intents, from)?;
        if intended == Intended::Written {
            let lines = self.memory.chains.next_with(&[], intents.tenant, intent_entries(intents, from), intents.at);
            write_audit(&transaction, &lines)?;
            transaction.commit()?;
            self.memory.chains.advance(&lines);
        }
        Ok(intended)
    }

    fn pay_now(&mut self, commands: &[payment::Command]) -> Result<Vec<payment::Answer>, Fault> {
        let now = self.clock.now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.memory.check(&transaction)?;
        let mut book = payment::Book::new(now, payments::load(&transaction, &payment::Needs::of(commands))?);
        let answers = commands.iter().map(|command| book.apply(command)).collect();
        let changes = book.into_changes();
        if changes.is_empty() {
            transaction.rollback()?;
            return Ok(answers);
        }
        let needs = Needs::of(&changes.postings);
        let (accounts, transfers) = ledger::load(&transaction, &self.memory.accounts, &needs, &now.into())?;
        let posted = post(Book::new(now, accounts, transfers), &changes.postings)?;
        payments::write(&transaction, &changes)?;
        ledger::open_unguarded(&transaction, posted.unguarded.iter())?;
        ledger::write(&transaction, &posted)?;
        let lines = paying::audit::lines(&mut self.memory.chains, &posted.entries, &changes, now);
        write_audit(&transaction, &lines)?;
        transaction.commit()?;
        self.memory.chains.advance(&lines);
        Ok(answers)
    }

    /// The steps' rows and their postings, in one commit.
    fn step_now(&mut self, steps: &[SlotStep]) -> Result<(), Fault> {
        let Some(first) = steps.first() else { return Ok(()) };
        let (now, commands) = (self.clock.now(), postings(steps));
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.memory.check(&transaction)?;
        let needs = Needs::of(&commands);
        let (accounts, transfers) = ledger::load(&transaction, &self.memory.accounts, &needs, &now.into())?;
        let changes = post(Book::new(now, accounts, transfers), &commands)?;
        for step in steps {
            super::steps::write(&transaction, step)?;
        }
        ledger::open_unguarded(&transaction, changes.unguarded.iter())?;
        ledger::write(&transaction, &changes)?;
        let entries = steps.iter().flat_map(step_entries).collect();
        let lines = self.memory.chains.next_with(&changes.entries, first.tenant, entries, first.at);
        write_audit(&transaction, &lines)?;
        transaction.commit()?;
        self.memory.chains.advance(&lines);
        Ok(())
    }

    fn name_now(
        &mut self,
        tenant: Id<Merchant>,
        name: &SettlementName,
        at: Timestamp,
    ) -> Result<SettlementName, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let held = settlements::name(&transaction, tenant, name, at)?;
        transaction.commit()?;
        Ok(held)
    }

    /// The rows and what the ledger says to the commands, in one commit.
    fn bill_now(&mut self, write: &BillingWrite) -> Result<Committed, Fault> {
        let now = self.clock.now();
        let clocks = Clocks::of(now, &write.commands);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(before) = billing::before(&transaction, write)? {
            return Ok(before);
        }
        self.memory.check(&transaction)?;
        // Rows first: a stale one is read again before the ledger is asked.
        if let Some(failed) = billing::write_rows(&transaction, write, now)? {
            return Ok(failed);
        }
        let needs = Needs::of(&write.commands);
        let (accounts, transfers) = ledger::load(&transaction, &self.memory.accounts, &needs, &clocks)?;
        let mut book = Book::new(clocks, accounts, transfers);
        let outcomes: Result<Vec<_>, _> = write.commands.iter().map(|command| book.apply(command)).collect();
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(refusal) => return Ok(Committed::Refused(refusal)),
        };
        let changes = book.into_changes();
        ledger::open_unguarded(&transaction, changes.unguarded.iter())?;
        ledger::write(&transaction, &changes)?;
        let lines = self.memory.chains.next_with(&changes.entries, write.tenant, billing_entries(write), write.at);
        write_audit(&transaction, &lines)?;
        transaction.commit()?;
        self.memory.chains.advance(&lines);
        self.memory.accounts.remember(changes.accounts);
        Ok(Committed::Fresh(outcomes))
    }

    fn record_now(&mut self, record: &Record) -> Result<Recorded, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let recorded = cold::write(&transaction, record)?;
        if recorded == Recorded::Fresh {
            let line = self.memory.chains.line(record.tenant, audit::record_entries(record), record.at);
            write_audit(&transaction, std::slice::from_ref(&line))?;
            transaction.commit()?;
            self.memory.chains.advance(&[line]);
        }
        Ok(recorded)
    }
}

impl Memory {
    /// Forgets everything if another connection has written since: most likely our own outbox, but no other writer, come in
    /// by whatever way, may make this one decide on old rows.
    fn check(&mut self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        let version = transaction.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version != self.version {
            self.version = version;
            self.accounts = Accounts::default();
            self.known.clear();
        }
        Ok(())
    }
}

fn commit(transaction: Transaction<'_>, memory: &mut Memory, changes: Changes, now: Timestamp) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(transaction.rollback()?);
    }
    if memory.known.len() > MAX_KNOWN {
        memory.known.clear();
    }
    ledger::open_unguarded(&transaction, changes.unguarded.iter().filter(|spec| !memory.known.contains(&spec.id)))?;
    ledger::write(&transaction, &changes)?;
    let lines = memory.chains.next(&changes.entries, now);
    write_audit(&transaction, &lines)?;
    transaction.commit()?;
    memory.chains.advance(&lines);
    memory.known.extend(changes.unguarded.iter().map(|spec| spec.id));
    memory.accounts.remember(changes.accounts);
    Ok(())
}

fn write_audit(transaction: &Transaction<'_>, lines: &[AuditRow]) -> Result<(), Fault> {
    for line in lines {
        let key = (line.tenant.uuid(), line.chain, line.seq);
        transaction
            .prepare_cached(
                "INSERT INTO audit (tenant, chain, seq, entries, hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((key.0.as_bytes(), key.1.as_bytes(), key.2, &line.entries, line.hash, line.created_at.micros()))?;
        transaction
            .prepare_cached("INSERT INTO outbox (tenant, chain, seq, created_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute((key.0.as_bytes(), key.1.as_bytes(), key.2, line.created_at.micros()))?;
    }
    Ok(())
}

// SQLite answers at once, on this writer's own thread: nothing here ever awaits.
impl lanes::Writer for Writer {
    async fn batch(&mut self, commands: &[Command]) -> Result<Vec<Decision>, Fault> {
        self.batch_now(commands)
    }

    async fn pay(&mut self, commands: &[payment::Command]) -> Result<Vec<payment::Answer>, Fault> {
        self.pay_now(commands)
    }

    async fn record(&mut self, record: &Record) -> Result<Recorded, Fault> {
        self.record_now(record)
    }

    async fn bill(&mut self, write: &BillingWrite) -> Result<Committed, Fault> {
        self.bill_now(write)
    }

    async fn collect(&mut self, collecting: &Collecting) -> Result<Collected, Fault> {
        self.collect_now(collecting)
    }

    async fn sweep(&mut self, tenant: Id<Merchant>, limit: u32) -> Result<u32, Fault> {
        self.sweep_now(tenant, limit)
    }

    async fn intend(&mut self, intents: &Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
        self.intend_now(intents, from)
    }

    async fn step(&mut self, steps: &[SlotStep]) -> Result<(), Fault> {
        self.step_now(steps)
    }

    async fn name(
        &mut self,
        tenant: Id<Merchant>,
        name: &SettlementName,
        at: Timestamp,
    ) -> Result<SettlementName, Fault> {
        self.name_now(tenant, name, at)
    }
}
