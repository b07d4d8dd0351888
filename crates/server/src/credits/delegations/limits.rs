//! What a delegation lets its holder take: so many uses, and so much money's worth of credits.

use farebox_engine::{
    credits::{Cost, Limit},
    ledger::{Account, AccountSpec},
};
use farebox_store::{Delegation, Plan};
use farebox_types::{Id, Merchant, Quantity, Timestamp};
use serde_json::Value;

use crate::{
    credits::plans::{Price, family},
    refusal::DelegationEnd,
};

/// How often a delegation may be used, if that is limited.
pub(super) fn uses_of(row: &Delegation) -> Option<Limit> {
    row.max_uses.map(|uses| Limit::uses(format!("delegation:{}", row.id), uses))
}

/// What a use of this cost takes of the delegation; or why the delegation cannot pay for the plan at all: a price in other
/// money than its limit cannot be counted against it.
pub(crate) fn limits_of(row: &Delegation, plan: &Plan, cost: Cost) -> Result<Vec<Limit>, DelegationEnd> {
    let uses = uses_of(row);
    let price = Price::of(plan);
    match &price {
        Price::Free => return Ok(uses.into_iter().collect()),
        Price::Money { currency, .. } if *currency == currency_of(row) => {}
        Price::Money { .. } | Price::Token => return Err(DelegationEnd::OtherMoney),
    }
    let takes = price.worth(plan, cost).ok_or(DelegationEnd::Overspent)?;
    let spending = Limit { takes, ..spending_of(row) };
    Ok(uses.into_iter().chain((!takes.is_zero()).then_some(spending)).collect())
}

/// How many cents a delegation may spend in all.
pub(super) fn spending_of(row: &Delegation) -> Limit {
    let cents = document(row)["spendingLimitCents"].as_u64().unwrap_or_default();
    let most = Quantity::from_units(cents).unwrap_or(Quantity::MAX);
    Limit { key: format!("{CENTS}{}", row.id), most, takes: Quantity::ONE }
}

const CENTS: &str = "delegation-cents:";

/// Whether a limit counts money, not uses.
pub(crate) fn counts_money(limit: &Limit) -> bool {
    limit.key.starts_with(CENTS)
}

/// The ledger's account of a limit.
pub(crate) fn account_of(tenant: Id<Merchant>, limit: &Limit) -> AccountSpec {
    AccountSpec::allowance(tenant, &limit.key, limit.most)
}

/// What is left of a limit, in millionths; what outstanding holds have reserved is not.
pub(crate) fn left(limit: &Limit, account: Option<&Account>, now: Timestamp) -> i64 {
    let all = limit.most.micros();
    account.map_or(all, |account| all.saturating_add(account.available(now)))
}

pub(super) fn document(row: &Delegation) -> Value {
    serde_json::from_str(&row.document).unwrap_or_default()
}

fn currency_of(row: &Delegation) -> String {
    family(document(row)["currency"].as_str().unwrap_or_default())
}
