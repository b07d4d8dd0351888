//! Intents and names into SQLite.

use farebox_engine::settlement::{Attempt, PaymentKey, Settlement, SlotId};
use farebox_types::{Id, Merchant, Timestamp};
use rusqlite::Connection;

use super::settlement_reads::{named, next_nonce};
use crate::{
    Fault, Intended, Intents, SettlementName,
    settlements::columns::{outcome_columns, small},
};

/// Gives a payment a name unless it is taken; whose it is afterwards.
pub(super) fn name(
    sql: &Connection,
    tenant: Id<Merchant>,
    name: &SettlementName,
    at: Timestamp,
) -> Result<SettlementName, Fault> {
    sql.prepare_cached(
        "INSERT INTO settlement_name (tenant, scope, name, request_hash, key, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO NOTHING",
    )?
    .execute((tenant.uuid().as_bytes(), &name.scope, &name.name, name.request_hash, name.key.bytes(), at.micros()))?;
    let held = named(sql, tenant, &name.scope, &name.name)?;
    held.ok_or_else(|| Fault::never("a name that was written is not there"))
}

/// Writes intents, or says why not; the caller commits what is [`Intended::Written`] and nothing else. `from`: the slot that
/// the payments leave; without one they are new.
pub(super) fn intend(sql: &Connection, intents: &Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
    let next = next_nonce(sql, intents.tenant, intents.chain, intents.signer)?;
    if next != intents.expected {
        return Ok(Intended::Moved(next));
    }
    let all = || intents.intents.iter().flat_map(|intent| &intent.settlements);
    let mut known = Vec::new();
    for one in all() {
        let written = match from {
            None => add_settlement(sql, one)?,
            Some(from) => move_settlement(sql, one, from)?,
        };
        known.extend((!written).then_some(one.key));
    }
    if !known.is_empty() {
        return Ok(Intended::Known(known));
    }
    for one in &intents.names {
        let held = name(sql, intents.tenant, one, intents.at)?;
        if held != *one {
            return Ok(Intended::Named(held));
        }
    }
    for intent in &intents.intents {
        let slot = intent.settlements.first().and_then(|one| one.slot);
        if let (Some(slot), Some(attempt)) = (slot, &intent.attempt) {
            open_slot(sql, intents, slot)?;
            add_attempt(sql, intents.tenant, slot, attempt)?;
        }
    }
    let (tenant, chain, nonce) = (intents.tenant.uuid(), small(intents.chain)?, small(intents.next)?);
    sql.prepare_cached(
        "INSERT INTO signer (tenant, chain, signer, next_nonce) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tenant, chain, signer) DO UPDATE SET next_nonce = excluded.next_nonce",
    )?
    .execute((tenant.as_bytes(), chain, intents.signer.bytes(), nonce))?;
    Ok(Intended::Written)
}

fn open_slot(sql: &Connection, intents: &Intents, slot: SlotId) -> Result<(), Fault> {
    let (tenant, owner) = (intents.tenant.uuid(), intents.lease.0);
    sql.prepare_cached(
        "INSERT INTO slot (tenant, chain, signer, nonce, state, lease_owner, lease_until, created_at) \
         VALUES (?1, ?2, ?3, ?4, 'open', ?5, ?6, ?7)",
    )?
    .execute((
        tenant.as_bytes(),
        small(slot.chain)?,
        slot.signer.bytes(),
        small(slot.nonce)?,
        owner.as_bytes(),
        intents.lease.1.micros(),
        intents.at.micros(),
    ))?;
    Ok(())
}

pub(super) fn add_attempt(
    sql: &Connection,
    tenant: Id<Merchant>,
    slot: SlotId,
    attempt: &Attempt,
) -> Result<(), Fault> {
    sql.prepare_cached(
        "INSERT INTO attempt (tenant, chain, signer, nonce, hash, raw, max_fee, priority_fee, purpose, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )?
    .execute((
        tenant.uuid().as_bytes(),
        small(slot.chain)?,
        slot.signer.bytes(),
        small(slot.nonce)?,
        attempt.hash.bytes(),
        &attempt.raw,
        attempt.max_fee.to_string(),
        attempt.priority_fee.to_string(),
        attempt.purpose.as_str(),
        attempt.at.micros(),
    ))?;
    Ok(())
}

/// False if it has a row.
fn add_settlement(sql: &Connection, one: &Settlement) -> Result<bool, Fault> {
    let (state, transaction, block, reason) = outcome_columns(&one.outcome)?;
    let nonce = one.slot.map(|slot| small(slot.nonce)).transpose()?;
    let terms = &one.terms;
    let mut insert = sql.prepare_cached(
        "INSERT INTO settlement (tenant, key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, \
         nonce, state, transaction_hash, block, reason, created_at, pays_for) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
         ON CONFLICT DO NOTHING",
    )?;
    let tenant = one.tenant.uuid();
    let amount = terms.amount.to_string();
    let signer = one.slot.map(|slot| *slot.signer.bytes());
    let added = insert.execute(rusqlite::params![
        tenant.as_bytes(),
        one.key.bytes(),
        small(terms.chain)?,
        terms.scheme,
        terms.asset.bytes(),
        terms.payer.bytes(),
        terms.pay_to.bytes(),
        amount,
        terms.valid_until.micros(),
        one.evidence,
        signer,
        nonce,
        state,
        transaction,
        block,
        reason,
        one.created_at.micros(),
        one.pays_for,
    ])?;
    Ok(added == 1)
}

/// What a settled payment pays for has been given.
pub(super) fn given(sql: &Connection, tenant: Id<Merchant>, key: PaymentKey, at: Timestamp) -> Result<(), Fault> {
    sql.prepare_cached(
        "UPDATE settlement SET given_at = ?3 WHERE tenant = ?1 AND key = ?2 AND state = 'settled' \
         AND pays_for IS NOT NULL AND given_at IS NULL",
    )?
    .execute((tenant.uuid().as_bytes(), key.bytes(), at.micros()))?;
    Ok(())
}

/// False if it is no longer open in the slot that it leaves.
fn move_settlement(sql: &Connection, one: &Settlement, from: SlotId) -> Result<bool, Fault> {
    let Some(to) = one.slot else { return Err(Fault::never("a payment cannot leave its slot for none")) };
    let tenant = one.tenant.uuid();
    let moved = sql
        .prepare_cached(
            "UPDATE settlement SET signer = ?3, nonce = ?4 WHERE tenant = ?1 AND key = ?2 AND state = 'unknown' \
             AND chain = ?5 AND signer = ?6 AND nonce = ?7",
        )?
        .execute((
            tenant.as_bytes(),
            one.key.bytes(),
            to.signer.bytes(),
            small(to.nonce)?,
            small(from.chain)?,
            from.signer.bytes(),
            small(from.nonce)?,
        ))?;
    Ok(moved == 1)
}
