//! `GET /api/v1/protocol/agents`: the agents of the caller's merchant, newest first unless `sortOrder=asc`.

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
    let (agents, total) = window.read(|page| backend.store().agents(caller.tenant, page)).await?;
    let agents: Vec<Value> = agents.iter().map(view).collect();
    Ok(Json(json!({"total": total, "page": window.page, "offset": window.offset, "agents": agents})))
}
