//! Usage of a metered feature, as the event log keeps it.

use std::{fmt, sync::Arc};

use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::TransferId;

/// What an operation says about itself, for the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Who used.
    pub customer: Uuid,
    /// What.
    pub feature: Uuid,
    /// When, as the caller says; it may be told late.
    pub occurred_at: Timestamp,
    /// The window it is counted in.
    pub window_start: Timestamp,
    /// It occurred before that window, or its reservation had run out.
    pub late: bool,
    /// What the caller is told, if it is to be kept with the event: a repeat is then told the same, to the letter.
    pub telling: Option<Telling>,
}

/// What a use leaves in the moment it is posted, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// What is left of the first leg's balance; below zero after overage.
    pub available: i64,
    /// What is held of it.
    pub held: i64,
    /// What was used in the window, this use with it.
    pub used: i64,
    /// What lots of plans, overrides and carried balances still give.
    pub from_plans: i64,
    /// What lots of credits still give.
    pub from_credits: i64,
}

/// Puts what is left into the caller's words. Pure: the same left is the same words.
#[derive(Clone)]
pub struct Telling(Arc<dyn Fn(&Left) -> String + Send + Sync>);

impl Telling {
    /// Words for what is left.
    #[must_use]
    pub fn new(tell: impl Fn(&Left) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn of(&self, left: &Left) -> String {
        (self.0)(left)
    }
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling")
    }
}

impl PartialEq for Telling {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Telling {}

/// One posted use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The operation that posted it.
    pub id: TransferId,
    /// What it said about itself. An event that was read has nothing to tell but its answer.
    pub usage: Usage,
    /// How much was told, in millionths; below zero for what was taken back.
    pub value: i64,
    /// By how much it changed what was used, where that is not simply the value.
    pub counted: Option<i64>,
    /// When it was posted.
    pub received_at: Timestamp,
    /// What the caller was told, if it was to be kept.
    pub answer: Option<String>,
}

impl UsageEvent {
    pub(super) fn new(
        (tenant, id): (Id<Merchant>, TransferId),
        usage: &Usage,
        (value, counted, left): (i64, Option<i64>, &Left),
        received_at: Timestamp,
    ) -> Self {
        let answer = usage.telling.as_ref().map(|telling| telling.of(left));
        Self { tenant, id, usage: usage.clone(), value, counted, received_at, answer }
    }
}
