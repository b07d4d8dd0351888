//! The access token: what a payer presents to spend credits of a plan. Whoever reads one can spend it, so nothing of it has
//! a `Debug`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CreditsAccept, Resource};

/// The `payment-signature` header's object in the credits dialect. Minted and signed by the backend; bearer.
///
/// The signature covers the content, not the base64 text, so a token may be re-encoded on its way. It cannot be printed:
///
/// ```compile_fail,E0277
/// fn printed(token: &farebox_x402::AccessToken) -> String {
///     format!("{token:?}")
/// }
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    /// Always [`crate::VERSION`].
    pub x402_version: u8,
    /// Bound resource (version 3 tokens).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// The offer the payer took.
    pub accepted: CreditsAccept,
    /// Signature and authorization.
    pub payload: TokenPayload,
    /// Unused; kept for the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

/// Signature and what it signs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPayload {
    /// `0x` and hex.
    pub signature: String,
    /// Who spends, by which keys.
    pub authorization: Authorization,
}

/// Who spends, by which keys. A non-blank `nonce` makes the token single-use (version 3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// The account whose credits are spent: `0x` and 40 hex digits.
    pub from: String,
    /// Who issued the session keys.
    #[serde(default)]
    pub session_keys_provider: String,
    /// Session keys by role; ours carry the permission (delegation, issue and expiry time).
    #[serde(default)]
    pub session_keys: Vec<SessionKey>,
    /// `0x` and 64 hex digits on single-use tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// One session key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey {
    /// `order` or `redeem`.
    pub id: String,
    /// `0x` and hex.
    pub data: String,
}
