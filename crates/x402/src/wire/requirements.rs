//! An offer payable on a chain.

use farebox_types::AtomicAmount;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// The scheme that pays the amount as it is.
pub const EXACT: &str = "exact";
/// The scheme that pays what was used, up to the amount.
pub const UPTO: &str = "upto";

/// One way to pay on a chain (`PaymentRequirements` of version 2): scheme `exact` or `upto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// [`EXACT`] or [`UPTO`].
    pub scheme: String,
    /// CAIP-2, `eip155:8453`.
    pub network: String,
    /// The price, or for `upto` the most it may be; a decimal string on the wire.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub amount: AtomicAmount,
    /// The token's address.
    pub asset: String,
    /// Who is paid.
    pub pay_to: String,
    /// How long the payment may take, from signing to settling.
    pub max_timeout_seconds: u64,
    /// What the scheme needs to know: the token's EIP-712 `name` and `version`, `assetTransferMethod`, `facilitatorAddress`.
    #[serde(default, deserialize_with = "super::null_is_default", skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Requirements {
    /// A text member of `extra`.
    #[must_use]
    pub fn extra_text(&self, name: &str) -> Option<&str> {
        self.extra.get(name).and_then(Value::as_str)
    }
}

fn as_text<S: Serializer>(amount: &AtomicAmount, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(amount)
}

fn from_text<'de, D: Deserializer<'de>>(from: D) -> Result<AtomicAmount, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(de::Error::custom)
}
