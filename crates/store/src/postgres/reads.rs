//! Cold rows out of PostgreSQL.

use std::time::Duration;

use farebox_engine::credits::{Access, PlanRules};
use farebox_types::{Address, Id, Quantity, Timestamp};
use sqlx::{PgPool, Postgres, Row, postgres::PgArguments, postgres::PgRow, query::Query};

use super::{connect::limited, fault::corrupt};
use crate::{
    Agent, ApiKey, ApiToken, AuditRow, Delegation, DelegationState, Fault, Merchant, OutboxRow, Page, Plan, Resource,
    Role, WebhookSecret,
};

macro_rules! merchants {
    ($rest:literal) => {
        concat!("SELECT tenant, name, mode, created_at FROM merchant ", $rest)
    };
}
macro_rules! plans {
    ($rest:literal) => {
        concat!(
            "SELECT plan.tenant, plan.id, plan.name, access, fixed, granted, min_amount, max_amount, lifetime_seconds, \
             trial, plan.document, plan.created_at FROM plan ",
            $rest
        )
    };
}
macro_rules! agents {
    ($rest:literal) => {
        concat!("SELECT agent.tenant, agent.id, agent.name, agent.document, agent.created_at FROM agent ", $rest)
    };
}
macro_rules! delegations {
    ($rest:literal) => {
        concat!(
            "SELECT tenant, id, holder, plan, max_uses, state, document, created_at, expires_at FROM delegation ",
            $rest
        )
    };
}
macro_rules! api_keys {
    ($rest:literal) => {
        concat!("SELECT tenant, id, role, account, created_at, revoked_at FROM api_key ", $rest)
    };
}
macro_rules! api_tokens {
    ($rest:literal) => {
        concat!("SELECT tenant, id, name, hash, created_at, revoked_at, scopes, expires_at FROM api_token ", $rest)
    };
}
macro_rules! webhook_secrets {
    ($rest:literal) => {
        concat!("SELECT tenant, provider, id, sealed, created_at, expires_at FROM webhook_secret ", $rest)
    };
}
macro_rules! resources {
    ($rest:literal) => {
        concat!("SELECT tenant, id, url, owner, document, created_at, updated_at FROM resource ", $rest)
    };
}
macro_rules! audit_lines {
    ($rest:literal) => {
        concat!("SELECT tenant, chain, seq, entries, hash, created_at FROM audit ", $rest)
    };
}
pub(super) use {agents, api_keys, api_tokens, audit_lines, delegations, merchants, plans, resources, webhook_secrets};

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// One row or none.
pub(super) async fn one<T>(
    pool: &PgPool,
    query: Statement<'_>,
    read: fn(&PgRow) -> sqlx::Result<T>,
) -> Result<Option<T>, Fault> {
    let row = limited(query.fetch_optional(pool)).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// All rows.
pub(super) async fn all<T>(
    pool: &PgPool,
    query: Statement<'_>,
    read: fn(&PgRow) -> sqlx::Result<T>,
) -> Result<Vec<T>, Fault> {
    let rows = limited(query.fetch_all(pool)).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// The one number that a statement answers.
pub(super) async fn count(pool: &PgPool, query: Statement<'_>) -> Result<u64, Fault> {
    let count: i64 = limited(query.fetch_one(pool)).await?.try_get(0)?;
    Ok(count.unsigned_abs())
}

pub(super) fn merchant(row: &PgRow) -> sqlx::Result<Merchant> {
    Ok(Merchant {
        id: Id::from_uuid(row.try_get(0)?),
        name: row.try_get(1)?,
        mode: row.try_get::<&str, _>(2)?.parse().map_err(|error| corrupt("merchant", error))?,
        created_at: time(row, 3)?,
    })
}

pub(super) fn plan(row: &PgRow) -> sqlx::Result<Plan> {
    let quantity = |at: usize| -> sqlx::Result<Quantity> {
        Quantity::from_micros(row.try_get(at)?).ok_or_else(|| corrupt("plan", "amount"))
    };
    let access = if row.try_get::<&str, _>(3)? == Access::Time.as_str() { Access::Time } else { Access::Credits };
    let lifetime = row.try_get::<Option<i64>, _>(8)?.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    let range = (quantity(6)?, quantity(7)?);
    let rules = PlanRules::new(access, row.try_get(4)?, quantity(5)?, range, lifetime, row.try_get(9)?);
    Ok(Plan {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: Id::from_uuid(row.try_get(1)?),
        name: row.try_get(2)?,
        rules: rules.map_err(|error| corrupt("plan", error))?,
        document: row.try_get(10)?,
        created_at: time(row, 11)?,
    })
}

pub(super) fn agent(row: &PgRow) -> sqlx::Result<Agent> {
    Ok(Agent {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: Id::from_uuid(row.try_get(1)?),
        name: row.try_get(2)?,
        document: row.try_get(3)?,
        created_at: time(row, 4)?,
    })
}

pub(super) fn delegation(row: &PgRow) -> sqlx::Result<Delegation> {
    let revoked = row.try_get::<&str, _>(5)? == "revoked";
    let max_uses = row.try_get::<Option<i64>, _>(4)?.map(u32::try_from).transpose();
    Ok(Delegation {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: Id::from_uuid(row.try_get(1)?),
        holder: Address::from_bytes(row.try_get(2)?),
        plan: row.try_get::<Option<uuid::Uuid>, _>(3)?.map(Id::from_uuid),
        max_uses: max_uses.map_err(|error| corrupt("delegation", error))?,
        state: if revoked { DelegationState::Revoked } else { DelegationState::Active },
        document: row.try_get(6)?,
        created_at: time(row, 7)?,
        expires_at: time(row, 8)?,
    })
}

pub(super) fn api_key(row: &PgRow) -> sqlx::Result<ApiKey> {
    let seller = row.try_get::<&str, _>(2)? == Role::Seller.as_str();
    Ok(ApiKey {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: Id::from_uuid(row.try_get(1)?),
        role: if seller { Role::Seller } else { Role::Buyer },
        account: Address::from_bytes(row.try_get(3)?),
        created_at: time(row, 4)?,
        revoked_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_micros),
    })
}

pub(super) fn api_token(row: &PgRow) -> sqlx::Result<ApiToken> {
    Ok(ApiToken {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: Id::from_uuid(row.try_get(1)?),
        name: row.try_get(2)?,
        hash: row.try_get(3)?,
        scopes: row.try_get(6)?,
        created_at: time(row, 4)?,
        expires_at: row.try_get::<Option<i64>, _>(7)?.map(Timestamp::from_micros),
        revoked_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_micros),
    })
}

pub(super) fn webhook_secret(row: &PgRow) -> sqlx::Result<WebhookSecret> {
    Ok(WebhookSecret {
        tenant: Id::from_uuid(row.try_get(0)?),
        provider: row.try_get(1)?,
        id: row.try_get(2)?,
        sealed: row.try_get(3)?,
        created_at: time(row, 4)?,
        expires_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_micros),
    })
}

pub(super) fn resource(row: &PgRow) -> sqlx::Result<Resource> {
    Ok(Resource {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: Id::from_uuid(row.try_get(1)?),
        url: row.try_get(2)?,
        owner: row.try_get(3)?,
        document: row.try_get(4)?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
    })
}

pub(super) fn audit(row: &PgRow) -> sqlx::Result<AuditRow> {
    Ok(AuditRow {
        tenant: Id::from_uuid(row.try_get(0)?),
        chain: row.try_get(1)?,
        seq: row.try_get(2)?,
        entries: row.try_get(3)?,
        hash: row.try_get(4)?,
        created_at: time(row, 5)?,
    })
}

fn outbox(row: &PgRow) -> sqlx::Result<OutboxRow> {
    Ok(OutboxRow {
        tenant: Id::from_uuid(row.try_get(0)?),
        chain: row.try_get(1)?,
        seq: row.try_get(2)?,
        created_at: time(row, 3)?,
        attempts: row.try_get(4)?,
        entries: row.try_get(5)?,
    })
}

fn time(row: &PgRow, at: usize) -> sqlx::Result<Timestamp> {
    Ok(Timestamp::from_micros(row.try_get(at)?))
}

/// Workers that lease at the same time pass over what the others are taking.
const LEASE: &str = "WITH free AS (
        SELECT tenant, chain, seq FROM outbox WHERE leased_until <= $2
        ORDER BY created_at, tenant, chain, seq LIMIT $1 FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE outbox o SET leased_until = $3, attempts = o.attempts + 1 FROM free
        WHERE (o.tenant, o.chain, o.seq) = (free.tenant, free.chain, free.seq)
        RETURNING o.tenant, o.chain, o.seq, o.created_at, o.attempts - 1 AS attempts
    )
    SELECT leased.tenant, leased.chain, leased.seq, leased.created_at, leased.attempts, audit.entries
    FROM leased JOIN audit ON (audit.tenant, audit.chain, audit.seq) = (leased.tenant, leased.chain, leased.seq)
    ORDER BY leased.created_at, leased.tenant, leased.chain, leased.seq";

/// Takes a lease on unpublished lines and returns them with their entries.
pub(super) async fn lease(
    pool: &PgPool,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<OutboxRow>, Fault> {
    let query = sqlx::query(LEASE).bind(i64::from(limit)).bind(now.micros()).bind(until.micros());
    all(pool, query, outbox).await
}

const FINISH: &str = "DELETE FROM outbox o USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (tenant, chain, seq) \
                      WHERE (o.tenant, o.chain, o.seq) = (n.tenant, n.chain, n.seq)";

pub(super) async fn finish(pool: &PgPool, rows: &[OutboxRow]) -> Result<(), Fault> {
    limited(finished(rows).execute(pool)).await?;
    Ok(())
}

/// Takes the rows out; those that are gone are not counted.
pub(super) fn finished<'q>(rows: &[OutboxRow]) -> Statement<'q> {
    let (mut tenants, mut chains, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        tenants.push(row.tenant.uuid());
        chains.push(row.chain);
        seqs.push(row.seq);
    }
    sqlx::query(FINISH).bind(tenants).bind(chains).bind(seqs)
}

pub(super) fn window(page: Page) -> (i64, i64) {
    (i64::from(page.limit), i64::from(page.offset))
}
