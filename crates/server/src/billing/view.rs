//! Rows as the wire shows them.

use farebox_api as api;
use farebox_api::{Amount, Time};
use farebox_engine::{
    entitlement::{Aggregation, Answer, Condition, Cycle, FeatureKind, Given, Overage, Reason, SourceKind, Terms},
    subscription::{IntervalUnit, Status},
};
use farebox_store::{
    Fault,
    billing::{Customer, Feature, Metric, Plan, PlanStatus, Price, Product, Row, Subscription, Tier, TierMode, UpTo},
};
use farebox_types::{Quantity, Timestamp};
use uuid::Uuid;

use crate::refusal::impossible;

/// A text of ours, in the wire's type: rows are written from that type, so it holds.
pub(super) fn word<T: std::str::FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| impossible("a stored word is not one of ours"))
}

pub(super) fn customer(row: &Row<Customer>) -> Result<api::Customer, Fault> {
    let value = &row.value;
    Ok(api::Customer {
        id: value.id,
        email: value.email.clone(),
        name: value.name.clone(),
        currency: word(value.currency.as_deref().unwrap_or("USD"))?,
        external_id: value.external_id.clone(),
        payer: value.payer.clone(),
        metadata: value.metadata.as_object().cloned().unwrap_or_default(),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    })
}

pub(super) const fn kind(kind: FeatureKind) -> api::FeatureKind {
    match kind {
        FeatureKind::Boolean => api::FeatureKind::Boolean,
        FeatureKind::Numeric => api::FeatureKind::Numeric,
        FeatureKind::Text => api::FeatureKind::Text,
        FeatureKind::Metered => api::FeatureKind::Metered,
        FeatureKind::Unlimited => api::FeatureKind::Unlimited,
    }
}

/// `credits_plan` as the credits API names it.
pub(super) fn feature(
    tenant: farebox_types::Id<farebox_types::Merchant>,
    value: &Feature,
) -> Result<api::Feature, Fault> {
    let public = |plan: Uuid| {
        farebox_types::PublicId::<farebox_types::Plan>::new(tenant, farebox_types::Id::from_uuid(plan)).to_string()
    };
    Ok(api::Feature {
        id: value.id,
        code: word(&value.code)?,
        name: value.name.clone(),
        kind: kind(value.kind),
        unit: value.unit.clone(),
        billable_metric: value.metric.as_deref().map(word).transpose()?,
        credits_plan: value.credits_plan.map(public),
    })
}

/// `products`: to name the plan's by its code.
pub(super) fn plan(value: &Plan, products: &[Row<Product>]) -> Result<api::Plan, Fault> {
    let product = value.product.and_then(|id| products.iter().find(|row| row.value.id == id));
    Ok(api::Plan {
        id: value.id,
        code: word(&value.code)?,
        name: value.name.clone(),
        product: product.map(|row| word(&row.value.code)).transpose()?,
        version: value.version,
        status: match value.status {
            PlanStatus::Draft => api::PlanStatus::Draft,
            PlanStatus::Active => api::PlanStatus::Active,
            PlanStatus::Archived => api::PlanStatus::Archived,
        },
        trial_period_days: (value.trial_days > 0).then_some(value.trial_days),
        prices: value.prices.iter().map(price).collect::<Result<_, _>>()?,
        features: value
            .grants
            .iter()
            .map(|grant| given_by(&grant.feature_code, &grant.terms))
            .collect::<Result<_, _>>()?,
        privileges: value.privileges.iter().map(|code| word(code)).collect::<Result<_, _>>()?,
    })
}

pub(super) const fn interval(unit: IntervalUnit) -> api::Interval {
    match unit {
        IntervalUnit::Day => api::Interval::Day,
        IntervalUnit::Week => api::Interval::Week,
        IntervalUnit::Month => api::Interval::Month,
        IntervalUnit::Year => api::Interval::Year,
    }
}

fn price(value: &Price) -> Result<api::Price, Fault> {
    Ok(api::Price {
        id: value.id,
        amount: value.amount,
        currency: word(&value.currency)?,
        interval: interval(value.interval.unit),
        tier_mode: value.tier_mode.map(|mode| match mode {
            TierMode::Graduated => api::TierMode::Graduated,
            TierMode::Volume => api::TierMode::Volume,
            TierMode::Package => api::TierMode::Package,
        }),
        tiers: match value.tiers.is_empty() {
            true => None,
            false => Some(value.tiers.iter().map(tier).collect::<Result<_, _>>()?),
        },
        feature: value.feature.as_deref().map(word).transpose()?,
    })
}

fn tier(value: &Tier) -> Result<api::Tier, Fault> {
    let small = |amount: i64| u32::try_from(amount).map_err(|_| impossible("a stored tier is out of range"));
    Ok(api::Tier {
        flat_amount: value.flat_amount.map(small).transpose()?,
        unit_amount: value.unit_amount.map(small).transpose()?,
        unit_amount_decimal: value.unit_amount_decimal.as_deref().map(word).transpose()?,
        up_to: match value.up_to {
            UpTo::Units(units) => i64::try_from(units).ok().and_then(Amount::from_units).map(api::UpTo::Quantity),
            UpTo::Infinite => Some(api::UpTo::Infinite),
        },
    })
}

/// What a plan or an override gives of one feature.
pub(super) fn given_by(code: &str, terms: &Terms) -> Result<api::PlanFeature, Fault> {
    let mut view = api::PlanFeature {
        feature_code: word(code)?,
        value: None,
        included_usage: None,
        usage_cycle: None,
        credit_grant: None,
        rollover_max: None,
        rollover_percent: None,
        overage: None,
    };
    match terms {
        Terms::Boolean(value) => view.value = Some(api::GrantValue::Boolean(*value)),
        Terms::Numeric(value) => view.value = Some(api::GrantValue::Number((*value).into())),
        Terms::Text(value) => view.value = Some(api::GrantValue::Text(value.clone())),
        Terms::Unlimited => {}
        Terms::Metered(allowance) => {
            view.included_usage = Some(allowance.included.into());
            view.usage_cycle = Some(cycle(allowance.cycle));
            view.credit_grant = allowance.credit.map(Amount::from);
            view.rollover_max = allowance.rollover.max.map(Amount::from);
            view.rollover_percent = allowance.rollover.percent.and_then(|part| Amount::from_units(i64::from(part)));
            view.overage = Some(overage(allowance.overage));
        }
    }
    Ok(view)
}

pub(super) const fn cycle(cycle: Cycle) -> api::UsageCycle {
    match cycle {
        Cycle::SubscriptionPeriod => api::UsageCycle::SubscriptionPeriod,
        Cycle::CalendarMonth => api::UsageCycle::CalendarMonth,
        Cycle::CalendarYear => api::UsageCycle::CalendarYear,
        Cycle::Never => api::UsageCycle::Never,
    }
}

pub(super) fn overage(overage: Overage) -> api::Overage {
    match overage {
        Overage::Deny => api::Overage::Deny,
        Overage::Allow => api::Overage::Allow,
        Overage::Cap(cap) => api::Overage::Cap(cap.into()),
    }
}

pub(super) const fn status(status: Status) -> api::SubscriptionStatus {
    match status {
        Status::PendingActivation => api::SubscriptionStatus::PendingActivation,
        Status::Trialing => api::SubscriptionStatus::Trialing,
        Status::Active => api::SubscriptionStatus::Active,
        Status::PastDue => api::SubscriptionStatus::PastDue,
        Status::Paused => api::SubscriptionStatus::Paused,
        Status::Canceled => api::SubscriptionStatus::Canceled,
        Status::Unpaid => api::SubscriptionStatus::Unpaid,
        Status::IncompleteExpired => api::SubscriptionStatus::IncompleteExpired,
    }
}

/// A period is shown once there is one.
pub(super) fn subscription(value: &Subscription, created_at: Timestamp) -> Result<api::Subscription, Fault> {
    let term = &value.term;
    let begun = !matches!(term.status, Status::PendingActivation | Status::IncompleteExpired);
    Ok(api::Subscription {
        id: value.id,
        customer_id: value.customer,
        plan_id: value.plan,
        plan_code: word(&value.plan_code)?,
        status: status(term.status),
        current_period_start: begun.then(|| term.period_start.into()),
        current_period_end: begun.then(|| term.period_end.into()),
        trial_end: term.trial_end.map(Time::from),
        cancel_at_period_end: term.cancel_at_period_end,
        canceled_at: term.canceled_at.map(Time::from),
        pending_change: term
            .pending_change
            .map(|change| api::PendingChange { plan_id: change.plan, at: change.at.into() }),
        add_ons: value.add_ons.iter().map(|add_on| api::AddOn { id: add_on.plan, quantity: add_on.quantity }).collect(),
        created_at: created_at.into(),
    })
}

/// The check answer.
pub(super) fn check(customer: Uuid, answer: &Answer) -> Result<api::Check, Fault> {
    Ok(api::Check {
        allowed: answer.allowed,
        customer_id: customer,
        feature_id: answer.feature_id,
        feature_code: word(&answer.feature_code)?,
        feature_name: answer.feature_name.clone(),
        value_type: kind(answer.value_type),
        unit: answer.unit.clone(),
        balance: answer.balance.map(Amount::from_micros),
        included_usage: answer.included_usage.map(Amount::from),
        usage: answer.usage.map(Amount::from_micros),
        held: answer.held.map(Amount::from_micros),
        unlimited: answer.unlimited,
        interval: answer.interval.map(cycle),
        cycle_start_at: answer.cycle_start_at.map(Time::from),
        next_reset_at: answer.next_reset_at.map(Time::from),
        source: answer.source.map(source),
        value: answer.value.as_ref().map(value),
        reason: answer.reason.map(reason),
    })
}

/// A check as entitlements show it: its value bare.
pub(super) fn entitlement(customer: Uuid, answer: &Answer) -> Result<api::Entitlement, Fault> {
    let check = check(customer, answer)?;
    Ok(api::Entitlement {
        allowed: check.allowed,
        feature_id: check.feature_id,
        feature_code: check.feature_code,
        feature_name: check.feature_name,
        value_type: check.value_type,
        unit: check.unit,
        balance: check.balance,
        included_usage: check.included_usage,
        usage: check.usage,
        held: check.held,
        unlimited: check.unlimited,
        interval: check.interval,
        cycle_start_at: check.cycle_start_at,
        next_reset_at: check.next_reset_at,
        source: check.source,
        value: answer.value.as_ref().and_then(bare),
    })
}

/// A check as a customer's balances show it.
pub(super) fn balance(answer: &Answer) -> Result<api::Balance, Fault> {
    Ok(api::Balance {
        feature_code: word(&answer.feature_code)?,
        balance: answer.balance.map(Amount::from_micros),
        included_usage: answer.included_usage.map(Amount::from),
        usage: answer.usage.map(Amount::from_micros),
        held: answer.held.map(Amount::from_micros),
        unlimited: answer.unlimited,
        next_reset_at: answer.next_reset_at.map(Time::from),
    })
}

const fn source(source: SourceKind) -> api::Source {
    match source {
        SourceKind::PlanGrant => api::Source::PlanGrant,
        SourceKind::Override => api::Source::Override,
        SourceKind::CreditGrant => api::Source::CreditGrant,
    }
}

const fn reason(reason: Reason) -> api::Reason {
    match reason {
        Reason::NoGrant => api::Reason::NoGrant,
        Reason::InsufficientBalance => api::Reason::InsufficientBalance,
        Reason::SubscriptionInactive => api::Reason::SubscriptionInactive,
    }
}

fn value(given: &Given) -> api::CheckValue {
    let of = |kind| api::CheckValue { kind, b: None, n: None, t: None, u: None };
    let number = |quantity: Quantity| Some(Amount::from(quantity));
    match given {
        Given::Boolean(on) => api::CheckValue { b: Some(*on), ..of(api::FeatureKind::Boolean) },
        Given::Numeric(limit) => api::CheckValue { n: number(*limit), ..of(api::FeatureKind::Numeric) },
        Given::Text(text) => api::CheckValue { t: Some(text.clone()), ..of(api::FeatureKind::Text) },
        Given::Metered(included, _) => {
            api::CheckValue { n: number(*included), u: Some(false), ..of(api::FeatureKind::Metered) }
        }
        Given::Unlimited => api::CheckValue { u: Some(true), ..of(api::FeatureKind::Unlimited) },
    }
}

fn bare(given: &Given) -> Option<api::GrantValue> {
    Some(match given {
        Given::Boolean(on) => api::GrantValue::Boolean(*on),
        Given::Numeric(limit) | Given::Metered(limit, _) => api::GrantValue::Number((*limit).into()),
        Given::Text(text) => api::GrantValue::Text(text.clone()),
        Given::Unlimited => return None,
    })
}

pub(super) fn product(value: &Product) -> Result<api::Product, Fault> {
    Ok(api::Product { id: value.id, code: word(&value.code)?, name: value.name.clone() })
}

pub(super) fn metric(value: &Metric) -> Result<api::Metric, Fault> {
    let aggregation = match value.counting.aggregation {
        Aggregation::Sum => "sum",
        Aggregation::Count => "count",
        Aggregation::Max => "max",
        Aggregation::Unique => "unique",
        Aggregation::Last => "last",
    };
    let condition = |condition: &Condition| (condition.property.clone(), condition.any_of.clone());
    Ok(api::Metric {
        id: value.id,
        code: word(&value.code)?,
        name: value.name.clone(),
        aggregation: aggregation.to_owned(),
        property: value.counting.property.clone(),
        filter: value.counting.filter.iter().map(condition).collect(),
    })
}
