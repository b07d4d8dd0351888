//! Cold rows out of SQLite.

use std::time::Duration;

use farebox_engine::credits::{Access, PlanRules};
use farebox_types::{Address, Id, Merchant as MerchantKind, Quantity, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use uuid::Uuid;

use super::ledger::uuid;
use crate::{
    Agent, ApiKey, ApiToken, AuditRow, Delegation, DelegationState, Fault, Merchant, OutboxRow, Page, Plan, Resource,
    Role, WebhookSecret,
};

pub(super) const MERCHANT: &str = "SELECT tenant, name, mode, created_at FROM merchant";
pub(super) const PLAN: &str = "SELECT plan.tenant, plan.id, plan.name, access, fixed, granted, min_amount, max_amount, \
                               lifetime_seconds, trial, plan.document, plan.created_at FROM plan";
pub(super) const AGENT: &str = "SELECT agent.tenant, agent.id, agent.name, agent.document, agent.created_at FROM agent";
pub(super) const DELEGATION: &str =
    "SELECT tenant, id, holder, plan, max_uses, state, document, created_at, expires_at FROM delegation";
pub(super) const API_KEY: &str = "SELECT tenant, id, role, account, created_at, revoked_at FROM api_key";
pub(super) const API_TOKEN: &str =
    "SELECT tenant, id, name, hash, created_at, revoked_at, scopes, expires_at FROM api_token";
pub(super) const WEBHOOK_SECRET: &str =
    "SELECT tenant, provider, id, sealed, created_at, expires_at FROM webhook_secret";
pub(super) const RESOURCE: &str = "SELECT tenant, id, url, owner, document, created_at, updated_at FROM resource";
pub(super) const AUDIT: &str = "SELECT tenant, chain, seq, entries, hash, created_at FROM audit";

/// One row or none.
pub(super) fn one<T>(
    sql: &Connection,
    select: &str,
    rest: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = sql.prepare_cached(&format!("{select} {rest}"))?;
    statement.query_row(params, |row| Ok(read(row))).optional()?.transpose()
}

/// All rows.
pub(super) fn all<T>(
    sql: &Connection,
    select: &str,
    rest: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = sql.prepare_cached(&format!("{select} {rest}"))?;
    let rows = statement.query_map(params, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Calls `see` with every audit line, chain by chain, in order.
pub(super) fn each_audit_line(sql: &Connection, mut see: impl FnMut(&AuditRow)) -> Result<(), Fault> {
    let mut statement = sql.prepare(&format!("{AUDIT} ORDER BY tenant, chain, seq"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(&audit(row)?);
    }
    Ok(())
}

/// How many rows of `table` a merchant has.
pub(super) fn count(sql: &Connection, table: &str, tenant: Id<MerchantKind>) -> Result<u64, Fault> {
    let mut statement = sql.prepare_cached(&format!("SELECT count(*) FROM {table} WHERE tenant = ?1"))?;
    Ok(statement.query_row([tenant.uuid().as_bytes()], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

pub(super) fn merchant(row: &Row<'_>) -> Result<Merchant, Fault> {
    Ok(Merchant {
        id: Id::from_uuid(uuid(row, 0)?),
        name: row.get(1)?,
        mode: row.get::<_, String>(2)?.parse().map_err(|error| Fault::corrupt("merchant", error))?,
        created_at: time(row, 3)?,
    })
}

pub(super) fn plan(row: &Row<'_>) -> Result<Plan, Fault> {
    let quantity = |at| Quantity::from_micros(row.get(at)?).ok_or_else(|| Fault::corrupt("plan", "amount"));
    let access = if row.get::<_, String>(3)? == Access::Time.as_str() { Access::Time } else { Access::Credits };
    let lifetime = row.get::<_, Option<i64>>(8)?.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    let range = (quantity(6)?, quantity(7)?);
    let rules = PlanRules::new(access, row.get(4)?, quantity(5)?, range, lifetime, row.get(9)?);
    Ok(Plan {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: Id::from_uuid(uuid(row, 1)?),
        name: row.get(2)?,
        rules: rules.map_err(|error| Fault::corrupt("plan", error))?,
        document: row.get(10)?,
        created_at: time(row, 11)?,
    })
}

pub(super) fn agent(row: &Row<'_>) -> Result<Agent, Fault> {
    Ok(Agent {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: Id::from_uuid(uuid(row, 1)?),
        name: row.get(2)?,
        document: row.get(3)?,
        created_at: time(row, 4)?,
    })
}

pub(super) fn delegation(row: &Row<'_>) -> Result<Delegation, Fault> {
    let revoked = row.get::<_, String>(5)? == "revoked";
    Ok(Delegation {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: Id::from_uuid(uuid(row, 1)?),
        holder: Address::from_bytes(row.get(2)?),
        plan: row.get::<_, Option<[u8; 16]>>(3)?.map(|id| Id::from_uuid(Uuid::from_bytes(id))),
        max_uses: row.get(4)?,
        state: if revoked { DelegationState::Revoked } else { DelegationState::Active },
        document: row.get(6)?,
        created_at: time(row, 7)?,
        expires_at: time(row, 8)?,
    })
}

pub(super) fn api_key(row: &Row<'_>) -> Result<ApiKey, Fault> {
    let seller = row.get::<_, String>(2)? == Role::Seller.as_str();
    Ok(ApiKey {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: Id::from_uuid(uuid(row, 1)?),
        role: if seller { Role::Seller } else { Role::Buyer },
        account: Address::from_bytes(row.get(3)?),
        created_at: time(row, 4)?,
        revoked_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
    })
}

pub(super) fn api_token(row: &Row<'_>) -> Result<ApiToken, Fault> {
    Ok(ApiToken {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: Id::from_uuid(uuid(row, 1)?),
        name: row.get(2)?,
        hash: row.get(3)?,
        scopes: row.get(6)?,
        created_at: time(row, 4)?,
        expires_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
        revoked_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
    })
}

pub(super) fn webhook_secret(row: &Row<'_>) -> Result<WebhookSecret, Fault> {
    Ok(WebhookSecret {
        tenant: Id::from_uuid(uuid(row, 0)?),
        provider: row.get(1)?,
        id: uuid(row, 2)?,
        sealed: row.get(3)?,
        created_at: time(row, 4)?,
        expires_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
    })
}

pub(super) fn resource(row: &Row<'_>) -> Result<Resource, Fault> {
    Ok(Resource {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: Id::from_uuid(uuid(row, 1)?),
        url: row.get(2)?,
        owner: row.get(3)?,
        document: row.get(4)?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
    })
}

pub(super) fn audit(row: &Row<'_>) -> Result<AuditRow, Fault> {
    Ok(AuditRow {
        tenant: Id::from_uuid(uuid(row, 0)?),
        chain: uuid(row, 1)?,
        seq: row.get(2)?,
        entries: row.get(3)?,
        hash: row.get(4)?,
        created_at: time(row, 5)?,
    })
}

fn time(row: &Row<'_>, at: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_micros(row.get(at)?))
}

/// Takes a lease on unpublished lines and returns them with their entries.
pub(super) fn lease(sql: &Connection, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<OutboxRow>, Fault> {
    let mut take = sql.prepare_cached(
        "UPDATE outbox SET leased_until = ?3, attempts = attempts + 1 WHERE (tenant, chain, seq) IN \
         (SELECT tenant, chain, seq FROM outbox WHERE leased_until <= ?2 ORDER BY created_at, chain, seq LIMIT ?1) \
         RETURNING tenant, chain, seq, created_at, attempts - 1, \
         (SELECT entries FROM audit a WHERE (a.tenant, a.chain, a.seq) = (outbox.tenant, outbox.chain, outbox.seq))",
    )?;
    let rows = take.query_map((limit, now.micros(), until.micros()), |row| {
        Ok(OutboxRow {
            tenant: Id::from_uuid(uuid(row, 0)?),
            chain: uuid(row, 1)?,
            seq: row.get(2)?,
            created_at: Timestamp::from_micros(row.get(3)?),
            attempts: row.get(4)?,
            entries: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many of the rows were still there.
pub(super) fn finish(sql: &Connection, rows: &[OutboxRow]) -> Result<usize, Fault> {
    let mut delete = sql.prepare_cached("DELETE FROM outbox WHERE tenant = ?1 AND chain = ?2 AND seq = ?3")?;
    let mut there = 0;
    for row in rows {
        there += delete.execute((row.tenant.uuid().as_bytes(), row.chain.as_bytes(), row.seq))?;
    }
    Ok(there)
}

pub(super) fn window(page: Page) -> (u32, u32) {
    (page.limit, page.offset)
}
