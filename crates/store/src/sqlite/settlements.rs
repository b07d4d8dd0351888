//! Settlement rows in and out of SQLite.

use farebox_engine::settlement::{Attempt, Outcome, PaymentKey, Settlement, Slot, SlotId};
use farebox_types::{Address, Id, Merchant, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use uuid::Uuid;

use super::ledger::uuid;
use crate::{
    Fault, Intended, Intents, SettlementName, SlotStep,
    settlements::columns::{AttemptRow, LEFT_OPEN, SettlementRow, empty_slot, may_follow, outcome_columns, small},
};

const SETTLEMENT: &str = "SELECT key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, nonce, state, \
                          transaction_hash, block, reason, created_at FROM settlement";

pub(super) fn next_nonce(
    sql: &Connection,
    tenant: Id<Merchant>,
    chain: u64,
    signer: Address,
) -> Result<Option<u64>, Fault> {
    let mut statement =
        sql.prepare_cached("SELECT next_nonce FROM signer WHERE tenant = ?1 AND chain = ?2 AND signer = ?3")?;
    let key = (tenant.uuid(), small(chain)?, signer);
    let row = statement.query_row((key.0.as_bytes(), key.1, key.2.bytes()), |row| row.get::<_, i64>(0)).optional()?;
    Ok(row.map(i64::cast_unsigned))
}

pub(super) fn settlement(sql: &Connection, tenant: Id<Merchant>, key: PaymentKey) -> Result<Option<Settlement>, Fault> {
    let rest = "WHERE tenant = ?1 AND key = ?2";
    Ok(select(sql, tenant, rest, (tenant.uuid().as_bytes(), key.bytes()))?.pop())
}

fn select(sql: &Connection, tenant: Id<Merchant>, rest: &str, params: impl Params) -> Result<Vec<Settlement>, Fault> {
    let mut statement = sql.prepare_cached(&format!("{SETTLEMENT} {rest}"))?;
    let rows = statement.query_map(params, |row| Ok(read_settlement(row)))?;
    rows.map(|row| row??.read(tenant)).collect()
}

/// Calls `see` with every settlement.
pub(super) fn each(sql: &Connection, mut see: impl FnMut(&Settlement)) -> Result<(), Fault> {
    let text = SETTLEMENT.replace(" FROM settlement", ", tenant FROM settlement");
    let mut statement = sql.prepare(&text)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(&read_settlement(row)?.read(Id::from_uuid(uuid(row, 16)?))?);
    }
    Ok(())
}

/// Calls `see` with what a closed slot has left open.
pub(super) fn each_left_open(sql: &Connection, mut see: impl FnMut(String)) -> Result<(), Fault> {
    let mut statement = sql.prepare(LEFT_OPEN)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(row.get(0)?);
    }
    Ok(())
}

fn read_settlement(row: &Row<'_>) -> Result<SettlementRow, Fault> {
    let signer: Option<[u8; 20]> = row.get(9)?;
    let nonce: Option<i64> = row.get(10)?;
    Ok(SettlementRow {
        key: row.get(0)?,
        chain: row.get(1)?,
        scheme: row.get(2)?,
        asset: row.get(3)?,
        payer: row.get(4)?,
        pay_to: row.get(5)?,
        amount: row.get(6)?,
        valid_until: row.get(7)?,
        evidence: row.get(8)?,
        slot: signer.zip(nonce),
        state: row.get(11)?,
        transaction: row.get(12)?,
        block: row.get(13)?,
        reason: row.get(14)?,
        created_at: row.get(15)?,
    })
}

pub(super) fn named(
    sql: &Connection,
    tenant: Id<Merchant>,
    scope: &str,
    name: &str,
) -> Result<Option<SettlementName>, Fault> {
    let mut statement = sql.prepare_cached(
        "SELECT request_hash, key FROM settlement_name WHERE tenant = ?1 AND scope = ?2 AND name = ?3",
    )?;
    let row = statement.query_row((tenant.uuid().as_bytes(), scope, name), |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?.map(|(request_hash, key)| SettlementName {
        scope: scope.to_owned(),
        name: name.to_owned(),
        request_hash,
        key: PaymentKey::from_bytes(key),
    }))
}

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

pub(super) fn slot(sql: &Connection, tenant: Id<Merchant>, id: SlotId) -> Result<Option<Slot>, Fault> {
    let mut statement = sql.prepare_cached(
        "SELECT created_at FROM slot WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
    )?;
    let (owner, chain, nonce) = (tenant.uuid(), small(id.chain)?, small(id.nonce)?);
    let key = (owner.as_bytes(), chain, id.signer.bytes(), nonce);
    let Some(created_at) = statement.query_row(key, |row| row.get(0)).optional()? else { return Ok(None) };
    let mut slot = empty_slot(tenant, id, created_at);
    let rest = "WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4";
    slot.settlements = select(sql, tenant, rest, key)?;
    let mut attempts = sql.prepare_cached(
        "SELECT hash, raw, max_fee, priority_fee, purpose, created_at FROM attempt \
         WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4 ORDER BY created_at",
    )?;
    let rows = attempts.query_map(key, |row| {
        Ok(AttemptRow {
            hash: row.get(0)?,
            raw: row.get(1)?,
            max_fee: row.get(2)?,
            priority_fee: row.get(3)?,
            purpose: row.get(4)?,
            created_at: row.get(5)?,
        })
    })?;
    slot.attempts = rows.map(|row| row?.read()).collect::<Result<_, Fault>>()?;
    Ok(Some(slot))
}

/// Takes a lease on open slots that nobody drives, or that `owner` does.
pub(super) fn lease(
    sql: &Connection,
    tenant: Id<Merchant>,
    owner: Uuid,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Slot>, Fault> {
    let mut take = sql.prepare_cached(
        "UPDATE slot SET lease_owner = ?2, lease_until = ?5 WHERE (tenant, chain, signer, nonce) IN \
         (SELECT tenant, chain, signer, nonce FROM slot WHERE tenant = ?1 AND state = 'open' \
          AND (lease_until <= ?4 OR lease_owner = ?2) ORDER BY created_at LIMIT ?3) \
         RETURNING chain, signer, nonce",
    )?;
    let params = (tenant.uuid(), owner, limit, now.micros(), until.micros());
    let rows = take.query_map((params.0.as_bytes(), params.1.as_bytes(), params.2, params.3, params.4), |row| {
        let (chain, nonce): (i64, i64) = (row.get(0)?, row.get(2)?);
        let signer = Address::from_bytes(row.get(1)?);
        Ok(SlotId { chain: chain.cast_unsigned(), signer, nonce: nonce.cast_unsigned() })
    })?;
    let ids = rows.collect::<Result<Vec<_>, _>>()?;
    let mut slots = ids.into_iter().map(|id| slot(sql, tenant, id)).collect::<Result<Vec<_>, _>>()?;
    Ok(slots.drain(..).flatten().collect())
}

/// Writes intents, or says why not; the caller commits what is [`Intended::Written`] and nothing else. `from`: the slot that
/// the payments leave; without one they are new.
pub(super) fn intend(sql: &Connection, intents: &Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
    let next = next_nonce(sql, intents.tenant, intents.chain, intents.signer)?;
    if next != intents.expected {
        return Ok(Intended::Moved(next));
    }
    let all = || intents.intents.iter().flat_map(|intent| &intent.settlements);
    if from.is_none() {
        let mut known = Vec::new();
        for one in all() {
            known.extend(settlement(sql, intents.tenant, one.key)?.map(|row| row.key));
        }
        if !known.is_empty() {
            return Ok(Intended::Known(known));
        }
        for one in &intents.names {
            if let Some(taken) = named(sql, intents.tenant, &one.scope, &one.name)? {
                return Ok(Intended::Named(taken));
            }
        }
    }
    for one in &intents.names {
        name(sql, intents.tenant, one, intents.at)?;
    }
    for intent in &intents.intents {
        let slot = intent.settlements.first().and_then(|one| one.slot);
        if let (Some(slot), Some(attempt)) = (slot, &intent.attempt) {
            open_slot(sql, intents, slot)?;
            add_attempt(sql, intents.tenant, slot, attempt)?;
        }
    }
    for one in all() {
        match from {
            None => add_settlement(sql, one)?,
            Some(from) => move_settlement(sql, one, from)?,
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

fn add_attempt(sql: &Connection, tenant: Id<Merchant>, slot: SlotId, attempt: &Attempt) -> Result<(), Fault> {
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

fn add_settlement(sql: &Connection, one: &Settlement) -> Result<(), Fault> {
    let (state, transaction, block, reason) = outcome_columns(&one.outcome)?;
    let nonce = one.slot.map(|slot| small(slot.nonce)).transpose()?;
    let terms = &one.terms;
    let mut insert = sql.prepare_cached(
        "INSERT INTO settlement (tenant, key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, \
         nonce, state, transaction_hash, block, reason, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?;
    let tenant = one.tenant.uuid();
    let amount = terms.amount.to_string();
    let signer = one.slot.map(|slot| *slot.signer.bytes());
    insert.execute(rusqlite::params![
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
    ])?;
    Ok(())
}

fn move_settlement(sql: &Connection, one: &Settlement, from: SlotId) -> Result<(), Fault> {
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
    if moved == 1 { Ok(()) } else { Err(Fault::never(format!("payment {} is not open in that slot", one.key))) }
}

/// Writes a step's rows; the caller writes its postings beside them.
pub(super) fn step(sql: &Connection, step: &SlotStep) -> Result<(), Fault> {
    if let Some(attempt) = &step.attempt {
        add_attempt(sql, step.tenant, step.slot, attempt)?;
    }
    for one in &step.conclusions {
        let before: Option<String> = sql
            .prepare_cached("SELECT state FROM settlement WHERE tenant = ?1 AND key = ?2")?
            .query_row((one.tenant.uuid().as_bytes(), one.key.bytes()), |row| row.get(0))
            .optional()?;
        let before = before.ok_or_else(|| Fault::never(format!("there is no payment {}", one.key)))?;
        if may_follow(one.key, &before, &one.outcome)? {
            conclude(sql, one.tenant, one.key, &one.outcome)?;
        }
    }
    if step.closes {
        close(sql, step)?;
    }
    Ok(())
}

fn conclude(sql: &Connection, tenant: Id<Merchant>, key: PaymentKey, outcome: &Outcome) -> Result<(), Fault> {
    let (state, transaction, block, reason) = outcome_columns(outcome)?;
    sql.prepare_cached(
        "UPDATE settlement SET state = ?3, transaction_hash = ?4, block = ?5, reason = ?6 WHERE tenant = ?1 AND key = ?2",
    )?
    .execute((tenant.uuid().as_bytes(), key.bytes(), state, transaction, block, reason))?;
    Ok(())
}

fn close(sql: &Connection, step: &SlotStep) -> Result<(), Fault> {
    let (tenant, chain, nonce) = (step.tenant.uuid(), small(step.slot.chain)?, small(step.slot.nonce)?);
    let key = (tenant.as_bytes(), chain, step.slot.signer.bytes(), nonce);
    for text in [
        "UPDATE slot SET state = 'closed' WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
        "UPDATE attempt SET raw = x'' WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
        "UPDATE settlement SET evidence = '' WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
    ] {
        sql.prepare_cached(text)?.execute(key)?;
    }
    Ok(())
}
