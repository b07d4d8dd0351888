//! One way to say each thing: what says no more than its absence is left out. Files and servers are compared like this.

use std::collections::BTreeMap;

use farebox_client::api::{
    API_VERSION, Aggregation, Amount, Code, Config, Feature, FeatureConfig, FeatureKind, GrantConfig, GrantValue,
    Metric, MetricConfig, Overage, Plan, PlanConfig, PriceConfig, TierConfig, TierMode, UpTo, UsageCycle,
};

/// A whole file.
pub(super) fn config(config: &Config) -> Config {
    let kinds: BTreeMap<&Code, FeatureKind> = config.features.iter().map(|one| (&one.code, one.kind)).collect();
    let plans = config.plans.iter().map(|one| plan(one, &|code| kinds.get(code).copied()));
    Config {
        api_version: API_VERSION.to_owned(),
        billable_metrics: config.billable_metrics.iter().map(metric).collect(),
        features: config.features.iter().map(feature).collect(),
        plans: plans.collect(),
    }
}

fn metric(one: &MetricConfig) -> MetricConfig {
    let name = one.name.clone().filter(|name| name != one.code.as_str());
    let aggregation = one.aggregation.filter(|aggregation| *aggregation != Aggregation::Sum);
    MetricConfig { name, aggregation, ..one.clone() }
}

/// Whether a metric only adds up values: then a feature's naming it says enough.
fn is_plain(one: &MetricConfig) -> bool {
    let MetricConfig { code: _, name, aggregation, property, filter } = one;
    name.is_none() && aggregation.is_none() && property.is_none() && filter.is_empty()
}

/// What a file has to say: not what follows from the rest of it.
pub(super) fn said(config: &Config) -> Config {
    let metrics = config.billable_metrics.iter().filter(|metric| !is_plain(metric));
    Config { billable_metrics: metrics.cloned().collect(), ..config.clone() }
}

fn feature(one: &FeatureConfig) -> FeatureConfig {
    let name = one.name.clone().filter(|name| name != one.code.as_str());
    FeatureConfig { name, ..one.clone() }
}

fn plan(one: &PlanConfig, kind: &dyn Fn(&Code) -> Option<FeatureKind>) -> PlanConfig {
    PlanConfig {
        trial_period_days: one.trial_period_days.filter(|days| *days > 0),
        prices: one.prices.iter().map(price).collect(),
        features: one.features.iter().map(|(code, one)| (code.clone(), grant(one, kind(code)))).collect(),
        ..one.clone()
    }
}

fn price(one: &PriceConfig) -> PriceConfig {
    let tiers: Option<Vec<TierConfig>> =
        one.tiers.as_ref().filter(|tiers| !tiers.is_empty()).map(|tiers| tiers.iter().map(tier).collect());
    let tier_mode = one.tier_mode.filter(|mode| *mode != TierMode::Graduated);
    PriceConfig { tiers, tier_mode, ..one.clone() }
}

fn tier(one: &TierConfig) -> TierConfig {
    TierConfig { up_to: one.up_to.filter(|end| *end != UpTo::Infinite), ..one.clone() }
}

fn grant(one: &GrantConfig, kind: Option<FeatureKind>) -> GrantConfig {
    let plain = kind == Some(FeatureKind::Boolean);
    GrantConfig {
        value: one.value.clone().filter(|value| !(plain && *value == GrantValue::Boolean(true))),
        included_usage: one.included_usage.filter(|amount| *amount != Amount::ZERO),
        usage_cycle: one.usage_cycle.filter(|cycle| *cycle != UsageCycle::SubscriptionPeriod),
        credit_grant: one.credit_grant.filter(|amount| *amount != Amount::ZERO),
        overage: one.overage.filter(|overage| *overage != Overage::Deny),
        ..one.clone()
    }
}

/// What a server has, as a file would say it, in the order of the codes.
pub(super) fn present((metrics, features): (Vec<Metric>, Vec<Feature>), plans: Vec<Plan>) -> Option<Config> {
    let mut billable_metrics: Vec<MetricConfig> = metrics.into_iter().map(of_metric).collect::<Option<_>>()?;
    let mut features: Vec<FeatureConfig> = features.into_iter().map(of_feature).collect();
    let mut plans: Vec<PlanConfig> = plans.into_iter().map(of_plan).collect::<Option<_>>()?;
    billable_metrics.sort_by(|one, other| one.code.cmp(&other.code));
    features.sort_by(|one, other| one.code.cmp(&other.code));
    plans.sort_by(|one, other| one.code.cmp(&other.code));
    Some(config(&Config { api_version: API_VERSION.to_owned(), billable_metrics, features, plans }))
}

/// `None` if it counts in a way that this version does not know.
fn of_metric(one: Metric) -> Option<MetricConfig> {
    let Metric { id: _, code, name, aggregation, property, filter } = one;
    let aggregation = serde_json::from_value(serde_json::Value::String(aggregation)).ok()?;
    Some(MetricConfig { code, name: Some(name), aggregation: Some(aggregation), property, filter })
}

fn of_feature(one: Feature) -> FeatureConfig {
    let Feature { code, name, kind, unit, billable_metric, credits_plan, .. } = one;
    FeatureConfig { code, name: Some(name), kind, unit, billable_metric, credits_plan }
}

/// `None` if it has an amount that no file can have written.
fn of_plan(one: Plan) -> Option<PlanConfig> {
    let prices = one.prices.into_iter().map(|price| {
        let tiers = price.tiers.map(|tiers| {
            let tier = |tier: farebox_client::api::Tier| TierConfig {
                flat_amount: tier.flat_amount,
                unit_amount: tier.unit_amount,
                unit_amount_decimal: tier.unit_amount_decimal,
                up_to: tier.up_to,
            };
            tiers.into_iter().map(tier).collect()
        });
        let amount = u32::try_from(price.amount).ok()?;
        let (currency, interval, tier_mode, feature) = (price.currency, price.interval, price.tier_mode, price.feature);
        Some(PriceConfig { amount, currency, interval, tier_mode, tiers, feature })
    });
    let grants = one.features.into_iter().map(|given| {
        let grant = GrantConfig {
            value: given.value,
            included_usage: given.included_usage,
            usage_cycle: given.usage_cycle,
            credit_grant: given.credit_grant,
            rollover_max: given.rollover_max,
            rollover_percent: given.rollover_percent,
            overage: given.overage,
        };
        (given.feature_code, grant)
    });
    Some(PlanConfig {
        code: one.code,
        name: one.name,
        product: one.product,
        trial_period_days: one.trial_period_days,
        prices: prices.collect::<Option<_>>()?,
        features: grants.collect(),
        privileges: one.privileges,
    })
}
