//! `POST /api/v1/protocol/agents`.

use axum::{Json, extract::State};
use farebox_store::{Agent, Change};
use farebox_telemetry::server::AGENT_WRITE;
use farebox_types::{Id, PublicId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    backend::Backend,
    credits::{
        plans::checked_name,
        shape::registration_hash,
        write::{Write, name_of},
    },
    http::{Body, Name, Problem, Seller},
    keys::Caller,
    refusal::{Failure, Refusal},
};

/// The members that are kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentRequest {
    metadata_attributes: Map<String, Value>,
    #[serde(default)]
    agent_api_attributes: Map<String, Value>,
    #[serde(default)]
    plans: Vec<String>,
}

/// Nothing here calls the agent, so what would open its door is not kept.
const CREDENTIALS: [&str; 5] = ["username", "password", "token", "apiKey", "headers"];
const MAX_PLANS: usize = 100;

impl AgentRequest {
    /// Its name, and the document to store.
    pub(super) fn document(&self) -> Result<(String, String), Refusal> {
        let name = self.metadata_attributes.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut attributes = self.agent_api_attributes.clone();
        attributes.retain(|member, _| !CREDENTIALS.contains(&member.as_str()));
        let document = json!({"metadataAttributes": self.metadata_attributes, "agentApiAttributes": attributes});
        Ok((checked_name(name)?, document.to_string()))
    }

    /// The row of a new agent.
    pub(super) fn row(&self, backend: &Backend, caller: &Caller) -> Result<Agent, Refusal> {
        let (name, document) = self.document()?;
        Ok(Agent { tenant: caller.tenant, id: Id::generate(), name, document, created_at: backend.now() })
    }
}

/// Registers an agent of the caller's merchant, and which plans give access to it.
#[tracing::instrument(name = AGENT_WRITE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn register(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Name(key): Name,
    Body { value, raw }: Body<AgentRequest>,
) -> Result<Json<Value>, Problem> {
    let changes = changes(&backend, &caller, &value).await?;
    let id = PublicId::new(caller.tenant, changes.0);
    let answer = json!({"success": true, "txHash": registration_hash(id), "data": {"agentId": id.to_string()}});
    let name = name_of(key.as_ref());
    let write = Write { verb: "agent.register", name, request: &raw, changes: changes.1, answer };
    Ok(Json(backend.write(&caller, write).await?))
}

async fn changes(
    backend: &Backend,
    caller: &Caller,
    request: &AgentRequest,
) -> Result<(Id<farebox_types::Agent>, Vec<Change>), Failure> {
    if request.plans.len() > MAX_PLANS {
        return Err(Refusal::field("plans", "a list of at most 100").into());
    }
    let agent = request.row(backend, caller)?;
    let id = agent.id;
    let mut changes = vec![Change::Agent(agent)];
    for plan in &request.plans {
        changes.push(Change::LinkPlan(id, backend.own_plan(caller, plan).await?.id));
    }
    Ok((id, changes))
}
