//! `GET /api/v1/delegation`: the caller's own, newest first.

use axum::{Json, extract::State};
use farebox_engine::{
    credits::Limit,
    ledger::{Account, AccountSpec},
};
use farebox_store::{Delegation, DelegationState, Fault};
use farebox_types::{PublicId, Quantity, Timestamp};
use serde_json::{Value, json};

use crate::{backend::Backend, credits::shape::rfc3339, http::Problem, keys::Caller};

pub(crate) async fn list(State(backend): State<Backend>, caller: Caller) -> Result<Json<Vec<Value>>, Problem> {
    let rows = backend.store().delegations(caller.tenant, caller.account).await?;
    let mut answer = Vec::with_capacity(rows.len());
    for row in &rows {
        answer.push(view(row, left(&backend, row).await?, backend.now()));
    }
    Ok(Json(answer))
}

/// How often a delegation may be used, if that is limited.
pub(crate) fn limit_of(row: &Delegation) -> Option<Limit> {
    row.max_uses.map(|uses| Limit { key: format!("delegation:{}", row.id), uses })
}

/// How often more, as it stands; an outstanding hold counts as a use.
pub(crate) fn uses_left(limit: &Limit, account: Option<&Account>, now: Timestamp) -> i64 {
    let all = i64::from(limit.uses);
    account.map_or(all, |account| all.saturating_add(account.available(now) / Quantity::ONE.micros()))
}

async fn left(backend: &Backend, row: &Delegation) -> Result<Option<i64>, Fault> {
    let Some(limit) = limit_of(row) else { return Ok(None) };
    let account = backend.store().account(&AccountSpec::limit(row.tenant, &limit.key, limit.uses)).await?;
    Ok(Some(uses_left(&limit, account.as_ref(), backend.now())))
}

fn view(row: &Delegation, left: Option<i64>, now: Timestamp) -> Value {
    let status = match row.state {
        DelegationState::Revoked => "Revoked",
        DelegationState::Active if row.expires_at <= now => "Expired",
        DelegationState::Active if left.is_some_and(|left| left <= 0) => "Exhausted",
        DelegationState::Active => "Active",
    };
    let document: Value = serde_json::from_str(&row.document).unwrap_or_default();
    json!({
        "id": row.id.uuid().to_string(),
        "provider": document["provider"],
        "spendingLimitCents": document["spendingLimitCents"],
        "spentCents": 0,
        "durationSecs": document["durationSecs"],
        "currency": document["currency"],
        "status": status,
        "planId": row.plan.map(|plan| PublicId::new(row.tenant, plan).to_string()),
        "maxTransactions": row.max_uses,
        "remainingTransactions": left,
        "createdAt": rfc3339(row.created_at),
        "expiresAt": rfc3339(row.expires_at),
    })
}
