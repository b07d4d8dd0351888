//! Settlement rows out of PostgreSQL.

use farebox_engine::settlement::{Attempt, PaymentKey, Settlement, Slot, SlotId};
use farebox_types::{Address, Id, Merchant, Timestamp};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::fault::unreadable;
use crate::{
    SettlementName,
    settlements::columns::{AttemptRow, SettlementRow, empty_slot, small},
};

macro_rules! settlements {
    ($rest:literal) => {
        concat!(
            "SELECT key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, nonce, state, \
             transaction_hash, block, reason, created_at FROM settlement ",
            $rest
        )
    };
}

/// Every settlement, its merchant last.
pub(super) const ALL: &str = "SELECT key, chain, scheme, asset, payer, pay_to, amount, valid_until, evidence, signer, nonce, \
                              state, transaction_hash, block, reason, created_at, tenant FROM settlement";
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
    let query = sqlx::query(settlements!("WHERE tenant = $1 AND key = ANY($2)"));
    let rows = query.bind(tenant.uuid()).bind(keys).fetch_all(sql).await?;
    rows.iter().map(|row| read_settlement(row, tenant)).collect()
}

/// A row of [`ALL`].
pub(super) fn read_any(row: &PgRow) -> sqlx::Result<Settlement> {
    read_settlement(row, Id::from_uuid(row.try_get(16)?))
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

pub(super) async fn slot(sql: &mut PgConnection, tenant: Id<Merchant>, id: SlotId) -> sqlx::Result<Option<Slot>> {
    let (chain, nonce) = (number(id.chain)?, number(id.nonce)?);
    let query = sqlx::query_scalar(
        "SELECT created_at FROM slot WHERE tenant = $1 AND chain = $2 AND signer = $3 AND nonce = $4",
    );
    let created_at: Option<i64> =
        query.bind(tenant.uuid()).bind(chain).bind(*id.signer.bytes()).bind(nonce).fetch_optional(&mut *sql).await?;
    let Some(created_at) = created_at else { return Ok(None) };
    let mut slot = empty_slot(tenant, id, created_at);
    let query = sqlx::query(settlements!("WHERE tenant = $1 AND chain = $2 AND signer = $3 AND nonce = $4"));
    let rows = query.bind(tenant.uuid()).bind(chain).bind(*id.signer.bytes()).bind(nonce).fetch_all(&mut *sql).await?;
    slot.settlements = rows.iter().map(|row| read_settlement(row, tenant)).collect::<Result<_, _>>()?;
    let query = sqlx::query(
        "SELECT hash, raw, max_fee, priority_fee, purpose, created_at FROM attempt \
         WHERE tenant = $1 AND chain = $2 AND signer = $3 AND nonce = $4 ORDER BY created_at",
    );
    let rows = query.bind(tenant.uuid()).bind(chain).bind(*id.signer.bytes()).bind(nonce).fetch_all(&mut *sql).await?;
    slot.attempts = rows.iter().map(read_attempt).collect::<Result<_, _>>()?;
    Ok(Some(slot))
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

/// Takes a lease on open slots that nobody drives, or that its owner does.
pub(super) async fn lease(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    (owner, until): (Uuid, Timestamp),
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Vec<Slot>> {
    let query = sqlx::query(
        "UPDATE slot SET lease_owner = $2, lease_until = $5 FROM (SELECT tenant, chain, signer, nonce FROM slot \
         WHERE tenant = $1 AND state = 'open' AND (lease_until <= $4 OR lease_owner = $2) ORDER BY created_at LIMIT $3 \
         FOR UPDATE SKIP LOCKED) AS due WHERE (slot.tenant, slot.chain, slot.signer, slot.nonce) = \
         (due.tenant, due.chain, due.signer, due.nonce) RETURNING slot.chain, slot.signer, slot.nonce",
    );
    let query = query.bind(tenant.uuid()).bind(owner).bind(i64::from(limit)).bind(now.micros()).bind(until.micros());
    let rows = query.fetch_all(&mut *sql).await?;
    let mut slots = Vec::with_capacity(rows.len());
    for row in rows {
        let (chain, nonce): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
        let signer = Address::from_bytes(row.try_get(1)?);
        let id = SlotId { chain: chain.cast_unsigned(), signer, nonce: nonce.cast_unsigned() };
        slots.extend(slot(sql, tenant, id).await?);
    }
    Ok(slots)
}
