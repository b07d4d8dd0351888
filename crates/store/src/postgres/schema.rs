//! The schema of a PostgreSQL database.

use farebox_types::Timestamp;
use sqlx::{Connection, PgConnection, PgPool};

use super::connect::limited;
use crate::{
    Fault, SchemaState,
    migration::{self, POSTGRES},
};

const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT NOT NULL PRIMARY KEY, \
                      name TEXT NOT NULL, applied_at BIGINT NOT NULL)";
const TRIES: u32 = 5;

pub(super) async fn state(pool: &PgPool) -> Result<SchemaState, Fault> {
    let mut connection = limited(pool.acquire()).await?;
    Ok(migration::state(limited(applied(&mut connection)).await?, POSTGRES))
}

async fn applied(sql: &mut PgConnection) -> sqlx::Result<i64> {
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass('schema_migration') IS NOT NULL").fetch_one(&mut *sql).await?;
    if !exists {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM schema_migration").fetch_one(sql).await
}

/// One transaction: all missing steps, or none. Whoever comes second waits, and finds them done.
pub(super) async fn migrate(mut sql: PgConnection, now: Timestamp) -> Result<SchemaState, Fault> {
    record_exists(&mut sql).await?;
    let mut transaction = sql.begin().await?;
    sqlx::query("LOCK TABLE schema_migration IN ACCESS EXCLUSIVE MODE").execute(&mut *transaction).await?;
    let at = applied(&mut transaction).await?;
    for step in POSTGRES.iter().filter(|step| step.number > at) {
        sqlx::raw_sql(step.sql).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO schema_migration (number, name, applied_at) VALUES ($1, $2, $3)")
            .bind(step.number)
            .bind(step.name)
            .bind(now.micros())
            .execute(&mut *transaction)
            .await?;
    }
    let at = applied(&mut transaction).await?;
    transaction.commit().await?;
    // The connection is closed by being dropped; its work is committed.
    Ok(migration::state(at, POSTGRES))
}

/// `IF NOT EXISTS` looks before it writes, so two at once may both write: the second fails, and then finds the table.
async fn record_exists(sql: &mut PgConnection) -> Result<(), Fault> {
    let mut tries = 1;
    loop {
        match sqlx::query(RECORD).execute(&mut *sql).await {
            Err(error) if already_there(&error) && tries < TRIES => tries += 1,
            done => return done.map(|_| ()).map_err(Fault::from),
        }
    }
}

fn already_there(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("23505" | "42P07" | "42710"))
}

pub(super) async fn is_claimed(pool: &PgPool) -> Result<bool, Fault> {
    Ok(limited(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM instance)").fetch_one(pool)).await?)
}

pub(super) async fn claim(pool: &PgPool, fingerprint: [u8; 32]) -> Result<bool, Fault> {
    let first = sqlx::query("INSERT INTO instance (id, fingerprint) VALUES (1, $1) ON CONFLICT DO NOTHING");
    limited(first.bind(fingerprint).execute(pool)).await?;
    let first: [u8; 32] = limited(sqlx::query_scalar("SELECT fingerprint FROM instance").fetch_one(pool)).await?;
    Ok(first == fingerprint)
}
