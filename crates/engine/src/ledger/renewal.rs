//! The windows of a metered balance.

use farebox_types::{Id, Lot, Quantity, Timestamp};

use super::{AccountSpec, Actor, TransferId};

/// A span of time that a plan includes some usage in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Names the window for ever: opening it twice is opening it once.
    pub id: TransferId,
    /// When it begins.
    pub start: Timestamp,
}

/// What of an old window goes on into the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carry {
    /// How much of what was not used, in percent, 0 to 100.
    pub percent: u8,
    /// At most so much.
    pub most: Option<Quantity>,
}

/// Opens windows of a metered balance, one after the other: what is left of the old one lapses or is carried over, what was
/// used beyond it is written off, what the new one includes is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// A customer's balance ([`AccountSpec::metered`]).
    pub account: AccountSpec,
    /// Where it is granted from ([`AccountSpec::granter`]).
    pub granter: AccountSpec,
    /// The windows that have begun, oldest first; those before the last one that is open already are passed over.
    pub windows: Vec<Window>,
    /// What each includes.
    pub included: Quantity,
    /// What goes on into the next.
    pub carry: Option<Carry>,
    /// Lots of an earlier plan, which end with the first of the windows that is opened, without being carried.
    pub closes: Vec<Id<Lot>>,
    /// What was used already of the first window that is opened (after a change of plan): the meter.
    pub used: Option<AccountSpec>,
    /// The merchant's time.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
}

impl Carry {
    /// What is carried of `unused` parts.
    #[must_use]
    pub fn of(&self, unused: i64) -> i64 {
        let part = i128::from(unused.max(0)) * i128::from(self.percent.min(100)) / 100;
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        self.most.map_or(part, |most| part.min(most.micros()))
    }
}

impl Window {
    /// The lot of what the window includes.
    #[must_use]
    pub fn lot(&self) -> Id<Lot> {
        Id::from_uuid(self.id.leg(1).uuid())
    }

    /// The lot of what was carried into it.
    #[must_use]
    pub fn carried(&self) -> Id<Lot> {
        Id::from_uuid(self.id.leg(2).uuid())
    }

    /// The transfer that writes off what was owed before it.
    #[must_use]
    pub fn written_off(&self) -> TransferId {
        self.id.leg(3)
    }
}
