//! `GET /api/v1/protocol/agents/{agent}`: public.

use axum::{Json, extract::State};
use farebox_types::PublicId;
use serde_json::{Value, json};

use super::view;
use crate::{
    backend::Backend,
    http::{Problem, Segments},
};

pub(crate) async fn get(
    State(backend): State<Backend>,
    Segments(agent): Segments<String>,
) -> Result<Json<Value>, Problem> {
    let agent = backend.agent_named(&agent).await?;
    let plans = backend.store().plans_of_agent(agent.tenant, agent.id).await?;
    let plans: Vec<String> = plans.iter().map(|plan| PublicId::new(plan.tenant, plan.id).to_string()).collect();
    let mut answer = view(&agent);
    answer["registry"] = json!({"plans": plans});
    Ok(Json(answer))
}
