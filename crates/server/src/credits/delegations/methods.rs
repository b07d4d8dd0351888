//! `GET /api/v1/payment-methods`: what the caller can delegate from. There is one: its own account of credits.

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::create::PROVIDER;
use crate::{backend::Backend, http::Problem, keys::Caller, refusal::Refusal};

#[derive(Deserialize)]
pub(crate) struct MethodsQuery {
    provider: Option<String>,
}

pub(crate) async fn methods(
    State(_): State<Backend>,
    caller: Caller,
    query: Result<Query<MethodsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|_| Refusal::field("provider", "given once"))?;
    if query.provider.is_some_and(|provider| provider != PROVIDER) {
        return Ok(Json(json!([])));
    }
    let account = caller.account.to_string();
    let last4 = account.get(account.len().saturating_sub(4)..).unwrap_or_default();
    Ok(Json(json!([{
        "id": account, "type": "crypto_wallet", "brand": "ethereum", "last4": last4, "expMonth": 0, "expYear": 0,
        "alias": null, "provider": PROVIDER, "status": "Active", "allowedApiKeyIds": null,
    }])))
}
