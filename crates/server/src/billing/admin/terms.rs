//! What is given of a feature, as rules have it.

use farebox_api::{Amount, GrantConfig, GrantValue, Overage as ApiOverage, UsageCycle};
use farebox_engine::entitlement::{Allowance, Cycle, FeatureKind, Overage, Rollover, Terms};
use farebox_types::Quantity;

use super::super::edge::Denial;

/// `place`: the JSON pointer of the grant.
pub(in crate::billing) fn terms(kind: FeatureKind, grant: &GrantConfig, place: &str) -> Result<Terms, Denial> {
    let bad = |member: &str, rule: &str| Denial::member(&format!("{place}/{member}"), rule);
    if kind == FeatureKind::Metered {
        if grant.value.is_some() {
            return Err(bad("value", "does not belong to a metered feature: use includedUsage"));
        }
        return Ok(Terms::Metered(allowance(grant, place)?));
    }
    let GrantConfig { value, included_usage, usage_cycle, credit_grant, rollover_max, rollover_percent, overage } =
        grant;
    let counted = [included_usage, credit_grant, rollover_max, rollover_percent].into_iter().any(Option::is_some);
    if counted || usage_cycle.is_some() || overage.is_some() {
        return Err(Denial::member(place, "has members that belong to metered features only"));
    }
    match (kind, value) {
        (FeatureKind::Boolean, None) => Ok(Terms::Boolean(true)),
        (FeatureKind::Boolean, Some(GrantValue::Boolean(on))) => Ok(Terms::Boolean(*on)),
        (FeatureKind::Boolean, _) => Err(bad("value", "must be true or false")),
        (FeatureKind::Numeric, Some(GrantValue::Number(limit))) => {
            limit.quantity().map(Terms::Numeric).ok_or_else(|| bad("value", "must not be negative"))
        }
        (FeatureKind::Numeric, _) => Err(bad("value", "must be a number")),
        (FeatureKind::Text, Some(GrantValue::Text(text))) => Ok(Terms::Text(text.clone())),
        (FeatureKind::Text, _) => Err(bad("value", "must be a text")),
        (FeatureKind::Unlimited, None) => Ok(Terms::Unlimited),
        (FeatureKind::Unlimited | FeatureKind::Metered, _) => Err(bad("value", "does not belong to this feature")),
    }
}

fn allowance(grant: &GrantConfig, place: &str) -> Result<Allowance, Denial> {
    let quantity = |member: &str, amount: Option<Amount>| -> Result<Option<Quantity>, Denial> {
        let bad = || Denial::member(&format!("{place}/{member}"), "must not be negative");
        amount.map(|amount| amount.quantity().ok_or_else(bad)).transpose()
    };
    let percent = grant.rollover_percent.map(percent).transpose();
    let percent = percent.map_err(|rule| Denial::member(&format!("{place}/rolloverPercent"), rule))?;
    Ok(Allowance {
        included: quantity("includedUsage", grant.included_usage)?.unwrap_or_default(),
        cycle: grant.usage_cycle.map_or(Cycle::SubscriptionPeriod, cycle),
        rollover: Rollover { max: quantity("rolloverMax", grant.rollover_max)?, percent },
        overage: match grant.overage {
            None | Some(ApiOverage::Deny) => Overage::Deny,
            Some(ApiOverage::Allow) => Overage::Allow,
            Some(ApiOverage::Cap(cap)) => Overage::Cap(quantity("overage/cap", Some(cap))?.unwrap_or_default()),
        },
        credit: quantity("creditGrant", grant.credit_grant)?.filter(|credit| !credit.is_zero()),
    })
}

fn percent(amount: Amount) -> Result<u8, &'static str> {
    let whole = amount.quantity().and_then(Quantity::whole_units).and_then(|units| u8::try_from(units).ok());
    whole.filter(|percent| *percent <= 100).ok_or("must be a whole number from 0 to 100")
}

const fn cycle(cycle: UsageCycle) -> Cycle {
    match cycle {
        UsageCycle::SubscriptionPeriod => Cycle::SubscriptionPeriod,
        UsageCycle::CalendarMonth => Cycle::CalendarMonth,
        UsageCycle::CalendarYear => Cycle::CalendarYear,
        UsageCycle::Never => Cycle::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: FeatureKind, text: &str) -> Result<Terms, String> {
        let grant: GrantConfig = serde_json::from_str(text).unwrap();
        terms(kind, &grant, "/features/x").map_err(|denial| denial.errors[0].pointer.clone())
    }

    #[test]
    fn each_kind_takes_its_own_members() {
        assert_eq!(read(FeatureKind::Boolean, "{}"), Ok(Terms::Boolean(true)));
        assert_eq!(read(FeatureKind::Numeric, r#"{"value":5}"#), Ok(Terms::Numeric(Quantity::from_units(5).unwrap())));
        assert_eq!(read(FeatureKind::Unlimited, "{}"), Ok(Terms::Unlimited));
        let Ok(Terms::Metered(metered)) = read(FeatureKind::Metered, r#"{"includedUsage":1.5,"rolloverPercent":50}"#)
        else {
            panic!("not metered");
        };
        assert_eq!((metered.included.micros(), metered.rollover.percent), (1_500_000, Some(50)));
        assert_eq!((metered.overage, metered.cycle), (Overage::Deny, Cycle::SubscriptionPeriod));
    }

    #[test]
    fn members_of_another_kind_are_refused_at_their_place() {
        let place = |kind, text| read(kind, text).unwrap_err();
        assert_eq!(place(FeatureKind::Metered, r#"{"value":1}"#), "/features/x/value");
        assert_eq!(place(FeatureKind::Boolean, r#"{"includedUsage":1}"#), "/features/x");
        assert_eq!(place(FeatureKind::Numeric, r#"{"value":-1}"#), "/features/x/value");
        assert_eq!(place(FeatureKind::Text, "{}"), "/features/x/value");
        assert_eq!(place(FeatureKind::Metered, r#"{"rolloverPercent":101}"#), "/features/x/rolloverPercent");
        assert_eq!(place(FeatureKind::Metered, r#"{"rolloverPercent":0.5}"#), "/features/x/rolloverPercent");
    }
}
