//! The gate's 402 as a page, for who wants one.

use farebox_x402::{assets, credits::TEST_NETWORK};
use http::{HeaderValue, Request, StatusCode, header::VARY};

use super::{Paywall, PaywallFacts, WayToPay, wants_page};
use crate::{answer::Own, body::Whole, gate::Gate, hooks::PaymentError, menu::Quote, rails::Rails, way::Way};

/// Somebody with a browser.
pub(crate) struct Visitor {
    /// With its question mark.
    query: String,
}

impl Visitor {
    /// Whoever a page is for, if this is a request of theirs.
    pub(crate) fn of<B>(gate: &Gate, request: &Request<B>) -> Option<Self> {
        gate.paywall()?;
        wants_page(request.headers())
            .then(|| Self { query: request.uri().query().map(|query| format!("?{query}")).unwrap_or_default() })
    }
}

/// An answer as its visitor wants it: a 402 becomes a page with the same offer.
pub(crate) fn shown(gate: &Gate, quote: &Quote, visitor: Option<&Visitor>, mut answer: Own) -> Own {
    let Some(paywall) = gate.paywall() else { return answer };
    if answer.status() != StatusCode::PAYMENT_REQUIRED {
        return answer;
    }
    let Some(visitor) = visitor else {
        answer.headers_mut().append(VARY, HeaderValue::from_static("Accept, User-Agent"));
        return answer;
    };
    let why = answer.extensions().get::<PaymentError>().map(|error| error.reason.clone());
    let (headers, body) = page(paywall, gate.rails(), quote, visitor, why.as_deref());
    answer.headers_mut().extend(headers);
    *answer.body_mut() = Whole::from(body);
    answer
}

fn page(
    paywall: &Paywall,
    rails: &Rails,
    quote: &Quote,
    visitor: &Visitor,
    why: Option<&str>,
) -> (http::HeaderMap, bytes::Bytes) {
    let ways: Vec<WayToPay> = quote.ways.iter().map(|way| for_people(way, rails)).collect();
    let url = &quote.offer.resource.url;
    let url = url.contains("://").then(|| format!("{url}{}", visitor.query));
    let mut facts = PaywallFacts::new(&quote.offer, &ways);
    (facts.method, facts.path, facts.error) = (quote.verb(), quote.path(), why);
    facts.page_url = url.as_deref();
    facts.testnet = quote.ways.iter().all(|way| is_for_tests(way, rails));
    paywall.page(&facts)
}

fn for_people(way: &Way, rails: &Rails) -> WayToPay {
    match way {
        Way::Chain(way) => WayToPay::token(&way.requirements),
        Way::Credits(way) => {
            let price = match (way.asks(), way.metered) {
                (true, _) => "credits, by the request".to_owned(),
                (false, true) => format!("up to {}", way.price),
                (false, false) => way.price.to_string(),
            };
            match is_test_rail(rails) {
                true => WayToPay::test_rail(price),
                false => WayToPay::credits(price, &*way.accept.plan_id),
            }
        }
    }
}

fn is_for_tests(way: &Way, rails: &Rails) -> bool {
    match way {
        Way::Credits(way) => is_test_rail(rails) || way.accept.network == TEST_NETWORK,
        Way::Chain(way) => {
            let (network, asset) = (&way.requirements.network, &way.requirements.asset);
            assets::find(network, asset).is_some_and(|asset| asset.testnet)
        }
    }
}

fn is_test_rail(rails: &Rails) -> bool {
    rails.for_credits().is_some_and(|rail| rail.test_only())
}
