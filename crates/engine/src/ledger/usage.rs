//! Usage of a metered feature, as the event log keeps it.

use farebox_types::{Id, Merchant, Quantity, Timestamp};
use uuid::Uuid;

use super::{Operation, TransferId};

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
}

/// One posted use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The operation that posted it.
    pub id: TransferId,
    /// What it said about itself.
    pub usage: Usage,
    /// How much.
    pub value: Quantity,
    /// When it was posted.
    pub received_at: Timestamp,
}

impl UsageEvent {
    pub(super) fn new(operation: &Operation, usage: &Usage, value: Quantity, received_at: Timestamp) -> Self {
        Self { tenant: operation.tenant, id: operation.id, usage: usage.clone(), value, received_at }
    }
}
