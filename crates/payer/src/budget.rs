//! What a payer may be talked into.

use std::collections::BTreeSet;

/// Limits on what is paid for. The default pays any plan, any number of times.
///
/// An offer in credits does not say its price, so a budget counts payments, each of which one single-use token bounds
/// to one charge; the backend bounds the credits (a delegation, see [`crate::PayerBuilder::delegation`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    plans: BTreeSet<String>,
    payments: Option<u64>,
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

    pub(crate) fn allows_plan(&self, id: &str) -> bool {
        self.plans.is_empty() || self.plans.contains(id)
    }

    pub(crate) fn allows_payment(&self, made: u64) -> bool {
        self.payments.is_none_or(|most| made < most)
    }
}
