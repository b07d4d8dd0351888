//! What a payer may be talked into.

mod denied;
mod limit;

pub use denied::{Denied, Rule};
pub(crate) use limit::Sum;
pub use limit::{BadLimit, Limit};

use std::collections::BTreeSet;

use farebox_x402::{assets, networks};

use self::limit::Limits;
use crate::fare::Fare;

/// Limits on what is paid for.
///
/// Credits: the default pays any plan, any number of times. An offer in credits does not say its price, so a budget
/// counts payments, each of which one single-use token bounds to one charge; the backend bounds the credits (a
/// delegation, see [`crate::PayerBuilder::delegation`]).
///
/// Chains: the default pays in known dollar tokens only ([`farebox_x402::assets`]), at most $1 for one payment. What was
/// authorized counts, whatever the seller says became of it: only an authorization that was never sent is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    plans: BTreeSet<String>,
    payments: Option<u64>,
    networks: BTreeSet<String>,
    assets: BTreeSet<(String, String)>,
    payees: BTreeSet<String>,
    per_payment: Limits,
    per_payee: Limits,
    per_day: Limits,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            plans: BTreeSet::new(),
            payments: None,
            networks: BTreeSet::new(),
            assets: BTreeSet::new(),
            payees: BTreeSet::new(),
            per_payment: Limits::one_dollar(),
            per_payee: Limits::default(),
            per_day: Limits::default(),
        }
    }
}

/// What was authorized today.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// To anybody.
    pub(crate) today: Sum,
    /// To the payee in question.
    pub(crate) to_payee: Sum,
}

impl Budget {
    /// Pays from this plan; once one is named, from no other. Without it a seller may name any plan the account holds.
    #[must_use]
    pub fn plan(mut self, id: impl Into<String>) -> Self {
        self.plans.insert(id.into());
        self
    }

    /// Pays at most this many requests in the payer's life, shared by its clones.
    #[must_use]
    pub const fn payments(mut self, most: u64) -> Self {
        self.payments = Some(most);
        self
    }

    /// Pays on this network (CAIP-2 or short name); once one is named, on no other.
    #[must_use]
    pub fn network(mut self, name: &str) -> Self {
        self.networks.insert(resolved(name));
        self
    }

    /// Pays with this token; once one is named, with no other. A token whose worth is not known also needs a limit in
    /// atomic units for one payment ([`Limit::units`]).
    #[must_use]
    pub fn asset(mut self, network: &str, address: &str) -> Self {
        self.assets.insert((resolved(network), assets::one_spelling(address)));
        self
    }

    /// Pays this address; once one is named, no other.
    #[must_use]
    pub fn payee(mut self, address: &str) -> Self {
        self.payees.insert(assets::one_spelling(address));
        self
    }

    /// At most this much for one payment, instead of $1. A limit in units of a token stands in the place of the limit in
    /// dollars for that token; both kinds can be set, one after the other. So it is with the other two limits.
    #[must_use]
    pub fn per_payment(mut self, most: Limit) -> Self {
        self.per_payment.set(most);
        self
    }

    /// At most this much to one address within a day.
    #[must_use]
    pub fn per_payee(mut self, most: Limit) -> Self {
        self.per_payee.set(most);
        self
    }

    /// At most this much within a day (UTC); in dollars, all known tokens together. Survives a restart when the payer has
    /// a journal in a file.
    #[must_use]
    pub fn per_day(mut self, most: Limit) -> Self {
        self.per_day.set(most);
        self
    }

    pub(crate) fn allows_plan(&self, id: &str) -> Result<(), Denied> {
        let allowed = self.plans.is_empty() || self.plans.contains(id);
        if allowed { Ok(()) } else { Err(Denied::Plan(id.to_owned())) }
    }

    pub(crate) fn allows_payment(&self, made: u64) -> bool {
        self.payments.is_none_or(|most| made < most)
    }

    /// The number of payments is used up.
    pub(crate) fn used_up(&self) -> Denied {
        Denied::Payments { most: self.payments.unwrap_or_default() }
    }

    /// Every rule for a payment on a chain, the cheapest first.
    pub(crate) fn allows(&self, fare: &Fare, spent: &Spent) -> Result<(), Denied> {
        if !self.networks.is_empty() && !self.networks.contains(&fare.network) {
            return Err(Denied::Network(fare.network.clone()));
        }
        let asset_allowed = match self.assets.is_empty() {
            true => assets::find(&fare.network, &fare.asset).is_some(),
            false => self.assets.contains(&fare.token()),
        };
        if !asset_allowed {
            return Err(Denied::Asset { network: fare.network.clone(), asset: fare.asset.clone() });
        }
        if !self.payees.is_empty() && !self.payees.contains(&assets::one_spelling(&fare.pay_to)) {
            return Err(Denied::Payee(fare.pay_to.clone()));
        }
        self.per_payment.check(Rule::PerPayment, fare, &Sum::default())?;
        self.per_payee.check(Rule::PerPayee, fare, &spent.to_payee)?;
        self.per_day.check(Rule::PerDay, fare, &spent.today)
    }
}

fn resolved(network: &str) -> String {
    networks::resolve(network).map_or_else(|| network.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fare::tests::fare;

    fn allowed(budget: &Budget, fare: &Fare) -> Result<(), Denied> {
        budget.allows(fare, &Spent::default())
    }

    #[test]
    fn without_a_word_a_payer_pays_up_to_a_dollar_in_known_tokens() {
        let budget = Budget::default();
        assert_eq!(allowed(&budget, &fare(1_000_000)), Ok(()));
        let over = allowed(&budget, &fare(1_250_000)).unwrap_err();
        assert_eq!(over.to_string(), "$1.25 is $0.25 over the $1 allowed for one payment");
        let unknown = Fare { asset: "0xAA".into(), ..fare(1) };
        assert!(matches!(allowed(&budget, &unknown), Err(Denied::Asset { .. })));
    }

    #[test]
    fn a_limit_in_units_stands_in_the_place_of_the_limit_in_dollars() {
        let base = fare(0);
        let most = Limit::units("base-sepolia", &base.asset.to_lowercase(), 2_000_000.into()).unwrap();
        let budget = Budget::default().per_payment(most);
        assert_eq!(allowed(&budget, &fare(2_000_000)), Ok(()));
        let over = allowed(&budget, &fare(2_000_001)).unwrap_err();
        assert!(over.to_string().starts_with("2000001 atomic units is 1 atomic units over"), "{over}");
    }

    #[test]
    fn a_token_of_unknown_worth_needs_a_limit_in_units() {
        let coin = Fare { asset: "0xAA".into(), ..fare(5) };
        let listed = Budget::default().asset("base-sepolia", "0xaa");
        assert!(matches!(allowed(&listed, &coin), Err(Denied::NoLimit { .. })));
        let limited = listed.per_payment(Limit::units("eip155:84532", "0xaa", 5.into()).unwrap());
        assert_eq!(allowed(&limited, &coin), Ok(()));
        assert!(matches!(allowed(&limited, &fare(1)), Err(Denied::Asset { .. })), "no other token");
    }

    #[test]
    fn once_a_network_or_a_payee_is_named_no_other_will_do() {
        let asked = fare(1);
        assert_eq!(
            allowed(&Budget::default().network("base-sepolia").payee(&asked.pay_to.to_lowercase()), &asked),
            Ok(())
        );
        assert_eq!(allowed(&Budget::default().network("base"), &asked), Err(Denied::Network("eip155:84532".into())));
        assert_eq!(allowed(&Budget::default().payee("0xbb"), &asked), Err(Denied::Payee(asked.pay_to.clone())));
    }

    #[test]
    fn what_was_spent_today_counts_to_the_last_unit() {
        let sum = |units: u64| Sum { units: units.into(), dollars: fare(units).dollars().unwrap() };
        let spent = Spent { today: sum(900_000), to_payee: sum(90_000) };
        let day = Budget::default().per_day("$1".parse().unwrap());
        assert_eq!(day.allows(&fare(100_000), &spent), Ok(()));
        let over = day.allows(&fare(100_001), &spent).unwrap_err();
        assert_eq!(over.to_string(), "$0.100001 is $0.000001 over the $0.1 left for today");
        let payee = Budget::default().per_payee("$0.1".parse().unwrap());
        assert_eq!(payee.allows(&fare(10_000), &spent), Ok(()));
        assert!(matches!(payee.allows(&fare(10_001), &spent), Err(Denied::Over { rule: Rule::PerPayee, .. })));
    }
}
