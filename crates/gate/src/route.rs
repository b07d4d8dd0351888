//! What a route charges, as written by the seller.

use std::time::Duration;

use farebox_engine::charge::UnknownPolicy;
use farebox_x402::credits::SCHEME;

use crate::price::{BadPrice, IntoPrice, Price};

/// How one route charges. Checked when its gate is built; until then nothing here can fail.
///
/// ```
/// # use farebox_gate::{Route, UnknownPolicy};
/// # let plan_id = "7";
/// let route = Route::credits(plan_id).price("5 credits").description("A long answer").on_unknown(UnknownPolicy::Withhold);
/// ```
#[derive(Debug, Clone)]
pub struct Route {
    pub(crate) plan_id: String,
    pub(crate) price: Result<Price, BadPrice>,
    pub(crate) agent_id: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) scheme: String,
    pub(crate) description: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) hold: Duration,
    pub(crate) on_unknown: UnknownPolicy,
    pub(crate) max_body: usize,
}

impl Route {
    /// A route paid with credits of a plan (a decimal uint256), for one credit unless [`price`](Self::price) says more.
    #[must_use]
    pub fn credits(plan_id: impl Into<String>) -> Self {
        Self {
            plan_id: plan_id.into(),
            price: Ok(Price::ONE_CREDIT),
            agent_id: None,
            network: None,
            scheme: SCHEME.to_owned(),
            description: None,
            mime_type: None,
            hold: DEFAULT_HOLD,
            on_unknown: UnknownPolicy::default(),
            max_body: DEFAULT_MAX_BODY,
        }
    }

    /// What one request costs: `"5 credits"`, `5` or a [`farebox_types::Quantity`].
    #[must_use]
    pub fn price(self, price: impl IntoPrice) -> Self {
        Self { price: price.into_price(), ..self }
    }

    /// The agent behind the route; needed when the plan has several.
    #[must_use]
    pub fn agent_id(self, agent_id: impl Into<String>) -> Self {
        Self { agent_id: Some(agent_id.into()), ..self }
    }

    /// The network named in the offer, instead of the mode's own.
    #[must_use]
    pub fn network(self, network: impl Into<String>) -> Self {
        Self { network: Some(network.into()), ..self }
    }

    /// The scheme named in the offer, instead of credits'.
    #[must_use]
    pub fn scheme(self, scheme: impl Into<String>) -> Self {
        Self { scheme: scheme.into(), ..self }
    }

    /// For the people who pay.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// What the paid answer will be, `application/json`.
    #[must_use]
    pub fn mime_type(self, mime_type: impl Into<String>) -> Self {
        Self { mime_type: Some(mime_type.into()), ..self }
    }

    /// How long the credits stay reserved for a handler that does not finish; 1 second to 1 day, 120 seconds unless said.
    #[must_use]
    pub const fn hold(mut self, ttl: Duration) -> Self {
        self.hold = ttl;
        self
    }

    /// What happens to a finished answer when nobody can say whether it was paid; served unless said.
    #[must_use]
    pub const fn on_unknown(mut self, policy: UnknownPolicy) -> Self {
        self.on_unknown = policy;
        self
    }

    /// The longest answer, in bytes, that is held back until it is paid; 8 MiB unless said. A longer one is not charged
    /// and not served.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }
}

const DEFAULT_HOLD: Duration = Duration::from_secs(120);
const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;
