//! A listing as each family reads it.

use farebox_x402::{Requirements, networks};
use serde_json::{Map, Value, json};

use super::catalogue::Listed;

/// The names that the Python t402 client knows in a list: one other, and it reads none of the list.
const T402_NAMES: [&str; 23] = [
    "base",
    "base-sepolia",
    "avalanche-fuji",
    "avalanche",
    "ethereum",
    "arbitrum",
    "optimism",
    "polygon",
    "ink",
    "berachain",
    "unichain",
    "mantle",
    "plasma",
    "sei",
    "conflux",
    "monad",
    "flare",
    "rootstock",
    "xlayer",
    "stable",
    "hyperevm",
    "megaeth",
    "corn",
];

impl Listed {
    /// As `/discovery/resources` lists it.
    pub(super) fn x402(&self) -> Value {
        Value::Object(self.common())
    }

    /// As `/v1/discovery/resources/{id}` shows it.
    pub(super) fn t402(&self) -> Value {
        let mut item = self.common();
        item.insert("id".to_owned(), json!(self.id.to_string()));
        item.insert("active".to_owned(), json!(self.listing.active));
        Value::Object(item)
    }

    /// As `/v1/discovery/resources` lists it. Lists are read with version 1's names there, single resources with version 2's:
    /// so `accepts` has both in one, where version 1 has a name for the network at all; `options` has every way to pay.
    pub(super) fn t402_in_list(&self) -> Value {
        let mut item = self.common();
        item.insert("id".to_owned(), json!(self.id.to_string()));
        item.insert("active".to_owned(), json!(self.listing.active));
        item.insert("t402Version".to_owned(), json!(1));
        item.insert("options".to_owned(), json!(self.listing.accepts));
        let accepts: Vec<Value> = self.listing.accepts.iter().filter_map(|way| self.version_1(way)).collect();
        item.insert("accepts".to_owned(), json!(accepts));
        Value::Object(item)
    }

    fn common(&self) -> Map<String, Value> {
        let mut item = Map::new();
        item.insert("resource".to_owned(), json!(self.url));
        item.insert("type".to_owned(), json!("http"));
        item.insert("x402Version".to_owned(), json!(2));
        item.insert("t402Version".to_owned(), json!(2));
        item.insert("accepts".to_owned(), json!(self.listing.accepts));
        item.insert("lastUpdated".to_owned(), json!(self.updated_at.seconds()));
        if !self.listing.metadata.is_empty() {
            item.insert("metadata".to_owned(), json!(self.listing.metadata));
        }
        item
    }

    fn version_1(&self, way: &Requirements) -> Option<Value> {
        let network = networks::short_name(&way.network).filter(|name| T402_NAMES.contains(name))?;
        let description = self.listing.metadata.get("description").and_then(Value::as_str).unwrap_or_default();
        Some(json!({
            "scheme": way.scheme,
            "network": network,
            "maxAmountRequired": way.amount.to_string(),
            "amount": way.amount.to_string(),
            "resource": self.url,
            "description": description,
            "mimeType": "",
            "payTo": way.pay_to,
            "maxTimeoutSeconds": way.max_timeout_seconds,
            "asset": way.asset,
            "extra": way.extra,
        }))
    }
}
