//! The configuration file: what a merchant sells, as code. camelCase is written, snake_case is read too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Amount, Code, Currency, FeatureKind, GrantValue, Interval, Overage, TierMode, UpTo, UsageCycle};

/// The one version of this API, of its `Paylera-Api-Version` header, and of the file's `apiVersion`.
pub const API_VERSION: &str = "2026-05-01";

/// Everything a merchant sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Config {
    /// `2026-05-01`.
    #[serde(alias = "api_version")]
    pub api_version: String,
    /// How usage is counted, where it is not simply added up. One that a feature names and that is not here is a sum.
    #[serde(default, alias = "billable_metrics", skip_serializing_if = "Vec::is_empty")]
    pub billable_metrics: Vec<MetricConfig>,
    /// What plans give.
    pub features: Vec<FeatureConfig>,
    /// What customers attach.
    pub plans: Vec<PlanConfig>,
}

/// A feature: the body of `PUT /v1/admin/features/{code}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeatureConfig {
    /// Unique; in a request, the path's.
    pub code: Code,
    /// For people; the code unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it is given.
    pub kind: FeatureKind,
    /// What one of it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Metered: the metric that counts it.
    #[serde(default, alias = "billable_metric", skip_serializing_if = "Option::is_none")]
    pub billable_metric: Option<Code>,
    /// Metered: the plan of the credits API whose credits are its balance.
    #[serde(default, alias = "credits_plan", skip_serializing_if = "Option::is_none")]
    pub credits_plan: Option<String>,
}

/// A plan: the body of `PUT /v1/admin/plans/{code}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanConfig {
    /// Unique; in a request, the path's.
    pub code: Code,
    /// For people.
    pub name: String,
    /// The product it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Code>,
    /// Days before the first charge, up to 730.
    #[serde(default, alias = "trial_period_days", skip_serializing_if = "Option::is_none")]
    pub trial_period_days: Option<u32>,
    /// What it costs; at least one.
    pub prices: Vec<PriceConfig>,
    /// What it gives, by the feature's code.
    pub features: BTreeMap<Code, GrantConfig>,
    /// What its subscribers may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileges: Vec<Code>,
}

/// A price of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PriceConfig {
    /// Minor units each interval.
    pub amount: u32,
    /// Of what.
    pub currency: Currency,
    /// How often.
    pub interval: Interval,
    /// How tiers add up; graduated unless given.
    #[serde(default, alias = "tier_mode", skip_serializing_if = "Option::is_none")]
    pub tier_mode: Option<TierMode>,
    /// What usage costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierConfig>>,
    /// The feature whose usage the tiers price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<Code>,
}

/// One tier of a price. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierConfig {
    /// For reaching it.
    #[serde(default, alias = "flat_amount", skip_serializing_if = "Option::is_none")]
    pub flat_amount: Option<u32>,
    /// For each unit.
    #[serde(default, alias = "unit_amount", skip_serializing_if = "Option::is_none")]
    pub unit_amount: Option<u32>,
    /// For each unit, with decimals, in place of `unitAmount`.
    #[serde(default, alias = "unit_amount_decimal", skip_serializing_if = "Option::is_none")]
    pub unit_amount_decimal: Option<Amount>,
    /// Where it ends; the last one ends at "inf".
    #[serde(default, alias = "up_to", skip_serializing_if = "Option::is_none")]
    pub up_to: Option<UpTo>,
}

/// What a plan gives of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantConfig {
    /// Boolean, numeric and text features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<GrantValue>,
    /// Metered: so much each window.
    #[serde(default, alias = "included_usage", skip_serializing_if = "Option::is_none")]
    pub included_usage: Option<Amount>,
    /// Metered: how long a window is; the subscription's period unless given.
    #[serde(default, alias = "usage_cycle", skip_serializing_if = "Option::is_none")]
    pub usage_cycle: Option<UsageCycle>,
    /// Metered: credits each billing period, which end with it.
    #[serde(default, alias = "credit_grant", skip_serializing_if = "Option::is_none")]
    pub credit_grant: Option<Amount>,
    /// So much of what is left over is carried at most.
    #[serde(default, alias = "rollover_max", skip_serializing_if = "Option::is_none")]
    pub rollover_max: Option<Amount>,
    /// So much percent of it, 0 to 100.
    #[serde(default, alias = "rollover_percent", skip_serializing_if = "Option::is_none")]
    pub rollover_percent: Option<Amount>,
    /// When it is used up; deny unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overage: Option<Overage>,
}

/// A product: the body of `PUT /v1/admin/products/{code}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductConfig {
    /// Unique; in a request, the path's.
    pub code: Code,
    /// For people; the code unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A metric: the body of `PUT /v1/admin/billable-metrics/{code}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricConfig {
    /// Unique; in a request, the path's.
    pub code: Code,
    /// For people; the code unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How values come together; a sum unless given. It never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
    /// Where in an event's `properties` the value is, as `tokens` or `usage.tokens`; the event's own `value` unless given.
    /// `unique` needs it, `count` has no use for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Which events count: all of these properties must be one of the texts given with them; all events unless given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, Vec<String>>,
}

/// How the values of a metric add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Aggregation {
    /// All of them.
    Sum,
    /// How many there are.
    Count,
    /// The largest.
    Max,
    /// How many different ones there are.
    Unique,
    /// The newest.
    Last,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_camel_case_is_written() {
        let snake: GrantConfig = serde_json::from_str(r#"{"included_usage":10.5,"usage_cycle":"never"}"#).unwrap();
        let camel: GrantConfig = serde_json::from_str(r#"{"includedUsage":10.5,"usageCycle":"never"}"#).unwrap();
        assert_eq!(snake, camel);
        assert_eq!(serde_json::to_string(&snake).unwrap(), r#"{"includedUsage":10.5,"usageCycle":"never"}"#);
    }

    #[test]
    fn unknown_members_are_refused() {
        let text = r#"{"code":"a","kind":"boolean","kinds":1}"#;
        assert!(serde_json::from_str::<FeatureConfig>(text).unwrap_err().to_string().contains("kinds"));
    }
}
