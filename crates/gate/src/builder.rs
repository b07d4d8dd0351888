//! From routes as written to a gate that stands, or to what is wrong with them.

use std::sync::Arc;

use farebox_types::Mode;
use farebox_x402::{Facilitator, plain_address};

#[cfg(feature = "paywall")]
use crate::paywall::{BadPaywall, Paywall};
use crate::{
    answers::{AnswerStore, MemoryAnswers},
    fare::{BadFare, Fare},
    gate::{Desk, Gate, Receipts},
    hooks::Hooks,
    key::BadKey,
    rails::Rails,
    route::Route,
    table::Table,
    way::Defaults,
};

/// Collects what a [`Gate`] charges for. Nothing is checked before [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct GateBuilder {
    rails: Rails,
    defaults: Defaults,
    public_url: Option<String>,
    hooks: Option<Arc<dyn Hooks>>,
    answers: Option<Arc<dyn AnswerStore>>,
    receipts: Option<String>,
    #[cfg(feature = "paywall")]
    paywall: Option<Paywall>,
    routes: Vec<(String, Route)>,
}

/// A gate that cannot stand: a start-up error, so that no paid route is left open by mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGate {
    /// Nobody would check payments.
    #[error("the gate has no facilitator: name one with `.facilitator(…)` for credits, or `.chain(…)`")]
    NoFacilitator,
    /// Everything would be free.
    #[error("the gate has no routes, so it would charge for nothing: add one with `.route(\"POST /ask\", …)`")]
    NoRoutes,
    /// Not an address that offers could name.
    #[error("the public address must read http(s)://host[:port][/path], with no user, query or fragment")]
    PublicUrl,
    /// Not a path that receipts could be under.
    #[error("receipts are under a path such as `/payments`, with no query, parameter or trailing slash")]
    Receipts,
    /// The paywall's page cannot be shown as written.
    #[cfg(feature = "paywall")]
    #[error("paywall: {0}")]
    Paywall(#[from] BadPaywall),
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
        let defaults = Defaults { mode: Mode::Live, network: None, pay_to: None };
        Self {
            rails: Rails { credits: None, chain: None },
            defaults,
            public_url: None,
            hooks: None,
            answers: None,
            receipts: None,
            #[cfg(feature = "paywall")]
            paywall: None,
            routes: Vec::new(),
        }
    }

    /// Who checks and settles payments in credits. A test rail takes those on a chain too.
    pub fn facilitator(mut self, facilitator: Arc<dyn Facilitator>) -> Self {
        self.rails.credits = Some(facilitator);
        self
    }

    /// Who checks and settles payments on a chain: a `ChainFacilitator` (feature `client` of `farebox-x402`), or any other.
    pub fn chain(mut self, facilitator: Arc<dyn Facilitator>) -> Self {
        self.rails.chain = Some(facilitator);
        self
    }

    /// The world the gate is in; live unless said.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.defaults.mode = mode;
        self
    }

    /// The address that is paid on a chain, for routes that name none.
    pub fn pay_to(mut self, address: impl Into<String>) -> Self {
        self.defaults.pay_to = Some(address.into());
        self
    }

    /// The network of payments on a chain, for routes that name none: `eip155:8453` or `base`.
    pub fn network(mut self, network: impl Into<String>) -> Self {
        self.defaults.network = Some(network.into());
        self
    }

    /// The server's own address as its clients know it, `https://api.example.com`: offers then name absolute addresses
    /// instead of paths. It is never taken from a request.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Told about each payment.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// Where claims and answers are kept; in this process's memory unless said. Servers that share a store run one handler
    /// for one payment between them.
    pub fn answers(mut self, answers: Arc<dyn AnswerStore>) -> Self {
        self.answers = Some(answers);
        self
    }

    /// Answers `GET {prefix}/receipts/{id}` with receipts; the header `payment-receipt-location` of a streamed answer leads
    /// there.
    pub fn receipts(mut self, prefix: impl Into<String>) -> Self {
        self.receipts = Some(prefix.into());
        self
    }

    /// Shows browsers a page instead of a JSON 402.
    #[cfg(feature = "paywall")]
    pub fn paywall(mut self, paywall: Paywall) -> Self {
        self.paywall = Some(paywall);
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
        let public_url = self.checked()?;
        if self.routes.is_empty() {
            return Err(BadGate::NoRoutes);
        }
        let mut table = Table::default();
        for (key, route) in &self.routes {
            let fare = || Fare::new(key, route.clone(), &self.rails, &self.defaults, public_url.as_ref());
            table.insert(key, fare)?;
        }
        Ok(Gate::with_table(self.desk(public_url.as_deref())?, table))
    }

    /// A gate that charges for every request that reaches it, OPTIONS included; routes named before are not used.
    ///
    /// # Errors
    /// [`BadGate`] if the route cannot be charged as written.
    pub fn build_for_every_request(self, route: Route) -> Result<Gate, BadGate> {
        let public_url = self.checked()?;
        let fare = Fare::new(EVERY_REQUEST, route, &self.rails, &self.defaults, public_url.as_ref())
            .map_err(|error| BadRoute { key: EVERY_REQUEST.to_owned(), problem: error.into() })?;
        Ok(Gate::with_fare(self.desk(public_url.as_deref())?, fare))
    }

    /// What every route shares.
    fn desk(self, public_url: Option<&str>) -> Result<Desk, BadGate> {
        let receipts = match self.receipts {
            None => None,
            Some(prefix) if is_prefix(&prefix) => {
                let path = format!("{prefix}/receipts/");
                let url = format!("{}{path}", public_url.unwrap_or_default());
                Some(Receipts { path: path.into(), url: url.into() })
            }
            Some(_) => return Err(BadGate::Receipts),
        };
        Ok(Desk {
            rails: self.rails,
            hooks: self.hooks,
            answers: self.answers.unwrap_or_else(|| MemoryAnswers::shared()),
            receipts,
            #[cfg(feature = "paywall")]
            paywall: self.paywall.map(Paywall::checked).transpose()?,
        })
    }

    /// What must hold whatever is charged; the public address without its trailing slashes.
    fn checked(&self) -> Result<Option<Arc<str>>, BadGate> {
        if self.rails.is_empty() {
            return Err(BadGate::NoFacilitator);
        }
        let Some(url) = &self.public_url else { return Ok(None) };
        plain_address(url).map(|url| Some(url.into())).ok_or(BadGate::PublicUrl)
    }
}

fn is_prefix(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    (prefix.is_empty() || prefix.starts_with('/')) && !prefix.ends_with('/') && prefix.bytes().all(plain)
}
