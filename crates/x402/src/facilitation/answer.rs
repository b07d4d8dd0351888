//! What `/verify` and `/settle` answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire::null_is_default;

/// What `/settle` answers is the receipt that the payer gets.
pub use crate::Receipt as SettleResponse;

/// What `/verify` answers. `payer` is always written, as null when unknown: some clients cannot read an answer without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyResponse {
    /// Whether it would settle.
    pub is_valid: bool,
    /// Why not: a machine code of an open set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<String>,
    /// Why not, for people.
    #[serde(default, alias = "invalidReasonDetails", skip_serializing_if = "Option::is_none")]
    pub invalid_message: Option<String>,
    /// Who pays.
    #[serde(default)]
    pub payer: Option<String>,
    /// Extensions by name.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
    /// What the scheme adds.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payer_is_always_written() {
        let json = serde_json::to_string(&VerifyResponse::default()).unwrap();
        assert_eq!(json, r#"{"isValid":false,"payer":null}"#);
    }

    #[test]
    fn nulls_details_and_unknown_members_are_read() {
        let text = r#"{"isValid":false,"invalidReason":"x","invalidReasonDetails":"why","extra":null,"code":"y"}"#;
        let read: VerifyResponse = serde_json::from_str(text).unwrap();
        assert_eq!((read.invalid_message.as_deref(), read.payer), (Some("why"), None));
    }

    #[test]
    fn a_settlement_has_text_for_transaction_and_network_whatever_was_said() {
        let read: SettleResponse =
            serde_json::from_str(r#"{"success":false,"errorReason":"x","transaction":null,"network":null}"#).unwrap();
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(written, r#"{"success":false,"errorReason":"x","transaction":"","network":""}"#);
    }
}
