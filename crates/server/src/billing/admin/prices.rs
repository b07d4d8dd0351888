//! What a plan costs, as rules have it.

use farebox_api::{Interval as ApiInterval, PriceConfig, TierConfig, TierMode as ApiMode, UpTo as ApiUpTo};
use farebox_engine::subscription::{Interval, IntervalUnit};
use farebox_store::billing::{Price, Tier, TierMode, UpTo};
use farebox_types::Quantity;
use uuid::Uuid;

use super::super::edge::Denial;

/// All of them; one that is among `present` already keeps its id.
pub(super) fn prices(configs: &[PriceConfig], present: &[Price]) -> Result<Vec<Price>, Denial> {
    if configs.is_empty() || configs.len() > 20 {
        return Err(Denial::member("/prices", "must be 1 to 20: a free plan has one of amount 0"));
    }
    let first = (configs[0].interval, &configs[0].currency);
    let mut prices = Vec::with_capacity(configs.len());
    for (at, config) in configs.iter().enumerate() {
        if config.interval != first.0 || config.currency != *first.1 {
            return Err(Denial::member(&format!("/prices/{at}"), "must have the first price's interval and currency"));
        }
        let mut price = price(config, at)?;
        let same = present.iter().find(|old| Price { id: old.id, ..price.clone() } == **old);
        price.id = same.map_or_else(Uuid::now_v7, |old| old.id);
        prices.push(price);
    }
    Ok(prices)
}

fn price(config: &PriceConfig, at: usize) -> Result<Price, Denial> {
    let tiers = config.tiers.as_deref().unwrap_or_default();
    if tiers.is_empty() && config.tier_mode.is_some() {
        return Err(Denial::member(&format!("/prices/{at}/tierMode"), "needs tiers"));
    }
    let unit = match config.interval {
        ApiInterval::Day => IntervalUnit::Day,
        ApiInterval::Week => IntervalUnit::Week,
        ApiInterval::Month => IntervalUnit::Month,
        ApiInterval::Year => IntervalUnit::Year,
    };
    let mode = config.tier_mode.or((!tiers.is_empty()).then_some(ApiMode::Graduated));
    Ok(Price {
        id: Uuid::nil(),
        amount: i64::from(config.amount),
        currency: config.currency.to_string(),
        interval: Interval { unit, count: 1 },
        tier_mode: mode.map(|mode| match mode {
            ApiMode::Graduated => TierMode::Graduated,
            ApiMode::Volume => TierMode::Volume,
            ApiMode::Package => TierMode::Package,
        }),
        tiers: checked_tiers(tiers, at)?,
        feature: config.feature.as_ref().map(ToString::to_string),
    })
}

/// Each ends above the one before; the last one does not end.
fn checked_tiers(configs: &[TierConfig], price: usize) -> Result<Vec<Tier>, Denial> {
    let mut tiers: Vec<Tier> = Vec::with_capacity(configs.len());
    for (at, config) in configs.iter().enumerate() {
        let place = format!("/prices/{price}/tiers/{at}");
        let up_to = up_to(config.up_to, at + 1 == configs.len(), tiers.last().map(|tier| tier.up_to))
            .map_err(|rule| Denial::member(&format!("{place}/upTo"), rule))?;
        if config.unit_amount.is_some() && config.unit_amount_decimal.is_some() {
            return Err(Denial::member(&place, "has unitAmount and unitAmountDecimal: one of them"));
        }
        let decimal = config.unit_amount_decimal;
        if decimal.is_some_and(|amount| amount.quantity().is_none()) {
            return Err(Denial::member(&format!("{place}/unitAmountDecimal"), "must not be negative"));
        }
        tiers.push(Tier {
            flat_amount: config.flat_amount.map(i64::from),
            unit_amount: config.unit_amount.map(i64::from),
            unit_amount_decimal: decimal.map(|amount| amount.to_string()),
            up_to,
        });
    }
    Ok(tiers)
}

fn up_to(config: Option<ApiUpTo>, last: bool, before: Option<UpTo>) -> Result<UpTo, &'static str> {
    let ApiUpTo::Quantity(amount) = config.unwrap_or(ApiUpTo::Infinite) else {
        return if last { Ok(UpTo::Infinite) } else { Err("\"inf\" ends the last tier only") };
    };
    if last {
        return Err("of the last tier must be \"inf\"");
    }
    let units = amount.quantity().and_then(Quantity::whole_units).ok_or("must be a whole number")?;
    match before {
        Some(UpTo::Units(end)) if units <= end => Err("must be above the tier's before"),
        _ => Ok(UpTo::Units(units)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Price>, String> {
        let configs: Vec<PriceConfig> = serde_json::from_str(text).unwrap();
        prices(&configs, &[]).map_err(|denial| denial.errors[0].pointer.clone())
    }

    fn with_tiers(tiers: &str) -> String {
        format!(r#"[{{"amount":0,"currency":"USD","interval":"month","tiers":{tiers}}}]"#)
    }

    #[test]
    fn tiers_rise_and_the_last_one_does_not_end() {
        let good =
            read(&with_tiers(r#"[{"unitAmount":5,"upTo":10},{"unitAmountDecimal":0.25,"upTo":"inf"}]"#)).unwrap();
        assert_eq!(good[0].tiers[0].up_to, UpTo::Units(10));
        assert_eq!((good[0].tiers[1].up_to, good[0].tier_mode), (UpTo::Infinite, Some(TierMode::Graduated)));
        let falling = with_tiers(r#"[{"upTo":10},{"upTo":10},{"upTo":"inf"}]"#);
        assert_eq!(read(&falling).unwrap_err(), "/prices/0/tiers/1/upTo");
        assert_eq!(read(&with_tiers(r#"[{"upTo":10}]"#)).unwrap_err(), "/prices/0/tiers/0/upTo");
        assert_eq!(read(&with_tiers(r#"[{"upTo":"inf"},{"upTo":"inf"}]"#)).unwrap_err(), "/prices/0/tiers/0/upTo");
    }

    #[test]
    fn there_is_a_price_and_all_agree() {
        assert_eq!(read("[]").unwrap_err(), "/prices");
        let mixed =
            r#"[{"amount":1,"currency":"USD","interval":"month"},{"amount":1,"currency":"EUR","interval":"month"}]"#;
        assert_eq!(read(mixed).unwrap_err(), "/prices/1");
    }

    #[test]
    fn a_price_that_is_there_already_keeps_its_id() {
        let text = r#"[{"amount":900,"currency":"USD","interval":"month"}]"#;
        let old = read(text).unwrap();
        let configs: Vec<PriceConfig> = serde_json::from_str(text).unwrap();
        assert_eq!(prices(&configs, &old).unwrap(), old);
    }
}
