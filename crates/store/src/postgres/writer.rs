//! A lane's writer: one connection, one transaction a batch.

mod collecting;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use farebox_engine::{
    ledger::{Account, AccountId, Book, Changes, Clocks, Command, Needs},
    payment,
    settlement::SlotId,
};
use farebox_types::{Clock, Id, Merchant, Timestamp};
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use super::{
    billing, cold,
    connect::{Server, limited},
    fault, ledger, payments, settlements,
};
use crate::{
    Decision, Fault, Intended, Intents, Record, Recorded, Retry, SettlementName, SlotStep, audit,
    audit::{Chains, billing_entries},
    billing::{BillingWrite, Collected, Collecting, Committed},
    lanes, payments as paying,
    settlements::columns::{intent_entries, step_entries},
    settlements::postings::{post, postings},
};

/// Unguarded accounts that are known to have a row; beyond this many the set starts over.
const MAX_KNOWN: usize = 100_000;
/// Races lost in a row, after which each command runs alone.
const MAX_RACES: u32 = 3;
const PING_LIMIT: Duration = Duration::from_secs(1);

/// A connection that is replaced when it is lost, and what it is used for.
pub(super) struct Writer {
    server: Server,
    connection: Option<PgConnection>,
    work: Work,
    races: u32,
}

/// What this writer alone knows to be committed.
struct Work {
    clock: Arc<dyn Clock>,
    chains: Chains,
    known: HashSet<AccountId>,
}

/// Why a transaction did not end well.
enum Failure {
    /// Nothing was written.
    Sql(sqlx::Error),
    /// Nothing was written: a row that was not there at first came from somewhere else.
    Raced,
    /// COMMIT was sent.
    Commit(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Writer {
    /// A writer over `connection`, or over one that it opens when there is something to write.
    pub(super) fn new(server: Server, connection: Option<PgConnection>, clock: Arc<dyn Clock>) -> Self {
        let work = Work { clock, chains: Chains::start(), known: HashSet::new() };
        Self { server, connection, work, races: 0 }
    }

    async fn connection(&mut self) -> Result<PgConnection, Fault> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            // Whatever keeps a running process from its database, nothing was written and it may come back.
            None => self
                .server
                .connect_writer()
                .await
                .map_err(|fault| Fault { retry: Retry::After(Duration::from_secs(1)), ..fault }),
        }
    }

    /// Keeps the connection if it can go on, and says what a failure means.
    async fn ended<T>(&mut self, mut sql: PgConnection, answer: Result<T, Failure>) -> Result<T, Fault> {
        let failure = match answer {
            Ok(answer) => {
                self.connection = Some(sql);
                self.races = 0;
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        let survives = match &failure {
            Failure::Sql(error) => fault::survives(error),
            Failure::Raced => true,
            Failure::Commit(_) => false,
        };
        // A rollback is only queued until the next round trip: locks must not wait for the next command.
        if survives && matches!(tokio::time::timeout(PING_LIMIT, sql.ping()).await, Ok(Ok(()))) {
            self.connection = Some(sql);
        }
        Err(self.fault(&failure))
    }

    fn fault(&mut self, failure: &Failure) -> Fault {
        match failure {
            Failure::Sql(error) => fault::of(error),
            Failure::Commit(error) => {
                // The line may be there or not; a chain of its own follows either way.
                self.work.chains = Chains::start();
                fault::at_commit(error)
            }
            Failure::Raced => {
                self.races += 1;
                let retry = if self.races.is_multiple_of(MAX_RACES) {
                    Retry::Never
                } else {
                    Retry::After(Duration::from_millis(20))
                };
                Fault { what: "the same write came from elsewhere at the same time".into(), retry }
            }
        }
    }
}

impl lanes::Writer for Writer {
    async fn batch(&mut self, commands: &[Command]) -> Result<Vec<Decision>, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.batch(&mut sql, commands).await;
        self.ended(sql, answer).await
    }

    async fn pay(&mut self, commands: &[payment::Command]) -> Result<Vec<payment::Answer>, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.pay(&mut sql, commands).await;
        self.ended(sql, answer).await
    }

    async fn record(&mut self, record: &Record) -> Result<Recorded, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.record(&mut sql, record).await;
        self.ended(sql, answer).await
    }

    async fn intend(&mut self, intents: &Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.intend(&mut sql, intents, from).await;
        self.ended(sql, answer).await
    }

    async fn step(&mut self, steps: &[SlotStep]) -> Result<(), Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.step(&mut sql, steps).await;
        self.ended(sql, answer).await
    }

    async fn name(
        &mut self,
        tenant: Id<Merchant>,
        name: &SettlementName,
        at: Timestamp,
    ) -> Result<SettlementName, Fault> {
        let mut sql = self.connection().await?;
        let answer = limited(settlements::name(&mut sql, tenant, name, at)).await.map_err(Failure::Sql);
        self.ended(sql, answer).await
    }

    async fn bill(&mut self, write: &BillingWrite) -> Result<Committed, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.bill(&mut sql, write).await;
        self.ended(sql, answer).await
    }

    async fn collect(&mut self, collecting: &Collecting) -> Result<Collected, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.collect(&mut sql, collecting).await;
        self.ended(sql, answer).await
    }

    async fn sweep(&mut self, tenant: Id<Merchant>, limit: u32) -> Result<u32, Fault> {
        let mut sql = self.connection().await?;
        let answer = self.work.sweep(&mut sql, tenant, limit).await;
        self.ended(sql, answer).await
    }
}

impl Work {
    async fn batch(&mut self, sql: &mut PgConnection, commands: &[Command]) -> Result<Vec<Decision>, Failure> {
        let now = self.clock.now();
        let mut transaction = begin(sql).await?;
        let clocks = Clocks::of(now, commands);
        let loaded = limited(ledger::load(&mut transaction, &Needs::of(commands), &clocks)).await?;
        let mut book = Book::new(clocks, loaded.accounts, loaded.transfers);
        let decisions = commands.iter().map(|command| book.apply(command)).collect();
        self.commit(transaction, &loaded.found, book.into_changes(), now).await?;
        Ok(decisions)
    }

    async fn sweep(&mut self, sql: &mut PgConnection, tenant: Id<Merchant>, limit: u32) -> Result<u32, Failure> {
        let now = self.clock.now();
        let mut transaction = begin(sql).await?;
        let loaded = limited(ledger::load_due(&mut transaction, tenant, limit, now)).await?;
        let touched = u32::try_from(loaded.accounts.len()).unwrap_or(u32::MAX);
        let changes = Book::new(now, loaded.accounts, loaded.transfers).into_changes();
        self.commit(transaction, &loaded.found, changes, now).await?;
        Ok(touched)
    }

    async fn intend(
        &mut self,
        sql: &mut PgConnection,
        intents: &Intents,
        from: Option<SlotId>,
    ) -> Result<Intended, Failure> {
        let mut transaction = begin(sql).await?;
        let intended = limited(settlements::intend(&mut transaction, intents, from)).await?;
        if intended != Intended::Written {
            limited(transaction.rollback()).await?;
            return Ok(intended);
        }
        let lines = self.chains.next_with(&[], intents.tenant, intent_entries(intents, from), intents.at);
        limited(ledger::write(&mut transaction, &[], &Changes::default(), &lines)).await?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&lines);
        Ok(intended)
    }

    async fn pay(
        &mut self,
        sql: &mut PgConnection,
        commands: &[payment::Command],
    ) -> Result<Vec<payment::Answer>, Failure> {
        let now = self.clock.now();
        let mut transaction = begin(sql).await?;
        let loaded = limited(payments::load(&mut transaction, &payment::Needs::of(commands))).await?;
        let mut book = payment::Book::new(now, loaded);
        let answers = commands.iter().map(|command| book.apply(command)).collect();
        let changes = book.into_changes();
        if changes.is_empty() {
            limited(transaction.rollback()).await?;
            return Ok(answers);
        }
        let mut posted = Changes::default();
        if !changes.postings.is_empty() {
            let loaded = limited(ledger::load(&mut transaction, &Needs::of(&changes.postings), &now.into())).await?;
            posted = post(Book::new(now, loaded.accounts, loaded.transfers), &changes.postings)
                .map_err(fault::unreadable)?;
        }
        limited(payments::write(&mut transaction, &changes)).await.map_err(raced)?;
        self.open(&mut transaction, &[], &posted).await?;
        let lines = paying::audit::lines(&mut self.chains, &posted.entries, &changes, now);
        limited(ledger::write(&mut transaction, &[], &posted, &lines)).await.map_err(raced)?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&lines);
        self.known.extend(posted.unguarded.iter().map(|spec| spec.id));
        Ok(answers)
    }

    /// The steps' rows and their postings, in one commit.
    async fn step(&mut self, sql: &mut PgConnection, steps: &[SlotStep]) -> Result<(), Failure> {
        let Some(first) = steps.first() else { return Ok(()) };
        let (now, commands) = (self.clock.now(), postings(steps));
        let mut transaction = begin(sql).await?;
        limited(super::steps::write(&mut transaction, first.tenant, steps)).await?;
        let mut changes = Changes::default();
        if !commands.is_empty() {
            let loaded = limited(ledger::load(&mut transaction, &Needs::of(&commands), &now.into())).await?;
            let book = Book::new(now, loaded.accounts, loaded.transfers);
            changes = post(book, &commands).map_err(fault::unreadable)?;
        }
        self.open(&mut transaction, &[], &changes).await?;
        let entries = steps.iter().flat_map(step_entries).collect();
        let lines = self.chains.next_with(&changes.entries, first.tenant, entries, first.at);
        limited(ledger::write(&mut transaction, &[], &changes, &lines)).await.map_err(raced)?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&lines);
        self.known.extend(changes.unguarded.iter().map(|spec| spec.id));
        Ok(())
    }

    /// The rows and what the ledger says to the commands, in one commit.
    async fn bill(&mut self, sql: &mut PgConnection, write: &BillingWrite) -> Result<Committed, Failure> {
        let now = self.clock.now();
        let clocks = Clocks::of(now, &write.commands);
        let mut transaction = begin(sql).await?;
        if let Some(other) = limited(billing::write(&mut transaction, write, now)).await? {
            limited(transaction.rollback()).await?;
            return Ok(other);
        }
        let loaded = limited(ledger::load(&mut transaction, &Needs::of(&write.commands), &clocks)).await?;
        let mut book = Book::new(clocks, loaded.accounts, loaded.transfers);
        let outcomes: Result<Vec<_>, _> = write.commands.iter().map(|command| book.apply(command)).collect();
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(refusal) => {
                limited(transaction.rollback()).await?;
                return Ok(Committed::Refused(refusal));
            }
        };
        let changes = book.into_changes();
        let (old, new) =
            changes.accounts.iter().partition::<Vec<_>, _>(|account| loaded.found.contains(&account.spec.id));
        self.open(&mut transaction, &new, &changes).await?;
        let lines = self.chains.next_with(&changes.entries, write.tenant, billing_entries(write), write.at);
        limited(ledger::write(&mut transaction, &old, &changes, &lines)).await.map_err(raced)?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&lines);
        self.known.extend(changes.unguarded.iter().map(|spec| spec.id));
        Ok(Committed::Fresh(outcomes))
    }

    async fn record(&mut self, sql: &mut PgConnection, record: &Record) -> Result<Recorded, Failure> {
        let mut transaction = begin(sql).await?;
        let recorded = limited(cold::write(&mut transaction, record)).await?;
        if recorded != Recorded::Fresh {
            limited(transaction.rollback()).await?;
            return Ok(recorded);
        }
        let line = self.chains.line(record.tenant, audit::record_entries(record), record.at);
        limited(ledger::write(&mut transaction, &[], &Changes::default(), std::slice::from_ref(&line))).await?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&[line]);
        Ok(recorded)
    }

    /// Writes what has changed and commits. New accounts come before transfers, each in order of id: two transactions may
    /// wait for one another's commit, but never both at once.
    async fn commit(
        &mut self,
        mut transaction: Transaction<'_, Postgres>,
        found: &BTreeSet<AccountId>,
        changes: Changes,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if changes.is_empty() {
            return Ok(limited(transaction.rollback()).await?);
        }
        let (old, new) = changes.accounts.iter().partition::<Vec<_>, _>(|account| found.contains(&account.spec.id));
        self.open(&mut transaction, &new, &changes).await?;
        let lines = self.chains.next(&changes.entries, now);
        limited(ledger::write(&mut transaction, &old, &changes, &lines)).await.map_err(raced)?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&lines);
        self.known.extend(changes.unguarded.iter().map(|spec| spec.id));
        Ok(())
    }

    /// Gives accounts their first row: guarded ones that are `new`, and unguarded ones that are not known to have one.
    async fn open(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        new: &[&Account],
        changes: &Changes,
    ) -> Result<(), Failure> {
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        let unguarded: Vec<_> = changes.unguarded.iter().filter(|spec| !self.known.contains(&spec.id)).collect();
        let opens = !new.is_empty() || !unguarded.is_empty();
        if opens && !limited(ledger::open(transaction, new, &unguarded)).await? {
            return Err(Failure::Raced);
        }
        Ok(())
    }
}

/// A statement sees what was committed before it began, so one that follows a lock sees what the lock waited for.
async fn begin(sql: &mut PgConnection) -> sqlx::Result<Transaction<'_, Postgres>> {
    limited(sql.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED")).await
}

fn raced(error: sqlx::Error) -> Failure {
    if fault::is_taken(&error) { Failure::Raced } else { Failure::Sql(error) }
}
