//! The page's words. Everything foreign has passed through `text` before it is here; askama escapes it once more.

use askama::Template;

use super::{
    brand::Brand,
    facts::{Means, PaywallFacts, WayToPay},
    qr::{self, Code},
    snippets::{Snippet, snippets},
    text::{quotable, shown},
};

/// The copy buttons, and this page's address where it is not known to the server. The page is whole without it.
pub(super) const SCRIPT: &str = include_str!("../../templates/paywall.js");

#[derive(Template)]
#[template(path = "paywall.html")]
pub(super) struct View<'a> {
    title: String,
    /// Hexadecimal, without `#`.
    accent: String,
    style: &'a str,
    window: &'a str,
    script: &'static str,
    seller: String,
    logo: Option<&'a str>,
    support: Option<&'a str>,
    error: Option<String>,
    heading: String,
    long: bool,
    method: String,
    path: String,
    mime_type: Option<String>,
    ways: Vec<Way>,
    testnet: bool,
    code: Option<Code>,
    snippets: Vec<Snippet>,
    address: String,
    address_known: bool,
}

struct Way {
    title: String,
    price: String,
    /// The price is the most it may be.
    limit: bool,
    /// What the stylesheet calls a price of this length.
    size: &'static str,
    unit: String,
    how: &'static str,
    details: Vec<Detail>,
    beware: Option<&'static str>,
}

struct Detail {
    name: &'static str,
    value: String,
}

impl<'a> View<'a> {
    pub(super) fn new(facts: &PaywallFacts<'_>, brand: &'a Brand, style: &'a str, window: &'a str) -> Self {
        let heading =
            facts.description().map_or_else(|| "This request has a price".to_owned(), |text| shown(text, 240));
        let seller = brand.app_name.as_deref().or_else(|| facts.page_url.and_then(host)).unwrap_or("Pay per request");
        let address = facts.page_url.map_or_else(|| format!("https://HOST{}", quotable(facts.path)), quotable);
        // Opening an address is a GET: the code of another request would open something else.
        let scannable = facts.method == "GET" && facts.ways.iter().any(|way| has_wallet(&way.means));
        let code = facts.page_url.filter(|_| scannable).and_then(|_| qr::code(&address));
        Self {
            title: format!("{} · Payment required", shown(&heading, 80)),
            accent: brand.accent.to_string().trim_start_matches('#').to_owned(),
            style,
            window,
            script: SCRIPT,
            seller: shown(seller, 60),
            logo: brand.logo.as_deref(),
            support: brand.support.as_deref(),
            error: facts.error.map(|text| shown(text, 400)),
            long: heading.chars().count() > 80,
            heading,
            method: shown(facts.method, 20),
            path: shown(facts.path, 300),
            mime_type: facts.mime_type().map(|text| shown(text, 100)),
            ways: facts.ways.iter().map(way).collect(),
            testnet: facts.testnet,
            code,
            snippets: snippets(facts),
            address,
            address_known: facts.page_url.is_some(),
        }
    }
}

/// Credits and the test rail are paid with a header, which no wallet sends.
const fn has_wallet(means: &Means) -> bool {
    matches!(means, Means::Token { .. } | Means::Other { .. })
}

/// The host of an absolute URL, with its port.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
}

const EXACT: &str = "A client that speaks x402 signs a payment of exactly this amount and sends it with the request.";
const UP_TO: &str = "A client that speaks x402 signs for at most this amount and sends that with the request. You pay for \
                     what was used, never more.";
const CREDITS: &str = "Send an access token for this plan in the request’s payment-signature header. Whoever sold you \
                       the plan issues the tokens.";
const TEST_RAIL: &str =
    "No wallet and no account: the header “payment-signature: test” pays, and nothing real is charged.";
const OTHER: &str = "Your client has to know this way to pay; its terms are in the offer.";
const BY_HAND: &str = "Do not send the money by hand. It would reach the seller, but not pay for this request.";

fn way(way: &WayToPay) -> Way {
    let limit = way.means.is_limit();
    let (title, unit, how) = match &way.means {
        Means::Credits { plan_id } => ("Credits of a plan".to_owned(), format!("of plan {}", short(plan_id)), CREDITS),
        Means::TestRail => ("The test rail".to_owned(), way.means.unit(), TEST_RAIL),
        Means::Token { symbol, chain, .. } => {
            let title = format!("{} on {}", shown(symbol, 44), shown(chain, 40));
            let unit = if limit { format!("at most, in {title}") } else { format!("in {title}") };
            (title, unit, if limit { UP_TO } else { EXACT })
        }
        Means::Other { scheme, network } => {
            let (scheme, network) = (shown(scheme, 40), shown(network, 60));
            (scheme.clone(), format!("by {scheme} on {network}"), OTHER)
        }
    };
    let beware = matches!(way.means, Means::Token { .. }).then_some(BY_HAND);
    // Room for any amount a chain can name: a price is never cut short.
    let price = shown(&way.price, 100);
    let size = match price.chars().count() {
        ..=7 => "short",
        8..=12 => "wide",
        _ => "wider",
    };
    Way { title, price, limit, size, unit, how, details: details(&way.means), beware }
}

/// The two ends of a long id, for where nobody copies it.
fn short(id: &str) -> String {
    let count = id.chars().count();
    if count <= 16 {
        return shown(id, 16);
    }
    let start: String = id.chars().take(6).collect();
    let end: String = id.chars().skip(count - 4).collect();
    format!("{}…{}", shown(&start, 6), shown(&end, 4))
}

fn details(means: &Means) -> Vec<Detail> {
    let pairs: Vec<(&'static str, &str)> = match means {
        Means::Credits { plan_id } => vec![("Plan", plan_id)],
        Means::TestRail => vec![],
        Means::Token { network, asset, pay_to, .. } => {
            vec![("Network", network), ("Token", asset), ("Paid to", pay_to)]
        }
        Means::Other { network, .. } => vec![("Network", network)],
    };
    pairs.into_iter().map(|(name, value)| Detail { name, value: shown(value, 160) }).collect()
}
