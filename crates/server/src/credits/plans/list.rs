//! `GET /api/v1/protocol/plans`: the plans of the caller's merchant, newest first unless `sortOrder=asc`.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::view;
use crate::{
    backend::Backend,
    http::{Problem, Window},
    keys::Caller,
};

pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    window: Window,
) -> Result<Json<Value>, Problem> {
    let (plans, total) = window.read(|page| backend.store().plans(caller.tenant, page)).await?;
    let plans: Vec<Value> = plans.iter().map(view).collect();
    Ok(Json(json!({"total": total, "page": window.page, "offset": window.offset, "plans": plans})))
}
