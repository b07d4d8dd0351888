//! Several plans, add-ons and overrides give of one feature: what they give together.

use farebox_types::Quantity;

use super::{Allowance, Overage, Terms, WindowSpan};

/// Where something is given from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A plan or an add-on.
    PlanGrant,
    /// An exception for one customer: it takes the place of what plans give.
    Override,
    /// Credits of the customer's own.
    CreditGrant,
}

impl SourceKind {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlanGrant => "plan_grant",
            Self::Override => "override",
            Self::CreditGrant => "credit_grant",
        }
    }
}

/// One thing that gives of a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Plan or override.
    pub kind: SourceKind,
    /// Names it for ever: its windows are named by it.
    pub key: String,
    /// What it gives.
    pub terms: Terms,
    /// How often (an add-on's quantity), from 1.
    pub quantity: u32,
    /// It was added to a plan: what it gives comes on top.
    pub added: bool,
    /// The window it gives it in, now.
    pub window: WindowSpan,
}

/// What several sources give of one feature together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// On, if any says so.
    Boolean(bool),
    /// The highest limit of any plan, with what was added to it.
    Numeric(Quantity),
    /// The first word.
    Text(String),
    /// What all include, under the most generous overage.
    Metered(Quantity, Overage),
    /// No limit, if any says so.
    Unlimited,
}

impl Source {
    /// What is included in each window, all quantities together.
    #[must_use]
    pub fn included(&self) -> Quantity {
        let Terms::Metered(Allowance { included, .. }) = self.terms else { return Quantity::ZERO };
        times(included, self.quantity)
    }
}

/// Leaves overrides alone if there are any; then says what is left gives together. `None`: nothing.
#[must_use]
pub fn put_together(sources: &[Source]) -> Option<Given> {
    let overrides = sources.iter().any(|source| source.kind == SourceKind::Override);
    let kept = sources.iter().filter(|source| !overrides || source.kind == SourceKind::Override);
    let (added, own): (Vec<&Source>, Vec<&Source>) = kept.partition(|source| source.added);
    let own = own.into_iter().map(given).reduce(join);
    own.into_iter().chain(added.into_iter().map(given)).reduce(add)
}

fn given(source: &Source) -> Given {
    match &source.terms {
        Terms::Boolean(value) => Given::Boolean(*value),
        Terms::Numeric(value) => Given::Numeric(times(*value, source.quantity)),
        Terms::Text(value) => Given::Text(value.clone()),
        Terms::Metered(allowance) => Given::Metered(source.included(), allowance.overage),
        Terms::Unlimited => Given::Unlimited,
    }
}

fn times(amount: Quantity, often: u32) -> Quantity {
    Quantity::from_micros(amount.micros().saturating_mul(i64::from(often))).unwrap_or_default()
}

/// A limit that is added comes on top; everything else is given as if by another plan.
fn add(one: Given, added: Given) -> Given {
    match (one, added) {
        (Given::Numeric(a), Given::Numeric(b)) => Given::Numeric(a.checked_add(b).unwrap_or(Quantity::MAX)),
        (one, added) => join(one, added),
    }
}

fn join(one: Given, other: Given) -> Given {
    match (one, other) {
        (Given::Unlimited, _) | (_, Given::Unlimited) => Given::Unlimited,
        (Given::Boolean(a), Given::Boolean(b)) => Given::Boolean(a || b),
        (Given::Numeric(a), Given::Numeric(b)) => Given::Numeric(a.max(b)),
        (Given::Metered(a, first), Given::Metered(b, second)) => {
            Given::Metered(a.checked_add(b).unwrap_or(Quantity::MAX), first.or(second))
        }
        (first, _) => first,
    }
}
