//! The receipt that goes with a paid answer.

use serde::{Deserialize, Serialize};

/// The `payment-response` header's object. Amounts are decimal strings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// False on a refusal; the answer's body is then withheld.
    pub success: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Whose credits paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// The ledger transfer that paid; empty when nothing moved.
    #[serde(default)]
    pub transaction: String,
    /// CAIP-2 name, as offered.
    #[serde(default)]
    pub network: String,
    /// Credits taken, `"1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits_redeemed: Option<String>,
    /// Credits left, `"9"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_balance: Option<String>,
    /// Set when an automatic top-up happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_tx: Option<String>,
}
