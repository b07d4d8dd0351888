//! Settlement rows out of SQLite.

use farebox_engine::settlement::{PaymentKey, Settlement, Slot, SlotId};
use farebox_types::{Address, Id, Merchant, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use uuid::Uuid;

use super::ledger::uuid;
use crate::{
    Fault, SettlementName,
    settlements::columns::{AttemptRow, SLOT_DIFFERENCES, SettlementRow, empty_slot, small},
};

const SETTLEMENT: &str = "SELECT key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, nonce, state, \
                          transaction_hash, block, reason, created_at, pays_for FROM settlement";

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

/// Settled payments whose purpose has not been served.
pub(super) fn owed(
    sql: &Connection,
    tenant: Id<Merchant>,
    after: Option<PaymentKey>,
    limit: u32,
) -> Result<Vec<Settlement>, Fault> {
    let rest = "WHERE tenant = ?1 AND state = 'settled' AND pays_for IS NOT NULL AND given_at IS NULL AND key > ?2 \
                ORDER BY key LIMIT ?3";
    let after = after.as_ref().map_or(&[][..], |key| &key.bytes()[..]);
    select(sql, tenant, rest, (tenant.uuid().as_bytes(), after, limit))
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
        see(&read_settlement(row)?.read(Id::from_uuid(uuid(row, 17)?))?);
    }
    Ok(())
}

/// Calls `see` with what is wrong with slots.
pub(super) fn each_difference(sql: &Connection, mut see: impl FnMut(String)) -> Result<(), Fault> {
    let mut statement = sql.prepare(SLOT_DIFFERENCES)?;
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
        pays_for: row.get(16)?,
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

/// A slot and what rides in it; the caller's transaction makes it one snapshot.
pub(super) fn slot(sql: &Connection, tenant: Id<Merchant>, id: SlotId) -> Result<Option<Slot>, Fault> {
    let mut statement = sql.prepare_cached(
        "SELECT created_at FROM slot WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4",
    )?;
    let (owner, chain, nonce) = (tenant.uuid(), small(id.chain)?, small(id.nonce)?);
    let key = (owner.as_bytes(), chain, id.signer.bytes(), nonce);
    let Some(created_at) = statement.query_row(key, |row| row.get(0)).optional()? else { return Ok(None) };
    let mut slot = empty_slot(tenant, id, created_at);
    let rest = "WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4 ORDER BY key";
    slot.settlements = select(sql, tenant, rest, key)?;
    let mut attempts = sql.prepare_cached(
        "SELECT hash, raw, max_fee, priority_fee, purpose, created_at FROM attempt \
         WHERE tenant = ?1 AND chain = ?2 AND signer = ?3 AND nonce = ?4 \
         ORDER BY created_at, length(max_fee), max_fee",
    )?;
    // A later attempt of the same instant offers more.
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

/// Takes a lease on open slots that nobody drives, or that `owner` does; the caller commits.
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
    let mut slots: Vec<Slot> = slots.drain(..).flatten().collect();
    slots.sort_by_key(|slot| (slot.created_at, slot.id));
    Ok(slots)
}
