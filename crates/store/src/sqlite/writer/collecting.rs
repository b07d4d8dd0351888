//! Payments with the billing rows that depend on them, in one commit.

use farebox_engine::{
    ledger::{Book, Clocks, Needs},
    payment,
};
use rusqlite::TransactionBehavior;

use super::{Writer, billing, ledger, paying, payments, write_audit};
use crate::{
    Fault,
    audit::billing_entries,
    billing::{Collected, Collecting, Committed},
};

impl Writer {
    pub(super) fn collect_now(&mut self, collecting: &Collecting) -> Result<Collected, Fault> {
        let (now, write) = (self.clock.now(), &collecting.rows);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(before) = billing::before(&transaction, write)? {
            return Ok(Collected::Not(before));
        }
        self.memory.check(&transaction)?;
        let needs = payment::Needs::of(&collecting.payments);
        let mut paid = payment::Book::new(now, payments::load(&transaction, &needs)?);
        let answers: Vec<_> = collecting.payments.iter().map(|command| paid.apply(command)).collect();
        if !collecting.fits(&answers) {
            return Ok(Collected::Otherwise(answers));
        }
        let paid = paid.into_changes();
        if let Some(failed) = billing::write_rows(&transaction, write, now)? {
            return Ok(Collected::Not(failed));
        }
        let commands = collecting.commands(&paid);
        let clocks = Clocks::of(now, &commands);
        let (accounts, transfers) = ledger::load(&transaction, &self.memory.accounts, &Needs::of(&commands), &clocks)?;
        let mut book = Book::new(clocks, accounts, transfers);
        if let Err(refusal) = commands.iter().try_for_each(|command| book.apply(command).map(drop)) {
            return Ok(Collected::Not(Committed::Refused(refusal)));
        }
        payments::write(&transaction, &paid)?;
        let changes = book.into_changes();
        ledger::open_unguarded(&transaction, changes.unguarded.iter())?;
        ledger::write(&transaction, &changes)?;
        let beside = (write.tenant, billing_entries(write));
        let lines = paying::audit::lines_beside(&mut self.memory.chains, &changes.entries, &paid, beside, now);
        write_audit(&transaction, &lines)?;
        transaction.commit()?;
        self.memory.chains.advance(&lines);
        self.memory.accounts.remember(changes.accounts);
        Ok(Collected::Fresh(answers))
    }
}
