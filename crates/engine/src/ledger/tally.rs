//! Events of usage that are not simply added: what takes back, and what counts otherwise than by its sum.

use farebox_types::{Id, Lot, Quantity, Timestamp};

use super::{AccountSpec, Actor, TransferId, Usage};

/// How an event changes what a window's meter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It takes back what was used before.
    Back,
    /// The meter shows the highest value told.
    Highest,
    /// The meter shows the value told last.
    Latest,
    /// It counts one, unless what this transfer marks has been counted.
    First(TransferId),
    /// It counts nothing.
    Nothing,
}

/// What is taken back is taken back from these: the uses named, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unwinding {
    /// Transfers out of the balance, or of the meter for what had no balance.
    pub uses: Vec<TransferId>,
    /// The transfers that granted the lots which those took from.
    pub grants: Vec<TransferId>,
    /// Lots of the windows that are open: those of windows that are over stay closed.
    pub windows: Vec<Id<Lot>>,
}

/// One event. What it does to balance and meter is found when it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The idempotency key in its final form.
    pub id: TransferId,
    /// The balance that is used up, and where what is used goes; none for what is only counted.
    pub balance: Option<(AccountSpec, AccountSpec)>,
    /// The window's meter ([`AccountSpec::meter`]).
    pub meter: AccountSpec,
    /// What was told.
    pub value: Quantity,
    /// What that means.
    pub way: Way,
    /// The least that must stay in the balance, if more is used.
    pub keeps: Option<i64>,
    /// From what is taken back, if less is used.
    pub unwinding: Unwinding,
    /// For the event log.
    pub usage: Usage,
    /// The merchant's own time, if it has one.
    pub clock: Option<Timestamp>,
    /// Who asked.
    pub actor: Actor,
}

impl Tally {
    /// The transfer that says that the event was told, whatever it changed.
    pub(super) const fn told(&self) -> TransferId {
        self.id
    }

    /// The transfer between the meter and its other side.
    #[must_use]
    pub fn counted(id: TransferId) -> TransferId {
        id.leg(1)
    }

    /// The transfer between the balance and its other side.
    #[must_use]
    pub fn spent(id: TransferId) -> TransferId {
        id.leg(2)
    }

    /// What the told transfer moves: one part more than the value, so that nothing is something.
    pub(super) fn mark(&self) -> Quantity {
        Quantity::from_micros(self.value.micros().saturating_add(1)).unwrap_or(Quantity::MAX)
    }

    /// Where the told transfer goes from and to: what takes back goes the other way.
    pub(super) fn sides(&self) -> (AccountSpec, AccountSpec) {
        let (told, used) = (AccountSpec::told(self.meter.tenant), AccountSpec::used(self.meter.tenant));
        if self.way == Way::Back { (used, told) } else { (told, used) }
    }
}
