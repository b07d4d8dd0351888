//! What is owed. No invoice is made yet: lists of them are empty.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Currency, Time};

/// What a customer owes. Money is in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invoice {
    /// The invoice.
    pub id: Uuid,
    /// Given when it is final.
    pub number: Option<String>,
    /// Whose.
    pub customer_id: Uuid,
    /// Of which subscription.
    pub subscription_id: Option<Uuid>,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// Of everything on it.
    pub currency: Currency,
    /// Before tax.
    pub subtotal: i64,
    /// Tax.
    pub tax: i64,
    /// With tax.
    pub total: i64,
    /// What is still to be paid.
    pub amount_due: i64,
    /// What it is for: from.
    pub period_start: Option<Time>,
    /// What it is for: to.
    pub period_end: Option<Time>,
    /// When it is to be paid.
    pub due_at: Option<Time>,
    /// When it was.
    pub paid_at: Option<Time>,
    /// What it consists of.
    pub lines: Vec<InvoiceLine>,
    /// As a document.
    pub pdf_url: Option<String>,
    /// As a page.
    pub hosted_url: Option<String>,
    /// When it was made.
    pub created_at: Time,
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum InvoiceStatus {
    /// Still changes.
    Draft,
    /// To be paid.
    Open,
    /// Paid.
    Paid,
    /// Taken back.
    Void,
    /// Given up.
    Uncollectible,
}

/// One line of an invoice. Money is in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvoiceLine {
    /// `flat`, `usage`, `proration_credit`, `proration_charge`, `credit`, `tax` or `discount`.
    pub kind: String,
    /// For people.
    pub description: String,
    /// How many.
    pub quantity: Amount,
    /// For each, with decimals.
    pub unit_amount: Amount,
    /// In all.
    pub amount: i64,
    /// What it is for: from.
    pub period_start: Option<Time>,
    /// What it is for: to.
    pub period_end: Option<Time>,
}
