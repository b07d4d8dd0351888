//! The schema of a SQLite file.

use farebox_types::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    Fault, SchemaState,
    migration::{self, SQLITE},
};

pub(super) fn state(sql: &Connection) -> Result<SchemaState, Fault> {
    Ok(migration::state(applied(sql)?, SQLITE))
}

fn applied(sql: &Connection) -> Result<i64, Fault> {
    let exists: Option<i64> = sql
        .query_row("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'", [], |row| row.get(0))
        .optional()?;
    if exists.is_none() {
        return Ok(0);
    }
    Ok(sql.query_row("SELECT coalesce(max(number), 0) FROM schema_migration", [], |row| row.get(0))?)
}

/// One exclusive transaction: all missing steps, or none.
pub(super) fn migrate(sql: &mut Connection, now: Timestamp) -> Result<SchemaState, Fault> {
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
         applied_at INTEGER NOT NULL) STRICT",
    )?;
    let at = applied(&transaction)?;
    for step in SQLITE.iter().filter(|step| step.number > at) {
        transaction.execute_batch(step.sql)?;
        let row = (step.number, step.name, now.micros());
        transaction.execute("INSERT INTO schema_migration (number, name, applied_at) VALUES (?1, ?2, ?3)", row)?;
    }
    transaction.commit()?;
    state(sql)
}

pub(super) fn claim(sql: &Connection, fingerprint: [u8; 32]) -> Result<bool, Fault> {
    sql.execute("INSERT INTO instance (id, fingerprint) VALUES (1, ?1) ON CONFLICT DO NOTHING", [fingerprint])?;
    let first: [u8; 32] = sql.query_row("SELECT fingerprint FROM instance", [], |row| row.get(0))?;
    Ok(first == fingerprint)
}
