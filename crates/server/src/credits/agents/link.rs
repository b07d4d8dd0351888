//! `POST` and `DELETE /api/v1/protocol/agents/{agent}/plan/{plan}`. There is no body; repeating either is harmless.

use axum::{Json, extract::State};
use farebox_store::Change;
use farebox_telemetry::server::AGENT_WRITE;
use farebox_types::{Agent, Id, Plan, PublicId};
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    credits::write::{Write, name_of},
    http::{Problem, Segments, Seller},
    keys::Caller,
    refusal::Failure,
};

/// The plan gives access to the agent from now on.
#[tracing::instrument(name = AGENT_WRITE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn link(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Segments(path): Segments<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(change(&backend, &caller, "agent.link", path, Change::LinkPlan).await?))
}

/// The plan no longer gives access to the agent; servers follow within seconds.
#[tracing::instrument(name = AGENT_WRITE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn unlink(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Segments(path): Segments<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(change(&backend, &caller, "agent.unlink", path, Change::UnlinkPlan).await?))
}

async fn change(
    backend: &Backend,
    caller: &Caller,
    verb: &'static str,
    (agent, plan): (String, String),
    change: fn(Id<Agent>, Id<Plan>) -> Change,
) -> Result<Value, Failure> {
    let agent = backend.own_agent(caller, &agent).await?;
    let plan = backend.own_plan(caller, &plan).await?;
    let (agent, plan) = (PublicId::new(agent.tenant, agent.id), PublicId::new(plan.tenant, plan.id));
    let data = json!({"agentId": agent.to_string(), "planId": plan.to_string()});
    let answer = json!({"success": true, "data": data});
    let changes = vec![change(agent.id, plan.id)];
    let answer = backend.write(caller, Write { verb, name: name_of(None), request: b"", changes, answer }).await?;
    backend.forget_agent(agent).await;
    Ok(answer)
}
