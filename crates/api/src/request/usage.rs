//! Asking for and recording usage.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Code, GrantValue, Overage, Problem, Properties, Time, UsageCycle};

/// `POST /v1/check`: `customer_id` or `subscription_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckRequest {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Uuid>,
    /// Or by one of its subscriptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<Uuid>,
    /// Of which feature.
    pub feature_code: Code,
    /// How much is wanted; 0 asks whether there is any.
    #[serde(default)]
    pub required_usage: Amount,
}

/// `POST /v1/track`: `customer_id` or `subscription_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Track {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Uuid>,
    /// Or by one of its subscriptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<Uuid>,
    /// Of which feature.
    pub feature_code: Code,
    /// How much was used; below zero takes back what was used before, newest first. Where the metric looks at the event
    /// itself or at its properties, this counts nothing: write 1.
    pub value: Amount,
    /// What else is said of the event, for metrics that look at it.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub properties: Properties,
    /// The same key for the same customer and feature is counted once, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<String>,
    /// When it happened; now unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Time>,
    /// When the balance does not reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_insufficient: Option<OnInsufficient>,
}

/// When the balance does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OnInsufficient {
    /// It is recorded all the same: it happened.
    Record,
    /// Nothing is recorded.
    Reject,
}

/// `POST /v1/track/batch`: up to 1000 events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackBatch {
    /// Each on its own.
    pub events: Vec<Track>,
}

/// What became of each event, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResults {
    /// One for each.
    pub results: Vec<BatchResult>,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResult {
    /// Recorded or not.
    pub status: BatchStatus,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Whether an event was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BatchStatus {
    /// Now.
    Recorded,
    /// Before.
    Duplicate,
    /// Not at all.
    Rejected,
}

/// `POST /v1/consume`: takes all of it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Consume {
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// How much, more than nothing.
    pub value: Amount,
}

/// `POST /v1/reservations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewReservation {
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// How much, more than nothing.
    pub amount: Amount,
    /// 1 to 86 400.
    pub ttl_seconds: u32,
}

/// `POST /v1/reservations/{id}/commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Commit {
    /// What was used in the end; all of it unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
}

/// `POST /v1/credits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewCredit {
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// How many, more than nothing.
    pub amount: Amount,
    /// When what is left of them ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Lower is used earlier, after what plans give; 0 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

/// `PUT /v1/overrides`: in the plan's place, for one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewOverride {
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// Boolean, numeric and text features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<GrantValue>,
    /// Metered: so much each window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included_usage: Option<Amount>,
    /// Metered: how long a window is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_cycle: Option<UsageCycle>,
    /// Metered: when it is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overage: Option<Overage>,
    /// When the plan's holds again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}
