//! What looks at slots led to, into PostgreSQL.

use std::collections::BTreeMap;

use farebox_engine::settlement::{Attempt, Outcome, PaymentKey, SlotId};
use farebox_types::{Id, Merchant};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    fault::unreadable,
    settlement_reads::{number, read_slot_id},
    settlements::add_attempts,
};
use crate::{
    SlotStep,
    settlements::{
        checks::{Before, is_new, is_over, no_slot, still_unknown},
        columns::outcome_columns,
    },
};

// One look-up by key for each wanted row, whatever the planner thinks of the tables. A tenant that is a parameter of its own
// would allow another plan, which is good while a table is small and is kept when it is not: a walk over all that the
// tenant has. So the tenant comes with each key.

const LOCK_SLOTS: &str = "SELECT s.chain, s.signer, s.nonce, s.state FROM \
     (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[]) AS n (tenant, chain, signer, nonce) \
      ORDER BY chain, signer, nonce) n \
     CROSS JOIN LATERAL (SELECT * FROM slot s WHERE s.tenant = n.tenant AND s.chain = n.chain AND s.signer = n.signer \
      AND s.nonce = n.nonce FOR UPDATE) s";
const LOCK_SETTLEMENTS: &str = "SELECT s.key, s.state, s.amount, s.chain, s.signer, s.nonce FROM \
     (SELECT * FROM unnest($1::uuid[], $2::bytea[]) AS n (tenant, key) ORDER BY key) n \
     CROSS JOIN LATERAL (SELECT * FROM settlement s WHERE s.tenant = n.tenant AND s.key = n.key FOR UPDATE) s";
const CONCLUDE: &str = "UPDATE settlement s SET state = n.state, transaction_hash = n.hash, block = n.block, reason = n.reason \
     FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::bytea[], $5::bigint[], $6::text[]) \
      AS n (tenant, key, state, hash, block, reason) \
     WHERE s.tenant = n.tenant AND s.key = n.key";
const CLOSE: &str = "WITH n AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[]) AS n (tenant, chain, signer, nonce)
    ), closed AS (
        UPDATE slot s SET state = 'closed' FROM n WHERE s.tenant = n.tenant
            AND s.chain = n.chain AND s.signer = n.signer AND s.nonce = n.nonce
    ), emptied AS (
        UPDATE attempt a SET raw = '' FROM n WHERE a.tenant = n.tenant
            AND a.chain = n.chain AND a.signer = n.signer AND a.nonce = n.nonce
    )
    UPDATE settlement s SET evidence = '' FROM n WHERE s.tenant = n.tenant
        AND s.chain = n.chain AND s.signer = n.signer AND s.nonce = n.nonce
    RETURNING s.key, s.state";
const HAS_ATTEMPT: &str =
    "SELECT FROM attempt WHERE tenant = $1 AND chain = $2 AND signer = $3 AND nonce = $4 AND hash = $5";

/// Writes steps' rows; the caller writes their postings beside them. Slots are locked first, then payments, each in order:
/// who writes about a slot waits for whoever does, and never crosswise.
pub(super) async fn write(sql: &mut PgConnection, tenant: Id<Merchant>, steps: &[SlotStep]) -> sqlx::Result<()> {
    let slots = lock_slots(sql, tenant, steps).await?;
    conclude(sql, tenant, steps).await?;
    for step in steps {
        let is_open = slots.get(&step.slot).ok_or_else(|| unreadable(no_slot(&step.slot)))?;
        if let Some(attempt) = &step.attempt {
            if !is_open && !has_attempt(sql, step, attempt).await? {
                return Err(unreadable(is_over(&step.slot)));
            }
            add_attempts(sql, tenant, &[(step.slot, attempt.clone())]).await?;
        }
    }
    close(sql, tenant, steps).await
}

/// Chains, signers and nonces.
type SlotColumns = (Vec<i64>, Vec<Vec<u8>>, Vec<i64>);

pub(super) fn slot_columns<'a>(slots: impl Iterator<Item = &'a SlotId>) -> sqlx::Result<SlotColumns> {
    let mut columns = SlotColumns::default();
    for slot in slots {
        columns.0.push(number(slot.chain)?);
        columns.1.push(slot.signer.bytes().to_vec());
        columns.2.push(number(slot.nonce)?);
    }
    Ok(columns)
}

/// Which slots there are, and whether they are open.
async fn lock_slots(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    steps: &[SlotStep],
) -> sqlx::Result<BTreeMap<SlotId, bool>> {
    let (chains, signers, nonces) = slot_columns(steps.iter().map(|step| &step.slot))?;
    let query = sqlx::query(LOCK_SLOTS).bind(vec![tenant.uuid(); steps.len()]).bind(chains).bind(signers).bind(nonces);
    let rows = query.fetch_all(sql).await?;
    rows.iter().map(|row| Ok((read_slot_id(row, 0)?, row.try_get::<&str, _>(3)? == "open"))).collect()
}

async fn conclude(sql: &mut PgConnection, tenant: Id<Merchant>, steps: &[SlotStep]) -> sqlx::Result<()> {
    let keys: Vec<&[u8]> = steps.iter().flat_map(|step| &step.conclusions).map(|one| &one.key.bytes()[..]).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let rows =
        sqlx::query(LOCK_SETTLEMENTS).bind(vec![tenant.uuid(); keys.len()]).bind(keys).fetch_all(&mut *sql).await?;
    let mut before = rows.iter().map(read_before).collect::<sqlx::Result<BTreeMap<_, _>>>()?;
    let mut changed: Vec<(PaymentKey, &Outcome)> = Vec::new();
    for step in steps {
        for one in &step.conclusions {
            if is_new(step, one, before.get(&one.key)).map_err(unreadable)? {
                let (state, ..) = outcome_columns(&one.outcome).map_err(unreadable)?;
                before.entry(one.key).and_modify(|row| state.clone_into(&mut row.state));
                changed.push((one.key, &one.outcome));
            }
        }
    }
    if changed.is_empty() { Ok(()) } else { write_outcomes(sql, tenant, &changed).await }
}

fn read_before(row: &PgRow) -> sqlx::Result<(PaymentKey, Before)> {
    let in_slot = row.try_get::<Option<i64>, _>(5)?.is_some();
    let slot = if in_slot { Some(read_slot_id(row, 3)?) } else { None };
    let before = Before { state: row.try_get(1)?, amount: row.try_get(2)?, slot };
    Ok((PaymentKey::from_bytes(row.try_get(0)?), before))
}

async fn write_outcomes(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    changed: &[(PaymentKey, &Outcome)],
) -> sqlx::Result<()> {
    let outcomes: Vec<_> =
        changed.iter().map(|(_, one)| outcome_columns(one).map_err(unreadable)).collect::<Result<_, _>>()?;
    let query = sqlx::query(CONCLUDE)
        .bind(vec![tenant.uuid(); changed.len()])
        .bind(changed.iter().map(|(key, _)| &key.bytes()[..]).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.0).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.1.map(|hash| hash.to_vec())).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.2).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.3.as_deref()).collect::<Vec<_>>());
    query.execute(sql).await?;
    Ok(())
}

async fn has_attempt(sql: &mut PgConnection, step: &SlotStep, attempt: &Attempt) -> sqlx::Result<bool> {
    let (chain, nonce) = (number(step.slot.chain)?, number(step.slot.nonce)?);
    let query = sqlx::query(HAS_ATTEMPT).bind(step.tenant.uuid()).bind(chain).bind(*step.slot.signer.bytes());
    Ok(query.bind(nonce).bind(*attempt.hash.bytes()).fetch_optional(sql).await?.is_some())
}

/// Nothing of a slot that is over can be sent or shown any more; nothing in it may be unknown.
async fn close(sql: &mut PgConnection, tenant: Id<Merchant>, steps: &[SlotStep]) -> sqlx::Result<()> {
    let (chains, signers, nonces) = slot_columns(steps.iter().filter(|step| step.closes).map(|step| &step.slot))?;
    if chains.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(CLOSE).bind(vec![tenant.uuid(); chains.len()]).bind(chains).bind(signers).bind(nonces);
    for row in query.fetch_all(sql).await? {
        if row.try_get::<&str, _>(1)? == "unknown" {
            return Err(unreadable(still_unknown(row.try_get(0)?)));
        }
    }
    Ok(())
}
