//! Settlement rows out of PostgreSQL.

use std::collections::BTreeMap;

use farebox_engine::settlement::{Attempt, PaymentKey, Settlement, Slot, SlotId};
use farebox_types::{Address, Id, Merchant, Timestamp};
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{fault::unreadable, steps::slot_columns};
use crate::{
    SettlementName,
    settlements::columns::{AttemptRow, SettlementRow, empty_slot, small},
};

macro_rules! settlements {
    ($rest:literal) => {
        concat!(
            "SELECT key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, nonce, state, \
             transaction_hash, block, reason, created_at, pays_for",
            $rest
        )
    };
}

/// Every settlement, its merchant last.
pub(super) const ALL: &str = settlements!(", tenant FROM settlement");
// One look-up for each key or slot, whatever the planner thinks of the tables.
const BY_KEYS: &str = settlements!(
    " FROM unnest($2::bytea[]) AS n (of_key) \
     CROSS JOIN LATERAL (SELECT * FROM settlement s WHERE s.tenant = $1 AND s.key = n.of_key OFFSET 0) s"
);
const OWED: &str = settlements!(
    " FROM settlement WHERE tenant = $1 AND state = 'settled' AND pays_for IS NOT NULL AND given_at IS NULL AND key > $2 \
     ORDER BY key LIMIT $3"
);
const IN_SLOTS: &str = settlements!(
    " FROM unnest($2::bigint[], $3::bytea[], $4::bigint[]) AS n (of_chain, of_signer, of_nonce) \
     CROSS JOIN LATERAL (SELECT * FROM settlement s WHERE s.tenant = $1 AND s.chain = n.of_chain \
      AND s.signer = n.of_signer AND s.nonce = n.of_nonce OFFSET 0) s ORDER BY key"
);
/// A later attempt of the same instant offers more.
const ATTEMPTS: &str = "SELECT hash, raw, max_fee, priority_fee, purpose, created_at, chain, signer, nonce \
     FROM unnest($2::bigint[], $3::bytea[], $4::bigint[]) AS n (of_chain, of_signer, of_nonce) \
     CROSS JOIN LATERAL (SELECT * FROM attempt a WHERE a.tenant = $1 AND a.chain = n.of_chain \
      AND a.signer = n.of_signer AND a.nonce = n.of_nonce OFFSET 0) a ORDER BY created_at, length(max_fee), max_fee";
const LEASE: &str = "UPDATE slot SET lease_owner = $2, lease_until = $5 FROM (SELECT tenant, chain, signer, nonce FROM slot \
     WHERE tenant = $1 AND state = 'open' AND (lease_until <= $4 OR lease_owner = $2) ORDER BY created_at LIMIT $3 \
     FOR UPDATE SKIP LOCKED) AS due WHERE (slot.tenant, slot.chain, slot.signer, slot.nonce) = \
     (due.tenant, due.chain, due.signer, due.nonce) RETURNING slot.chain, slot.signer, slot.nonce, slot.created_at";

/// A count that fits a column.
pub(super) fn number(number: u64) -> sqlx::Result<i64> {
    small(number).map_err(unreadable)
}

pub(super) async fn next_nonce(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    chain: u64,
    signer: Address,
) -> sqlx::Result<Option<u64>> {
    let query = sqlx::query_scalar("SELECT next_nonce FROM signer WHERE tenant = $1 AND chain = $2 AND signer = $3");
    let row: Option<i64> =
        query.bind(tenant.uuid()).bind(number(chain)?).bind(*signer.bytes()).fetch_optional(sql).await?;
    Ok(row.map(i64::cast_unsigned))
}

pub(super) async fn settlements(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    keys: &[PaymentKey],
) -> sqlx::Result<Vec<Settlement>> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key.bytes()[..]).collect();
    let query = sqlx::query(BY_KEYS);
    let rows = query.bind(tenant.uuid()).bind(keys).fetch_all(sql).await?;
    rows.iter().map(|row| read_settlement(row, tenant)).collect()
}

/// Settled payments whose purpose has not been served.
pub(super) async fn owed(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    after: Option<PaymentKey>,
    limit: u32,
) -> sqlx::Result<Vec<Settlement>> {
    let after = after.as_ref().map_or(&[][..], |key| &key.bytes()[..]);
    let query = sqlx::query(OWED).bind(tenant.uuid()).bind(after).bind(i64::from(limit));
    query.fetch_all(sql).await?.iter().map(|row| read_settlement(row, tenant)).collect()
}

/// A row of [`ALL`].
pub(super) fn read_any(row: &PgRow) -> sqlx::Result<Settlement> {
    read_settlement(row, Id::from_uuid(row.try_get(17)?))
}

fn read_settlement(row: &PgRow, tenant: Id<Merchant>) -> sqlx::Result<Settlement> {
    let signer: Option<[u8; 20]> = row.try_get(9)?;
    let nonce: Option<i64> = row.try_get(10)?;
    let row = SettlementRow {
        key: row.try_get(0)?,
        chain: row.try_get(1)?,
        scheme: row.try_get(2)?,
        asset: row.try_get(3)?,
        payer: row.try_get(4)?,
        pay_to: row.try_get(5)?,
        amount: row.try_get(6)?,
        valid_until: row.try_get(7)?,
        evidence: row.try_get(8)?,
        slot: signer.zip(nonce),
        state: row.try_get(11)?,
        transaction: row.try_get(12)?,
        block: row.try_get(13)?,
        reason: row.try_get(14)?,
        created_at: row.try_get(15)?,
        pays_for: row.try_get(16)?,
    };
    row.read(tenant).map_err(unreadable)
}

pub(super) async fn named(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    scope: &str,
    name: &str,
) -> sqlx::Result<Option<SettlementName>> {
    let query =
        sqlx::query_as("SELECT request_hash, key FROM settlement_name WHERE tenant = $1 AND scope = $2 AND name = $3");
    let row: Option<([u8; 32], [u8; 32])> =
        query.bind(tenant.uuid()).bind(scope).bind(name).fetch_optional(sql).await?;
    Ok(row.map(|(request_hash, key)| SettlementName {
        scope: scope.to_owned(),
        name: name.to_owned(),
        request_hash,
        key: PaymentKey::from_bytes(key),
    }))
}

/// A slot and what rides in it, from one snapshot.
pub(super) async fn slot(sql: &mut PgConnection, tenant: Id<Merchant>, id: SlotId) -> sqlx::Result<Option<Slot>> {
    let (chain, nonce) = (number(id.chain)?, number(id.nonce)?);
    let mut snapshot = sql.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let query = sqlx::query_scalar(
        "SELECT created_at FROM slot WHERE tenant = $1 AND chain = $2 AND signer = $3 AND nonce = $4",
    );
    let query = query.bind(tenant.uuid()).bind(chain).bind(*id.signer.bytes()).bind(nonce);
    let created_at: Option<i64> = query.fetch_optional(&mut *snapshot).await?;
    let found = created_at.map(|at| (id, empty_slot(tenant, id, at)));
    let mut slots = filled(&mut snapshot, tenant, found.into_iter().collect()).await?;
    snapshot.rollback().await?;
    Ok(slots.pop())
}

/// The slots with what rides in them, oldest first.
async fn filled(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    mut slots: BTreeMap<SlotId, Slot>,
) -> sqlx::Result<Vec<Slot>> {
    let (chains, signers, nonces) = slot_columns(slots.keys())?;
    let query = sqlx::query(IN_SLOTS).bind(tenant.uuid()).bind(&chains).bind(&signers).bind(&nonces);
    for row in query.fetch_all(&mut *sql).await? {
        let settlement = read_settlement(&row, tenant)?;
        if let Some(slot) = settlement.slot.and_then(|id| slots.get_mut(&id)) {
            slot.settlements.push(settlement);
        }
    }
    let query = sqlx::query(ATTEMPTS).bind(tenant.uuid()).bind(chains).bind(signers).bind(nonces);
    for row in query.fetch_all(sql).await? {
        if let Some(slot) = slots.get_mut(&read_slot_id(&row, 6)?) {
            slot.attempts.push(read_attempt(&row)?);
        }
    }
    let mut slots: Vec<Slot> = slots.into_values().collect();
    slots.sort_by_key(|slot| (slot.created_at, slot.id));
    Ok(slots)
}

/// Chain, signer and nonce, from column `at` on.
pub(super) fn read_slot_id(row: &PgRow, at: usize) -> sqlx::Result<SlotId> {
    let (chain, nonce): (i64, i64) = (row.try_get(at)?, row.try_get(at + 2)?);
    let signer = Address::from_bytes(row.try_get(at + 1)?);
    Ok(SlotId { chain: chain.cast_unsigned(), signer, nonce: nonce.cast_unsigned() })
}

fn read_attempt(row: &PgRow) -> sqlx::Result<Attempt> {
    let row = AttemptRow {
        hash: row.try_get(0)?,
        raw: row.try_get(1)?,
        max_fee: row.try_get(2)?,
        priority_fee: row.try_get(3)?,
        purpose: row.try_get(4)?,
        created_at: row.try_get(5)?,
    };
    row.read().map_err(unreadable)
}

/// Takes a lease on open slots that nobody drives, or that its owner does. They are read while they cannot change.
pub(super) async fn lease(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    (owner, until): (Uuid, Timestamp),
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Vec<Slot>> {
    let mut transaction = sql.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    let query = sqlx::query(LEASE).bind(tenant.uuid()).bind(owner).bind(i64::from(limit)).bind(now.micros());
    let rows = query.bind(until.micros()).fetch_all(&mut *transaction).await?;
    let read = |row: &PgRow| {
        let id = read_slot_id(row, 0)?;
        Ok((id, empty_slot(tenant, id, row.try_get(3)?)))
    };
    let leased = rows.iter().map(read).collect::<sqlx::Result<BTreeMap<_, _>>>()?;
    let slots = if leased.is_empty() { Vec::new() } else { filled(&mut transaction, tenant, leased).await? };
    transaction.commit().await?;
    Ok(slots)
}
