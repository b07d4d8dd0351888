//! `PUT /api/v1/protocol/agents/{agent}`: a new document; its plans stay.

use axum::{Json, extract::State};
use farebox_store::{Agent, Change};
use farebox_telemetry::server::AGENT_WRITE;
use farebox_types::PublicId;
use serde_json::{Value, json};

use super::register::AgentRequest;
use crate::{
    backend::Backend,
    credits::write::{Write, name_of},
    http::{Body, Name, Problem, Segments, Seller},
};

#[tracing::instrument(name = AGENT_WRITE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn update(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Name(key): Name,
    Segments(agent): Segments<String>,
    Body { value, raw }: Body<AgentRequest>,
) -> Result<Json<Value>, Problem> {
    let before = backend.own_agent(&caller, &agent).await?;
    let id = PublicId::new(before.tenant, before.id);
    let (name, document) = value.document()?;
    let answer = json!({"success": true, "data": {"agentId": id.to_string()}});
    let changes = vec![Change::Agent(Agent { name, document, ..before })];
    let request = [id.to_string().as_bytes(), &raw].concat();
    let write = Write { verb: "agent.update", name: name_of(key.as_ref()), request: &request, changes, answer };
    let answer = backend.write(&caller, write).await?;
    backend.forget_agent(id).await;
    Ok(Json(answer))
}
