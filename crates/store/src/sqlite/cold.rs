//! Cold writes: the idempotency record and the rows it stands for.

use farebox_types::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::deliveries;
use crate::{ApiToken, Change, DelegationState, Fault, Plan, Record, Recorded, Resource, WebhookSecret};

/// Writes a record's rows, or says why not; the caller commits.
pub(super) fn write(sql: &Connection, record: &Record) -> Result<Recorded, Fault> {
    if let Some(before) = before(sql, record)? {
        return Ok(before);
    }
    for change in &record.changes {
        if !apply(sql, record, change)? {
            return Ok(Recorded::Taken);
        }
    }
    sql.prepare_cached(
        "INSERT INTO operation (tenant, scope, key, request_hash, answer, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        record.tenant.uuid().as_bytes(),
        &record.operation.scope,
        &record.operation.key,
        record.request_hash,
        &record.answer,
        record.at.micros(),
    ))?;
    Ok(Recorded::Fresh)
}

fn before(sql: &Connection, record: &Record) -> Result<Option<Recorded>, Fault> {
    let mut statement =
        sql.prepare_cached("SELECT request_hash, answer FROM operation WHERE tenant = ?1 AND scope = ?2 AND key = ?3")?;
    let key = (record.tenant.uuid(), &record.operation.scope, &record.operation.key);
    let row = statement
        .query_row((key.0.as_bytes(), key.1, key.2), |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?)));
    Ok(row.optional()?.map(
        |(hash, answer)| {
            if hash == record.request_hash { Recorded::Replayed(answer) } else { Recorded::Conflict }
        },
    ))
}

/// One row; false if a unique name is taken.
fn apply(sql: &Connection, record: &Record, change: &Change) -> Result<bool, Fault> {
    let tenant = record.tenant.uuid();
    let tenant = tenant.as_bytes();
    let at = record.at.micros();
    match change {
        Change::Merchant(row) => {
            let added = sql
                .prepare_cached(
                    "INSERT INTO merchant (tenant, name, mode, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?
                .execute((row.id.uuid().as_bytes(), &row.name, row.mode.as_str(), row.created_at.micros()))?;
            return Ok(added == 1);
        }
        Change::Plan(row) => add_plan(sql, row)?,
        Change::Agent(row) => sql
            .prepare_cached(
                "INSERT INTO agent (tenant, id, name, document, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, document = excluded.document",
            )?
            .execute((tenant, row.id.uuid().as_bytes(), &row.name, &row.document, row.created_at.micros()))?,
        Change::LinkPlan(agent, plan) => sql
            .prepare_cached("INSERT INTO agent_plan (tenant, agent, plan) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute((tenant, agent.uuid().as_bytes(), plan.uuid().as_bytes()))?,
        Change::UnlinkPlan(agent, plan) => sql
            .prepare_cached("DELETE FROM agent_plan WHERE tenant = ?1 AND agent = ?2 AND plan = ?3")?
            .execute((tenant, agent.uuid().as_bytes(), plan.uuid().as_bytes()))?,
        Change::Delegation(row) => add_delegation(sql, row)?,
        Change::RevokeDelegation(id) => sql
            .prepare_cached("UPDATE delegation SET state = 'revoked' WHERE tenant = ?1 AND id = ?2")?
            .execute((tenant, id.uuid().as_bytes()))?,
        Change::ApiKey(row) => sql
            .prepare_cached("INSERT INTO api_key (tenant, id, role, account, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((tenant, row.id.uuid().as_bytes(), row.role.as_str(), row.account.bytes(), at))?,
        Change::RevokeApiKey(id) => sql
            .prepare_cached("UPDATE api_key SET revoked_at = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL")?
            .execute((tenant, id.uuid().as_bytes(), at))?,
        Change::ApiToken(row) => add_token(sql, row)?,
        Change::RevokeApiToken(id) => sql
            .prepare_cached(
                "UPDATE api_token SET revoked_at = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL",
            )?
            .execute((tenant, id.uuid().as_bytes(), at))?,
        Change::Resource(row) => return Ok(put_resource(sql, row)? == 1),
        Change::WebhookSecret(row) => add_secret(sql, row)?,
        Change::RetireWebhookSecrets { provider, expires_at } => sql
            .prepare_cached(
                "UPDATE webhook_secret SET expires_at = ?3 \
                 WHERE tenant = ?1 AND provider = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
            )?
            .execute((tenant, provider, expires_at.micros()))?,
        Change::WebhookEndpoint { row, .. } => return Ok(deliveries::put_endpoint(sql, row)? == 1),
        Change::RemoveWebhookEndpoint(id) => deliveries::remove_endpoint(sql, tenant, *id, record.at)?,
        Change::WebhookDelivery(row) => return Ok(deliveries::add_delivery(sql, row)? == 1),
        Change::Noted { .. } => 0,
        Change::RemoveResource(id) => sql
            .prepare_cached("DELETE FROM resource WHERE tenant = ?1 AND id = ?2")?
            .execute((tenant, id.uuid().as_bytes()))?,
    };
    Ok(true)
}

fn add_plan(sql: &Connection, row: &Plan) -> Result<usize, Fault> {
    let (min, max) = row.rules.range();
    let lifetime = row.rules.lifetime().map(|lifetime| i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
    let mut insert = sql.prepare_cached(
        "INSERT INTO plan (tenant, id, name, access, fixed, granted, min_amount, max_amount, lifetime_seconds, trial, \
         document, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    Ok(insert.execute((
        row.tenant.uuid().as_bytes(),
        row.id.uuid().as_bytes(),
        &row.name,
        row.rules.access().as_str(),
        row.rules.is_fixed(),
        row.rules.granted().micros(),
        min.micros(),
        max.micros(),
        lifetime,
        row.rules.is_trial(),
        &row.document,
        row.created_at.micros(),
    ))?)
}

fn add_delegation(sql: &Connection, row: &crate::Delegation) -> Result<usize, Fault> {
    let state = match row.state {
        DelegationState::Active => "active",
        DelegationState::Revoked => "revoked",
    };
    let mut insert = sql.prepare_cached(
        "INSERT INTO delegation (tenant, id, holder, plan, max_uses, state, document, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    Ok(insert.execute((
        row.tenant.uuid().as_bytes(),
        row.id.uuid().as_bytes(),
        row.holder.bytes(),
        row.plan.map(|plan| plan.uuid().into_bytes()),
        row.max_uses,
        state,
        &row.document,
        row.created_at.micros(),
        row.expires_at.micros(),
    ))?)
}

fn add_token(sql: &Connection, row: &ApiToken) -> Result<usize, Fault> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO api_token (tenant, id, name, hash, created_at, scopes, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    Ok(insert.execute((
        row.tenant.uuid().as_bytes(),
        row.id.uuid().as_bytes(),
        &row.name,
        row.hash,
        row.created_at.micros(),
        &row.scopes,
        row.expires_at.map(Timestamp::micros),
    ))?)
}

fn add_secret(sql: &Connection, row: &WebhookSecret) -> Result<usize, Fault> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO webhook_secret (tenant, provider, id, sealed, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    Ok(insert.execute((
        row.tenant.uuid().as_bytes(),
        &row.provider,
        row.id.as_bytes(),
        &row.sealed,
        row.created_at.micros(),
        row.expires_at.map(Timestamp::micros),
    ))?)
}

/// A new resource or its new document; nothing if another has its address or it has another.
fn put_resource(sql: &Connection, row: &Resource) -> Result<usize, Fault> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO resource (tenant, id, url, owner, document, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (tenant, id) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at \
         WHERE resource.url = excluded.url \
         ON CONFLICT (tenant, url) DO NOTHING",
    )?;
    Ok(insert.execute((
        row.tenant.uuid().as_bytes(),
        row.id.uuid().as_bytes(),
        &row.url,
        &row.owner,
        &row.document,
        row.created_at.micros(),
        row.updated_at.micros(),
    ))?)
}
