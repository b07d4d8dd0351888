//! Payments with the billing rows that depend on them, in one commit.

use farebox_engine::{
    ledger::{Book, Clocks, Needs},
    payment,
};
use sqlx::PgConnection;

use super::{Failure, Work, begin, billing, ledger, limited, paying, payments, raced};
use crate::{
    audit::billing_entries,
    billing::{Collected, Collecting, Committed},
};

impl Work {
    /// Locks payments first, then billing rows, then accounts: as every other write that takes some of them.
    pub(super) async fn collect(
        &mut self,
        sql: &mut PgConnection,
        collecting: &Collecting,
    ) -> Result<Collected, Failure> {
        let (now, write) = (self.clock.now(), &collecting.rows);
        let mut transaction = begin(sql).await?;
        let needs = payment::Needs::of(&collecting.payments);
        let mut paid = payment::Book::new(now, limited(payments::load(&mut transaction, &needs)).await?);
        let answers: Vec<_> = collecting.payments.iter().map(|command| paid.apply(command)).collect();
        if !collecting.fits(&answers) {
            limited(transaction.rollback()).await?;
            return Ok(Collected::Otherwise(answers));
        }
        let paid = paid.into_changes();
        if let Some(other) = limited(billing::write(&mut transaction, write, now)).await? {
            limited(transaction.rollback()).await?;
            return Ok(Collected::Not(other));
        }
        let commands = collecting.commands(&paid);
        let clocks = Clocks::of(now, &commands);
        let loaded = limited(ledger::load(&mut transaction, &Needs::of(&commands), &clocks)).await?;
        let mut book = Book::new(clocks, loaded.accounts, loaded.transfers);
        if let Err(refusal) = commands.iter().try_for_each(|command| book.apply(command).map(drop)) {
            limited(transaction.rollback()).await?;
            return Ok(Collected::Not(Committed::Refused(refusal)));
        }
        limited(payments::write(&mut transaction, &paid)).await.map_err(raced)?;
        let changes = book.into_changes();
        let (old, new) =
            changes.accounts.iter().partition::<Vec<_>, _>(|account| loaded.found.contains(&account.spec.id));
        self.open(&mut transaction, &new, &changes).await?;
        let beside = (write.tenant, billing_entries(write));
        let lines = paying::audit::lines_beside(&mut self.chains, &changes.entries, &paid, beside, now);
        limited(ledger::write(&mut transaction, &old, &changes, &lines)).await.map_err(raced)?;
        limited(transaction.commit()).await.map_err(Failure::Commit)?;
        self.chains.advance(&lines);
        self.known.extend(changes.unguarded.iter().map(|spec| spec.id));
        Ok(Collected::Fresh(answers))
    }
}
