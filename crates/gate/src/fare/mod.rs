//! A route that is ready to charge: checked, planned, its offers written once.

mod compare;
mod offering;
mod plan_line;

use std::{sync::Arc, time::Duration};

use farebox_engine::charge::{Timing, UnknownPolicy};
use farebox_x402::{Fault, Hold, Resource};

use self::offering::Serving;
use crate::{
    answers::Identifier,
    rails::Rails,
    route::{Draft, Route},
    subscribers::Subscribers,
    way::{BadWay, Defaults, Way},
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
        let menu = Serving::new(&resource, public_url, &ways, route.identifier);
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

    /// True if a price depends on the request.
    pub(crate) fn asks(&self) -> bool {
        self.ways.iter().any(Way::asks)
    }

    /// True if one of the ways to pay is on a chain, whose offers name the price.
    pub(crate) fn is_on_chain(&self) -> bool {
        self.ways.iter().any(|way| way.chain().is_some())
    }

    pub(crate) const fn hold(&self) -> Hold {
        Hold { ttl: self.hold }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use farebox_engine::charge::CannotWork;
    use farebox_types::Mode;
    use farebox_x402::credits::LIVE_NETWORK;

    use super::{offering::nothing_offered, *};
    use crate::{price::BadPrice, test_rail::TestRail};

    fn in_mode(mode: Mode, route: Route) -> Result<Fare, BadFare> {
        let rails = Rails { credits: Some(Arc::new(TestRail::new())), chain: None };
        let defaults = Defaults { mode, network: None, pay_to: None };
        Fare::new("POST /ask", route, &rails, &defaults, None)
    }

    pub(super) fn fare(route: Route) -> Result<Fare, BadFare> {
        in_mode(Mode::Test, route)
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
}
