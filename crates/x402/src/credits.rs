//! Bodies of the credits backend's calls, shared by the server and its clients.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CreditsAccept, PaymentRequired, Resource};

/// The scheme of an offer payable in credits.
pub const SCHEME: &str = "nvm:erc4337";
/// The network label of test-mode credits.
pub const TEST_NETWORK: &str = "eip155:84532";
/// The network label of live credits.
pub const LIVE_NETWORK: &str = "eip155:8453";
/// Where the credits API lives under a backend's base URL.
pub const API_PREFIX: &str = "/api/v1";

/// One code for every token that does not hold: malformed signature, wrong key, expired. On purpose.
pub const CODE_INVALID_TOKEN: &str = "BCK.X402.0005";
/// The token's text is not a token.
pub const CODE_MALFORMED_TOKEN: &str = "BCK.X402.0010";
/// The token was minted for another offer.
pub const CODE_NOT_ACCEPTED: &str = "BCK.X402.0013";
/// The delegation behind the token is revoked, expired or used up.
pub const CODE_DELEGATION: &str = "BCK.X402.0019";
/// A single-use token that has been spent.
pub const CODE_SPENT: &str = "BCK.X402.0059";
/// A single-use token that another request holds right now.
pub const CODE_IN_USE: &str = "FBX.X402.IN_USE";
/// Not enough credits.
pub const CODE_INSUFFICIENT: &str = "BCK.CREDITS.0003";

/// `POST /api/v1/x402/permissions`: mints an access token for the caller's own account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionRequest {
    /// The offer to pay.
    pub accepted: CreditsAccept,
    /// What a version 3 token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// 2 (reusable, default) or 3 (bound, used once).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_version: Option<u8>,
    /// `{delegationId}` or an inline delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation_config: Option<Value>,
}

/// The minted token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionAnswer {
    /// The `payment-signature` value.
    pub access_token: String,
}

/// Body of `POST /api/v1/x402/{verify,settle,release}`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCall {
    /// The seller's offer, as recomputed for this request.
    pub payment_required: PaymentRequired,
    /// The payer's header value.
    pub x402_access_token: String,
    /// Credits to check or take, a decimal string; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_amount: Option<String>,
    /// From verify's answer; names the charge. Settling it again answers the same receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_request_id: Option<String>,
    /// Additive: verify also reserves the credits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldRequest>,
}

/// Asks verify for a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldRequest {
    /// Seconds until an unsettled hold is given back, 1 to 86 400.
    pub ttl_seconds: u32,
}

/// Answer of verify. A refusal is `isValid: false` with a reason.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyAnswer {
    /// Whether the payment would go through (or, with a hold, is reserved).
    pub is_valid: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<String>,
    /// Additive: the machine code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_code: Option<String>,
    /// Whose credits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// CAIP-2 name, as offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Names the charge for settle and release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_request_id: Option<String>,
    /// Whether the agent's endpoint list holds the resource; absent without an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_matching: Option<Value>,
    /// What observability needs to know about the agent; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_request: Option<Value>,
}

/// Answer of release: repeating it is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseAnswer {
    /// False when there was no hold to give back.
    pub released: bool,
}

/// The error body of the credits API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `BCK.<AREA>.<NNNN>`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
