//! What a route charges, as written by the seller.

use std::time::Duration;

use farebox_engine::charge::UnknownPolicy;
use farebox_x402::{EXACT, UPTO, credits::SCHEME};
use serde_json::{Map, Value};

use crate::price::{BadPrice, IntoChainPrice, IntoPrice, Price};

/// How one route charges. Checked when its gate is built; until then nothing here can fail.
///
/// ```
/// # use farebox_gate::{Route, UnknownPolicy};
/// # let plan_id = "7";
/// let route = Route::credits(plan_id).price("5 credits").description("A long answer").on_unknown(UnknownPolicy::Withhold);
/// ```
///
/// Several ways to pay are offered in the order they are named:
///
/// ```
/// # use farebox_gate::Route;
/// # let plan_id = "7";
/// let route = Route::credits(plan_id).price("5 credits").or(
///     Route::exact("$0.01").pay_to("0x209693Bc6afc0C5328bA36FaF03C514EF312287C").network("eip155:84532"),
/// );
/// ```
#[derive(Debug, Clone)]
pub struct Route {
    /// At least one; the last is the one that is being described.
    pub(crate) ways: Vec<Draft>,
    /// The first method that did not fit its way to pay.
    pub(crate) misfit: Option<&'static str>,
    pub(crate) description: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) hold: Duration,
    pub(crate) on_unknown: UnknownPolicy,
    pub(crate) max_body: usize,
}

/// One way to pay, as written.
#[derive(Debug, Clone)]
pub(crate) enum Draft {
    Credits(CreditsDraft),
    Chain(ChainDraft),
}

#[derive(Debug, Clone)]
pub(crate) struct CreditsDraft {
    pub(crate) plan_id: String,
    pub(crate) price: Result<Price, BadPrice>,
    pub(crate) agent_id: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) scheme: String,
}

#[derive(Debug, Clone)]
pub(crate) struct ChainDraft {
    pub(crate) scheme: &'static str,
    pub(crate) price: Result<farebox_x402::price::Price, farebox_x402::price::BadPrice>,
    pub(crate) network: Option<String>,
    pub(crate) pay_to: Option<String>,
    pub(crate) max_timeout_seconds: u64,
    pub(crate) extra: Map<String, Value>,
}

impl Route {
    /// A route paid with credits of a plan (a decimal uint256), for one credit unless [`price`](Self::price) says more.
    #[must_use]
    pub fn credits(plan_id: impl Into<String>) -> Self {
        Self::of(Draft::Credits(CreditsDraft {
            plan_id: plan_id.into(),
            price: Ok(Price::ONE_CREDIT),
            agent_id: None,
            network: None,
            scheme: SCHEME.to_owned(),
        }))
    }

    /// A route paid on a chain, as much as it says: `"$0.01"`, `"0.01 USDC"`, or a [`price`](farebox_x402::price) in atomic
    /// units. Needs [`pay_to`](Self::pay_to) and [`network`](Self::network), here or at the gate.
    #[must_use]
    pub fn exact(price: impl IntoChainPrice) -> Self {
        Self::of(chain(EXACT, price))
    }

    /// A route paid on a chain for what was used, at most as much as it says. The handler reports the actual amount with the
    /// header `Settlement-Overrides: {"amount":"500"}` (or `"37.5%"`, `"$0.0012"`) or with [`Actual`](crate::Actual) in its
    /// answer's extensions; without a report the whole amount is taken.
    #[must_use]
    pub fn upto(price: impl IntoChainPrice) -> Self {
        Self::of(chain(UPTO, price))
    }

    /// The ways of another route too, after those of this one. What else the other says is not used.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.ways.extend(other.ways);
        self.misfit = self.misfit.or(other.misfit);
        self
    }

    const fn of_ways(ways: Vec<Draft>) -> Self {
        Self {
            ways,
            misfit: None,
            description: None,
            mime_type: None,
            hold: DEFAULT_HOLD,
            on_unknown: UnknownPolicy::Serve,
            max_body: DEFAULT_MAX_BODY,
        }
    }

    fn of(way: Draft) -> Self {
        Self::of_ways(vec![way])
    }

    /// What one request costs in credits: `"5 credits"`, `5` or a [`farebox_types::Quantity`].
    #[must_use]
    pub fn price(self, price: impl IntoPrice) -> Self {
        let price = price.into_price();
        self.in_credits(".price(…)", |way| way.price = price)
    }

    /// The agent behind the route; needed when the plan has several.
    #[must_use]
    pub fn agent_id(self, agent_id: impl Into<String>) -> Self {
        let agent_id = agent_id.into();
        self.in_credits(".agent_id(…)", |way| way.agent_id = Some(agent_id))
    }

    /// The scheme named in the offer, instead of credits'.
    #[must_use]
    pub fn scheme(self, scheme: impl Into<String>) -> Self {
        let scheme = scheme.into();
        self.in_credits(".scheme(…)", |way| way.scheme = scheme)
    }

    /// Where it is paid: a CAIP-2 name or a short one, `base`. For credits it only labels the offer, instead of the mode's own.
    #[must_use]
    pub fn network(mut self, network: impl Into<String>) -> Self {
        match self.ways.last_mut() {
            Some(Draft::Credits(way)) => way.network = Some(network.into()),
            Some(Draft::Chain(way)) => way.network = Some(network.into()),
            None => {}
        }
        self
    }

    /// The address that is paid on the chain.
    #[must_use]
    pub fn pay_to(self, address: impl Into<String>) -> Self {
        let address = address.into();
        self.on_chain(".pay_to(…)", |way| way.pay_to = Some(address))
    }

    /// How long a payment on the chain is good for, from signing to settling; 300 seconds unless said.
    #[must_use]
    pub fn max_timeout(self, timeout: Duration) -> Self {
        self.on_chain(".max_timeout(…)", |way| way.max_timeout_seconds = timeout.as_secs())
    }

    /// One more member of the offer's `extra`: the EIP-712 `name` and `version` of a token that is not known here.
    #[must_use]
    pub fn extra(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.on_chain(".extra(…)", |way| drop(way.extra.insert(name, value)))
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

    /// How long credits stay reserved for a handler that does not finish; 1 second to 1 day, 120 seconds unless said.
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

    fn in_credits(mut self, method: &'static str, change: impl FnOnce(&mut CreditsDraft)) -> Self {
        match self.ways.last_mut() {
            Some(Draft::Credits(way)) => change(way),
            _ => self.misfit = self.misfit.or(Some(method)),
        }
        self
    }

    fn on_chain(mut self, method: &'static str, change: impl FnOnce(&mut ChainDraft)) -> Self {
        match self.ways.last_mut() {
            Some(Draft::Chain(way)) => change(way),
            _ => self.misfit = self.misfit.or(Some(method)),
        }
        self
    }
}

fn chain(scheme: &'static str, price: impl IntoChainPrice) -> Draft {
    Draft::Chain(ChainDraft {
        scheme,
        price: price.into_chain_price(),
        network: None,
        pay_to: None,
        max_timeout_seconds: DEFAULT_TIMEOUT,
        extra: Map::new(),
    })
}

const DEFAULT_HOLD: Duration = Duration::from_secs(120);
const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;
const DEFAULT_TIMEOUT: u64 = 300;
