//! What a seller says of a resource, as it is read and as it is stored.

use farebox_types::AtomicAmount;
use farebox_x402::{Requirements, networks};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::facilitator::http::Denial;

/// Bodies of the catalogue's writes are short.
pub(super) const MAX_BODY: usize = 16 * 1024;
/// Ways to pay for one resource.
const MAX_ACCEPTS: usize = 20;
const MAX_URL: usize = 2_048;
/// Longer names, addresses and schemes are none.
const MAX_WORD: usize = 100;
/// The protocol's own default for listings.
const TIMEOUT: u64 = 3_600;

/// A listing, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) accepts: Vec<Requirements>,
    #[serde(default)]
    pub(super) metadata: Map<String, Value>,
    pub(super) active: bool,
}

/// The body of a registration.
#[derive(Deserialize)]
pub(super) struct Registration {
    resource: String,
    #[serde(rename = "type")]
    kind: String,
    accepts: Vec<Way>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

/// The body of an update: what is absent or null stays.
#[derive(Deserialize)]
pub(super) struct Update {
    #[serde(default)]
    accepts: Option<Vec<Way>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    active: Option<bool>,
}

/// One way to pay, in either version's names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Way {
    scheme: String,
    network: String,
    #[serde(alias = "maxAmountRequired")]
    amount: String,
    asset: String,
    pay_to: String,
    #[serde(default)]
    max_timeout_seconds: Option<u64>,
    #[serde(default, deserialize_with = "null_is_default")]
    extra: Map<String, Value>,
}

fn null_is_default<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Reads a body; what is wrong with it is not quoted.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Denial> {
    if body.len() > MAX_BODY {
        return Err(Denial::TooLarge(MAX_BODY));
    }
    let rule = "a JSON object with the members that a listing has, each of its kind";
    serde_json::from_slice(body).map_err(|_| Denial::BadField { field: "the body", rule })
}

impl Registration {
    /// The address, and what is said of it.
    pub(super) fn checked(self) -> Result<(String, Listing), Denial> {
        let scheme = self.resource.split_once("://").filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
        let plain = self.resource.bytes().all(|byte| byte.is_ascii_graphic());
        if !matches!(scheme, Some("http" | "https")) || self.resource.len() > MAX_URL || !plain {
            let rule = "an http or https URL of at most 2048 visible ASCII characters";
            return Err(Denial::BadField { field: "resource", rule });
        }
        if self.kind != "http" {
            return Err(Denial::BadField { field: "type", rule: "http" });
        }
        let accepts = ways(self.accepts)?;
        Ok((self.resource, Listing { accepts, metadata: self.metadata.unwrap_or_default(), active: true }))
    }
}

impl Update {
    /// The listing as it is to be.
    pub(super) fn apply(self, mut listing: Listing) -> Result<Listing, Denial> {
        if let Some(accepts) = self.accepts {
            listing.accepts = ways(accepts)?;
        }
        if let Some(metadata) = self.metadata {
            listing.metadata = metadata;
        }
        listing.active = self.active.unwrap_or(listing.active);
        Ok(listing)
    }
}

fn ways(ways: Vec<Way>) -> Result<Vec<Requirements>, Denial> {
    if !(1..=MAX_ACCEPTS).contains(&ways.len()) {
        return Err(Denial::BadField { field: "accepts", rule: "1 to 20 ways to pay" });
    }
    ways.into_iter().map(Way::checked).collect()
}

impl Way {
    fn checked(self) -> Result<Requirements, Denial> {
        let bad = |field, rule| Denial::BadField { field, rule };
        let amount: AtomicAmount =
            self.amount.parse().map_err(|_| bad("accepts[].amount", "atomic units in decimal digits"))?;
        let network = networks::resolve(&self.network);
        let network = network.ok_or_else(|| bad("accepts[].network", "a CAIP-2 name or a known short name"))?;
        for (field, word) in
            [("accepts[].scheme", &self.scheme), ("accepts[].asset", &self.asset), ("accepts[].payTo", &self.pay_to)]
        {
            if word.is_empty() || word.len() > MAX_WORD || !word.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(bad(field, "1 to 100 visible ASCII characters"));
            }
        }
        Ok(Requirements {
            network: network.into_owned(),
            scheme: self.scheme,
            amount,
            asset: self.asset,
            pay_to: self.pay_to,
            max_timeout_seconds: self.max_timeout_seconds.unwrap_or(TIMEOUT),
            extra: self.extra,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        json!({
            "resource": "https://api.example/paid", "type": "http", "t402Version": 2,
            "accepts": [{"scheme": "exact", "network": "base", "maxAmountRequired": "10000", "asset": "0xa", "payTo": "0xb",
                         "extra": null}],
        })
    }

    fn checked(body: &Value) -> Result<(String, Listing), Denial> {
        read::<Registration>(body.to_string().as_bytes())?.checked()
    }

    #[test]
    fn a_listing_reads_in_either_versions_names() {
        let (url, listing) = checked(&body()).unwrap();
        assert_eq!((url.as_str(), listing.active), ("https://api.example/paid", true));
        assert_eq!(
            (listing.accepts[0].network.as_str(), listing.accepts[0].max_timeout_seconds),
            ("eip155:8453", 3_600)
        );
        let stored = serde_json::to_string(&listing).unwrap();
        assert_eq!(serde_json::from_str::<Listing>(&stored).unwrap(), listing);
    }

    #[test]
    fn what_cannot_be_listed_is_refused_by_its_place() {
        for (pointer, value, place) in [
            ("/resource", json!("ftp://x"), "resource"),
            ("/resource", json!("https://"), "resource"),
            ("/resource", json!("https://x/\u{661}"), "resource"),
            ("/type", json!("mcp"), "type"),
            ("/accepts", json!([]), "accepts"),
            ("/accepts/0/network", json!("nowhere"), "network"),
            ("/accepts/0/maxAmountRequired", json!("1e4"), "amount"),
            ("/accepts/0/maxAmountRequired", json!("\u{661}"), "amount"),
            ("/accepts/0/payTo", json!(""), "payTo"),
            ("/accepts/0/extra", json!(7), "body"),
            ("/resource", json!("x".repeat(MAX_BODY)), "longer"),
        ] {
            let mut wrong = body();
            *wrong.pointer_mut(pointer).unwrap() = value;
            let said = checked(&wrong).unwrap_err().to_string();
            assert!(said.contains(place), "{pointer}: {said}");
        }
    }

    #[test]
    fn an_update_changes_what_it_names() {
        let (_, listing) = checked(&body()).unwrap();
        let update: Update =
            read(br#"{"active": false, "metadata": {"category": "weather"}, "accepts": null}"#).unwrap();
        let updated = update.apply(listing.clone()).unwrap();
        assert_eq!((updated.active, &updated.accepts), (false, &listing.accepts));
        assert_eq!(updated.metadata["category"], "weather");
    }
}
