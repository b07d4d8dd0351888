//! What looks at slots led to, into SQLite.

use farebox_engine::settlement::{Attempt, Outcome, PaymentKey, SlotId};
use farebox_types::{Address, Id, Merchant};
use rusqlite::{Connection, OptionalExtension};

use super::settlements::add_attempt;
use crate::{
    Fault, SlotStep,
    settlements::{
        checks::{Before, is_new, is_over, no_slot, still_unknown},
        columns::{outcome_columns, small},
    },
};

/// Writes a step's rows; the caller writes its postings beside them.
pub(super) fn write(sql: &Connection, step: &SlotStep) -> Result<(), Fault> {
    let is_open = is_open(sql, step)?;
    for one in &step.conclusions {
        let before = before(sql, one.tenant, one.key)?;
        if is_new(step, one, before.as_ref())? {
            conclude(sql, one.tenant, one.key, &one.outcome)?;
        }
    }
    if let Some(attempt) = &step.attempt {
        if !is_open && !has_attempt(sql, step, attempt)? {
            return Err(is_over(&step.slot));
        }
        add_attempt(sql, step.tenant, step.slot, attempt)?;
    }
    if step.closes { close(sql, step) } else { Ok(()) }
}

fn is_open(sql: &Connection, step: &SlotStep) -> Result<bool, Fault> {
    let (tenant, chain, nonce) = (step.tenant.uuid(), small(step.slot.chain)?, small(step.slot.nonce)?);
    let state: Option<String> = sql
        .prepare_cached("SELECT state FROM slot WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4")?
        .query_row((tenant.as_bytes(), chain, step.slot.signer.bytes(), nonce), |row| row.get(0))
        .optional()?;
    state.map(|state| state == "open").ok_or_else(|| no_slot(&step.slot))
}

fn before(sql: &Connection, tenant: Id<Merchant>, key: PaymentKey) -> Result<Option<Before>, Fault> {
    let mut statement = sql
        .prepare_cached("SELECT state, amount, chain, signer, nonce FROM settlement WHERE tenant = ?1 AND key = ?2")?;
    let read = |row: &rusqlite::Row<'_>| {
        let (chain, signer): (i64, Option<[u8; 20]>) = (row.get(2)?, row.get(3)?);
        let slot = signer.zip(row.get::<_, Option<i64>>(4)?).map(|(signer, nonce)| SlotId {
            chain: chain.cast_unsigned(),
            signer: Address::from_bytes(signer),
            nonce: nonce.cast_unsigned(),
        });
        Ok(Before { state: row.get(0)?, amount: row.get(1)?, slot })
    };
    Ok(statement.query_row((tenant.uuid().as_bytes(), key.bytes()), read).optional()?)
}

fn conclude(sql: &Connection, tenant: Id<Merchant>, key: PaymentKey, outcome: &Outcome) -> Result<(), Fault> {
    let (state, transaction, block, reason) = outcome_columns(outcome)?;
    sql.prepare_cached(
        "UPDATE settlement SET state = ?3, transaction_hash = ?4, block = ?5, reason = ?6 WHERE tenant = ?1 AND key = ?2",
    )?
    .execute((tenant.uuid().as_bytes(), key.bytes(), state, transaction, block, reason))?;
    Ok(())
}

fn has_attempt(sql: &Connection, step: &SlotStep, attempt: &Attempt) -> Result<bool, Fault> {
    let (tenant, chain, nonce) = (step.tenant.uuid(), small(step.slot.chain)?, small(step.slot.nonce)?);
    let mut statement = sql.prepare_cached(
        "SELECT 1 FROM attempt WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4 AND hash = ?5",
    )?;
    Ok(statement.exists((tenant.as_bytes(), chain, step.slot.signer.bytes(), nonce, attempt.hash.bytes()))?)
}

/// Nothing of a slot that is over can be sent or shown any more; nothing in it may be unknown.
fn close(sql: &Connection, step: &SlotStep) -> Result<(), Fault> {
    let (tenant, chain, nonce) = (step.tenant.uuid(), small(step.slot.chain)?, small(step.slot.nonce)?);
    let key = (tenant.as_bytes(), chain, step.slot.signer.bytes(), nonce);
    let unknown: Option<[u8; 32]> = sql
        .prepare_cached(
            "SELECT key FROM settlement WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4 \
             AND state = 'unknown'",
        )?
        .query_row(key, |row| row.get(0))
        .optional()?;
    if let Some(unknown) = unknown {
        return Err(still_unknown(unknown));
    }
    for text in [
        "UPDATE slot SET state = 'closed' WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
        "UPDATE attempt SET raw = x'' WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
        "UPDATE settlement SET evidence = '' WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
    ] {
        sql.prepare_cached(text)?.execute(key)?;
    }
    Ok(())
}
