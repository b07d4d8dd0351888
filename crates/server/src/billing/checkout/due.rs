//! What a checkout asks for: how much, and by which method.

use farebox_engine::subscription::IntervalUnit;
use farebox_providers::sim::remote;
use farebox_store::billing::{Due, Plan};
use farebox_types::{Currency, Mode, Money};

use super::super::edge::Denial;

/// How the payer names a method to us. Card numbers never come here.
pub(in crate::billing) enum Methods {
    /// One of these: id, and what it does.
    Listed(Vec<(String, String)>),
    /// In the provider's own script, on the next page.
    Scripted,
    /// A method's id at the provider.
    Typed,
}

/// What a provider's methods are chosen by; `None` if that needs the provider's own script, and a key for it.
pub(in crate::billing) fn methods(provider: &str, mode: Mode, scripted: bool) -> Option<Methods> {
    match (provider, mode) {
        ("stripe" | "toss", _) if scripted => Some(Methods::Scripted),
        ("sim", Mode::Test) => {
            Some(Methods::Listed(remote::methods().into_iter().map(|method| (method.id, method.does)).collect()))
        }
        ("stripe", Mode::Test) => Some(Methods::Typed),
        _ => None,
    }
}

/// The flat prices of a plan and what is added to it, for one period; `None` if there are none. Usage is paid for afterwards.
pub(in crate::billing) fn due(plans: &[(Plan, u32)]) -> Result<Option<Due>, Denial> {
    let mut sum: Option<Money> = None;
    for (plan, quantity) in plans {
        for price in plan.prices.iter().filter(|price| price.feature.is_none() && price.amount > 0) {
            let unusable =
                || Denial::member("/plan_id", "has prices that cannot be paid at once: mixed or unknown currencies");
            let currency: Currency = price.currency.parse().map_err(|_| unusable())?;
            let before =
                sum.map_or(Ok(0), |sum| if sum.currency == currency { Ok(sum.minor) } else { Err(unusable()) })?;
            let amount = price.amount.checked_mul(i64::from(*quantity)).and_then(|amount| before.checked_add(amount));
            sum = Some(Money { minor: amount.ok_or_else(unusable)?, currency });
        }
    }
    Ok(sum.map(|sum| Due { minor: sum.minor, currency: sum.currency.code().to_owned() }))
}

/// `9.00 USD`.
pub(super) fn amount(minor: i64, currency: &str) -> String {
    match currency.parse::<Currency>() {
        Ok(currency) => format!("{} {}", Money { minor, currency }, currency.code()),
        Err(_) => format!("{minor} {currency}"),
    }
}

/// `each month`, `every 3 months`.
pub(super) fn each(plan: &Plan) -> String {
    let interval = plan.interval();
    let unit = match interval.unit {
        IntervalUnit::Day => "day",
        IntervalUnit::Week => "week",
        IntervalUnit::Month => "month",
        IntervalUnit::Year => "year",
    };
    if interval.count == 1 { format!("each {unit}") } else { format!("every {} {unit}s", interval.count) }
}
