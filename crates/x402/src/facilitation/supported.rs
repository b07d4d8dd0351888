//! What `/supported` answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::wire::null_is_default;

/// What a facilitator can settle, and with which accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supported {
    /// What it settles. Kinds that cannot be read are skipped.
    #[serde(default, deserialize_with = "readable")]
    pub kinds: Vec<Kind>,
    /// Extensions by name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub extensions: Vec<String>,
    /// Its accounts, by CAIP-2 pattern (`eip155:*`).
    #[serde(default, deserialize_with = "null_is_default")]
    pub signers: BTreeMap<String, Vec<String>>,
}

/// One scheme on one network in one version. Written with both families' version members, read with either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// 1 or 2.
    pub version: u8,
    /// `exact`, `upto`.
    pub scheme: String,
    /// CAIP-2 in version 2, a short name in version 1.
    pub network: String,
    /// What an offer of it must say: `facilitatorAddress`, `feePayer`.
    pub extra: Map<String, Value>,
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("x402Version", &self.version)?;
        map.serialize_entry("t402Version", &self.version)?;
        map.serialize_entry("scheme", &self.scheme)?;
        map.serialize_entry("network", &self.network)?;
        if !self.extra.is_empty() {
            map.serialize_entry("extra", &self.extra)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindShape {
    #[serde(default)]
    x402_version: Option<u8>,
    #[serde(default)]
    t402_version: Option<u8>,
    scheme: String,
    network: String,
    #[serde(default, deserialize_with = "null_is_default")]
    extra: Map<String, Value>,
}

fn readable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Kind>, D::Error> {
    let kinds: Vec<Value> = null_is_default(from)?;
    Ok(kinds.into_iter().filter_map(kind).collect())
}

fn kind(value: Value) -> Option<Kind> {
    let KindShape { x402_version, t402_version, scheme, network, extra } = serde_json::from_value(value).ok()?;
    Some(Kind { version: x402_version.or(t402_version)?, scheme, network, extra })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_carry_both_version_members_and_are_read_with_either() {
        let kind = Kind { version: 2, scheme: "exact".into(), network: "eip155:8453".into(), extra: Map::new() };
        let supported = Supported { kinds: vec![kind], ..Supported::default() };
        let written = serde_json::to_value(&supported).unwrap();
        assert_eq!(
            written,
            json!({"kinds": [{"x402Version": 2, "t402Version": 2, "scheme": "exact", "network": "eip155:8453"}],
                   "extensions": [], "signers": {}})
        );
        for other in ["x402Version", "t402Version"] {
            let mut one = written.clone();
            one["kinds"][0].as_object_mut().unwrap().remove(other);
            assert_eq!(serde_json::from_value::<Supported>(one).unwrap(), supported);
        }
    }

    #[test]
    fn what_cannot_be_read_is_skipped_and_what_is_absent_is_empty() {
        let read: Supported = serde_json::from_value(json!({
            "kinds": [7, {"scheme": "exact"}, {"x402Version": 1, "scheme": "exact", "network": "base", "extra": null}],
            "signers": null
        }))
        .unwrap();
        assert_eq!(read.kinds.len(), 1);
        assert_eq!(read.kinds[0].network, "base");
    }
}
