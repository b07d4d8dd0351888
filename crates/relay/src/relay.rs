//! The relay that stands: what every request of it shares.

use std::{collections::BTreeSet, sync::Arc};

use axum::http::request::Parts;
use farebox_telemetry::paylera::CUSTOMER_ID;
use farebox_types::Mode;

use crate::{
    builder::RelayBuilder,
    csrf::{Guard, Origins},
    customer::{self, Found},
    identity::{self, CustomerIdentity, Identify},
    memory::{Memory, Writing},
    problem::Refusal,
    route::{Access, RelayRoute},
    span,
    upstream::{Ended, Upstream},
};

/// The relay between a browser and the billing API. Cheap to clone; keeps no state beyond its configuration, save
/// a second of checks if that is wanted.
#[derive(Clone)]
pub struct Relay(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) upstream: Upstream,
    pub(crate) mode: Option<Mode>,
    pub(crate) identify: Box<dyn Identify>,
    pub(crate) auto_create: bool,
    pub(crate) guard: Guard,
    pub(crate) origins: Origins,
    /// Routes that are not as they are by default.
    pub(crate) access: Vec<(RelayRoute, Access)>,
    /// The features that a browser may record usage of; all, if there is no list.
    pub(crate) trackable: Option<BTreeSet<String>>,
    /// Answers to checks, if they are kept.
    pub(crate) memory: Option<Memory>,
}

impl Relay {
    /// A relay that forwards with this client. It needs an `identify` before it can be built.
    pub fn builder(client: farebox_client::Client) -> RelayBuilder {
        RelayBuilder::new(client)
    }

    /// Who may call a route.
    #[must_use]
    pub fn access(&self, route: RelayRoute) -> Access {
        let chosen = self.0.access.iter().rev().find(|(chosen, _)| *chosen == route);
        chosen.map_or(if route.can_be_public() { Access::Public } else { Access::Identified }, |(_, access)| *access)
    }

    pub(crate) async fn caller(&self, head: &Parts) -> Result<CustomerIdentity, Refusal> {
        identity::caller(&*self.0.identify, head).await
    }

    /// Held while something of this caller's is written upstream.
    pub(crate) fn writing<'a>(&'a self, caller: &'a str) -> Writing<'a> {
        Writing::begin(self.0.memory.as_ref(), caller)
    }

    pub(crate) async fn customer(&self, identity: &CustomerIdentity) -> Result<Found, Ended> {
        let found = customer::find(&self.0.upstream, identity, self.0.auto_create).await?;
        span::note(CUSTOMER_ID, Some(&found.id));
        Ok(found)
    }
}
