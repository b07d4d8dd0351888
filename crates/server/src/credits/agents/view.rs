//! An agent as the API gives it back.

use farebox_store::Agent;
use farebox_types::PublicId;
use serde_json::{Value, json};

use crate::credits::shape::rfc3339;

/// What clients read: `id`, `metadata.main`, `metadata.agent`.
pub(crate) fn view(agent: &Agent) -> Value {
    let document: Value = serde_json::from_str(&agent.document).unwrap_or_default();
    let part = |name: &str| document.get(name).cloned().unwrap_or_else(|| json!({}));
    let id = PublicId::new(agent.tenant, agent.id).to_string();
    json!({
        "id": id,
        "agentId": id,
        "metadata": {"main": part("metadataAttributes"), "agent": part("agentApiAttributes")},
        "createdAt": rfc3339(agent.created_at),
    })
}
