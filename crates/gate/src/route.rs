//! What a route charges, as written by the seller.

use std::{fmt, future::ready, sync::Arc, time::Duration};

use farebox_engine::charge::{Timing, UnknownPolicy};
use farebox_x402::{EXACT, UPTO, credits::SCHEME};
use serde_json::{Map, Value};

use crate::{
    answers::{Identifier, REPLAY},
    asked::Asked,
    price::{BadPrice, IntoChainPrice, IntoPrice, Price},
    pricing::{self, PriceFn, Priced},
    subscribers::Subscribers,
};

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
#[derive(Clone)]
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
    pub(crate) max_request: usize,
    pub(crate) timing: Timing,
    pub(crate) streaming: bool,
    /// How long an answer is kept, if the route says so itself.
    pub(crate) replay: Option<Duration>,
    pub(crate) subscribers: Option<Arc<dyn Subscribers>>,
    pub(crate) identifier: Option<Identifier>,
}

/// One way to pay, as written.
#[derive(Debug, Clone)]
pub(crate) enum Draft {
    Credits(CreditsDraft),
    Chain(ChainDraft),
}

impl Draft {
    /// True if less than the price may be taken.
    pub(crate) fn is_metered(&self) -> bool {
        match self {
            Self::Credits(way) => way.metered,
            Self::Chain(way) => way.scheme == UPTO,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CreditsDraft {
    pub(crate) plan_id: String,
    pub(crate) price: Result<Price, BadPrice>,
    pub(crate) ask: Option<PriceFn<Price>>,
    /// The price is the most it may be.
    pub(crate) metered: bool,
    pub(crate) agent_id: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) scheme: String,
}

#[derive(Debug, Clone)]
pub(crate) struct ChainDraft {
    pub(crate) scheme: &'static str,
    pub(crate) price: Result<farebox_x402::price::Price, farebox_x402::price::BadPrice>,
    pub(crate) ask: Option<PriceFn<farebox_x402::price::Price>>,
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
            ask: None,
            metered: false,
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

    /// The same, as a function of the request, which is asked before an offer is made. See [`price_fn`](Self::price_fn).
    #[must_use]
    pub fn exact_async<F, P, E>(price: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<P, E>> + Send + 'static,
        P: IntoChainPrice,
        E: fmt::Display,
    {
        Self::of(asking(EXACT, pricing::chain(price)))
    }

    /// The most that is taken, as a function of the request. See [`upto`](Self::upto).
    #[must_use]
    pub fn upto_async<F, P, E>(price: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<P, E>> + Send + 'static,
        P: IntoChainPrice,
        E: fmt::Display,
    {
        Self::of(asking(UPTO, pricing::chain(price)))
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
            max_request: DEFAULT_MAX_REQUEST,
            timing: Timing::HoldRunSettle,
            streaming: false,
            replay: None,
            subscribers: None,
            identifier: None,
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

    /// What one request costs in credits, as a function of the request; it may read the body, and is asked once for each
    /// payment. A price that cannot be: 500, uncharged. See [`Priced`].
    ///
    /// ```
    /// # use farebox_gate::{Asked, Route};
    /// let route = Route::credits("7").price_fn(|asked: &Asked| match asked.header("priority") {
    ///     Some("high") => 5,
    ///     _ => 1,
    /// });
    /// ```
    #[must_use]
    pub fn price_fn<P: Priced + Send + 'static>(self, price: impl Fn(&Asked) -> P + Send + Sync + 'static) -> Self {
        self.price_async(move |asked| ready(price(&asked)))
    }

    /// The same, asynchronously.
    #[must_use]
    pub fn price_async<F, P>(self, price: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = P> + Send + 'static,
        P: Priced,
    {
        self.in_credits(".price_fn(…)", |way| way.ask = Some(pricing::credits(price)))
    }

    /// The price is the most it may be: what the handler reports is taken. See [`Actual`](crate::Actual) and
    /// [`Meter`](crate::Meter).
    #[must_use]
    pub fn metered(self) -> Self {
        self.in_credits(".metered()", |way| way.metered = true)
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

    /// The longest request body that is read: to tell its price, or to tell the same request from another. 2 MiB unless
    /// said; a longer one is answered 413.
    #[must_use]
    pub const fn max_request(mut self, bytes: usize) -> Self {
        self.max_request = bytes;
        self
    }

    /// Takes the money before the handler runs, which is then paid for however it answers.
    #[must_use]
    pub const fn settle_first(mut self) -> Self {
        self.timing = Timing::SettleFirst;
        self
    }

    /// Lets the answer through while it is made, and takes the money at its end: for what was delivered, if it is metered,
    /// and once if anything was. The receipt follows as a trailer, and is at the gate's
    /// [`receipts`](crate::GateBuilder::receipts).
    #[must_use]
    pub const fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// How long the answer to a payment that can pay once is given again to whoever repeats it for the same request; 5
    /// minutes unless said, at most a day. Nothing is kept for zero.
    ///
    /// A payment on a public chain becomes public when it is settled: keep answers that are secret from those who know the
    /// whole request for no time.
    #[must_use]
    pub const fn replay(mut self, lifetime: Duration) -> Self {
        self.replay = Some(lifetime);
        self
    }

    /// Asks whether a request is a subscriber's before it is asked to pay.
    #[must_use]
    pub fn subscribers(self, subscribers: Arc<dyn Subscribers>) -> Self {
        Self { subscribers: Some(subscribers), ..self }
    }

    /// Payers may name, or have to name, their requests with the extension `payment-identifier`: the same name again gets the
    /// same answer, with whatever payment, and charges nothing; with another request it is refused.
    #[must_use]
    pub const fn payment_identifier(mut self, identifier: Identifier) -> Self {
        self.identifier = Some(identifier);
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

fn asking(scheme: &'static str, ask: PriceFn<farebox_x402::price::Price>) -> Draft {
    // Stands in for the price while the rest of the route is checked.
    match chain(scheme, "$1") {
        Draft::Chain(draft) => Draft::Chain(ChainDraft { ask: Some(ask), ..draft }),
        other => other,
    }
}

fn chain(scheme: &'static str, price: impl IntoChainPrice) -> Draft {
    Draft::Chain(ChainDraft {
        scheme,
        price: price.into_chain_price(),
        ask: None,
        network: None,
        pay_to: None,
        max_timeout_seconds: DEFAULT_TIMEOUT,
        extra: Map::new(),
    })
}

const DEFAULT_HOLD: Duration = Duration::from_secs(120);
const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;
const DEFAULT_MAX_REQUEST: usize = 2 * 1024 * 1024;
const DEFAULT_TIMEOUT: u64 = 300;

impl Route {
    pub(crate) fn kept_for(&self) -> Duration {
        self.replay.unwrap_or(if self.streaming { Duration::ZERO } else { REPLAY })
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ways, timing, streaming, hold, on_unknown, .. } = self;
        let mut shown = f.debug_struct("Route");
        shown.field("ways", ways).field("timing", timing).field("streaming", streaming);
        shown.field("hold", hold).field("on_unknown", on_unknown).finish_non_exhaustive()
    }
}
