//! What a plan, or an override of it, gives of one feature.

use farebox_types::Quantity;
use serde::{Deserialize, Serialize};

use super::stored;
use crate::ledger::Carry;

/// What kind of value a feature has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// On or off.
    Boolean,
    /// A limit that is compared, not consumed.
    Numeric,
    /// A word.
    Text,
    /// A balance that is consumed.
    Metered,
    /// As much as one likes; counted all the same.
    Unlimited,
}

impl FeatureKind {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Metered => "metered",
            Self::Unlimited => "unlimited",
        }
    }
}

/// How often a metered balance begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cycle {
    /// With each period of the subscription.
    SubscriptionPeriod,
    /// On the first of each month, in UTC.
    CalendarMonth,
    /// On the first of January, in UTC.
    CalendarYear,
    /// Never: what is included is included once.
    Never,
}

impl Cycle {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubscriptionPeriod => "subscription_period",
            Self::CalendarMonth => "calendar_month",
            Self::CalendarYear => "calendar_year",
            Self::Never => "never",
        }
    }
}

/// What happens when a balance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overage {
    /// No more.
    Deny,
    /// More, without end.
    Allow,
    /// More, but so much at most.
    Cap(#[serde(with = "stored::quantity")] Quantity),
}

impl Overage {
    /// The least a balance may stand at after a use; `None`: anything.
    #[must_use]
    pub const fn least(self) -> Option<i64> {
        match self {
            Self::Deny => Some(0),
            Self::Allow => None,
            Self::Cap(cap) => Some(-cap.micros()),
        }
    }

    /// The more generous of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Allow, _) | (_, Self::Allow) => Self::Allow,
            (Self::Cap(a), Self::Cap(b)) => Self::Cap(a.max(b)),
            (Self::Cap(cap), Self::Deny) | (Self::Deny, Self::Cap(cap)) => Self::Cap(cap),
            (Self::Deny, Self::Deny) => Self::Deny,
        }
    }
}

/// What of an unused balance goes on into the next window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rollover {
    /// At most so much.
    #[serde(with = "stored::quantity_or_none")]
    pub max: Option<Quantity>,
    /// So many percent of it, 0 to 100.
    pub percent: Option<u8>,
}

impl Rollover {
    /// What the ledger is told. Without either number nothing is carried; with a maximum alone, all of it is, up to that.
    #[must_use]
    pub fn carry(self) -> Option<Carry> {
        let percent = self.percent.or(self.max.map(|_| 100))?;
        Some(Carry { percent, most: self.max })
    }
}

/// What a metered feature includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// In each window.
    #[serde(with = "stored::quantity")]
    pub included: Quantity,
    /// How long a window is.
    pub cycle: Cycle,
    /// What goes on into the next.
    pub rollover: Rollover,
    /// What happens beyond it.
    pub overage: Overage,
    /// Credits that come with each period of the subscription, and end with it.
    #[serde(with = "stored::quantity_or_none")]
    pub credit: Option<Quantity>,
}

/// What is given of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// On or off.
    Boolean(bool),
    /// A limit.
    Numeric(#[serde(with = "stored::quantity")] Quantity),
    /// A word.
    Text(String),
    /// A balance.
    Metered(Allowance),
    /// No limit.
    Unlimited,
}

impl Terms {
    /// The kind of feature that can be given like this.
    #[must_use]
    pub const fn kind(&self) -> FeatureKind {
        match self {
            Self::Boolean(_) => FeatureKind::Boolean,
            Self::Numeric(_) => FeatureKind::Numeric,
            Self::Text(_) => FeatureKind::Text,
            Self::Metered(_) => FeatureKind::Metered,
            Self::Unlimited => FeatureKind::Unlimited,
        }
    }

    /// Whether a feature of this kind can be given like this: its own way, or without a limit if it is counted.
    #[must_use]
    pub fn fits(&self, kind: FeatureKind) -> bool {
        self.kind() == kind || (matches!(self, Self::Unlimited) && kind == FeatureKind::Metered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollover_without_numbers_carries_nothing_and_a_maximum_alone_carries_all_up_to_it() {
        let ten = Quantity::from_units(10);
        assert_eq!(Rollover::default().carry(), None);
        assert_eq!(Rollover { max: ten, percent: None }.carry(), Some(Carry { percent: 100, most: ten }));
        assert_eq!(Rollover { max: None, percent: Some(50) }.carry(), Some(Carry { percent: 50, most: None }));
    }

    #[test]
    fn a_carry_rounds_down_and_stops_at_its_maximum() {
        let carry = Carry { percent: 50, most: Quantity::from_micros(3) };
        assert_eq!([carry.of(5), carry.of(100), carry.of(-4)], [2, 3, 0]);
    }

    #[test]
    fn the_more_generous_overage_wins() {
        let cap = |units| Overage::Cap(Quantity::from_units(units).unwrap());
        assert_eq!(Overage::Deny.or(cap(2)), cap(2));
        assert_eq!(cap(3).or(cap(2)), cap(3));
        assert_eq!(cap(3).or(Overage::Allow), Overage::Allow);
    }

    #[test]
    fn only_what_is_counted_can_be_without_a_limit() {
        assert!(Terms::Unlimited.fits(FeatureKind::Metered) && Terms::Unlimited.fits(FeatureKind::Unlimited));
        assert!(!Terms::Unlimited.fits(FeatureKind::Boolean));
        assert!(!Terms::Boolean(true).fits(FeatureKind::Numeric));
    }
}
