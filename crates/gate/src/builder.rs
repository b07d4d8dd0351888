//! From routes as written to a gate that stands, or to what is wrong with them.

use std::sync::Arc;

use farebox_types::Mode;
use farebox_x402::Facilitator;

use crate::{
    fare::{BadFare, Fare},
    gate::Gate,
    key::BadKey,
    route::Route,
    table::Table,
};

/// Collects what a [`Gate`] charges for. Nothing is checked before [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct GateBuilder {
    facilitator: Option<Arc<dyn Facilitator>>,
    mode: Mode,
    routes: Vec<(String, Route)>,
}

/// A gate that cannot stand: a start-up error, so that no paid route is left open by mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGate {
    /// Nobody would check payments.
    #[error("the gate has no facilitator: name one with `.facilitator(…)`")]
    NoFacilitator,
    /// Everything would be free.
    #[error("the gate has no routes, so it would charge for nothing: add one with `.route(\"POST /ask\", …)`")]
    NoRoutes,
    /// One route is wrong.
    #[error(transparent)]
    Route(#[from] BadRoute),
}

/// One route that cannot be charged as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route `{key}`: {problem}")]
pub struct BadRoute {
    /// The key as written.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub problem: Problem,
}

/// What is wrong with a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The key cannot match a request.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Another key matches the same requests.
    #[error("already charged by `{0}`: keep one of them (parameter names and a trailing slash make no difference)")]
    Taken(String),
    /// Two keys cannot stand in one table.
    #[error("cannot be told apart from another route: {0}")]
    Unmatchable(String),
    /// What the route charges is wrong.
    #[error(transparent)]
    Fare(#[from] BadFare),
}

/// What a gate that charges every request is called in errors, logs and plans.
const EVERY_REQUEST: &str = "every request";

impl GateBuilder {
    pub(crate) const fn new() -> Self {
        Self { facilitator: None, mode: Mode::Live, routes: Vec::new() }
    }

    /// Who checks and settles payments.
    pub fn facilitator(self, facilitator: Arc<dyn Facilitator>) -> Self {
        Self { facilitator: Some(facilitator), ..self }
    }

    /// The world the gate is in; live unless said.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Charges for the requests that `key` matches: `"POST /ask"`, `"GET /users/:id"`, `"GET /files/{*rest}"`.
    ///
    /// A GET route charges HEAD too; a trailing slash makes no difference.
    pub fn route(mut self, key: impl Into<String>, route: Route) -> Self {
        self.routes.push((key.into(), route));
        self
    }

    /// A gate that charges for its routes and lets every other request through.
    ///
    /// # Errors
    /// [`BadGate`] for the first route that could not be charged as written.
    pub fn build(self) -> Result<Gate, BadGate> {
        let facilitator = self.facilitator.ok_or(BadGate::NoFacilitator)?;
        if self.routes.is_empty() {
            return Err(BadGate::NoRoutes);
        }
        let mut table = Table::default();
        for (key, route) in self.routes {
            table.insert(&key, route, self.mode, facilitator.test_only())?;
        }
        Ok(Gate::with_table(facilitator, table))
    }

    /// A gate that charges for every request that reaches it, OPTIONS included; routes named before are not used.
    ///
    /// # Errors
    /// [`BadGate`] if the route cannot be charged as written.
    pub fn build_for_every_request(self, route: Route) -> Result<Gate, BadGate> {
        let facilitator = self.facilitator.ok_or(BadGate::NoFacilitator)?;
        let fare = Fare::new(EVERY_REQUEST, None, route, self.mode, facilitator.test_only())
            .map_err(|error| BadRoute { key: EVERY_REQUEST.to_owned(), problem: error.into() })?;
        Ok(Gate::with_fare(facilitator, fare))
    }
}
