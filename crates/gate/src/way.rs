//! One way to pay for a route, checked: what is offered, what is charged, what its rail can do.

use std::fmt;

use farebox_engine::charge::{Authorizations, CannotWork, Capabilities, Needs, Timing, plan};
use farebox_types::{Mode, Plan, PublicId};
use farebox_x402::{
    Accept, Amount, CreditsAccept, CreditsExtra, EXACT, Requirements, UPTO, assets,
    credits::{LIVE_NETWORK, TEST_NETWORK},
    networks,
    price::{BadPrice as BadChainPrice, Money},
};

use serde_json::{Map, Value};

use crate::{
    asked::Asked,
    price::{BadPrice, Price},
    pricing::PriceFn,
    rails::Rails,
    route::{ChainDraft, CreditsDraft, Draft},
};

/// One way to pay, ready.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    Credits(CreditsWay),
    Chain(ChainWay),
}

#[derive(Debug, Clone)]
pub(crate) struct CreditsWay {
    pub(crate) accept: CreditsAccept,
    /// Where it depends on the request, only what [`Way::priced`] returns has it.
    pub(crate) price: Price,
    ask: Option<PriceFn<Price>>,
    /// Less than the price may be taken.
    pub(crate) metered: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ChainWay {
    pub(crate) requirements: Requirements,
    /// Of the token, where it is known.
    pub(crate) decimals: Option<u8>,
    ask: Option<PriceFn<farebox_x402::price::Price>>,
    /// What the seller adds to the offer.
    added: Map<String, Value>,
}

/// What is wrong with a way to pay, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWay {
    /// Not a price in credits.
    #[error(transparent)]
    Price(#[from] BadPrice),
    /// Not a price on a chain.
    #[error(transparent)]
    ChainPrice(#[from] BadChainPrice),
    /// No plan was named.
    #[error("no plan: name one with `.plan(…)` or `Route::credits(plan_id)`")]
    NoPlan,
    /// Not a plan's id.
    #[error("`{0}` is not a plan's id, a decimal number below 2^256")]
    Plan(String),
    /// An empty name would reach every payer.
    #[error("{0} is empty: leave it out instead")]
    Empty(&'static str),
    /// Nobody would be paid.
    #[error("nobody is paid: name an address with `.pay_to(…)`, for the route or for the gate")]
    NoPayee,
    /// Money sent there would be lost.
    #[error("`{0}` is no address on {1}: it has 0x and 40 hex digits, and is not zero")]
    Payee(String, String),
    /// No network was named.
    #[error("no network: name one with `.network(\"eip155:8453\")`, for the route or for the gate")]
    NoNetwork,
    /// It would expire at once.
    #[error("a payment must be good for 1 second to 1 day: see `.max_timeout(…)`")]
    Timeout,
    /// Nobody would check such payments.
    #[error("the gate has no facilitator for {0}: name one with `.{1}(…)`")]
    NoRail(&'static str, &'static str),
    /// The rail behind the gate cannot do this.
    #[error(transparent)]
    Cannot(#[from] CannotWork),
}

/// What the gate says where a route says nothing.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) mode: Mode,
    pub(crate) network: Option<String>,
    pub(crate) pay_to: Option<String>,
}

/// What credits can do, in process and over HTTP.
const CREDITS: Capabilities = Capabilities {
    timing: &[Timing::HoldRunSettle, Timing::SettleFirst],
    single_or_reusable: Authorizations::Either,
    variable_amount: true,
    refund: false,
    partial_refund: false,
    // Settle repeated with the same request id answers the same.
    lookup: true,
    test_only: false,
};

/// What a signed authorization on a chain can do. The hold is the gate's own reservation of it.
const EXACTLY: Capabilities =
    Capabilities { single_or_reusable: Authorizations::Single, variable_amount: false, ..CREDITS };

/// The same, where less than the authorized amount may be taken.
const AT_MOST: Capabilities = Capabilities { variable_amount: true, ..EXACTLY };

impl Way {
    pub(crate) fn new(draft: Draft, timing: Timing, rails: &Rails, defaults: &Defaults) -> Result<Self, BadWay> {
        let (rail, capabilities, variable_amount) = match &draft {
            Draft::Credits(way) => {
                (rails.for_credits().ok_or(BadWay::NoRail("credits", "facilitator"))?, CREDITS, way.metered)
            }
            Draft::Chain(way) => {
                let rail = rails.for_chain().ok_or(BadWay::NoRail("payments on a chain", "chain"))?;
                if way.scheme == UPTO { (rail, AT_MOST, true) } else { (rail, EXACTLY, false) }
            }
        };
        let way = match draft {
            Draft::Credits(draft) => Self::Credits(credits(draft, defaults)?),
            Draft::Chain(draft) => Self::Chain(chain(draft, defaults)?),
        };
        let needs = Needs { mode: defaults.mode, timing, variable_amount };
        plan(needs, Capabilities { test_only: rail.test_only(), ..capabilities })?;
        Ok(way)
    }

    /// True if its price depends on the request.
    pub(crate) const fn asks(&self) -> bool {
        match self {
            Self::Credits(way) => way.ask.is_some(),
            Self::Chain(way) => way.ask.is_some(),
        }
    }

    /// True if less than its amount may be taken.
    pub(crate) fn is_metered(&self) -> bool {
        match self {
            Self::Credits(way) => way.metered,
            Self::Chain(way) => way.requirements.scheme == UPTO,
        }
    }

    /// The same way at the price of this request, or what is wrong with that, for the log.
    pub(crate) async fn priced(&self, asked: &Asked) -> Result<Self, String> {
        match self {
            Self::Credits(way) => Ok(Self::Credits(match &way.ask {
                Some(ask) => CreditsWay { price: ask.ask(asked.clone()).await?, ..way.clone() },
                None => way.clone(),
            })),
            Self::Chain(way) => match &way.ask {
                Some(ask) => way.at(&ask.ask(asked.clone()).await?).map(Self::Chain).map_err(|bad| bad.to_string()),
                None => Ok(self.clone()),
            },
        }
    }

    pub(crate) fn accept(&self, verb: &str) -> Accept {
        match self {
            Self::Credits(way) => {
                let mut accept = way.accept.clone();
                accept.extra.http_verb = Some(verb.to_owned());
                Accept::Credits(accept)
            }
            Self::Chain(way) => Accept::Chain(way.requirements.clone()),
        }
    }

    pub(crate) const fn amount(&self) -> Amount {
        match self {
            Self::Credits(way) => Amount::Credits(way.price.amount()),
            Self::Chain(way) => Amount::Atomic(way.requirements.amount),
        }
    }

    pub(crate) const fn credits(&self) -> Option<&CreditsWay> {
        match self {
            Self::Credits(way) => Some(way),
            Self::Chain(_) => None,
        }
    }

    pub(crate) const fn chain(&self) -> Option<&ChainWay> {
        match self {
            Self::Credits(_) => None,
            Self::Chain(way) => Some(way),
        }
    }
}

impl CreditsWay {
    /// True if its price depends on the request.
    #[cfg(feature = "paywall")]
    pub(crate) const fn asks(&self) -> bool {
        self.ask.is_some()
    }
}

impl ChainWay {
    fn at(&self, price: &farebox_x402::price::Price) -> Result<Self, BadChainPrice> {
        let Requirements { scheme, network, pay_to, max_timeout_seconds, .. } = &self.requirements;
        let mut requirements = price.requirements(scheme, network, pay_to, *max_timeout_seconds)?;
        requirements.extra.extend(self.added.clone());
        let decimals = assets::find(&requirements.network, &requirements.asset).map(|asset| asset.decimals);
        Ok(Self { requirements, decimals, ..self.clone() })
    }

    /// True if an offer of it is of no use before its facilitator was asked what it must say.
    pub(crate) fn waits_for_terms(&self) -> bool {
        let Requirements { scheme, network, .. } = &self.requirements;
        let told = |name| self.requirements.extra_text(name).is_some();
        match (&**scheme, network.starts_with("eip155:")) {
            (UPTO, _) => !told("facilitatorAddress"),
            (_, evm) => !evm && !told("feePayer"),
        }
    }

    /// The price for people, where the token is known.
    pub(crate) fn shown(&self) -> Option<String> {
        let asset = assets::find(&self.requirements.network, &self.requirements.asset)?;
        Some(format!("{} {} on {}", Money::of(self.requirements.amount, asset.decimals), asset.symbol, asset.chain))
    }
}

fn credits(draft: CreditsDraft, defaults: &Defaults) -> Result<CreditsWay, BadWay> {
    let CreditsDraft { plan_id, price, ask, metered, agent_id, network, scheme } = draft;
    let price = price?;
    if plan_id.is_empty() {
        return Err(BadWay::NoPlan);
    }
    if plan_id.parse::<PublicId<Plan>>().is_err() {
        return Err(BadWay::Plan(plan_id));
    }
    let names =
        [("the agent id", agent_id.as_deref()), ("the network", network.as_deref()), ("the scheme", Some(&*scheme))];
    if let Some((what, _)) = names.iter().find(|(_, name)| name.is_some_and(|name| name.trim().is_empty())) {
        return Err(BadWay::Empty(what));
    }
    let network = network.unwrap_or_else(|| own_network(defaults.mode).to_owned());
    let extra = CreditsExtra { version: Some("1".to_owned()), agent_id, http_verb: None };
    Ok(CreditsWay { accept: CreditsAccept { scheme, network, plan_id, extra }, price, ask, metered })
}

fn chain(draft: ChainDraft, defaults: &Defaults) -> Result<ChainWay, BadWay> {
    let price = draft.price?;
    let network = draft.network.as_ref().or(defaults.network.as_ref()).ok_or(BadWay::NoNetwork)?;
    let pay_to = draft.pay_to.as_ref().or(defaults.pay_to.as_ref()).ok_or(BadWay::NoPayee)?;
    if !(1..=86_400).contains(&draft.max_timeout_seconds) {
        return Err(BadWay::Timeout);
    }
    let mut requirements = price.requirements(draft.scheme, network, pay_to, draft.max_timeout_seconds)?;
    if !is_payee(pay_to, &requirements.network) {
        return Err(BadWay::Payee(pay_to.clone(), requirements.network));
    }
    requirements.extra.extend(draft.extra.clone());
    let asset = assets::find(&requirements.network, &requirements.asset);
    if defaults.mode == Mode::Live && asset.is_some_and(|asset| asset.testnet) {
        tracing::warn!(network = requirements.network, "a live gate takes the worthless money of a test network");
    }
    let decimals = asset.map(|asset| asset.decimals);
    Ok(ChainWay { requirements, decimals, ask: draft.ask, added: draft.extra })
}

fn is_payee(address: &str, network: &str) -> bool {
    if networks::evm_chain_id(network).is_none() {
        return !address.trim().is_empty();
    }
    let digits = address.strip_prefix("0x").unwrap_or_default();
    digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits.bytes().any(|b| b != b'0')
}

const fn own_network(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => TEST_NETWORK,
        Mode::Live => LIVE_NETWORK,
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credits(CreditsWay { accept, price, ask, metered }) => {
                let most = if *metered { "up to " } else { "" };
                match ask {
                    Some(_) => write!(f, "{most}credits by the request")?,
                    None => write!(f, "{most}{price}")?,
                }
                write!(f, " of plan {} by {} on {}", accept.plan_id, accept.scheme, accept.network)
            }
            Self::Chain(ChainWay { requirements, ask: Some(_), .. }) => {
                let Requirements { scheme, network, pay_to, .. } = requirements;
                let most = if scheme == EXACT { "" } else { "up to " };
                write!(f, "{most}a price by the request by {scheme} on {network} to {pay_to}")
            }
            Self::Chain(way) => {
                let Requirements { scheme, network, amount, asset, pay_to, .. } = &way.requirements;
                let most = if scheme == EXACT { "" } else { "up to " };
                match way.shown() {
                    Some(shown) => write!(f, "{most}{shown}")?,
                    None => write!(f, "{most}{amount} atomic units of {asset}")?,
                }
                write!(f, " by {scheme} on {network} to {pay_to}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{route::Route, test_rail::TestRail};

    const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

    fn way(route: Route) -> Result<Way, BadWay> {
        let rails = Rails { credits: Some(Arc::new(TestRail::new())), chain: None };
        let defaults = Defaults { mode: Mode::Test, network: None, pay_to: None };
        Way::new(route.ways.into_iter().next_back().unwrap(), route.timing, &rails, &defaults)
    }

    fn exact() -> Route {
        Route::exact("$0.01").pay_to(PAYEE).network("base-sepolia")
    }

    #[test]
    fn each_mistake_in_a_way_to_pay_on_a_chain_is_named() {
        assert_eq!(way(Route::exact("$0.01").network("base")).err(), Some(BadWay::NoPayee));
        assert_eq!(way(Route::exact("$0.01").pay_to(PAYEE)).err(), Some(BadWay::NoNetwork));
        assert!(matches!(way(Route::exact("a cent").pay_to(PAYEE).network("base")), Err(BadWay::ChainPrice(_))));
        assert!(matches!(way(Route::exact("$0").pay_to(PAYEE).network("base")), Err(BadWay::ChainPrice(_))));
        assert!(matches!(way(exact().network("mars")), Err(BadWay::ChainPrice(_))));
        for payee in ["", "0x1", "209693Bc6afc0C5328bA36FaF03C514EF312287C00", &format!("0x{}", "0".repeat(40))] {
            assert!(matches!(way(exact().pay_to(payee)), Err(BadWay::Payee(..))), "{payee}");
        }
        assert_eq!(way(exact().max_timeout(Duration::ZERO)).err(), Some(BadWay::Timeout));
        assert_eq!(way(exact().max_timeout(Duration::from_secs(86_401))).err(), Some(BadWay::Timeout));
    }

    #[test]
    fn a_way_is_shown_as_people_read_it() {
        let line = way(exact()).unwrap().to_string();
        assert_eq!(line, format!("0.01 USDC on Base Sepolia by exact on eip155:84532 to {PAYEE}"));
        let upto = way(Route::upto("$0.10").pay_to(PAYEE).network("base")).unwrap();
        assert!(upto.to_string().starts_with("up to 0.1 USDC on Base by upto"), "{upto}");
    }

    #[test]
    fn what_varies_waits_for_the_account_that_will_settle_it() {
        let waits = |route| way(route).unwrap().chain().unwrap().waits_for_terms();
        let upto = || Route::upto("$0.10").pay_to(PAYEE).network("base");
        assert!(waits(upto()));
        assert!(!waits(upto().extra("facilitatorAddress", PAYEE)));
        assert!(!waits(exact()));
    }
}
