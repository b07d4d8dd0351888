//! `POST /api/v1/protocol/agents/plans`: an agent and a plan for it, in one write.

use axum::{Json, extract::State};
use farebox_store::Change;
use farebox_telemetry::server::AGENT_WRITE;
use farebox_types::PublicId;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::register::AgentRequest;
use crate::{
    backend::Backend,
    credits::{
        plans::{PlanRequest, prepare},
        shape::registration_hash,
        write::{Write, name_of},
    },
    http::{Body, Name, Problem, Seller},
    refusal::Refusal,
};

#[derive(Deserialize)]
pub(crate) struct BothRequest {
    plan: PlanRequest,
    agent: AgentRequest,
}

#[derive(Deserialize)]
struct PlanDocument<'a> {
    #[serde(borrow)]
    plan: &'a RawValue,
}

#[tracing::instrument(name = AGENT_WRITE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn register_with_plan(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Name(key): Name,
    Body { value, raw }: Body<BothRequest>,
) -> Result<Json<Value>, Problem> {
    let document: PlanDocument<'_> =
        serde_json::from_slice(&raw).map_err(|error| Refusal::BadBody(error.to_string()))?;
    let plan = prepare(&backend, &caller, &value.plan, document.plan.get().as_bytes())?;
    let agent = value.agent.row(&backend, &caller)?;
    let (plan_id, agent_id) = (PublicId::new(plan.tenant, plan.id), PublicId::new(agent.tenant, agent.id));
    let answer = json!({
        "success": true,
        "txHash": registration_hash(agent_id),
        "data": {"agentId": agent_id.to_string(), "planId": plan_id.to_string()},
    });
    let changes = vec![Change::Plan(plan), Change::Agent(agent), Change::LinkPlan(agent_id.id, plan_id.id)];
    let write = Write { verb: "agent.register_with_plan", name: name_of(key.as_ref()), request: &raw, changes, answer };
    Ok(Json(backend.write(&caller, write).await?))
}
