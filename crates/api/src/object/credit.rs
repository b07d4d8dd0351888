//! Credits, overrides, holds, and the ledger they are kept in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Code, GrantValue, Overage, Time, UsageCycle};

/// Credits given to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credit {
    /// The credits.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// How many.
    pub amount: Amount,
    /// Lower is used earlier.
    pub priority: u8,
    /// When what is left of them ends.
    pub expires_at: Option<Time>,
    /// When they were given.
    pub created_at: Time,
}

/// What a customer has of a feature in its plan's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Override {
    /// The override.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// Boolean, numeric and text features.
    pub value: Option<GrantValue>,
    /// Metered: so much each window.
    pub included_usage: Option<Amount>,
    /// Metered: how long a window is.
    pub usage_cycle: Option<UsageCycle>,
    /// Metered: when it is used up.
    pub overage: Option<Overage>,
    /// When the plan's holds again.
    pub expires_at: Option<Time>,
    /// When it was set.
    pub created_at: Time,
}

/// An amount held until its use is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reservation {
    /// The reservation.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Of which feature.
    pub feature_code: Code,
    /// How much was held.
    pub amount: Amount,
    /// Where it stands.
    pub state: ReservationState,
    /// What was used in the end.
    pub committed_amount: Option<Amount>,
    /// When the hold ends by itself.
    pub expires_at: Time,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ReservationState {
    /// Held.
    Held,
    /// Used.
    Committed,
    /// Given back.
    Released,
    /// Its time ran out.
    Expired,
}

/// What a customer has left of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Balance {
    /// Of which.
    pub feature_code: Code,
    /// What is left.
    pub balance: Option<Amount>,
    /// Each window.
    pub included_usage: Option<Amount>,
    /// In this window.
    pub usage: Option<Amount>,
    /// Held by reservations.
    pub held: Option<Amount>,
    /// Whether there is no end to it.
    pub unlimited: bool,
    /// When the next window begins.
    pub next_reset_at: Option<Time>,
}

/// One line of a customer's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerEntry {
    /// The usage event.
    pub id: Uuid,
    /// What it was.
    pub kind: LedgerKind,
    /// Of which feature.
    pub feature_code: Code,
    /// By how much usage changed: below zero for what was taken back.
    pub amount: Amount,
    /// When it happened.
    pub occurred_at: Time,
    /// When it was recorded.
    pub recorded_at: Time,
    /// Whether it came after its window, or after its hold.
    pub late: bool,
}

/// What a line of the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LedgerKind {
    /// Something was used.
    Usage,
    /// What was used before was taken back.
    Correction,
}
