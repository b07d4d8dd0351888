//! What a plan costs, as it was registered.

use farebox_engine::credits::Cost;
use farebox_store::Plan;
use farebox_types::Quantity;
use farebox_x402::assets;
use serde_json::Value;

use crate::credits::number::Uint;

/// The price of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Price {
    /// Nothing.
    Free,
    /// Money: `total` of its parts, of which one whole has 10 to the power of `decimals`.
    Money { currency: String, total: u128, decimals: u32 },
    /// A token whose worth nobody here knows.
    Token,
}

impl Price {
    /// The price that the plan was registered with.
    pub(crate) fn of(plan: &Plan) -> Self {
        let document: Value = serde_json::from_str(&plan.document).unwrap_or_default();
        // Amounts were checked when they were registered; one that cannot be read is not free.
        let Some(total) = total(&document) else { return Self::Token };
        if total == 0 {
            return Self::Free;
        }
        let price = &document["priceConfig"];
        let currency = price["currency"].as_str().or(document["currency"].as_str());
        if price["isCrypto"] != true {
            let currency = family(currency.unwrap_or("USD"));
            return Self::Money { currency, total, decimals: 6 };
        }
        let token = price["tokenAddress"].as_str().unwrap_or_default();
        let known = assets::ALL.iter().find(|asset| assets::same_address(asset.address, token));
        match (known, currency) {
            (Some(asset), _) => Self::Money { currency: family(asset.symbol), total, decimals: asset.decimals.into() },
            (None, Some(symbol)) if symbol.eq_ignore_ascii_case("EURC") => {
                Self::Money { currency: family(symbol), total, decimals: 6 }
            }
            (None, _) => Self::Token,
        }
    }

    /// What a use that costs this much is worth, in cents, rounded up to a millionth of one; `None` if that is more than
    /// can be counted. What has no price in money is worth nothing here.
    pub(crate) fn worth(&self, plan: &Plan, cost: Cost) -> Option<Quantity> {
        let (Self::Money { total, decimals, .. }, Cost::Credits(amount)) = (self, cost) else {
            return Some(Quantity::ZERO);
        };
        let micros = |quantity: Quantity| u128::from(quantity.micros().unsigned_abs());
        let above = total.checked_mul(micros(amount))?.checked_mul(MICRO_CENTS)?;
        let below = micros(plan.rules.granted()).checked_mul(10_u128.checked_pow(*decimals)?)?;
        Quantity::from_micros(i64::try_from(above.div_ceil(below)).ok()?)
    }
}

/// Millionths of a cent in a dollar or a euro.
const MICRO_CENTS: u128 = 100_000_000;

/// The sum of the registered amounts.
pub(super) fn total(document: &Value) -> Option<u128> {
    let Some(amounts) = document["priceConfig"]["amounts"].as_array() else { return Some(0) };
    amounts.iter().try_fold(0_u128, |sum, amount| sum.checked_add(read(amount)?))
}

/// One registered amount.
pub(super) fn read(amount: &Value) -> Option<u128> {
    let amount: Uint = serde_json::from_value(amount.clone()).ok()?;
    amount.amount("amounts").ok()
}

/// A currency and the coins that stand for it have one name.
pub(crate) fn family(currency: &str) -> String {
    let name = currency.to_ascii_lowercase();
    match name.as_str() {
        name if name.starts_with("usd") => "usd".to_owned(),
        name if name.starts_with("eur") => "eur".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use farebox_engine::credits::{Access, PlanRules};
    use farebox_types::{Id, Timestamp};
    use serde_json::json;

    use super::*;

    fn plan(granted: u64, price: &Value) -> Plan {
        let range = (Quantity::ONE, Quantity::ONE);
        let granted = Quantity::from_units(granted).unwrap();
        Plan {
            tenant: Id::generate(),
            id: Id::generate(),
            name: "Basic".into(),
            rules: PlanRules::new(Access::Credits, false, granted, range, None, false).unwrap(),
            document: json!({"priceConfig": price}).to_string(),
            created_at: Timestamp::from_seconds(0),
        }
    }

    fn worth(granted: u64, price: &Value, credits: u64) -> Option<String> {
        let plan = plan(granted, price);
        let cost = Cost::Credits(Quantity::from_units(credits).unwrap());
        Price::of(&plan).worth(&plan, cost).map(|cents| cents.to_string())
    }

    #[test]
    fn a_credit_is_worth_its_part_of_an_order_rounded_up() {
        let usdc = "0x036cbd53842c5426634e7929541eC2318f3dCF7e";
        let dollars = |amount: u64| json!({"isCrypto": false, "amounts": [amount.to_string()]});
        assert_eq!(worth(100, &dollars(10_000_000), 1).as_deref(), Some("10"));
        assert_eq!(worth(3, &dollars(1_000_000), 1).as_deref(), Some("33.333334"));
        assert_eq!(worth(1000, &dollars(1_000_000), 7).as_deref(), Some("0.7"));
        let coins = json!({"isCrypto": true, "tokenAddress": usdc, "amounts": ["1500000", 500_000]});
        assert_eq!(worth(4, &coins, 2).as_deref(), Some("100"));
        assert_eq!(worth(100, &json!({"isCrypto": true, "amounts": []}), 5).as_deref(), Some("0"));
        assert_eq!(worth(1, &json!({"amounts": [u128::MAX.to_string()]}), 2), None);
    }

    #[test]
    fn what_money_a_price_is_in_is_told_apart() {
        let price = |price: Value| Price::of(&plan(1, &price));
        let money = |currency: &str| Price::Money { currency: currency.into(), total: 5, decimals: 6 };
        assert_eq!(price(json!({"amounts": ["5"]})), money("usd"));
        assert_eq!(price(json!({"amounts": ["5"], "currency": "EUR"})), money("eur"));
        assert_eq!(price(json!({"amounts": ["5"], "currency": "GBP"})), money("gbp"));
        let zero = "0x0000000000000000000000000000000000000000";
        assert_eq!(price(json!({"amounts": ["5"], "isCrypto": true, "tokenAddress": zero})), Price::Token);
        let euro = json!({"amounts": ["5"], "isCrypto": true, "tokenAddress": "0x60a3", "currency": "EURC"});
        assert_eq!(price(euro), money("eur"));
        assert_eq!(price(json!({"amounts": ["x"]})), Price::Token);
    }
}
