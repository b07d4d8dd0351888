//! What a payment needs to know about an agent.

use std::collections::BTreeSet;

use farebox_store::{Fault, Store};
use farebox_types::{Agent, Id, Plan, PublicId};

use super::Endpoint;

/// An agent as verify looks at it.
#[derive(Debug)]
pub(crate) struct AgentFacts {
    pub(crate) id: PublicId<Agent>,
    pub(crate) name: String,
    /// The plans that give access to it.
    pub(crate) plans: BTreeSet<Id<Plan>>,
    /// Its endpoint list; empty = every endpoint.
    pub(crate) endpoints: Vec<Endpoint>,
}

impl AgentFacts {
    /// Reads them; `None` if there is no such agent.
    pub(crate) async fn read(store: &dyn Store, id: PublicId<Agent>) -> Result<Option<Self>, Fault> {
        let Some(agent) = store.agent(id.tenant, id.id).await? else { return Ok(None) };
        let plans = store.plans_of_agent(id.tenant, id.id).await?;
        let document: serde_json::Value = serde_json::from_str(&agent.document).unwrap_or_default();
        let endpoints = Endpoint::list(&document["agentApiAttributes"]["endpoints"]);
        Ok(Some(Self { id, name: agent.name, plans: plans.into_iter().map(|plan| plan.id).collect(), endpoints }))
    }
}
