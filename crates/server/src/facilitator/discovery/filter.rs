//! What a list asks for.

use std::collections::HashMap;

use axum::extract::Query;
use farebox_types::AtomicAmount;
use farebox_x402::{Requirements, networks};

use super::{catalogue::Listed, listing::Listing};
use crate::facilitator::http::Denial;

const DEFAULT_LIMIT: usize = 20;
/// More than this is cut to it; the answer says so.
const MAX_LIMIT: usize = 100;

/// Which listings, and which window into them. Members that this version does not know are passed over.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Filter {
    kind: Option<String>,
    network: Option<String>,
    scheme: Option<String>,
    pay_to: Option<String>,
    category: Option<String>,
    provider: Option<String>,
    least: Option<AtomicAmount>,
    most: Option<AtomicAmount>,
    inactive_too: bool,
    pub(super) limit: usize,
    pub(super) offset: usize,
}

impl Filter {
    pub(super) fn read(Query(mut query): Query<HashMap<String, String>>) -> Result<Self, Denial> {
        let mut take = |name: &str| query.remove(name).filter(|value| !value.is_empty());
        let network = take("network").map(|name| networks::resolve(&name).map(|network| network.into_owned()));
        let network = network.map(|network| network.ok_or(bad("network", "a CAIP-2 name or a known short name")));
        let limit = match take("limit").map(|text| whole(&text)) {
            None => DEFAULT_LIMIT,
            Some(Some(limit)) if limit > 0 => limit.min(MAX_LIMIT),
            Some(_) => return Err(bad("limit", "a whole number from 1 to 100")),
        };
        let offset = take("offset").map_or(Some(0), |text| whole(&text));
        Ok(Self {
            kind: take("type"),
            network: network.transpose()?,
            scheme: take("scheme"),
            pay_to: take("payTo"),
            category: take("category"),
            provider: take("provider"),
            least: amount(take("minAmount"), "minAmount")?,
            most: amount(take("maxAmount"), "maxAmount")?,
            inactive_too: take("activeOnly").is_some_and(|text| text.eq_ignore_ascii_case("false")),
            limit,
            offset: offset.ok_or(bad("offset", "a whole number"))?,
        })
    }

    /// The window, and how many there are in all.
    pub(super) fn cut<'a>(&self, all: &'a [Listed]) -> (Vec<&'a Listed>, usize) {
        let found: Vec<&Listed> = all.iter().filter(|one| self.wants(&one.listing)).collect();
        let total = found.len();
        (found.into_iter().skip(self.offset).take(self.limit).collect(), total)
    }

    fn wants(&self, listing: &Listing) -> bool {
        let said = |name: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| listing.metadata.get(name).is_some_and(|said| said == wanted.as_str()))
        };
        (listing.active || self.inactive_too)
            && self.kind.as_ref().is_none_or(|kind| kind == "http")
            && said("category", &self.category)
            && said("provider", &self.provider)
            && listing.accepts.iter().any(|way| self.takes(way))
    }

    /// One way to pay must meet everything that is asked of ways to pay.
    fn takes(&self, way: &Requirements) -> bool {
        self.network.as_ref().is_none_or(|network| *network == way.network)
            && self.scheme.as_ref().is_none_or(|scheme| *scheme == way.scheme)
            && self.pay_to.as_ref().is_none_or(|pay_to| pay_to.eq_ignore_ascii_case(&way.pay_to))
            && self.least.is_none_or(|least| way.amount >= least)
            && self.most.is_none_or(|most| way.amount <= most)
    }
}

fn amount(text: Option<String>, field: &'static str) -> Result<Option<AtomicAmount>, Denial> {
    text.map(|text| text.parse().map_err(|_| bad(field, "atomic units in decimal digits"))).transpose()
}

/// ASCII digits only.
fn whole(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

const fn bad(field: &'static str, rule: &'static str) -> Denial {
    Denial::BadField { field, rule }
}

#[cfg(test)]
mod tests {
    use farebox_types::{Id, Timestamp};
    use serde_json::json;

    use super::*;

    fn filter(pairs: &[(&str, &str)]) -> Result<Filter, Denial> {
        Filter::read(Query(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
    }

    fn listed(network: &str, amount: u64, active: bool) -> Listed {
        let way = json!({"scheme": "exact", "network": network, "amount": amount.to_string(), "asset": "0xa",
                         "payTo": "0xAb", "maxTimeoutSeconds": 60});
        let listing = json!({"accepts": [way], "active": active, "metadata": {"category": "weather"}});
        let at = Timestamp::from_seconds(1);
        Listed {
            id: Id::generate(),
            url: String::new(),
            owner: String::new(),
            created_at: at,
            updated_at: at,
            listing: serde_json::from_value(listing).unwrap(),
        }
    }

    #[test]
    fn every_condition_counts() {
        let all = [listed("eip155:8453", 5, true), listed("eip155:84532", 50, true), listed("eip155:8453", 500, false)];
        let found = |pairs: &[(&str, &str)]| filter(pairs).unwrap().cut(&all).1;
        assert_eq!(found(&[]), 2);
        assert_eq!(found(&[("activeOnly", "false")]), 3);
        assert_eq!(found(&[("network", "base")]), 1);
        assert_eq!(found(&[("network", "eip155:84532"), ("maxAmount", "49")]), 0);
        assert_eq!(found(&[("minAmount", "6"), ("activeOnly", "False")]), 2);
        assert_eq!(found(&[("payTo", "0xaB"), ("scheme", "exact"), ("type", "http")]), 2);
        assert_eq!(found(&[("type", "mcp")]), 0);
        assert_eq!(found(&[("category", "weather")]), 2);
        assert_eq!(found(&[("provider", "acme")]), 0);
        assert_eq!(found(&[("unknown", "x")]), 2);
    }

    #[test]
    fn the_window_is_cut_and_the_total_stays() {
        let all = [listed("eip155:1", 1, true), listed("eip155:1", 2, true), listed("eip155:1", 3, true)];
        let (items, total) = filter(&[("limit", "1"), ("offset", "1")]).unwrap().cut(&all);
        assert_eq!((items.len(), items[0].listing.accepts[0].amount.to_string().as_str(), total), (1, "2", 3));
        assert_eq!(filter(&[("limit", "5000")]).unwrap().limit, 100);
        assert_eq!(filter(&[]).unwrap().limit, 20);
    }

    #[test]
    fn what_is_no_number_or_network_is_refused() {
        for (name, value) in [
            ("limit", "0"),
            ("limit", "-1"),
            ("limit", "\u{661}"),
            ("offset", "x"),
            ("offset", "+1"),
            ("minAmount", "1e4"),
            ("network", "nowhere"),
        ] {
            assert!(
                matches!(filter(&[(name, value)]), Err(Denial::BadField { field, .. }) if field == name),
                "{name}={value}"
            );
        }
    }
}
