//! Starting, changing and ending subscriptions.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::AddOn;

/// `POST /v1/attach`: `customer_id`, or `customer_email` and `customer_name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attach {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Uuid>,
    /// A customer by e-mail, made if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
    /// Of a customer that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    /// Which version of a plan.
    pub plan_id: Uuid,
    /// Through whom it is paid; the merchant's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_provider: Option<PaymentProvider>,
    /// The product that the plan must belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<Uuid>,
    /// Where a paid checkout leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_url: Option<String>,
    /// Where a checkout that was left leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
    /// In place of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// In place of the plan's, 0 to 730.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_period_days: Option<u32>,
    /// What comes with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_ons: Vec<AddOn>,
}

/// Through whom a subscription is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PaymentProvider {
    /// Stripe.
    Stripe,
    /// Toss.
    Toss,
    /// The simulated one, in test mode.
    Sim,
}

/// `POST /v1/subscriptions/{id}/change-plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangePlan {
    /// To which version of a plan.
    pub new_plan_id: Uuid,
    /// What becomes of the period that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proration_behavior: Option<ProrationBehavior>,
    /// Whether a new period begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_cycle_anchor: Option<BillingCycleAnchor>,
}

/// What becomes of the period that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ProrationBehavior {
    /// Lines on the next invoice.
    CreateProrations,
    /// An invoice now.
    AlwaysInvoice,
    /// Nothing.
    None,
    /// The full price now, and a new period.
    FullImmediately,
    /// The change waits for the next period.
    NextPeriod,
}

/// Whether a new period begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BillingCycleAnchor {
    /// Now.
    Now,
    /// As it was.
    Unchanged,
}

/// `POST /v1/subscriptions/{id}/cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cancel {
    /// With the period, unless false: at once.
    #[serde(default = "yes")]
    pub at_period_end: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In the customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self { at_period_end: true, reason: None, feedback: None }
    }
}

const fn yes() -> bool {
    true
}

/// A body without members; no body at all is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nothing {}
