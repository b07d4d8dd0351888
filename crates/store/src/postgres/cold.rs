//! Cold writes: the idempotency record and the rows it stands for.

use farebox_types::Timestamp;
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{deliveries, fault::is_taken};
use crate::{ApiToken, Change, Delegation, DelegationState, Merchant, Plan, Record, Recorded, Resource, WebhookSecret};

/// The name first: while another process has it in hand, this waits for that process to commit or to give up.
const OPERATION: &str = "INSERT INTO operation (tenant, scope, key, request_hash, answer, created_at) \
                         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const BEFORE: &str = "SELECT request_hash, answer FROM operation WHERE tenant = $1 AND scope = $2 AND key = $3";

/// Writes a record's rows, or says why not; the caller commits what is [`Recorded::Fresh`] and nothing else.
pub(super) async fn write(sql: &mut PgConnection, record: &Record) -> sqlx::Result<Recorded> {
    let named = sqlx::query(OPERATION)
        .bind(record.tenant.uuid())
        .bind(&record.operation.scope)
        .bind(&record.operation.key)
        .bind(record.request_hash)
        .bind(&record.answer)
        .bind(record.at.micros());
    if named.execute(&mut *sql).await?.rows_affected() == 0 {
        return before(sql, record).await;
    }
    for change in &record.changes {
        let done = statement(record, change).execute(&mut *sql).await;
        match (change, done) {
            (
                Change::Merchant(_) | Change::Resource(_) | Change::WebhookEndpoint { .. } | Change::WebhookDelivery(_),
                Ok(done),
            ) if done.rows_affected() == 0 => {
                return Ok(Recorded::Taken);
            }
            (Change::Resource(_), Err(error)) if is_taken(&error) => return Ok(Recorded::Taken),
            (_, done) => _ = done?,
        }
    }
    Ok(Recorded::Fresh)
}

async fn before(sql: &mut PgConnection, record: &Record) -> sqlx::Result<Recorded> {
    let query = sqlx::query_as(BEFORE).bind(record.tenant.uuid());
    let query = query.bind(&record.operation.scope).bind(&record.operation.key);
    let (hash, answer): ([u8; 32], String) = query.fetch_one(sql).await?;
    Ok(if hash == record.request_hash { Recorded::Replayed(answer) } else { Recorded::Conflict })
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

fn statement<'q>(record: &'q Record, change: &'q Change) -> Statement<'q> {
    let tenant = record.tenant.uuid();
    let at = record.at.micros();
    match change {
        Change::Merchant(row) => add_merchant(row),
        Change::Plan(row) => add_plan(row),
        Change::Agent(row) => sqlx::query(
            "INSERT INTO agent (tenant, id, name, document, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, document = excluded.document",
        )
        .bind(tenant)
        .bind(row.id.uuid())
        .bind(&row.name)
        .bind(&row.document)
        .bind(row.created_at.micros()),
        Change::LinkPlan(agent, plan) => {
            sqlx::query("INSERT INTO agent_plan (tenant, agent, plan) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(tenant)
                .bind(agent.uuid())
                .bind(plan.uuid())
        }
        Change::UnlinkPlan(agent, plan) => {
            sqlx::query("DELETE FROM agent_plan WHERE tenant = $1 AND agent = $2 AND plan = $3")
                .bind(tenant)
                .bind(agent.uuid())
                .bind(plan.uuid())
        }
        Change::Delegation(row) => add_delegation(row),
        Change::RevokeDelegation(id) => {
            sqlx::query("UPDATE delegation SET state = 'revoked' WHERE tenant = $1 AND id = $2")
                .bind(tenant)
                .bind(id.uuid())
        }
        Change::ApiKey(row) => {
            sqlx::query("INSERT INTO api_key (tenant, id, role, account, created_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(tenant)
                .bind(row.id.uuid())
                .bind(row.role.as_str())
                .bind(row.account.bytes())
                .bind(at)
        }
        Change::RevokeApiKey(id) => {
            sqlx::query("UPDATE api_key SET revoked_at = $3 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL")
                .bind(tenant)
                .bind(id.uuid())
                .bind(at)
        }
        Change::ApiToken(row) => add_token(row),
        Change::Resource(row) => put_resource(row),
        Change::WebhookSecret(row) => add_secret(row),
        Change::RetireWebhookSecrets { provider, expires_at } => retire_secrets(tenant, provider, *expires_at),
        Change::WebhookEndpoint { row, .. } => deliveries::put_endpoint(row),
        Change::RemoveWebhookEndpoint(id) => deliveries::remove_endpoint(tenant, *id, record.at),
        Change::WebhookDelivery(row) => deliveries::add_delivery(row),
        Change::Noted { .. } => sqlx::query("SELECT 1"),
        Change::RemoveResource(id) => {
            sqlx::query("DELETE FROM resource WHERE tenant = $1 AND id = $2").bind(tenant).bind(id.uuid())
        }
        Change::RevokeApiToken(id) => {
            sqlx::query("UPDATE api_token SET revoked_at = $3 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL")
                .bind(tenant)
                .bind(id.uuid())
                .bind(at)
        }
    }
}

fn add_merchant(row: &Merchant) -> Statement<'_> {
    let query = sqlx::query(
        "INSERT INTO merchant (tenant, name, mode, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    );
    query.bind(row.id.uuid()).bind(&row.name).bind(row.mode.as_str()).bind(row.created_at.micros())
}

fn add_plan(row: &Plan) -> Statement<'_> {
    let (min, max) = row.rules.range();
    let lifetime = row.rules.lifetime().map(|lifetime| i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
    sqlx::query(
        "INSERT INTO plan (tenant, id, name, access, fixed, granted, min_amount, max_amount, lifetime_seconds, trial, \
         document, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(row.tenant.uuid())
    .bind(row.id.uuid())
    .bind(&row.name)
    .bind(row.rules.access().as_str())
    .bind(row.rules.is_fixed())
    .bind(row.rules.granted().micros())
    .bind(min.micros())
    .bind(max.micros())
    .bind(lifetime)
    .bind(row.rules.is_trial())
    .bind(&row.document)
    .bind(row.created_at.micros())
}

fn add_delegation(row: &Delegation) -> Statement<'_> {
    let state = match row.state {
        DelegationState::Active => "active",
        DelegationState::Revoked => "revoked",
    };
    sqlx::query(
        "INSERT INTO delegation (tenant, id, holder, plan, max_uses, state, document, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(row.tenant.uuid())
    .bind(row.id.uuid())
    .bind(row.holder.bytes())
    .bind(row.plan.map(farebox_types::Id::uuid))
    .bind(row.max_uses.map(i64::from))
    .bind(state)
    .bind(&row.document)
    .bind(row.created_at.micros())
    .bind(row.expires_at.micros())
}

fn add_token(row: &ApiToken) -> Statement<'_> {
    let query = sqlx::query(
        "INSERT INTO api_token (tenant, id, name, hash, created_at, scopes, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let query = query.bind(row.tenant.uuid()).bind(row.id.uuid()).bind(&row.name).bind(row.hash);
    query.bind(row.created_at.micros()).bind(&row.scopes).bind(row.expires_at.map(Timestamp::micros))
}

fn add_secret(row: &WebhookSecret) -> Statement<'_> {
    let query = sqlx::query(
        "INSERT INTO webhook_secret (tenant, provider, id, sealed, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let query = query.bind(row.tenant.uuid()).bind(&row.provider).bind(row.id).bind(&row.sealed);
    query.bind(row.created_at.micros()).bind(row.expires_at.map(Timestamp::micros))
}

fn retire_secrets(tenant: Uuid, provider: &str, expires_at: Timestamp) -> Statement<'_> {
    let query = sqlx::query(
        "UPDATE webhook_secret SET expires_at = $3 \
         WHERE tenant = $1 AND provider = $2 AND (expires_at IS NULL OR expires_at > $3)",
    );
    query.bind(tenant).bind(provider).bind(expires_at.micros())
}

/// A new resource or its new document; nothing, or a taken key, if another has its address or it has another.
fn put_resource(row: &Resource) -> Statement<'_> {
    let query = sqlx::query(
        "INSERT INTO resource AS r (tenant, id, url, owner, document, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, url) DO UPDATE \
         SET document = excluded.document, updated_at = excluded.updated_at WHERE r.id = excluded.id",
    );
    let query = query.bind(row.tenant.uuid()).bind(row.id.uuid()).bind(&row.url).bind(&row.owner).bind(&row.document);
    query.bind(row.created_at.micros()).bind(row.updated_at.micros())
}
