//! A customer's hold on a plan.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Code, Time};

/// A customer's hold on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscription {
    /// The subscription.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// The version of the plan.
    pub plan_id: Uuid,
    /// The plan.
    pub plan_code: Code,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// When this period began.
    pub current_period_start: Option<Time>,
    /// When it ends.
    pub current_period_end: Option<Time>,
    /// When its trial ends.
    pub trial_end: Option<Time>,
    /// Whether it ends with this period.
    pub cancel_at_period_end: bool,
    /// When it was cancelled.
    pub canceled_at: Option<Time>,
    /// What it becomes with the next period.
    pub pending_change: Option<PendingChange>,
    /// What was added to the plan.
    pub add_ons: Vec<AddOn>,
    /// When it was made.
    pub created_at: Time,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SubscriptionStatus {
    /// Waits for its checkout.
    PendingActivation,
    /// In force, not yet paid for.
    Trialing,
    /// In force.
    Active,
    /// A payment failed; in force for some time.
    PastDue,
    /// Out of force until it is resumed.
    Paused,
    /// Over.
    Canceled,
    /// Payments failed for good.
    Unpaid,
    /// Its checkout was not completed.
    IncompleteExpired,
}

/// A change that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PendingChange {
    /// To which version of a plan.
    pub plan_id: Uuid,
    /// When.
    pub at: Time,
}

/// Something added to a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddOn {
    /// The add-on: a version of a plan, which it gives on top.
    pub id: Uuid,
    /// How many times.
    #[serde(default = "one")]
    pub quantity: u32,
}

const fn one() -> u32 {
    1
}

/// The answer to attach. Without a checkout the subscription is in force already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attached {
    /// Whose.
    pub customer_id: Uuid,
    /// The subscription.
    pub subscription_id: Uuid,
    /// The checkout, `cs_…`.
    pub checkout_session_id: Option<String>,
    /// Where the customer pays.
    pub checkout_url: Option<String>,
    /// When it is too late for that.
    pub checkout_expires_at: Option<Time>,
}
