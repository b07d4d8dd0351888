//! Toss Payments' objects, as far as we read them.

use serde::Deserialize;

/// A payment.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment {
    pub(super) payment_key: String,
    pub(super) order_id: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) total_amount: i64,
    /// Set once it was paid.
    #[serde(default)]
    pub(super) approved_at: Option<String>,
    #[serde(default)]
    pub(super) balance_amount: Option<i64>,
    #[serde(default)]
    pub(super) cancels: Option<Vec<CancelEntry>>,
    #[serde(default)]
    pub(super) failure: Option<ErrorAnswer>,
}

/// One cancellation of a payment, in part or whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelEntry {
    pub(super) cancel_amount: i64,
    #[serde(default)]
    pub(super) cancel_reason: Option<String>,
    #[serde(default)]
    pub(super) transaction_key: Option<String>,
    #[serde(default)]
    pub(super) cancel_status: Option<String>,
}

/// A line of the list of transactions.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    pub(super) transaction_key: String,
    pub(super) order_id: String,
}

/// An error answer.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ErrorAnswer {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// A webhook's body: `data` is a payment, or for deposits the fields stand beside each other.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventObject {
    #[serde(default)]
    pub(super) event_type: Option<String>,
    #[serde(default)]
    pub(super) data: Option<EventData>,
    #[serde(default)]
    pub(super) order_id: Option<String>,
    #[serde(default)]
    pub(super) status: Option<String>,
}

/// What an event names.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventData {
    #[serde(default)]
    pub(super) payment_key: Option<String>,
    #[serde(default)]
    pub(super) order_id: Option<String>,
}
