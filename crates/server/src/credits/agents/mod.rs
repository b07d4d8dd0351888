//! Agents: services that plans give access to.

mod endpoints;
mod facts;
mod get;
mod link;
mod list;
mod plans;
mod register;
mod update;
mod view;
mod with_plan;

use farebox_store::Agent;
use farebox_types::{Agent as AgentKind, PublicId};

use crate::{
    backend::Backend,
    keys::Caller,
    refusal::{Failure, Refusal},
};

pub(crate) use endpoints::{Endpoint, origin, path};
pub(crate) use facts::AgentFacts;
pub(crate) use get::get;
pub(crate) use link::{link, unlink};
pub(crate) use list::list;
pub(crate) use plans::plans;
pub(crate) use register::register;
pub(crate) use update::update;
pub(crate) use view::view;
pub(crate) use with_plan::register_with_plan;

/// An agent's id as the wire writes it.
pub(crate) fn parse(text: &str) -> Result<PublicId<AgentKind>, Refusal> {
    text.parse().map_err(|_| Refusal::number("agentId", "a decimal uint256"))
}

impl Backend {
    /// An agent by the id a public call gives.
    async fn agent_named(&self, text: &str) -> Result<Agent, Failure> {
        let id = parse(text)?;
        Ok(self.store().agent(id.tenant, id.id).await?.ok_or(Refusal::NoAgent)?)
    }

    /// An agent of the caller's merchant; another merchant's is not there.
    async fn own_agent(&self, caller: &Caller, text: &str) -> Result<Agent, Failure> {
        if parse(text)?.tenant != caller.tenant {
            return Err(Refusal::NoAgent.into());
        }
        self.agent_named(text).await
    }
}
