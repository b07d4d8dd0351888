//! What a customer may do now.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Code, FeatureKind, GrantValue, Time, UsageCycle};

/// Whether a customer may use a feature now, and what is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// Yes or no.
    pub allowed: bool,
    /// Whose.
    pub customer_id: Uuid,
    /// The feature.
    pub feature_id: Uuid,
    /// Its code.
    pub feature_code: Code,
    /// For people.
    pub feature_name: String,
    /// How it is given.
    pub value_type: FeatureKind,
    /// What one of it is called.
    pub unit: Option<String>,
    /// What is left: included, carried and credits less usage and holds; negative when more was used.
    pub balance: Option<Amount>,
    /// Each window.
    pub included_usage: Option<Amount>,
    /// In this window.
    pub usage: Option<Amount>,
    /// Held by reservations.
    pub held: Option<Amount>,
    /// Whether there is no end to it.
    pub unlimited: bool,
    /// How long a window is.
    pub interval: Option<UsageCycle>,
    /// When this window began.
    pub cycle_start_at: Option<Time>,
    /// When the next one begins.
    pub next_reset_at: Option<Time>,
    /// What would be used first.
    pub source: Option<Source>,
    /// What was granted.
    pub value: Option<CheckValue>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Where a grant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Source {
    /// A plan.
    PlanGrant,
    /// Set for this customer, in the plan's place.
    Override,
    /// Credits.
    CreditGrant,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Reason {
    /// Nothing gives it.
    NoGrant,
    /// What is left does not reach.
    InsufficientBalance,
    /// What would give it is not in force.
    SubscriptionInactive,
}

/// What was granted, with its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckValue {
    /// How it is given.
    #[serde(rename = "type")]
    pub kind: FeatureKind,
    /// Boolean: on or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b: Option<bool>,
    /// Numeric, metered: how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<Amount>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<String>,
    /// Metered, unlimited: whether there is no end to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub u: Option<bool>,
}

/// Everything a subscription gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entitlements {
    /// Which subscription.
    pub subscription_id: Uuid,
    /// By code.
    pub features: Vec<Entitlement>,
    /// What its subscriber may do.
    pub privileges: Vec<Privilege>,
}

/// One feature of a subscription: a check with its value bare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entitlement {
    /// Whether any of it can be used now.
    pub allowed: bool,
    /// The feature.
    pub feature_id: Uuid,
    /// Its code.
    pub feature_code: Code,
    /// For people.
    pub feature_name: String,
    /// How it is given.
    pub value_type: FeatureKind,
    /// What one of it is called.
    pub unit: Option<String>,
    /// What is left.
    pub balance: Option<Amount>,
    /// Each window.
    pub included_usage: Option<Amount>,
    /// In this window.
    pub usage: Option<Amount>,
    /// Held by reservations.
    pub held: Option<Amount>,
    /// Whether there is no end to it.
    pub unlimited: bool,
    /// How long a window is.
    pub interval: Option<UsageCycle>,
    /// When this window began.
    pub cycle_start_at: Option<Time>,
    /// When the next one begins.
    pub next_reset_at: Option<Time>,
    /// What would be used first.
    pub source: Option<Source>,
    /// What was granted: a boolean, a number or a text.
    pub value: Option<GrantValue>,
}

/// Something a subscriber may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Privilege {
    /// Which.
    pub code: Code,
}
