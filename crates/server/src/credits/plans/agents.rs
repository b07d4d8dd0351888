//! `GET /api/v1/protocol/plans/{plan}/agents`: public.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    credits::agents::view,
    http::{Problem, Segments, Window},
};

pub(crate) async fn agents(
    State(backend): State<Backend>,
    Segments(plan): Segments<String>,
    window: Window,
) -> Result<Json<Value>, Problem> {
    let plan = backend.plan_named(&plan).await?;
    let all = backend.store().agents_of_plan(plan.tenant, plan.id).await?;
    let total = all.len();
    let agents: Vec<Value> = window.cut(all).iter().map(view).collect();
    Ok(Json(json!({"total": total, "page": window.page, "offset": window.offset, "agents": agents})))
}
