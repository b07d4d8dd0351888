//! A route that is ready to charge: checked, planned, its offer written once.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use farebox_engine::charge::{
    Authorizations, CannotWork, Capabilities, ExecutionPlan, Needs, Timing, UnknownPolicy, plan,
};
use farebox_types::{Mode, Plan, PublicId};
use farebox_x402::{
    Accept, CreditsAccept, CreditsExtra, Hold, Offer, PaymentRequired, Resource, VERSION,
    credits::{LIVE_NETWORK, TEST_NETWORK},
    header,
};
use http::HeaderValue;

use crate::{
    price::{BadPrice, Price},
    route::Route,
};

/// One route, checked.
pub(crate) struct Fare {
    pub(crate) label: Box<str>,
    pub(crate) price: Price,
    pub(crate) on_unknown: UnknownPolicy,
    pub(crate) max_body: usize,
    hold: Duration,
    resource: Resource,
    accept: CreditsAccept,
    plan: ExecutionPlan,
    first: OnceLock<Quote>,
}

/// An offer for one method and path, and its header.
#[derive(Clone)]
pub(crate) struct Quote {
    verb: Arc<str>,
    pub(crate) offer: Arc<Offer>,
    pub(crate) header: HeaderValue,
}

/// What is wrong with a route, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFare {
    /// Not a price.
    #[error(transparent)]
    Price(#[from] BadPrice),
    /// No plan was named.
    #[error("no plan: name one with `.plan(…)` or `Route::credits(plan_id)`")]
    NoPlan,
    /// Not a plan's id.
    #[error("`{0}` is not a plan's id, a decimal number below 2^256")]
    Plan(String),
    /// A hold that no back end takes.
    #[error("a hold lasts 1 second to 1 day")]
    Hold,
    /// An empty name would reach every payer.
    #[error("{0} is empty: leave it out instead")]
    Empty(&'static str),
    /// The rail behind the gate cannot do this.
    #[error(transparent)]
    Cannot(#[from] CannotWork),
}

/// What credits can do, in process and over HTTP.
const CREDITS: Capabilities = Capabilities {
    timing: &[Timing::HoldRunSettle],
    single_or_reusable: Authorizations::Either,
    variable_amount: false,
    refund: false,
    partial_refund: false,
    // Settle repeated with the same request id answers the same.
    lookup: true,
    test_only: false,
};

const DAY: Duration = Duration::from_secs(86_400);

impl Fare {
    /// Checks a route. `verb` is absent for a fare that charges every request.
    pub(crate) fn new(
        label: &str,
        verb: Option<&str>,
        route: Route,
        mode: Mode,
        test_only: bool,
    ) -> Result<Self, BadFare> {
        let price = route.price?;
        check_names(
            &route.plan_id,
            &[
                ("the agent id", route.agent_id.as_deref()),
                ("the network", route.network.as_deref()),
                ("the scheme", Some(&route.scheme)),
            ],
        )?;
        if !(Duration::from_secs(1)..=DAY).contains(&route.hold) {
            return Err(BadFare::Hold);
        }
        let needs = Needs { mode, timing: Timing::HoldRunSettle, variable_amount: false };
        let plan = plan(needs, Capabilities { test_only, ..CREDITS })?;
        let extra = CreditsExtra {
            version: Some("1".to_owned()),
            agent_id: route.agent_id,
            http_verb: verb.map(ToOwned::to_owned),
        };
        let network = route.network.unwrap_or_else(|| default_network(mode).to_owned());
        Ok(Self {
            label: label.into(),
            price,
            on_unknown: route.on_unknown,
            max_body: route.max_body,
            hold: route.hold,
            resource: Resource { url: String::new(), description: route.description, mime_type: route.mime_type },
            accept: CreditsAccept { scheme: route.scheme, network, plan_id: route.plan_id, extra },
            plan,
            first: OnceLock::new(),
        })
    }

    /// The offer for a request; written once for the path a fare sees first, which most fares see only.
    pub(crate) fn quote(&self, verb: &str, path: &str) -> Quote {
        let first = self.first.get_or_init(|| self.write(verb, path));
        let same = first.offer.resource.url == path && *first.verb == *verb;
        if same { first.clone() } else { self.write(verb, path) }
    }

    pub(crate) const fn hold(&self) -> Hold {
        Hold { ttl: self.hold }
    }

    fn write(&self, verb: &str, path: &str) -> Quote {
        let mut accept = self.accept.clone();
        accept.extra.http_verb = Some(verb.to_owned());
        let offer = Offer::new(PaymentRequired {
            x402_version: VERSION,
            error: None,
            resource: Resource { url: path.to_owned(), ..self.resource.clone() },
            accepts: vec![Accept::Credits(accept)],
            extensions: serde_json::Map::new(),
        });
        let header = header::encode(&offer.json());
        Quote { verb: verb.into(), offer: Arc::new(offer), header }
    }
}

impl Quote {
    /// The same offer, saying why the last payment was refused.
    pub(crate) fn header_saying(&self, why: &str) -> HeaderValue {
        header::encode(&PaymentRequired { error: Some(why.to_owned()), ..PaymentRequired::clone(&self.offer) })
    }
}

impl fmt::Display for Fare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, price, accept, plan, hold, on_unknown, max_body, .. } = self;
        write!(f, "{label}: {price} of plan {} by {} on {}", accept.plan_id, accept.scheme, accept.network)?;
        write!(f, "; {} (held up to {} s)", plan.timing, hold.as_secs())?;
        write!(f, "; outcome unknown: {on_unknown}; answers up to {max_body} bytes")
    }
}

const fn default_network(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => TEST_NETWORK,
        Mode::Live => LIVE_NETWORK,
    }
}

fn check_names(plan_id: &str, names: &[(&'static str, Option<&str>)]) -> Result<(), BadFare> {
    if plan_id.is_empty() {
        return Err(BadFare::NoPlan);
    }
    if plan_id.parse::<PublicId<Plan>>().is_err() {
        return Err(BadFare::Plan(plan_id.to_owned()));
    }
    match names.iter().find(|(_, name)| name.is_some_and(|name| name.trim().is_empty())) {
        Some((what, _)) => Err(BadFare::Empty(what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fare(route: Route) -> Result<Fare, BadFare> {
        Fare::new("POST /ask", Some("POST"), route, Mode::Test, false)
    }

    #[test]
    fn an_offer_names_the_path_the_verb_and_the_plan() {
        let fare = fare(Route::credits("7").agent_id("9").description("An answer")).unwrap();
        let json = fare.quote("POST", "/ask").offer.json().get().to_owned();
        assert_eq!(
            json,
            r#"{"x402Version":2,"resource":{"url":"/ask","description":"An answer"},"accepts":[{"scheme":"nvm:erc4337","network":"eip155:84532","planId":"7","extra":{"version":"1","agentId":"9","httpVerb":"POST"}}],"extensions":{}}"#
        );
    }

    #[test]
    fn an_offer_is_written_once_for_its_path_and_anew_for_another() {
        let fare = fare(Route::credits("7")).unwrap();
        let first = fare.quote("POST", "/ask");
        assert!(Arc::ptr_eq(&first.offer, &fare.quote("POST", "/ask").offer));
        assert_eq!(fare.quote("POST", "/ask/2").offer.resource.url, "/ask/2");
        assert!(Arc::ptr_eq(&first.offer, &fare.quote("POST", "/ask").offer));
    }

    #[test]
    fn a_refused_payers_offer_says_why_and_is_otherwise_the_same() {
        let offered = fare(Route::credits("7")).unwrap().quote("POST", "/ask");
        let why: PaymentRequired = header::decode(offered.header_saying("no credits left").as_bytes()).unwrap();
        assert_eq!(why.error.as_deref(), Some("no credits left"));
        assert_eq!(why.accepts, offered.offer.accepts);
    }

    #[test]
    fn each_mistake_in_a_route_is_named() {
        let mistake = |route| fare(route).err().unwrap();
        assert_eq!(mistake(Route::credits("")), BadFare::NoPlan);
        assert_eq!(mistake(Route::credits("seven")), BadFare::Plan("seven".to_owned()));
        assert_eq!(mistake(Route::credits("7").price(0)), BadFare::Price(BadPrice::Nothing));
        assert_eq!(mistake(Route::credits("7").hold(Duration::ZERO)), BadFare::Hold);
        assert_eq!(mistake(Route::credits("7").hold(Duration::from_secs(86_401))), BadFare::Hold);
        assert_eq!(mistake(Route::credits("7").network(" ")), BadFare::Empty("the network"));
    }

    #[test]
    fn a_live_gate_names_the_live_network_and_refuses_a_test_rail() {
        let live = |test_only| Fare::new("POST /ask", Some("POST"), Route::credits("7"), Mode::Live, test_only);
        assert_eq!(live(false).unwrap().accept.network, LIVE_NETWORK);
        assert_eq!(live(true).err(), Some(BadFare::Cannot(CannotWork::TestRailInLiveMode)));
    }

    #[test]
    fn a_plan_line_says_what_happens_to_a_request() {
        let line = fare(Route::credits("7").price("5 credits")).unwrap().to_string();
        assert_eq!(
            line,
            "POST /ask: 5 credits of plan 7 by nvm:erc4337 on eip155:84532; hold, handler, settle (held up to 120 s); \
             outcome unknown: serve; answers up to 8388608 bytes"
        );
    }
}
