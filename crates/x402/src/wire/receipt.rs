//! The receipt that goes with a paid answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::null_is_default;

/// The `payment-response` header's object, and the answer of a facilitator's `/settle`. Amounts are decimal strings;
/// `transaction` and `network` are always written as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// False on a refusal; the answer's body is then withheld.
    pub success: bool,
    /// Why not: a machine code of an open set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Who paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// The ledger transfer or the chain's transaction that paid; empty when nothing moved.
    #[serde(default, deserialize_with = "null_is_default")]
    pub transaction: String,
    /// CAIP-2 name, as offered.
    #[serde(default, deserialize_with = "null_is_default")]
    pub network: String,
    /// Atomic units taken, on a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// Credits taken, `"1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits_redeemed: Option<String>,
    /// Credits left, `"9"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_balance: Option<String>,
    /// Set when an automatic top-up happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_tx: Option<String>,
    /// Extensions by name.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
    /// What the scheme adds.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}
