//! `GET /api/v1/delegation`: the caller's own, newest first.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header},
};
use farebox_engine::credits::Limit;
use farebox_store::{Delegation, DelegationState, Fault};
use farebox_types::{PublicId, Quantity, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::limits::{account_of, document, left, spending_of, uses_of};
use crate::{
    backend::Backend,
    credits::shape::rfc3339,
    http::{Problem, Window},
    keys::Caller,
    refusal::Refusal,
};

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    page: Option<u32>,
    offset: Option<u32>,
    accessible: Option<bool>,
}

/// Known clients disagree on the shape: one reads an array, the other an object with a list. Whoever asks for a page, for
/// the accessible ones, or runs on Node, gets the object; others the array of the newest hundred.
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let rule = "whole numbers, and accessible true or false";
    let Query(query) = query.map_err(|_| Refusal::field("page and offset", rule))?;
    let window = Window::checked(query.page.unwrap_or(1), query.offset.unwrap_or(Window::MAX_LENGTH))?;
    let (rows, total) = backend.store().delegations(caller.tenant, caller.account, window.rows()).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in &rows {
        let view = View { row, standing: Standing::read(&backend, row).await?, now: backend.now() };
        if !query.accessible.unwrap_or(false) || view.status() == "Active" {
            views.push(view.json());
        }
    }
    let paged = query.page.is_some() || query.offset.is_some() || query.accessible.is_some();
    if !paged && !on_node(&headers) {
        return Ok(Json(Value::Array(views)));
    }
    let (page, offset) = (window.page, window.offset);
    Ok(Json(json!({"delegations": views, "totalResults": total, "page": page, "offset": offset})))
}

fn on_node(headers: &HeaderMap) -> bool {
    headers.get(header::USER_AGENT).is_some_and(|agent| agent == "node" || agent == "undici")
}

/// How much of a delegation has been used.
struct Standing {
    uses: Option<i64>,
    most: Quantity,
    /// Millionths of a cent that are left.
    money: i64,
}

impl Standing {
    async fn read(backend: &Backend, row: &Delegation) -> Result<Self, Fault> {
        let now = backend.now();
        let read = async |limit: &Limit| {
            let account = backend.store().account(&account_of(row.tenant, limit)).await?;
            Ok::<_, Fault>(left(limit, account.as_ref(), now))
        };
        let spending = spending_of(row);
        let money = read(&spending).await?;
        let uses = match uses_of(row) {
            Some(limit) => Some(read(&limit).await? / Quantity::ONE.micros()),
            None => None,
        };
        Ok(Self { uses, most: spending.most, money })
    }

    /// Cents that are gone, a part of one counted as a whole.
    fn spent(&self) -> i64 {
        let spent = self.most.micros().saturating_sub(self.money);
        spent.saturating_add(Quantity::ONE.micros() - 1) / Quantity::ONE.micros()
    }

    fn remaining(&self) -> i64 {
        self.money.max(0) / Quantity::ONE.micros()
    }
}

struct View<'a> {
    row: &'a Delegation,
    standing: Standing,
    now: Timestamp,
}

impl View<'_> {
    fn status(&self) -> &'static str {
        let Standing { uses, money, most, .. } = &self.standing;
        match self.row.state {
            DelegationState::Revoked => "Revoked",
            DelegationState::Active if self.row.expires_at <= self.now => "Expired",
            DelegationState::Active if uses.is_some_and(|left| left <= 0) => "Exhausted",
            DelegationState::Active if *money <= 0 && !most.is_zero() => "Exhausted",
            DelegationState::Active => "Active",
        }
    }

    /// Under the names of both clients.
    fn json(&self) -> Value {
        let (row, document) = (self.row, document(self.row));
        let id = row.id.uuid().to_string();
        json!({
            "id": id,
            "delegationId": id,
            "provider": document["provider"],
            "providerPaymentMethodId": row.holder.to_string(),
            "spendingLimitCents": document["spendingLimitCents"],
            "spentCents": self.standing.spent(),
            "amountSpentCents": self.standing.spent().to_string(),
            "remainingBudgetCents": self.standing.remaining().to_string(),
            "durationSecs": document["durationSecs"],
            "currency": document["currency"],
            "status": self.status(),
            "planId": row.plan.map(|plan| PublicId::new(row.tenant, plan).to_string()),
            "maxTransactions": row.max_uses,
            "remainingTransactions": self.standing.uses,
            // Not counted where nothing limits it.
            "transactionCount": row.max_uses.zip(self.standing.uses).map(|(all, left)| i64::from(all) - left),
            "apiKeyId": null,
            "createdAt": rfc3339(row.created_at),
            "expiresAt": rfc3339(row.expires_at),
        })
    }
}
