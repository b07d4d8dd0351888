//! Tokens, the audit trail, test clocks, and the device flow (RFC 8628).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Time;

/// A token of this API. Its text is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiToken {
    /// The token.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// When it was taken back.
    pub revoked_at: Option<Time>,
}

/// A new token, with its text: shown once. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewApiToken {
    /// The token.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// `pl_test_…` or `pl_live_…`; null when the request is replayed.
    pub token: Option<String>,
}

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEvent {
    /// Which of the merchant's chains.
    pub chain: Uuid,
    /// Its place in the chain.
    pub sequence: u64,
    /// What was done, by whom, to what.
    pub entries: Vec<serde_json::Value>,
    /// Hash of this line and the one before it, in hex.
    pub hash: String,
    /// When.
    pub created_at: Time,
}

/// A merchant's own time, in test mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestClock {
    /// The clock.
    pub id: Uuid,
    /// What it shows.
    pub frozen_time: Time,
    /// Whether it still works on what fell between.
    pub status: TestClockStatus,
}

/// Where a test clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TestClockStatus {
    /// Everything up to its time is done.
    Ready,
    /// Not everything yet.
    Advancing,
}

/// What a device shows, and polls with. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceAuthorization {
    /// The device's secret.
    pub device_code: String,
    /// What a person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: String,
    /// Seconds until both end.
    pub expires_in: u32,
    /// Seconds between two polls.
    pub interval: u32,
}

/// What the flow ends with. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OauthToken {
    /// A token of this API.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// What it may do, words between spaces.
    pub scope: String,
}

/// RFC 6749's errors, of which clients branch on the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OauthError {
    /// Which.
    pub error: OauthErrorCode,
    /// In words.
    pub error_description: String,
}

/// Which error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OauthErrorCode {
    /// Nobody has decided yet.
    AuthorizationPending,
    /// Asked too soon: wait five seconds more from now on.
    SlowDown,
    /// Nobody decided in time.
    ExpiredToken,
    /// Somebody said no.
    AccessDenied,
    /// No such code, or it has been used.
    InvalidGrant,
    /// The request cannot be read.
    InvalidRequest,
    /// Another grant type.
    UnsupportedGrantType,
}
