//! One limit: in dollars for every known token, or in atomic units of one token.

use std::{collections::BTreeMap, str::FromStr};

use farebox_types::AtomicAmount;
use farebox_x402::{
    assets, networks,
    price::{BadMoney, Money},
};

use super::{Denied, Rule};
use crate::fare::{DOLLAR_DECIMALS, Fare};

/// At most this much: `"$0.10".parse()`, or atomic units of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Dollars(AtomicAmount),
    Units { token: (String, String), amount: AtomicAmount },
}

/// What is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLimit {
    /// Not money.
    #[error(transparent)]
    Money(#[from] BadMoney),
    /// In a token's name.
    #[error("a limit is in dollars, `$0.10`, or in atomic units of a token's address")]
    Symbol,
    /// Not a network.
    #[error("`{0}` is not a network: write `eip155:8453` or `base`")]
    Network(String),
}

impl Limit {
    /// So many dollars (`$0.10`, `0.10`): of every token that is known to be worth one.
    ///
    /// # Errors
    /// [`BadLimit`].
    pub fn dollars(text: &str) -> Result<Self, BadLimit> {
        let money: Money = text.parse()?;
        if money.symbol().is_some() {
            return Err(BadLimit::Symbol);
        }
        Ok(Self(Kind::Dollars(money.atomic(DOLLAR_DECIMALS)?)))
    }

    /// So many atomic units of one token.
    ///
    /// # Errors
    /// [`BadLimit::Network`].
    pub fn units(network: &str, asset: &str, amount: AtomicAmount) -> Result<Self, BadLimit> {
        let network = networks::resolve(network).ok_or_else(|| BadLimit::Network(network.to_owned()))?;
        Ok(Self(Kind::Units { token: (network.into_owned(), assets::one_spelling(asset)), amount }))
    }
}

impl FromStr for Limit {
    type Err = BadLimit;

    fn from_str(text: &str) -> Result<Self, BadLimit> {
        Self::dollars(text)
    }
}

/// A sum of fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Of one token.
    pub(crate) units: AtomicAmount,
    /// Of all known tokens.
    pub(crate) dollars: AtomicAmount,
}

/// The limits under one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Limits {
    dollars: Option<AtomicAmount>,
    units: BTreeMap<(String, String), AtomicAmount>,
}

impl Limits {
    pub(super) fn one_dollar() -> Self {
        Self { dollars: Some(1_000_000_000_000_000_000.into()), units: BTreeMap::new() }
    }

    pub(super) fn set(&mut self, limit: Limit) {
        match limit.0 {
            Kind::Dollars(amount) => self.dollars = Some(amount),
            Kind::Units { token, amount } => _ = self.units.insert(token, amount),
        }
    }

    /// Whether `fare` may be spent after `spent`.
    pub(super) fn check(&self, rule: Rule, fare: &Fare, spent: &Sum) -> Result<(), Denied> {
        if let Some(most) = self.units.get(&fare.token()) {
            return within(rule, fare.amount, spent.units, *most, |units| format!("{units} atomic units"));
        }
        match (self.dollars, fare.dollars()) {
            (None, _) => Ok(()),
            (Some(most), Some(asked)) => within(rule, asked, spent.dollars, most, shown),
            (Some(_), None) => Err(Denied::NoLimit { rule, asset: fare.asset.clone() }),
        }
    }
}

fn shown(dollars: AtomicAmount) -> String {
    format!("${}", Money::of(dollars, DOLLAR_DECIMALS))
}

fn within(
    rule: Rule,
    asked: AtomicAmount,
    spent: AtomicAmount,
    most: AtomicAmount,
    shown: impl Fn(AtomicAmount) -> String,
) -> Result<(), Denied> {
    let left = most.checked_sub(spent).unwrap_or_default();
    match asked.checked_sub(left) {
        Some(over) if !over.is_zero() => {
            Err(Denied::Over { rule, asked: shown(asked), left: shown(left), over: shown(over) })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_dollars_and_nothing_else() {
        assert_eq!(Limit::dollars("0.5"), Limit::dollars("$0.50"));
        assert_eq!(Limit::dollars("1 USDC"), Err(BadLimit::Symbol));
        assert!(matches!(Limit::dollars("ten"), Err(BadLimit::Money(_))));
        assert!(matches!(Limit::dollars(&"9".repeat(78)), Err(BadLimit::Money(_))));
        assert_eq!(Limit::units("mars", "0xaa", 1.into()), Err(BadLimit::Network("mars".into())));
    }
}
