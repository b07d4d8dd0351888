//! `GET /api/v1/protocol/agents/{agent}/plans`: public.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    credits::plans::view,
    http::{Problem, Segments, Window},
};

pub(crate) async fn plans(
    State(backend): State<Backend>,
    Segments(agent): Segments<String>,
    window: Window,
) -> Result<Json<Value>, Problem> {
    let agent = backend.agent_named(&agent).await?;
    let all = backend.store().plans_of_agent(agent.tenant, agent.id).await?;
    let total = all.len();
    let plans: Vec<Value> = window.cut(all).iter().map(view).collect();
    Ok(Json(json!({"total": total, "page": window.page, "offset": window.offset, "plans": plans})))
}
