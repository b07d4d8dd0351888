//! What SQLite itself can do: one thread, one transaction for whatever is queued, two statements a burn.

use std::{path::Path, thread};

use anyhow::ensure;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use uuid::Uuid;

use super::{
    ACCOUNTS,
    callers::{Answer, Burner},
};

type Job = (i64, Uuid, oneshot::Sender<bool>);

pub(crate) struct Ceiling {
    queue: mpsc::Sender<Job>,
}

impl Ceiling {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut sql = Connection::open(path)?;
        sql.pragma_update(None, "journal_mode", "WAL")?;
        sql.pragma_update(None, "synchronous", "FULL")?;
        sql.execute_batch(
            "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));
             CREATE TABLE burn (key BLOB PRIMARY KEY, account INTEGER NOT NULL, amount INTEGER NOT NULL) WITHOUT ROWID;",
        )?;
        for account in 0..ACCOUNTS {
            sql.execute("INSERT INTO account VALUES (?1, 1000000000000)", [i64::try_from(account)?])?;
        }
        let (queue, mut jobs) = mpsc::channel::<Job>(4096);
        thread::spawn(move || {
            let mut batch = Vec::with_capacity(512);
            while jobs.blocking_recv_many(&mut batch, 512) > 0 {
                let done = commit(&mut sql, &batch).unwrap_or_default();
                for ((.., reply), done) in batch.drain(..).zip(done) {
                    let _ = reply.send(done);
                }
            }
        });
        Ok(Self { queue })
    }
}

fn commit(sql: &mut Connection, batch: &[Job]) -> rusqlite::Result<Vec<bool>> {
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut done = Vec::with_capacity(batch.len());
    for (account, key, _) in batch {
        let fresh = transaction
            .prepare_cached("INSERT INTO burn VALUES (?1, ?2, 1) ON CONFLICT DO NOTHING")?
            .execute((key.as_bytes(), account))?;
        let paid = transaction
            .prepare_cached("UPDATE account SET balance = balance - 1 WHERE id = ?1 AND balance >= 1")?
            .execute([account])?;
        done.push(fresh == 1 && paid == 1);
    }
    transaction.commit()?;
    Ok(done)
}

impl Burner for Ceiling {
    fn burn(&self, account: u64, key: Uuid) -> Answer<'_, ()> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            self.queue.send((i64::try_from(account)?, key, reply)).await?;
            ensure!(answer.await?, "the ceiling refused a burn");
            Ok(())
        })
    }

    fn check(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
