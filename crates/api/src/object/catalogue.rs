//! What is sold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Code, Currency, GrantValue, Overage, UpTo};

/// Something a plan gives access to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Feature {
    /// The feature.
    pub id: Uuid,
    /// Unique.
    pub code: Code,
    /// For people.
    pub name: String,
    /// How it is given.
    pub kind: FeatureKind,
    /// What one of it is called.
    pub unit: Option<String>,
    /// The code of the metric that counts it.
    pub billable_metric: Option<Code>,
    /// The plan of the credits API whose credits are this feature's balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits_plan: Option<String>,
}

/// How a feature is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FeatureKind {
    /// On or off.
    Boolean,
    /// A number that is compared with.
    Numeric,
    /// A text.
    Text,
    /// A balance that is used up.
    Metered,
    /// Counted, and without end.
    Unlimited,
}

/// What plans belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Product {
    /// The product.
    pub id: Uuid,
    /// Unique.
    pub code: Code,
    /// For people.
    pub name: String,
}

/// How usage is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metric {
    /// The metric.
    pub id: Uuid,
    /// Unique.
    pub code: Code,
    /// For people.
    pub name: String,
    /// `sum`, `count`, `max`, `unique` or `last`.
    pub aggregation: String,
    /// Where in an event's `properties` the value is.
    #[serde(default)]
    pub property: Option<String>,
    /// Which events count, by their properties.
    #[serde(default)]
    pub filter: BTreeMap<String, Vec<String>>,
}

/// One version of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// This version.
    pub id: Uuid,
    /// The plan.
    pub code: Code,
    /// For people.
    pub name: String,
    /// The code of its product.
    pub product: Option<Code>,
    /// Counts from 1.
    pub version: u32,
    /// Whether it can be attached.
    pub status: PlanStatus,
    /// Days before the first charge.
    pub trial_period_days: Option<u32>,
    /// What it costs.
    pub prices: Vec<Price>,
    /// What it gives.
    pub features: Vec<PlanFeature>,
    /// Codes of what its subscribers may do.
    #[serde(default)]
    pub privileges: Vec<Code>,
}

/// Where a version of a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PlanStatus {
    /// Not yet.
    Draft,
    /// Can be attached.
    Active,
    /// No longer; its subscribers keep it.
    Archived,
}

/// What a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Price {
    /// The price.
    pub id: Uuid,
    /// Minor units each interval.
    pub amount: i64,
    /// Of what.
    pub currency: Currency,
    /// How often.
    pub interval: Interval,
    /// How tiers add up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_mode: Option<TierMode>,
    /// What usage costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<Tier>>,
    /// The code of the feature whose usage the tiers price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<Code>,
}

/// A billing interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Interval {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// A calendar month from the anchor.
    Month,
    /// A calendar year from the anchor.
    Year,
}

/// How tiers add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TierMode {
    /// Each part at its own tier.
    Graduated,
    /// All of it at the tier it reaches.
    Volume,
    /// Whole packages of the tier's size.
    Package,
}

/// One tier. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tier {
    /// For reaching it.
    #[serde(default, alias = "flatAmount", skip_serializing_if = "Option::is_none")]
    pub flat_amount: Option<u32>,
    /// For each unit.
    #[serde(default, alias = "unitAmount", skip_serializing_if = "Option::is_none")]
    pub unit_amount: Option<u32>,
    /// For each unit, with decimals, in place of `unit_amount`.
    #[serde(default, alias = "unitAmountDecimal", skip_serializing_if = "Option::is_none")]
    pub unit_amount_decimal: Option<Amount>,
    /// Where it ends.
    #[serde(default, alias = "upTo", skip_serializing_if = "Option::is_none")]
    pub up_to: Option<UpTo>,
}

/// What a plan gives of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanFeature {
    /// Of which.
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
    /// Metered: credits each billing period, which end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_grant: Option<Amount>,
    /// So much of what is left over is carried at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover_max: Option<Amount>,
    /// So much percent of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover_percent: Option<Amount>,
    /// When it is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overage: Option<Overage>,
}

/// When usage starts from nothing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum UsageCycle {
    /// With the subscription's period.
    SubscriptionPeriod,
    /// On the first of the month, UTC.
    CalendarMonth,
    /// On the first of January, UTC.
    CalendarYear,
    /// Never.
    Never,
}

/// The answer to an upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changed {
    /// What was written to; a plan's newest version.
    pub id: Uuid,
    /// False if everything was so already.
    pub changed: bool,
}
