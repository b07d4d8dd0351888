//! What PostgreSQL itself can do: two connections, each committing whatever is queued as one.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use sqlx::{Connection, PgConnection};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    ACCOUNTS,
    callers::{Answer, Burner},
};

const LANES: u64 = 2;
const BURN: &str = "WITH event AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS t(key, account)),
    locked AS MATERIALIZED (SELECT id FROM ceiling_account WHERE id = ANY(SELECT DISTINCT account FROM event) ORDER BY id FOR UPDATE),
    added AS (INSERT INTO ceiling_burn (key, account, amount) SELECT key, account, 1 FROM event
              JOIN (SELECT count(*) FROM locked) waited ON true ON CONFLICT DO NOTHING RETURNING account),
    total AS (SELECT account, count(*) AS amount FROM added GROUP BY account)
    UPDATE ceiling_account a SET balance = balance - total.amount FROM total
    WHERE a.id = total.account AND a.balance >= total.amount";

/// How a batch is written.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// The steps that a ledger cannot do without, on the narrowest rows: lock the balances, look for known keys, decide, write.
    LockDecideWrite,
    /// One statement: a burn without funds would be recorded all the same, and a replay has no answer.
    OneStatement,
}

type Job = (i64, Uuid, oneshot::Sender<bool>);

pub(crate) struct Ceiling {
    queues: Vec<mpsc::Sender<Job>>,
}

impl Ceiling {
    pub(crate) async fn open(url: &str, way: Way) -> anyhow::Result<Self> {
        let mut sql = PgConnection::connect(url).await?;
        for statement in [
            "DROP TABLE IF EXISTS ceiling_burn, ceiling_account",
            "CREATE TABLE ceiling_account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 70)",
            "CREATE TABLE ceiling_burn (key UUID PRIMARY KEY, account BIGINT NOT NULL, amount BIGINT NOT NULL, \
             at TIMESTAMPTZ NOT NULL DEFAULT now())",
        ] {
            sqlx::query(statement).execute(&mut sql).await?;
        }
        sqlx::query("INSERT INTO ceiling_account SELECT n, 1000000000000 FROM generate_series(0, $1) n")
            .bind(i64::try_from(ACCOUNTS)?)
            .execute(&mut sql)
            .await?;
        sqlx::query("ANALYZE ceiling_account").execute(&mut sql).await?;
        let mut queues = Vec::new();
        for _ in 0..LANES {
            let (queue, jobs) = mpsc::channel(4096);
            tokio::spawn(serve(PgConnection::connect(url).await?, jobs, way));
            queues.push(queue);
        }
        Ok(Self { queues })
    }
}

async fn serve(mut sql: PgConnection, mut jobs: mpsc::Receiver<Job>, way: Way) {
    let mut batch = Vec::with_capacity(512);
    while jobs.recv_many(&mut batch, 512).await > 0 {
        let keys: Vec<Uuid> = batch.iter().map(|(_, key, _)| *key).collect();
        let accounts: Vec<i64> = batch.iter().map(|(account, ..)| *account).collect();
        let done = match way {
            Way::OneStatement => sqlx::query(BURN).bind(keys).bind(accounts).execute(&mut sql).await.is_ok(),
            Way::LockDecideWrite => lock_decide_write(&mut sql, keys, accounts).await.is_ok(),
        };
        for (.., reply) in batch.drain(..) {
            let _ = reply.send(done);
        }
    }
}

async fn lock_decide_write(sql: &mut PgConnection, keys: Vec<Uuid>, accounts: Vec<i64>) -> anyhow::Result<()> {
    let mut transaction = sql.begin().await?;
    let balances: Vec<(i64, i64)> =
        sqlx::query_as("SELECT id, balance FROM ceiling_account WHERE id = ANY($1) ORDER BY id FOR UPDATE")
            .bind(&accounts)
            .fetch_all(&mut *transaction)
            .await?;
    let known: Vec<(Uuid,)> = sqlx::query_as("SELECT key FROM ceiling_burn WHERE key = ANY($1)")
        .bind(&keys)
        .fetch_all(&mut *transaction)
        .await?;
    ensure!(known.is_empty(), "keys are fresh");
    let mut balances: BTreeMap<i64, i64> = balances.into_iter().collect();
    for account in &accounts {
        let balance = balances.get_mut(account).filter(|balance| **balance >= 1);
        *balance.context("an account without funds")? -= 1;
    }
    sqlx::query("INSERT INTO ceiling_burn (key, account, amount) SELECT *, 1 FROM unnest($1::uuid[], $2::bigint[])")
        .bind(keys)
        .bind(accounts)
        .execute(&mut *transaction)
        .await?;
    let (ids, left): (Vec<i64>, Vec<i64>) = balances.into_iter().unzip();
    sqlx::query(
        "UPDATE ceiling_account a SET balance = n.balance FROM unnest($1::bigint[], $2::bigint[]) AS n (id, balance) \
         WHERE a.id = n.id",
    )
    .bind(ids)
    .bind(left)
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

impl Burner for Ceiling {
    fn burn(&self, account: u64, key: Uuid) -> Answer<'_, ()> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let lane = usize::try_from(account % LANES)?;
            self.queues[lane].send((i64::try_from(account)?, key, reply)).await?;
            ensure!(answer.await?, "the ceiling refused a burn");
            Ok(())
        })
    }

    fn check(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
