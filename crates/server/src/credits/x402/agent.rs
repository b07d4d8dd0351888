//! The agent behind a route: whether the plan opens it, and what observability is told.

use std::sync::Arc;

use farebox_store::Fault;
use farebox_types::{Agent, Id, Merchant, Plan, PublicId};
use farebox_x402::{AccessToken, CreditsAccept, PaymentRequired};
use serde_json::{Value, json};

use super::charge::Charge;
use crate::{
    backend::Backend,
    credits::{AgentFacts, plans::balance_of},
    refusal::Refusal,
};

/// An agent that a payment is for.
pub(super) struct AgentUse {
    facts: Arc<AgentFacts>,
    /// The entry of its endpoint list that holds the resource, else the resource itself.
    pub(super) url: String,
    verb: String,
}

impl Backend {
    /// The offer's agent, and why the plan or its endpoint list keeps this payment out.
    ///
    /// The list binds only a token that is bound to a resource; for others it is observed, not enforced.
    pub(super) async fn agent_behind(
        &self,
        token: &AccessToken,
        offer: &CreditsAccept,
        required: &PaymentRequired,
        (merchant, plan): (Id<Merchant>, Id<Plan>),
    ) -> Result<(Option<AgentUse>, Option<Refusal>), Fault> {
        let Some(id) = &offer.extra.agent_id else { return Ok((None, None)) };
        let id: Option<PublicId<Agent>> = id.parse().ok().filter(|id: &PublicId<Agent>| id.tenant == merchant);
        let facts = match id {
            Some(id) => self.agent(id).await?,
            None => None,
        };
        let Some(facts) = facts else { return Ok((None, Some(Refusal::NoAgent))) };
        let (url, verb) = (&required.resource.url, offer.extra.http_verb.as_deref());
        let entry = facts.endpoints.iter().find(|entry| entry.holds(verb, url));
        let listed = facts.endpoints.is_empty() || entry.is_some();
        let refusal = if !facts.plans.contains(&plan) {
            Some(Refusal::AgentClosed)
        } else if !listed && token.resource.is_some() {
            Some(Refusal::EndpointClosed)
        } else {
            None
        };
        let url = entry.map_or(url, |entry| &entry.url).clone();
        let verb = entry.map(|entry| entry.verb.as_str()).or(verb).unwrap_or_default().to_owned();
        Ok((Some(AgentUse { facts, url, verb }), refusal))
    }
}

impl AgentUse {
    /// What clients call a start-agent request.
    pub(super) fn request(&self, request_id: &str, charge: &Charge, available: i64) -> Value {
        json!({
            "agentRequestId": request_id,
            "agentName": self.facts.name,
            "agentId": self.facts.id.to_string(),
            "balance": balance_of(&charge.plan, charge.payer, available),
            "urlMatching": self.url,
            "verbMatching": self.verb,
            "batch": false,
        })
    }
}
