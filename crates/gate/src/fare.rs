//! A route that is ready to charge: checked, planned, its offers written once.

use std::{
    cmp::Ordering,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use farebox_engine::charge::{Timing, UnknownPolicy};
use farebox_x402::{Fault, Hold, Resource, Retry, Terms};
use serde_json::{Map, Value};

use crate::{
    answers::{Identifier, MAX_ANSWER},
    asked::Asked,
    menu::Menu,
    rails::Rails,
    route::{Draft, Route},
    subscribers::Subscribers,
    way::{BadWay, ChainWay, Defaults, Way},
};

/// One route, checked.
pub(crate) struct Fare {
    pub(crate) label: Box<str>,
    pub(crate) on_unknown: UnknownPolicy,
    pub(crate) max_body: usize,
    pub(crate) max_request: usize,
    pub(crate) timing: Timing,
    pub(crate) streaming: bool,
    /// How long the answer to a payment that can pay once is given again.
    pub(crate) replay: Duration,
    pub(crate) subscribers: Option<Arc<dyn Subscribers>>,
    pub(crate) identifier: Option<Identifier>,
    hold: Duration,
    resource: Resource,
    public_url: Option<Arc<str>>,
    ways: Arc<[Way]>,
    menu: Serving,
}

/// What is on offer.
enum Serving {
    /// Credits need nobody's terms: the same for ever.
    Fixed(Arc<Menu>),
    /// What facilitators want said, until they are asked again.
    Asked(RwLock<Option<(Instant, Arc<Menu>)>>),
}

/// What is wrong with a route, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFare {
    /// One of its ways to pay.
    #[error(transparent)]
    Way(#[from] BadWay),
    /// A method that does not belong to the way to pay named last.
    #[error("`{0}` says nothing about the way to pay that was named last")]
    Misfit(&'static str),
    /// A hold that no back end takes.
    #[error("a hold lasts 1 second to 1 day")]
    Hold,
    /// Nobody asks for the same answer after a day.
    #[error("an answer is kept for at most 1 day: see `.replay(…)`")]
    Replay,
    /// What has gone through is not there to be given again.
    #[error("a streamed answer is not kept, so it cannot be given again: leave out `.streaming()` or `.replay(…)`")]
    StreamReplay,
    /// All of it has been taken before anybody knows how much it is.
    #[error("what is metered is known at the end, so it cannot be settled first: leave out `.settle_first()`")]
    MeteredFirst,
}

/// Why there is nothing to offer.
pub(crate) enum NoMenu {
    /// Nobody could say what the offer must say.
    Fault(Fault),
    /// The route's own price function did not name a price.
    Price(String),
}

const DAY: Duration = Duration::from_secs(86_400);
/// How long a facilitator's terms are taken as they were.
const TERMS_LAST: Duration = Duration::from_secs(60);

impl Fare {
    pub(crate) fn new(
        label: &str,
        route: Route,
        rails: &Rails,
        defaults: &Defaults,
        public_url: Option<&Arc<str>>,
    ) -> Result<Self, BadFare> {
        if let Some(method) = route.misfit {
            return Err(BadFare::Misfit(method));
        }
        if !(Duration::from_secs(1)..=DAY).contains(&route.hold) {
            return Err(BadFare::Hold);
        }
        let replay = route.kept_for();
        if replay > DAY {
            return Err(BadFare::Replay);
        }
        if route.streaming && !replay.is_zero() {
            return Err(BadFare::StreamReplay);
        }
        let metered = route.ways.iter().any(Draft::is_metered);
        if metered && route.timing == Timing::SettleFirst {
            return Err(BadFare::MeteredFirst);
        }
        let ways = route.ways.into_iter().map(|draft| Way::new(draft, route.timing, rails, defaults));
        let ways: Arc<[Way]> = ways.collect::<Result<_, _>>()?;
        let resource = Resource { url: String::new(), description: route.description, mime_type: route.mime_type };
        let menu = match ways.iter().all(|way| way.chain().is_none()) {
            true => {
                let (resource, url) = (resource.clone(), public_url.cloned());
                Serving::Fixed(Arc::new(Menu::new(resource, url, Arc::clone(&ways), said(route.identifier))))
            }
            false => Serving::Asked(RwLock::default()),
        };
        Ok(Self {
            label: label.into(),
            on_unknown: route.on_unknown,
            max_body: route.max_body,
            max_request: route.max_request,
            timing: route.timing,
            streaming: route.streaming,
            replay,
            subscribers: route.subscribers,
            identifier: route.identifier,
            hold: route.hold,
            resource,
            public_url: public_url.cloned(),
            ways,
            menu,
        })
    }

    /// What is on offer; `None` if facilitators must be asked first.
    pub(crate) fn menu(&self) -> Option<Arc<Menu>> {
        match &self.menu {
            Serving::Fixed(menu) => Some(Arc::clone(menu)),
            Serving::Asked(asked) => {
                let asked = asked.read().unwrap_or_else(PoisonError::into_inner);
                asked.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, menu)| Arc::clone(menu))
            }
        }
    }

    /// True if a price depends on the request.
    pub(crate) fn asks(&self) -> bool {
        self.ways.iter().any(Way::asks)
    }

    /// True if one of the ways to pay is on a chain, whose offers name the price.
    pub(crate) fn is_on_chain(&self) -> bool {
        self.ways.iter().any(|way| way.chain().is_some())
    }

    /// The menu for one request, whose prices depend on it.
    pub(crate) async fn menu_for(&self, rails: &Rails, asked: &Asked) -> Result<Arc<Menu>, NoMenu> {
        let mut ways = Vec::with_capacity(self.ways.len());
        for way in self.ways.iter() {
            ways.push(way.priced(asked).await.map_err(NoMenu::Price)?);
        }
        let (ways, extensions, failed) = self.asked_of(&ways, rails).await;
        match failed {
            Some(fault) if ways.is_empty() => Err(NoMenu::Fault(fault)),
            None if ways.is_empty() => Err(NoMenu::Fault(nothing_offered())),
            _ => Ok(Arc::new(Menu::new(self.resource.clone(), self.public_url.clone(), ways.into(), extensions))),
        }
    }

    /// Asks the facilitators what the offers must say. While one cannot be asked, what can be offered without it is, and what
    /// it said before counts; with nothing to offer it is an outage.
    pub(crate) async fn ask(&self, rails: &Rails) -> Result<Arc<Menu>, Fault> {
        let (ways, extensions, failed) = self.asked_of(&self.ways, rails).await;
        match (failed, self.before()) {
            (Some(_), Some(before)) => Ok(before),
            (Some(fault), None) if ways.is_empty() => Err(fault),
            (None, _) if ways.is_empty() => Err(nothing_offered()),
            (failed, _) => Ok(self.serve(ways, extensions, failed.is_none())),
        }
    }

    /// The ways as their facilitators want them said, extensions, and the last fault.
    async fn asked_of(&self, own: &[Way], rails: &Rails) -> (Vec<Way>, Map<String, Value>, Option<Fault>) {
        let (mut ways, mut extensions, mut failed) = (Vec::with_capacity(own.len()), said(self.identifier), None);
        for way in own {
            match (way, rails.for_chain()) {
                (Way::Chain(chain), Some(rail)) => match rail.terms(&chain.requirements).await {
                    Ok(Some(terms)) => ways.push(with(chain, terms, &mut extensions)),
                    Ok(None) => tracing::error!(route = &*self.label, "no facilitator takes {way}: it is not offered"),
                    Err(fault) => {
                        failed = Some(fault);
                        ways.extend((!chain.waits_for_terms()).then(|| way.clone()));
                    }
                },
                (way, _) => ways.push(way.clone()),
            }
        }
        (ways, extensions, failed)
    }

    fn serve(&self, ways: Vec<Way>, extensions: Map<String, Value>, certain: bool) -> Arc<Menu> {
        let url = self.public_url.clone();
        let menu = Arc::new(Menu::new(self.resource.clone(), url, ways.into(), extensions));
        if let (true, Serving::Asked(asked)) = (certain, &self.menu) {
            let until = Instant::now() + TERMS_LAST;
            *asked.write().unwrap_or_else(PoisonError::into_inner) = Some((until, Arc::clone(&menu)));
        }
        menu
    }

    /// What was on offer, however long ago.
    fn before(&self) -> Option<Arc<Menu>> {
        let Serving::Asked(asked) = &self.menu else { return None };
        asked.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, menu)| Arc::clone(menu))
    }

    pub(crate) const fn hold(&self) -> Hold {
        Hold { ttl: self.hold }
    }

    /// Compares what two fares cost, by the first unit that both can be paid in; equal where there is none.
    pub(crate) fn compare_price(&self, other: &Self) -> Ordering {
        let credits = |fare: &Self| fare.ways.iter().find_map(Way::credits).map(|way| way.price);
        if let (Some(one), Some(other)) = (credits(self), credits(other)) {
            return one.cmp(&other);
        }
        let same_token = |one: &&ChainWay, two: &&ChainWay| {
            let (one, two) = (&one.requirements, &two.requirements);
            one.network == two.network && farebox_x402::assets::same_address(&one.asset, &two.asset)
        };
        for one in self.ways.iter().filter_map(Way::chain) {
            if let Some(two) = other.ways.iter().filter_map(Way::chain).find(|two| same_token(&one, two)) {
                return one.requirements.amount.cmp(&two.requirements.amount);
            }
        }
        Ordering::Equal
    }
}

/// What the route itself adds to its offers.
fn said(identifier: Option<Identifier>) -> Map<String, Value> {
    let mut extensions = Map::new();
    if let Some(identifier) = identifier {
        identifier.offer(&mut extensions);
    }
    extensions
}

/// The way, saying what its facilitator wants said beside what the seller says.
fn with(way: &ChainWay, terms: Terms, extensions: &mut Map<String, Value>) -> Way {
    let mut way = way.clone();
    for (name, value) in terms.extra {
        way.requirements.extra.entry(name).or_insert(value);
    }
    extensions.extend(terms.extensions);
    Way::Chain(way)
}

fn nothing_offered() -> Fault {
    let what = "no facilitator takes any of the route's ways to pay".to_owned();
    Fault { what, retry: Retry::Never, source: None }
}

impl fmt::Display for Fare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label, ways, hold, on_unknown, max_body, timing, streaming, replay, subscribers, identifier, ..
        } = self;
        write!(f, "{label}: ")?;
        for (index, way) in ways.iter().enumerate() {
            write!(f, "{}{way}", if index > 0 { ", or " } else { "" })?;
        }
        let named = match identifier {
            None => "",
            Some(Identifier::Optional) => "; may be named",
            Some(Identifier::Required) => "; has to be named",
        };
        let first = if subscribers.is_some() { "; subscribers are let in" } else { "" };
        write!(f, "{named}{first}; {timing} (held up to {} s)", hold.as_secs())?;
        write!(f, "; outcome unknown: {on_unknown}")?;
        match streaming {
            true => f.write_str("; streamed"),
            false => write!(f, "; answers up to {max_body} bytes"),
        }?;
        match replay.as_secs() {
            0 => f.write_str(", not kept"),
            seconds => write!(f, ", kept {seconds} s up to {MAX_ANSWER}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use farebox_engine::charge::CannotWork;
    use farebox_types::Mode;
    use farebox_x402::{PaymentRequired, credits::LIVE_NETWORK, header};

    use super::*;
    use crate::{price::BadPrice, test_rail::TestRail};

    fn in_mode(mode: Mode, route: Route) -> Result<Fare, BadFare> {
        let rails = Rails { credits: Some(Arc::new(TestRail::new())), chain: None };
        let defaults = Defaults { mode, network: None, pay_to: None };
        Fare::new("POST /ask", route, &rails, &defaults, None)
    }

    fn fare(route: Route) -> Result<Fare, BadFare> {
        in_mode(Mode::Test, route)
    }

    fn menu(route: Route) -> Arc<Menu> {
        fare(route).unwrap().menu().unwrap()
    }

    #[test]
    fn an_offer_names_the_path_the_verb_and_the_plan() {
        let menu = menu(Route::credits("7").agent_id("9").description("An answer"));
        let json = menu.quote("POST", "/ask").offer.json().get().to_owned();
        assert_eq!(
            json,
            r#"{"x402Version":2,"resource":{"url":"/ask","description":"An answer"},"accepts":[{"scheme":"nvm:erc4337","network":"eip155:84532","planId":"7","extra":{"version":"1","agentId":"9","httpVerb":"POST"}}],"extensions":{}}"#
        );
    }

    #[test]
    fn an_offer_is_written_once_for_its_path_and_anew_for_another() {
        let menu = menu(Route::credits("7"));
        let first = menu.quote("POST", "/ask");
        assert!(Arc::ptr_eq(&first.offer, &menu.quote("POST", "/ask").offer));
        assert_eq!(menu.quote("POST", "/ask/2").offer.resource.url, "/ask/2");
        assert!(Arc::ptr_eq(&first.offer, &menu.quote("POST", "/ask").offer));
    }

    #[test]
    fn a_refused_payers_offer_says_why_and_is_otherwise_the_same() {
        let offered = menu(Route::credits("7")).quote("POST", "/ask");
        let why: PaymentRequired = header::decode(offered.header_saying("no credits left").as_bytes()).unwrap();
        assert_eq!(why.error.as_deref(), Some("no credits left"));
        assert_eq!(why.accepts, offered.offer.accepts);
    }

    #[test]
    fn each_mistake_in_a_route_is_named() {
        let mistake = |route| fare(route).err().unwrap();
        assert_eq!(mistake(Route::credits("")), BadFare::Way(BadWay::NoPlan));
        assert_eq!(mistake(Route::credits("seven")), BadFare::Way(BadWay::Plan("seven".to_owned())));
        assert_eq!(mistake(Route::credits("7").price(0)), BadFare::Way(BadWay::Price(BadPrice::Nothing)));
        assert_eq!(mistake(Route::credits("7").hold(Duration::ZERO)), BadFare::Hold);
        assert_eq!(mistake(Route::credits("7").hold(Duration::from_secs(86_401))), BadFare::Hold);
        assert_eq!(mistake(Route::credits("7").replay(Duration::from_secs(86_401))), BadFare::Replay);
        assert_eq!(mistake(Route::credits("7").streaming().replay(DAY)), BadFare::StreamReplay);
        assert_eq!(mistake(Route::credits("7").metered().settle_first()), BadFare::MeteredFirst);
        assert_eq!(mistake(Route::upto("$1").settle_first()), BadFare::MeteredFirst);
        assert_eq!(mistake(Route::credits("7").network(" ")), BadFare::Way(BadWay::Empty("the network")));
        assert_eq!(mistake(Route::credits("7").pay_to("0x1")), BadFare::Misfit(".pay_to(…)"));
        assert_eq!(mistake(Route::exact("$1").price(1)), BadFare::Misfit(".price(…)"));
    }

    #[test]
    fn a_live_gate_names_the_live_network_and_refuses_a_test_rail() {
        let error = in_mode(Mode::Live, Route::credits("7")).err();
        assert_eq!(error, Some(BadFare::Way(BadWay::Cannot(CannotWork::TestRailInLiveMode))));
        let rails = Rails { credits: Some(Arc::new(Silent)), chain: None };
        let defaults = Defaults { mode: Mode::Live, network: None, pay_to: None };
        let fare = Fare::new("POST /ask", Route::credits("7"), &rails, &defaults, None).unwrap();
        assert!(fare.to_string().contains(&format!(" on {LIVE_NETWORK};")), "{fare}");
    }

    /// A rail that is never asked.
    struct Silent;

    #[async_trait::async_trait]
    impl farebox_x402::Facilitator for Silent {
        async fn verify(&self, _: &farebox_x402::Payment, _: Option<Hold>) -> Result<farebox_x402::Verdict, Fault> {
            Err(nothing_offered())
        }

        async fn settle(&self, _: &farebox_x402::Payment, _: &str) -> Result<farebox_x402::Settlement, Fault> {
            Err(nothing_offered())
        }

        async fn release(&self, _: &farebox_x402::Payment, _: &str) -> Result<(), Fault> {
            Ok(())
        }
    }

    #[test]
    fn a_plan_line_says_what_happens_to_a_request() {
        let line = fare(Route::credits("7").price("5 credits")).unwrap().to_string();
        assert_eq!(
            line,
            "POST /ask: 5 credits of plan 7 by nvm:erc4337 on eip155:84532; hold, handler, settle (held up to 120 s); \
             outcome unknown: serve; answers up to 8388608 bytes, kept 300 s up to 1048576"
        );
    }

    #[test]
    fn prices_compare_in_a_unit_that_both_fares_take() {
        let token = |price: &str| Route::exact(price).pay_to(PAYEE).network("base-sepolia");
        let one = fare(Route::credits("7").price(1).or(token("$2"))).unwrap();
        let two = fare(token("$1").or(Route::credits("7").price(5))).unwrap();
        let three = fare(token("$1.5")).unwrap();
        assert_eq!(one.compare_price(&two), Ordering::Less);
        assert_eq!(one.compare_price(&three), Ordering::Greater);
        assert_eq!(three.compare_price(&fare(Route::credits("7")).unwrap()), Ordering::Equal);
    }

    const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
}
